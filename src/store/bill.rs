//! The bills of a day while they are compared: put in as they come, thrown away afterwards.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Error;
use super::statement::query;

/// So many rows are thrown away by one statement.
const DELETED_AT_ONCE: i64 = 5_000;

/// Rows of the trade bill, column by column.
#[derive(Debug, Default)]
pub struct TradeColumns {
    /// The lines in the bill.
    pub line: Vec<i64>,
    /// Whether each is a refund.
    pub is_refund: Vec<bool>,
    /// When the money moved.
    pub at: Vec<DateTime<Utc>>,
    /// The mini programs.
    pub app_id: Vec<String>,
    /// WeChat's numbers of the payments.
    pub transaction_id: Vec<String>,
    /// The merchant's numbers of them.
    pub out_trade_no: Vec<String>,
    /// WeChat's words for the states.
    pub state: Vec<String>,
    /// The currencies.
    pub currency: Vec<String>,
    /// What was ordered, or asked to go back, in fen.
    pub amount_fen: Vec<i64>,
    /// What of it is the merchant's, in fen.
    pub settled_fen: Vec<i64>,
    /// The fees, in thousandths of a fen.
    pub fee_thousandths: Vec<i64>,
    /// WeChat's numbers of the refunds.
    pub refund_id: Vec<Option<String>>,
    /// The merchant's numbers of them.
    pub out_refund_no: Vec<Option<String>>,
}

/// Rows of the fund-flow bill, column by column.
#[derive(Debug, Default)]
pub struct FlowColumns {
    /// The lines in the bill.
    pub line: Vec<i64>,
    /// WeChat's numbers of what moved the account.
    pub number: Vec<Option<String>>,
    /// What came in, in fen.
    pub net_fen: Vec<i64>,
}

/// Puts rows of the trade bill in.
#[expect(
    clippy::as_conversions,
    reason = "how the macro is told that an array may hold nulls"
)]
pub async fn insert_rows(db: impl PgExecutor<'_>, token: Uuid, rows: &TradeColumns) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- bill.insert_rows
        insert into bill_rows (lease_token, line, is_refund, moved_at, app_id, transaction_id, out_trade_no, trade_state, currency,
            amount_fen, settled_fen, fee_thousandths, refund_id, out_refund_no)
        select $1, * from unnest($2::bigint[], $3::boolean[], $4::timestamptz[], $5::text[], $6::text[], $7::text[],
            $8::text[], $9::text[], $10::bigint[], $11::bigint[], $12::bigint[], $13::text[], $14::text[])",
        token,
        &rows.line,
        &rows.is_refund,
        &rows.at,
        &rows.app_id,
        &rows.transaction_id,
        &rows.out_trade_no,
        &rows.state,
        &rows.currency,
        &rows.amount_fen,
        &rows.settled_fen,
        &rows.fee_thousandths,
        &rows.refund_id as &[Option<String>],
        &rows.out_refund_no as &[Option<String>],
    )
    .execute(db);
    query("bill.insert_rows", statement).await?;
    Ok(())
}

/// Puts rows of the fund-flow bill in.
#[expect(
    clippy::as_conversions,
    reason = "how the macro is told that an array may hold nulls"
)]
pub async fn insert_movements(db: impl PgExecutor<'_>, token: Uuid, rows: &FlowColumns) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- bill.insert_movements
        insert into bill_movements (lease_token, line, number, net_fen)
        select $1, * from unnest($2::bigint[], $3::text[], $4::bigint[])",
        token,
        &rows.line,
        &rows.number as &[Option<String>],
        &rows.net_fen,
    )
    .execute(db);
    query("bill.insert_movements", statement).await?;
    Ok(())
}

/// Has the database look at what was put in: without it, it would read all of it for each page.
pub async fn analyze(db: impl PgExecutor<'_>) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- bill.analyze
        analyze bill_rows, bill_movements"
    )
    .execute(db);
    query("bill.analyze", statement).await?;
    Ok(())
}

/// How many rows of both bills are there: fewer than were put in if the database fell over.
pub async fn count(db: impl PgExecutor<'_>, token: Uuid) -> Result<(i64, i64), Error> {
    let statement = sqlx::query!(
        r#"-- bill.count
        select (select count(*) from bill_rows where lease_token = $1) as "rows!",
            (select count(*) from bill_movements where lease_token = $1) as "movements!""#,
        token,
    )
    .fetch_one(db);
    let row = query("bill.count", statement).await?;
    Ok((row.rows, row.movements))
}

/// Throws away up to 5,000 rows of each bill that no try under way holds; tells how many. Steps from try to try by the
/// primary key, so that the rows of one under way are not read.
pub async fn delete_left(db: impl PgExecutor<'_>) -> Result<i64, Error> {
    let statement = sqlx::query_scalar!(
        r#"-- bill.delete_left
        with recursive trade_tokens as (
            (select lease_token from bill_rows order by lease_token limit 1)
            union all
            select (select b.lease_token from bill_rows b where b.lease_token > trade_tokens.lease_token
                order by b.lease_token limit 1)
            from trade_tokens where trade_tokens.lease_token is not null
        ), flow_tokens as (
            (select lease_token from bill_movements order by lease_token limit 1)
            union all
            select (select b.lease_token from bill_movements b where b.lease_token > flow_tokens.lease_token
                order by b.lease_token limit 1)
            from flow_tokens where flow_tokens.lease_token is not null
        ), trade as (
            delete from bill_rows where ctid = any(array(
                select b.ctid from bill_rows b
                where b.lease_token = (select t.lease_token from trade_tokens t where t.lease_token is not null
                    and not exists (select from reconciliations r where r.lease_token = t.lease_token) limit 1)
                order by b.line limit $1))
            returning 1
        ), flow as (
            delete from bill_movements where ctid = any(array(
                select b.ctid from bill_movements b
                where b.lease_token = (select t.lease_token from flow_tokens t where t.lease_token is not null
                    and not exists (select from reconciliations r where r.lease_token = t.lease_token) limit 1)
                order by b.line limit $1))
            returning 1
        )
        select (select count(*) from trade) + (select count(*) from flow) as "deleted!""#,
        DELETED_AT_ONCE,
    )
    .fetch_one(db);
    Ok(query("bill.delete_left", statement).await?)
}

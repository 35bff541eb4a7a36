//! Comparing the bills of a day with the books, a page at a time, so that no statement is long. Rows are looked
//! up one by one (`lateral … limit 1`): joined freely, a page of two thousand would have whole tables read.
//!
//! Each finds what differs and nothing else. A payment or a refund has one difference at most.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Error;
use super::statement::query;
use crate::domain::reconciliation::{DifferenceKind, NEAR_MIDNIGHT, NUMBER_PATTERN};

/// What is compared.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The try: the bills' rows carry it.
    pub token: Uuid,
    /// When the day begins and ends.
    pub bounds: (DateTime<Utc>, DateTime<Utc>),
    /// The merchant.
    pub mch_id: String,
    /// Our mini programs.
    pub app_ids: Vec<String>,
}

/// A difference, not written down yet.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its kind.
    pub kind: DifferenceKind,
    /// What it is about.
    pub subject: String,
    /// The order, where one is concerned.
    pub order_id: Option<Uuid>,
    /// The merchant's number of the payment.
    pub out_trade_no: Option<String>,
    /// WeChat's number of it.
    pub transaction_id: Option<String>,
    /// The merchant's number of the refund.
    pub out_refund_no: Option<String>,
    /// What the books say.
    pub ours: Option<serde_json::Value>,
    /// What the bill says.
    pub theirs: Option<serde_json::Value>,
}

pub(super) struct FoundRow {
    pub(super) kind: String,
    pub(super) subject: String,
    pub(super) order_id: Option<Uuid>,
    pub(super) out_trade_no: Option<String>,
    pub(super) transaction_id: Option<String>,
    pub(super) out_refund_no: Option<String>,
    pub(super) ours: Option<serde_json::Value>,
    pub(super) theirs: Option<serde_json::Value>,
}

impl FoundRow {
    pub(super) fn found(self) -> Result<Found, Error> {
        Ok(Found {
            kind: DifferenceKind::parse(&self.kind).ok_or(Error::Inconsistent {
                table: "reconciliation_differences",
            })?,
            subject: self.subject,
            order_id: self.order_id,
            out_trade_no: self.out_trade_no,
            transaction_id: self.transaction_id,
            out_refund_no: self.out_refund_no,
            ours: self.ours,
            theirs: self.theirs,
        })
    }
}

/// The last line of the next page of the trade bill after `after`, and the figures of that page.
#[derive(Clone, Debug)]
pub struct Page {
    /// The last line; nothing: there are no more.
    pub last_line: Option<i64>,
    /// Payments.
    pub payment_count: i64,
    /// Their sum, in fen.
    pub payment_fen: i64,
    /// Refunds.
    pub refund_count: i64,
    /// Their sum, in fen.
    pub refund_fen: i64,
}

/// Measures the next page of the trade bill.
pub async fn next_page(
    db: impl PgExecutor<'_>,
    scope: &Scope,
    after: i64,
    limit: i64,
) -> Result<Page, Error> {
    let statement = sqlx::query_as!(
        Page,
        r#"-- comparison.next_page
        with page as materialized (
            select line, is_refund, amount_fen from bill_rows where lease_token = $1 and line > $2 order by line limit $3
        )
        select max(line) as last_line,
            count(*) filter (where not is_refund) as "payment_count!",
            coalesce(sum(amount_fen) filter (where not is_refund), 0)::bigint as "payment_fen!",
            count(*) filter (where is_refund) as "refund_count!",
            coalesce(sum(amount_fen) filter (where is_refund), 0)::bigint as "refund_fen!"
        from page"#,
        scope.token,
        after,
        limit,
    )
    .fetch_one(db);
    Ok(query("comparison.next_page", statement).await?)
}

/// What another system of the merchant took within a page: rows, and their payments in fen.
#[derive(Clone, Debug)]
pub struct Foreign {
    /// The mini program.
    pub app_id: String,
    /// Rows.
    pub count: i64,
    /// Their payments, in fen.
    pub fen: i64,
    /// One of the numbers.
    pub example: String,
}

/// Rows of a page that are not ours: neither their number nor their payment is in the books, and the
/// number does not look like one of ours in one of our mini programs.
pub async fn list_foreign(
    db: impl PgExecutor<'_>,
    scope: &Scope,
    (after, last): (i64, i64),
) -> Result<Vec<Foreign>, Error> {
    let statement = sqlx::query_as!(
        Foreign,
        r#"-- comparison.list_foreign
        select b.app_id, count(*) as "count!",
            coalesce(sum(b.amount_fen) filter (where not b.is_refund), 0)::bigint as "fen!",
            min(b.out_trade_no) as "example!"
        from bill_rows b
        where b.lease_token = $1 and b.line > $2 and b.line <= $3
            and not (b.app_id = any($4) and b.out_trade_no ~ $5)
            and (select a.id from payment_attempts a where a.out_trade_no = b.out_trade_no) is null
            and (select p.attempt_id from payments p where p.transaction_id = b.transaction_id) is null
        group by b.app_id order by b.app_id"#,
        scope.token,
        after,
        last,
        &scope.app_ids,
        NUMBER_PATTERN,
    )
    .fetch_all(db);
    Ok(query("comparison.list_foreign", statement).await?)
}

/// The differences of the payments of a page, seen from the bill.
///
/// The fee is compared as what moved the account altogether, so that it makes no difference whether
/// the fee has a row of its own. Of a payment near midnight it is not compared here, since its movement may stand
/// in the bill of the day beside ([`super::midnight`]). Where there is no fund-flow bill at all, every movement
/// is missing: WeChat says so of an account that did not move, and the payments of the day should have moved it.
pub async fn list_of_payments(
    db: impl PgExecutor<'_>,
    scope: &Scope,
    (after, last): (i64, i64),
) -> Result<Vec<Found>, Error> {
    let statement = sqlx::query_as!(
        FoundRow,
        r#"-- comparison.list_of_payments
        with compared as (
            select b.*, coalesce(a.order_id, p.order_id) as order_id, p.total_fen, p.currency as our_currency,
                p.success_at, a.app_id as our_app_id, a.transaction_id as our_transaction_id, a.state as our_state,
                m.net_fen,
                case
                    when p.transaction_id is null and b.trade_state <> 'SUCCESS' then null
                    when p.transaction_id is null and a.transaction_id is not null then 'state'
                    when p.transaction_id is null
                        and (a.id is not null or (b.app_id = any($4) and b.out_trade_no ~ $5)) then 'missing_here'
                    when p.transaction_id is null then null
                    when b.trade_state = 'SUCCESS' and exists (select from bill_rows o where o.lease_token = $1
                        and o.out_trade_no = b.out_trade_no and not o.is_refund and o.trade_state = 'SUCCESS'
                        and o.line < b.line) then 'missing_here'
                    when p.attempt_id is distinct from a.id or a.app_id <> b.app_id or b.trade_state <> 'SUCCESS' then 'state'
                    when p.total_fen <> b.amount_fen or p.currency <> b.currency then 'amount'
                    when p.success_at >= $6::timestamptz - n.near and p.success_at < $6 + n.near then null
                    when p.success_at >= $7::timestamptz - n.near and p.success_at < $7 + n.near then null
                    when abs(b.settled_fen * 1000 - b.fee_thousandths - coalesce(m.net_fen, 0) * 1000) >= 1000 then 'fee'
                end as kind
            from bill_rows b
            left join lateral (select * from payment_attempts where out_trade_no = b.out_trade_no limit 1) a on true
            left join lateral (select * from payments where transaction_id = b.transaction_id limit 1) p on true
            left join lateral (select sum(net_fen)::bigint as net_fen from bill_movements
                where lease_token = $1 and number = b.transaction_id) m on true
            cross join (select make_interval(secs => $8::bigint) as near) n
            where b.lease_token = $1 and b.line > $2 and b.line <= $3 and not b.is_refund
        )
        select kind as "kind!", transaction_id as "subject!", order_id, out_trade_no, transaction_id,
            null::text as out_refund_no,
            case when kind = 'fee' then jsonb_build_object('net_fen', settled_fen - round(fee_thousandths / 1000.0)::bigint)
                when our_state is null and total_fen is null then null
                else jsonb_build_object('amount_fen', total_fen, 'currency', our_currency, 'state', our_state,
                    'transaction_id', our_transaction_id, 'app_id', our_app_id, 'success_at', success_at)
                end as ours,
            case when kind = 'fee' then jsonb_build_object('net_fen', net_fen)
                else jsonb_build_object('amount_fen', amount_fen, 'currency', currency, 'state', trade_state,
                    'transaction_id', transaction_id, 'app_id', app_id, 'success_at', moved_at)
                end as theirs
        from compared where kind is not null order by line"#,
        scope.token,
        after,
        last,
        &scope.app_ids,
        NUMBER_PATTERN,
        scope.bounds.0,
        scope.bounds.1,
        NEAR_MIDNIGHT.num_seconds(),
    )
    .fetch_all(db);
    let rows = query("comparison.list_of_payments", statement).await?;
    rows.into_iter().map(FoundRow::found).collect()
}

/// A place in the list of the day's payments or refunds.
pub type Place = (DateTime<Utc>, String);

/// The place at which the next page of the day's payments ends; nothing: the page is the last.
pub async fn next_payments(
    db: impl PgExecutor<'_>,
    scope: &Scope,
    after: &Place,
    limit: i64,
) -> Result<Option<Place>, Error> {
    let statement = sqlx::query!(
        "-- comparison.next_payments
        select success_at, transaction_id from payments
        where (success_at, transaction_id) > ($1, $2) and success_at < $3
        order by success_at, transaction_id offset $4 limit 1",
        after.0,
        after.1,
        scope.bounds.1,
        limit,
    )
    .fetch_optional(db);
    let row = query("comparison.next_payments", statement).await?;
    Ok(row.map(|row| (row.success_at, row.transaction_id)))
}

/// The payments of a page that the bill lacks, by either number. Another payment of our number stands in for one
/// only if it succeeded: it is a difference of its own then, and else none.
pub async fn list_missing_payments(
    db: impl PgExecutor<'_>,
    scope: &Scope,
    after: &Place,
    last: &Place,
) -> Result<Vec<Found>, Error> {
    let statement = sqlx::query_as!(
        FoundRow,
        r#"-- comparison.list_missing_payments
        select 'missing_there' as "kind!", p.transaction_id as "subject!", p.order_id as "order_id?",
            a.out_trade_no as "out_trade_no?", p.transaction_id as "transaction_id?", null::text as out_refund_no,
            jsonb_build_object('amount_fen', p.total_fen, 'currency', p.currency, 'state', a.state,
                'transaction_id', p.transaction_id, 'app_id', a.app_id, 'success_at', p.success_at) as ours,
            null::jsonb as theirs
        from payments p
            cross join lateral (select * from payment_attempts where id = p.attempt_id limit 1) a
        where (p.success_at, p.transaction_id) > ($2, $3) and (p.success_at, p.transaction_id) <= ($4, $5)
            and a.mch_id = $6
            and (select b.line from bill_rows b where b.lease_token = $1 and b.transaction_id = p.transaction_id
                and not b.is_refund limit 1) is null
            and (select b.line from bill_rows b where b.lease_token = $1 and b.out_trade_no = a.out_trade_no
                and not b.is_refund and b.trade_state = 'SUCCESS' limit 1) is null
        order by p.success_at, p.transaction_id"#,
        scope.token,
        after.0,
        after.1,
        last.0,
        last.1,
        scope.mch_id,
    )
    .fetch_all(db);
    let rows = query("comparison.list_missing_payments", statement).await?;
    rows.into_iter().map(FoundRow::found).collect()
}

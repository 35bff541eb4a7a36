//! Payments near midnight, whose row and whose movement may stand in the bills of two days.

use chrono::{Days, NaiveDate};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Error;
use super::comparison::{Found, FoundRow, Place, Scope};
use super::statement::query;
use crate::domain::id::ReconciliationId;

/// For so long what a day's bills said is kept: as long as WeChat keeps the bills of its neighbours, and more.
const KEPT: Days = Days::new(100);

/// Forgets what an earlier comparison of the day noted, and what is older than any day that can be compared.
pub async fn delete(db: &mut PgConnection, bill_date: NaiveDate) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- midnight.delete
        delete from midnight_balances where bill_date = $1 or bill_date < $2",
        bill_date,
        bill_date - KEPT,
    )
    .execute(db);
    query("midnight.delete", statement).await?;
    Ok(())
}

/// Notes what the day's bills say of the payments of a page. A payment of which they say nothing has no row.
pub async fn insert(
    db: &mut PgConnection,
    scope: &Scope,
    bill_date: NaiveDate,
    after: &Place,
    last: &Place,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- midnight.insert
        insert into midnight_balances (transaction_id, bill_date, due_thousandths, moved_fen)
        select p.transaction_id, $6, b.due_thousandths, m.moved_fen
        from payments p
            cross join lateral (select sum(settled_fen * 1000 - fee_thousandths)::bigint as due_thousandths from bill_rows
                where lease_token = $1 and transaction_id = p.transaction_id and not is_refund
                    and trade_state = 'SUCCESS') b
            cross join lateral (select sum(net_fen)::bigint as moved_fen from bill_movements
                where lease_token = $1 and number = p.transaction_id) m
        where (p.success_at, p.transaction_id) > ($2, $3) and (p.success_at, p.transaction_id) <= ($4, $5)
            and (b.due_thousandths is not null or m.moved_fen is not null)",
        scope.token,
        after.0,
        after.1,
        last.0,
        last.1,
        bill_date,
    )
    .execute(db);
    query("midnight.insert", statement).await?;
    Ok(())
}

/// Whether a day's bills are noted.
pub async fn is_noted(db: impl PgExecutor<'_>, bill_date: NaiveDate) -> Result<bool, Error> {
    let statement = sqlx::query_scalar!(
        r#"-- midnight.is_noted
        select exists (select from reconciliations where bill_date = $1 and has_midnights) as "is_noted!""#,
        bill_date,
    )
    .fetch_one(db);
    Ok(query("midnight.is_noted", statement).await?)
}

/// The payments of a page by which the account did not move as it should, by the bills of both days. One that
/// this run has named already, or that no trade bill lists, has a difference of another kind.
pub async fn list_of_payments(
    db: impl PgExecutor<'_>,
    scope: &Scope,
    run: ReconciliationId,
    days: [NaiveDate; 2],
    (after, last): (&Place, &Place),
) -> Result<Vec<Found>, Error> {
    let statement = sqlx::query_as!(
        FoundRow,
        r#"-- midnight.list_of_payments
        select 'fee' as "kind!", p.transaction_id as "subject!", p.order_id as "order_id?",
            a.out_trade_no as "out_trade_no?", p.transaction_id as "transaction_id?", null::text as out_refund_no,
            jsonb_build_object('net_fen', round(s.due_thousandths / 1000.0)::bigint) as ours,
            jsonb_build_object('net_fen', s.moved_fen, 'moved_on', s.moved_on) as theirs
        from payments p
            cross join lateral (select sum(due_thousandths)::bigint as due_thousandths, sum(moved_fen)::bigint as moved_fen,
                    array_agg(bill_date order by bill_date) filter (where moved_fen is not null) as moved_on
                from midnight_balances where transaction_id = p.transaction_id and bill_date = any($7)) s
            cross join lateral (select * from payment_attempts where id = p.attempt_id limit 1) a
        where (p.success_at, p.transaction_id) > ($1, $2) and (p.success_at, p.transaction_id) <= ($3, $4)
            and a.mch_id = $5
            and abs(s.due_thousandths - coalesce(s.moved_fen, 0) * 1000) >= 1000
            and not exists (select from reconciliation_differences d where d.reconciliation_id = $6
                and d.kind in ('missing_here', 'missing_there', 'amount', 'state') and d.subject = p.transaction_id)
        order by p.success_at, p.transaction_id"#,
        after.0,
        after.1,
        last.0,
        last.1,
        scope.mch_id,
        Uuid::from(run),
        &days,
    )
    .fetch_all(db);
    let rows = query("midnight.list_of_payments", statement).await?;
    rows.into_iter().map(FoundRow::found).collect()
}

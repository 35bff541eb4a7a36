//! Refunds that take days: the account moves on one of them, and the trade bill of another says by how much.

use chrono::{Days, NaiveDate};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Error;
use super::comparison::{Found, FoundRow, Place, Scope};
use super::statement::query;
use crate::domain::id::ReconciliationId;
use crate::domain::reconciliation::NEAR_MIDNIGHT;

/// For so long what a day's bills said is kept: longer than any day can be compared, and than a refund takes.
const KEPT: Days = Days::new(100);

/// Forgets what an earlier comparison of the day noted, and what is older than any day that can be compared.
pub async fn delete(db: &mut PgConnection, bill_date: NaiveDate) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- refund_movement.delete
        delete from refund_movements where bill_date = $1 or bill_date < $2",
        bill_date,
        bill_date - KEPT,
    )
    .execute(db);
    query("refund_movement.delete", statement).await?;
    Ok(())
}

/// Notes what the day's bills say of the refunds that a page of the trade bill lists as paid out: those that were
/// asked for on an earlier day, and those that the day does not balance.
pub async fn insert_listed(
    db: &mut PgConnection,
    scope: &Scope,
    bill_date: NaiveDate,
    (after, last): (i64, i64),
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- refund_movement.insert_listed
        insert into refund_movements (out_refund_no, bill_date, due_thousandths, moved_fen)
        select r.out_refund_no, $4, s.due_thousandths, m.moved_fen
        from bill_rows b
            cross join lateral (select * from refunds where out_refund_no = b.out_refund_no limit 1) r
            cross join lateral (select -sum(settled_fen * 1000 + fee_thousandths)::bigint as due_thousandths from bill_rows
                where lease_token = $1 and out_refund_no = b.out_refund_no and trade_state = 'SUCCESS') s
            cross join lateral (select sum(net_fen)::bigint as moved_fen from bill_movements
                where lease_token = $1 and number = b.refund_id) m
        where b.lease_token = $1 and b.line > $2 and b.line <= $3 and b.is_refund and b.trade_state = 'SUCCESS'
            and (r.created_at < $5::timestamptz + make_interval(secs => $6::bigint) or m.moved_fen is null
                or abs(s.due_thousandths - m.moved_fen * 1000) >= 1000)
        on conflict do nothing",
        scope.token,
        after,
        last,
        bill_date,
        scope.bounds.0,
        NEAR_MIDNIGHT.num_seconds(),
    )
    .execute(db);
    query("refund_movement.insert_listed", statement).await?;
    Ok(())
}

/// Notes the same of the refunds that moved the account by a page of the fund-flow bill, where the trade bill does
/// not list them as paid out.
pub async fn insert_moved(
    db: &mut PgConnection,
    scope: &Scope,
    bill_date: NaiveDate,
    (after, last): (i64, i64),
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- refund_movement.insert_moved
        insert into refund_movements (out_refund_no, bill_date, due_thousandths, moved_fen)
        select r.out_refund_no, $4, null, m.moved_fen
        from bill_movements b
            cross join lateral (select * from refunds where refund_id = b.number limit 1) r
            cross join lateral (select sum(net_fen)::bigint as moved_fen from bill_movements
                where lease_token = $1 and number = b.number) m
        where b.lease_token = $1 and b.line > $2 and b.line <= $3
            and (select o.line from bill_rows o where o.lease_token = $1 and o.out_refund_no = r.out_refund_no
                and o.trade_state = 'SUCCESS' limit 1) is null
        on conflict do nothing",
        scope.token,
        after,
        last,
        bill_date,
    )
    .execute(db);
    query("refund_movement.insert_moved", statement).await?;
    Ok(())
}

/// The refunds of a page of those that succeeded by which the account did not move as it should, by the bills of all
/// their days together. Judged by the run of any day on which they were under way, once all those days are noted.
/// One that has not moved it at all is none of them, since the money may come from another account of the merchant;
/// neither is one that this run has named already, or that no trade bill lists.
pub async fn list_of_refunds(
    db: impl PgExecutor<'_>,
    scope: &Scope,
    run: ReconciliationId,
    (after, last): (&Place, &Place),
) -> Result<Vec<Found>, Error> {
    let statement = sqlx::query_as!(
        FoundRow,
        r#"-- refund_movement.list_of_refunds
        select 'fee' as "kind!", e.out_refund_no as "subject!", e.order_id as "order_id?",
            a.out_trade_no as "out_trade_no?", e.transaction_id as "transaction_id?", e.out_refund_no as "out_refund_no?",
            jsonb_build_object('net_fen', round(s.due_thousandths / 1000.0)::bigint) as ours,
            jsonb_build_object('net_fen', s.moved_fen, 'moved_on', s.moved_on) as theirs
        from refund_entries e
            cross join (select make_interval(secs => $8::bigint) as near, interval '8 hours' as china) n
            cross join lateral (select sum(due_thousandths)::bigint as due_thousandths, sum(moved_fen)::bigint as moved_fen,
                    array_agg(bill_date order by bill_date) filter (where moved_fen is not null) as moved_on
                from refund_movements where out_refund_no = e.out_refund_no) s
            cross join lateral (select * from refunds where id = e.id limit 1) r
            cross join lateral (select * from payments where transaction_id = e.transaction_id limit 1) p
            cross join lateral (select * from payment_attempts where id = p.attempt_id limit 1) a
        where (e.success_at, e.out_refund_no) > ($1, $2) and (e.success_at, e.out_refund_no) <= ($3, $4)
            and a.mch_id = $5 and r.created_at < $7::timestamptz + n.near
            and abs(s.due_thousandths - s.moved_fen * 1000) >= 1000
            and not exists (
                select from generate_series((greatest(r.created_at - n.near, p.success_at) at time zone n.china)::date,
                    ((e.success_at + n.near) at time zone n.china)::date, interval '1 day') as day
                where not exists (select from reconciliations c where c.bill_date = day::date and c.has_refund_movements))
            and not exists (select from reconciliation_differences d
                where d.reconciliation_id = $6 and d.kind in ('refund', 'fee') and d.subject = e.out_refund_no)
        order by e.success_at, e.out_refund_no"#,
        after.0,
        after.1,
        last.0,
        last.1,
        scope.mch_id,
        Uuid::from(run),
        scope.bounds.1,
        NEAR_MIDNIGHT.num_seconds(),
    )
    .fetch_all(db);
    let rows = query("refund_movement.list_of_refunds", statement).await?;
    rows.into_iter().map(FoundRow::found).collect()
}

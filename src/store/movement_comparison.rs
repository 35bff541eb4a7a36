//! Comparing how the account moved with the books, where the trade bill of the day says nothing of it.

use sqlx::PgExecutor;

use super::Error;
use super::comparison::{Found, FoundRow, Scope};
use super::statement::query;
use crate::domain::reconciliation::NEAR_MIDNIGHT;

/// The last line of the next page of the fund-flow bill after `after`; nothing: there are no more.
pub async fn next_page(
    db: impl PgExecutor<'_>,
    scope: &Scope,
    after: i64,
    limit: i64,
) -> Result<Option<i64>, Error> {
    let statement = sqlx::query_scalar!(
        "-- movement_comparison.next_page
        select max(line) from (
            select line from bill_movements where lease_token = $1 and line > $2 order by line limit $3
        ) as page",
        scope.token,
        after,
        limit,
    )
    .fetch_one(db);
    Ok(query("movement_comparison.next_page", statement).await?)
}

/// The payments and refunds of ours that moved the account on a day that is not theirs, but for those that may:
/// a payment near the day's midnights, which is judged by the bills of both days ([`super::midnight`]), and a refund
/// between its making and its success, or after its end without success, when the money comes back, by no more than
/// its amount. What a refund moves exactly the bills of all its days say together ([`super::refund_movement`]).
pub async fn list_of_movements(
    db: impl PgExecutor<'_>,
    scope: &Scope,
    (after, last): (i64, i64),
) -> Result<Vec<Found>, Error> {
    let statement = sqlx::query_as!(
        FoundRow,
        r#"-- movement_comparison.list_of_movements
        with moved as materialized (
            select m.line, m.number, (select sum(s.net_fen)::bigint from bill_movements s
                where s.lease_token = $1 and s.number = m.number) as net_fen
            from bill_movements m
            where m.lease_token = $1 and m.line > $2 and m.line <= $3 and m.number is not null
                and not exists (select from bill_movements o where o.lease_token = $1 and o.number = m.number
                    and o.line < m.line)
        )
        select 'fee' as "kind!", coalesce(r.out_refund_no, p.transaction_id) as "subject!", p.order_id as "order_id?",
            a.out_trade_no as "out_trade_no?", p.transaction_id as "transaction_id?", r.out_refund_no as "out_refund_no?",
            jsonb_build_object('amount_fen', coalesce(r.amount_fen, p.total_fen), 'state', coalesce(r.status, a.state),
                'success_at', case when r.id is null then p.success_at else e.success_at end) as ours,
            jsonb_build_object('net_fen', m.net_fen,
                'moved_on', ($4::timestamptz at time zone interval '8 hours')::date) as theirs
        from moved m
            left join lateral (select * from refunds where refund_id = m.number limit 1) r on true
            left join lateral (select * from refund_entries where id = r.id limit 1) e on true
            cross join lateral (select * from payments
                where transaction_id = coalesce(r.transaction_id, m.number) limit 1) p
            cross join (select make_interval(secs => $7::bigint) as near) n
            cross join lateral (select * from payment_attempts where id = p.attempt_id limit 1) a
        where a.mch_id = $6 and m.net_fen <> 0
            and case when r.id is null then
                (p.success_at < $4::timestamptz - n.near or p.success_at >= $5::timestamptz + n.near)
                and (select b.line from bill_rows b where b.lease_token = $1 and b.transaction_id = p.transaction_id
                    and not b.is_refund limit 1) is null
            else
                (e.success_at is null or e.success_at < $4 or e.success_at >= $5)
                and not (r.created_at < $5::timestamptz + n.near
                    and case when r.status in ('closed', 'abnormal') then abs(m.net_fen) <= r.amount_fen
                        else -m.net_fen between 0 and r.amount_fen
                            and (e.success_at is null or e.success_at >= $4::timestamptz - n.near) end)
                and (select b.line from bill_rows b where b.lease_token = $1 and b.out_refund_no = r.out_refund_no
                    limit 1) is null
            end
        order by m.line"#,
        scope.token,
        after,
        last,
        scope.bounds.0,
        scope.bounds.1,
        scope.mch_id,
        NEAR_MIDNIGHT.num_seconds(),
    )
    .fetch_all(db);
    let rows = query("movement_comparison.list_of_movements", statement).await?;
    rows.into_iter().map(FoundRow::found).collect()
}

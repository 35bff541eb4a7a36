//! Comparing the refunds of a bill with the books, and the other way round. As with payments, a refund has
//! one difference at most.

use sqlx::PgExecutor;

use super::Error;
use super::comparison::{Found, FoundRow, Place, Scope};
use super::statement::query;
use crate::domain::reconciliation::{NEAR_MIDNIGHT, NUMBER_PATTERN};

/// The differences of the refunds of a page, seen from the bill.
///
/// A refund that succeeded after the day may stand in its bill as on its way, and one that is on its way here
/// may have any state there but success. What it took from the account is compared where the fund-flow bill
/// has it: the money may be taken on another day than the payer gets it. Where it was asked for on an earlier day,
/// the bills of all its days say that together ([`super::refund_movement`]).
pub async fn list_of_refunds(
    db: impl PgExecutor<'_>,
    scope: &Scope,
    (after, last): (i64, i64),
) -> Result<Vec<Found>, Error> {
    let statement = sqlx::query_as!(
        FoundRow,
        r#"-- refund_comparison.list_of_refunds
        with compared as (
            select b.*, coalesce(r.order_id, a.order_id, p.order_id) as order_id, r.status as our_status,
                coalesce(e.amount_fen, r.amount_fen) as our_amount_fen, r.refund_id as our_refund_id, e.success_at,
                m.net_fen,
                case
                    when r.id is null and (a.id is not null or p.transaction_id is not null
                        or (b.app_id = any($4) and b.out_trade_no ~ $5)) then 'refund'
                    when r.id is null then null
                    when exists (select from bill_rows o where o.lease_token = $1 and o.out_refund_no = b.out_refund_no
                        and o.line < b.line) then 'refund'
                    when r.amount_fen <> b.amount_fen or b.currency <> 'CNY' or r.transaction_id <> b.transaction_id
                        then 'refund'
                    when e.id is null and b.trade_state = 'SUCCESS' then 'refund'
                    when e.id is null then null
                    when e.refund_id <> b.refund_id or e.amount_fen <> b.amount_fen then 'refund'
                    when b.trade_state <> 'SUCCESS' and e.success_at < $6 then 'refund'
                    when m.net_fen is null or r.created_at < $7::timestamptz + make_interval(secs => $8::bigint) then null
                    when abs(b.settled_fen * 1000 + b.fee_thousandths + m.net_fen * 1000) >= 1000 then 'fee'
                end as kind
            from bill_rows b
            left join lateral (select * from refunds where out_refund_no = b.out_refund_no limit 1) r on true
            left join lateral (select * from refund_entries where id = r.id limit 1) e on true
            left join lateral (select * from payment_attempts where out_trade_no = b.out_trade_no limit 1) a on true
            left join lateral (select * from payments where transaction_id = b.transaction_id limit 1) p on true
            left join lateral (select sum(net_fen)::bigint as net_fen from bill_movements
                where lease_token = $1 and number = b.refund_id) m on true
            where b.lease_token = $1 and b.line > $2 and b.line <= $3 and b.is_refund
        )
        select kind as "kind!", out_refund_no as "subject!", order_id, out_trade_no, transaction_id, out_refund_no,
            case when kind = 'fee' then jsonb_build_object('net_fen', -settled_fen - round(fee_thousandths / 1000.0)::bigint)
                when our_status is null then null
                else jsonb_build_object('amount_fen', our_amount_fen, 'state', our_status, 'refund_id', our_refund_id,
                    'success_at', success_at)
                end as ours,
            case when kind = 'fee' then jsonb_build_object('net_fen', net_fen)
                else jsonb_build_object('amount_fen', amount_fen, 'currency', currency, 'state', trade_state,
                    'refund_id', refund_id, 'success_at', moved_at)
                end as theirs
        from compared where kind is not null order by line"#,
        scope.token,
        after,
        last,
        &scope.app_ids,
        NUMBER_PATTERN,
        scope.bounds.1,
        scope.bounds.0,
        NEAR_MIDNIGHT.num_seconds(),
    )
    .fetch_all(db);
    let rows = query("refund_comparison.list_of_refunds", statement).await?;
    rows.into_iter().map(FoundRow::found).collect()
}

/// The place at which the next page of the day's refunds ends; nothing: the page is the last.
pub async fn next_refunds(
    db: impl PgExecutor<'_>,
    scope: &Scope,
    after: &Place,
    limit: i64,
) -> Result<Option<Place>, Error> {
    let statement = sqlx::query!(
        "-- refund_comparison.next_refunds
        select success_at, out_refund_no from refund_entries
        where (success_at, out_refund_no) > ($1, $2) and success_at < $3
        order by success_at, out_refund_no offset $4 limit 1",
        after.0,
        after.1,
        scope.bounds.1,
        limit,
    )
    .fetch_optional(db);
    let row = query("refund_comparison.next_refunds", statement).await?;
    Ok(row.map(|row| (row.success_at, row.out_refund_no)))
}

/// The refunds of a page that the bill lacks.
pub async fn list_missing_refunds(
    db: impl PgExecutor<'_>,
    scope: &Scope,
    after: &Place,
    last: &Place,
) -> Result<Vec<Found>, Error> {
    let statement = sqlx::query_as!(
        FoundRow,
        r#"-- refund_comparison.list_missing_refunds
        select 'refund' as "kind!", e.out_refund_no as "subject!", e.order_id as "order_id?",
            a.out_trade_no as "out_trade_no?", e.transaction_id as "transaction_id?",
            e.out_refund_no as "out_refund_no?",
            jsonb_build_object('amount_fen', e.amount_fen, 'state', 'succeeded', 'refund_id', e.refund_id,
                'success_at', e.success_at) as ours,
            null::jsonb as theirs
        from refund_entries e
            cross join lateral (select * from payments where transaction_id = e.transaction_id limit 1) p
            cross join lateral (select * from payment_attempts where id = p.attempt_id limit 1) a
        where (e.success_at, e.out_refund_no) > ($2, $3) and (e.success_at, e.out_refund_no) <= ($4, $5)
            and a.mch_id = $6
            and (select b.line from bill_rows b where b.lease_token = $1 and b.out_refund_no = e.out_refund_no limit 1) is null
        order by e.success_at, e.out_refund_no"#,
        scope.token,
        after.0,
        after.1,
        last.0,
        last.1,
        scope.mch_id,
    )
    .fetch_all(db);
    let rows = query("refund_comparison.list_missing_refunds", statement).await?;
    rows.into_iter().map(FoundRow::found).collect()
}

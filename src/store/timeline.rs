//! Everything that is written down about one order, in the order in which it happened.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Error;
use super::statement::query;
use crate::domain::id::OrderId;

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct TimelineRow {
    /// When, by our clock.
    pub at: DateTime<Utc>,
    /// What, in a word.
    pub kind: String,
    /// What else is known of it.
    pub figures: serde_json::Value,
}

/// The newest `limit` rows of an order's timeline, oldest first. What happened at the same moment
/// stands in the order in which one thing leads to the next.
#[expect(
    clippy::too_many_lines,
    reason = "one statement, with one branch for each kind of thing that happens"
)]
pub async fn list(db: impl PgExecutor<'_>, id: OrderId, limit: i64) -> Result<Vec<TimelineRow>, Error> {
    let statement = sqlx::query_as!(
        TimelineRow,
        r#"-- timeline.list
        with entries as (
            select o.created_at as at, 10 as rank, 'order_placed' as kind, jsonb_build_object('total_fen', o.total_fen,
                'products', (select count(*) from order_items i where i.order_id = o.id), 'expires_at', o.expires_at) as figures
            from orders o where o.id = $1
            union all
            select o.synced_at, 25, 'page_asked', '{}'::jsonb from orders o where o.id = $1
            union all
            select e.occurred_at, 63, 'order_shipped', jsonb_build_object('event_id', e.id, 'cause', e.cause)
            from events e where e.order_id = $1 and e.kind = 'order.shipped'
            union all
            select s.created_at, 62, 'shipment_told', jsonb_build_object('shipment_id', s.id, 'kind', s.kind, 'cause', s.cause,
                'parcels', jsonb_array_length(s.parcels), 'is_complete', s.is_complete, 'is_correction', s.is_again)
            from shipments s where s.order_id = $1
            union all
            select s.ended_at, 64, 'shipment_ended', jsonb_build_object('shipment_id', s.id, 'kind', s.kind, 'status', s.status,
                'failure_code', s.failure_code, 'is_correction', s.is_again)
            from shipments s where s.order_id = $1
            union all
            select t.recorded_at, 65, 'wechat_told', jsonb_build_object('transaction_id', t.transaction_id, 'told', t.kind,
                'happened_at', t.happened_at) || t.figures
            from trade_notices t where t.order_id = $1
            union all
            select a.created_at, 20, 'payment_started', jsonb_build_object('out_trade_no', a.out_trade_no,
                'total_fen', a.total_fen, 'mch_id', a.mch_id)
            from payment_attempts a where a.order_id = $1
            union all
            select a.prepaid_at, 35, 'payment_offered', jsonb_build_object('out_trade_no', a.out_trade_no)
            from payment_attempts a where a.order_id = $1
            union all
            select a.updated_at, 36, 'payment_ended', jsonb_build_object('out_trade_no', a.out_trade_no, 'state', a.state,
                'failure_code', a.failure_code)
            from payment_attempts a where a.order_id = $1 and a.state in ('closed', 'failed')
            union all
            select c.last_at, 30, 'wechat_asked', jsonb_build_object('number', c.number, 'api', c.api, 'outcome', c.outcome,
                'calls', c.calls, 'first_at', c.first_at, 'request_id', c.last_request_id)
            from wechat_calls c where c.order_id = $1
            union all
            select n.received_at, 40, 'notification', jsonb_build_object('notification_id', n.id, 'notify_id', n.notify_id,
                'verdict', n.verdict, 'replay_of', n.replay_of)
            from notifications n where n.order_id = $1
            union all
            select p.recorded_at, 45, 'money_landed', jsonb_build_object('transaction_id', p.transaction_id,
                'total_fen', p.total_fen, 'source', p.source, 'is_surplus', p.is_surplus, 'success_at', p.success_at)
            from payments p where p.order_id = $1
            union all
            select r.created_at, 28, 'refund_wanted', jsonb_build_object('refund_id', r.id, 'out_refund_no', r.out_refund_no,
                'amount_fen', r.amount_fen, 'cause', r.cause, 'reason', r.reason)
            from refunds r where r.order_id = $1
            union all
            select r.updated_at, 55, 'refund_stuck', jsonb_build_object('refund_id', r.id, 'out_refund_no', r.out_refund_no,
                'amount_fen', r.amount_fen, 'status', r.status, 'failure_code', r.failure_code)
            from refunds r where r.order_id = $1 and r.status in ('closed', 'abnormal')
            union all
            select r.recorded_at, 56, 'refund_arrived', jsonb_build_object('refund_id', r.id, 'out_refund_no', r.out_refund_no,
                'amount_fen', r.amount_fen, 'source', r.source, 'success_at', r.success_at)
            from refund_entries r where r.order_id = $1
            union all
            select e.occurred_at, 60, 'order_moved', jsonb_build_object('event_id', e.id, 'type', e.kind,
                'from_status', e.from_status, 'to_status', e.to_status, 'cause', e.cause)
            from events e where e.order_id = $1 and e.kind <> 'order.shipped'
            union all
            select coalesce(d.last_attempt_at, e.occurred_at), 70, 'event_told', jsonb_build_object('event_id', e.id,
                'type', e.kind, 'state', d.state, 'tries', d.attempts, 'last_outcome', d.last_outcome,
                'due_at', case when d.state = 'pending' then d.due_at end)
            from events e join event_deliveries d on d.event_id = e.id where e.order_id = $1
            union all
            select x.created_at, 80, 'exception', jsonb_build_object('exception_id', x.id, 'kind', x.kind,
                'subject', x.subject, 'detail', x.detail)
            from exceptions x where x.order_id = $1
            union all
            select x.resolved_at, 85, 'exception_resolved', jsonb_build_object('exception_id', x.id, 'kind', x.kind,
                'resolution', x.resolution)
            from exceptions x where x.order_id = $1
        ), newest as (
            select * from entries where at is not null order by at desc, rank desc, figures::text desc limit $2
        )
        select at as "at!", kind as "kind!", figures as "figures!" from newest order by at, rank, figures::text"#,
        Uuid::from(id),
        limit,
    )
    .fetch_all(db);
    Ok(query("timeline.list", statement).await?)
}

/// One try to pay an order.
#[derive(Clone, Debug)]
pub struct AttemptRow {
    /// Its number at WeChat.
    pub out_trade_no: String,
    /// Where it stands, as `domain::attempt` spells it.
    pub state: String,
    /// What WeChat was asked to collect, in fen.
    pub total_fen: i64,
    /// WeChat's number of the payment that landed through it.
    pub transaction_id: Option<String>,
    /// WeChat's code when it refused for good.
    pub failure_code: Option<String>,
    /// When it was begun.
    pub created_at: DateTime<Utc>,
    /// When WeChat gave the prepay id.
    pub prepaid_at: Option<DateTime<Utc>>,
}

/// The newest `limit` attempts of an order, newest first.
pub async fn list_attempts(
    db: impl PgExecutor<'_>,
    id: OrderId,
    limit: i64,
) -> Result<Vec<AttemptRow>, Error> {
    let statement = sqlx::query_as!(
        AttemptRow,
        "-- timeline.list_attempts
        select out_trade_no, state, total_fen, transaction_id, failure_code, created_at, prepaid_at
        from payment_attempts where order_id = $1 order by id desc limit $2",
        Uuid::from(id),
        limit,
    )
    .fetch_all(db);
    Ok(query("timeline.list_attempts", statement).await?)
}

//! What must hold in the books after every scenario, in SQL.

use sqlx::PgPool;

/// Each finds what must not be.
const FORBIDDEN: &[(&str, &str)] = &[
    (
        "a paid order without exactly one wanted payment of its total",
        "select o.id::text from orders o where o.status in ('paid', 'partially_refunded', 'refunded')
         and (select count(*) from payments p where p.order_id = o.id and not p.is_surplus and p.total_fen = o.total_fen) <> 1",
    ),
    (
        "an unpaid order with a wanted payment",
        "select o.id::text from orders o where o.status in ('awaiting_payment', 'closed')
         and exists (select from payments p where p.order_id = o.id and not p.is_surplus)",
    ),
    (
        "a paid order without exactly one settled attempt",
        "select o.id::text from orders o where o.status in ('paid', 'partially_refunded', 'refunded')
         and (select count(*) from payment_attempts a where a.order_id = o.id and a.state = 'settled') <> 1",
    ),
    (
        "a payment that its attempt does not know",
        "select p.transaction_id from payments p left join payment_attempts a on a.id = p.attempt_id
         and a.transaction_id = p.transaction_id and a.state = case when p.is_surplus then 'surplus' else 'settled' end
         where a.id is null",
    ),
    (
        "money that an order does not want, without an exception",
        "select p.transaction_id from payments p where p.is_surplus
         and not exists (select from exceptions e where e.subject = p.transaction_id
            and e.kind in ('double_payment', 'paid_after_close'))",
    ),
    (
        "an order whose last event is not its status",
        "select o.id::text from orders o left join lateral
            (select to_status from events e where e.order_id = o.id order by sequence desc limit 1) last on true
         where o.status <> coalesce(last.to_status, 'awaiting_payment')",
    ),
    (
        "an order with two events of one kind",
        "select order_id::text from events group by order_id, kind having count(*) > 1",
    ),
    (
        "a delivery that is not its event's",
        "select d.event_id::text from event_deliveries d join events e on e.id = d.event_id
         where e.order_id <> d.order_id or e.sequence <> d.sequence or d.due_at < e.occurred_at",
    ),
    (
        "a parked event without an open exception, or one that was taken with one",
        "select d.event_id::text from event_deliveries d
         where d.state in ('parked', 'delivered') and (d.state = 'parked') <> exists (select from exceptions x
            where x.kind = 'event_undelivered' and x.subject = d.event_id::text and x.resolved_at is null)",
    ),
    (
        "an order that is not the sum of its lines",
        "select o.id::text from orders o where o.total_fen <>
            (select sum(i.unit_price_fen * i.quantity) from order_items i where i.order_id = o.id)",
    ),
    (
        "an order without its idempotency key, or a key without its order",
        "select coalesce(o.id, k.order_id)::text from orders o full join idempotency_keys k on k.order_id = o.id
         where o.id is null or k.order_id is null",
    ),
    (
        "an attempt that may be paid and that nobody will ask about",
        "select out_trade_no from payment_attempts where state in ('created', 'unknown', 'prepaid') and next_check_at is null",
    ),
    (
        "an attempt that is asked about though its answer is final",
        "select out_trade_no from payment_attempts where state in ('settled', 'surplus', 'failed') and next_check_at is not null",
    ),
];

pub(super) async fn assert_balanced(db: &PgPool) {
    for (what, sql) in FORBIDDEN {
        let found: Vec<String> = sqlx::query_scalar(*sql).fetch_all(db).await.unwrap();
        assert!(found.is_empty(), "{what}: {found:?}");
    }
}

/// All that the tables hold, in short.
pub(super) async fn fingerprint(db: &PgPool) -> String {
    let sql = "select concat_ws(' ',
        (select md5(string_agg(t::text, '|' order by t::text)) from users t),
        (select md5(string_agg(t::text, '|' order by t::text)) from sessions t),
        (select md5(string_agg(t::text, '|' order by t::text)) from products t),
        (select md5(string_agg(t::text, '|' order by t::text)) from orders t),
        (select md5(string_agg(t::text, '|' order by t::text)) from order_items t),
        (select md5(string_agg(t::text, '|' order by t::text)) from idempotency_keys t),
        (select md5(string_agg(t::text, '|' order by t::text)) from payment_attempts t),
        (select md5(string_agg(t::text, '|' order by t::text)) from payments t),
        (select md5(string_agg(t::text, '|' order by t::text)) from notifications t),
        (select md5(string_agg(t::text, '|' order by t::text)) from exceptions t),
        (select md5(string_agg(t::text, '|' order by t::text)) from events t),
        (select md5(string_agg(t::text, '|' order by t::text)) from event_deliveries t))";
    sqlx::query_scalar(sql).fetch_one(db).await.unwrap()
}

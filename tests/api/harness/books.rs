//! What must hold in the books after every scenario, in SQL.

use std::sync::LazyLock;

use sqlx::PgPool;

/// Each finds what must not be.
pub(super) const FORBIDDEN: &[(&str, &str)] = &[
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
         and a.order_id = p.order_id and a.total_fen = p.total_fen and a.currency = p.currency
         where a.id is null",
    ),
    (
        "money that an order does not want, without an exception",
        "select p.transaction_id from payments p where p.is_surplus
         and not exists (select from exceptions e where e.subject = p.transaction_id
            and e.kind in ('double_payment', 'paid_after_close'))",
    ),
    (
        "a closed order with a payment that may still be made",
        "select o.id::text from orders o join payment_attempts a on a.order_id = o.id
         where o.status = 'closed' and a.state in ('created', 'unknown', 'prepaid')",
    ),
    (
        "a notification that was taken, of a payment that is not in the books or of a difference without a name",
        "select n.id::text from notifications n where case
            when n.verdict in ('settled', 'duplicate')
                then not exists (select from payments p where p.attempt_id = n.attempt_id and p.order_id = n.order_id)
            when n.verdict = 'other' then n.order_id is not null
            else not exists (select from exceptions e where e.kind = n.verdict and (n.order_id is null or e.order_id = n.order_id))
            end",
    ),
    (
        "an order whose last event is not its status",
        "select o.id::text from orders o left join lateral
            (select to_status from events e where e.order_id = o.id order by sequence desc limit 1) last on true
         where o.status <> coalesce(last.to_status, 'awaiting_payment')",
    ),
    // Some scenarios write events of a version to come, that lead nowhere.
    (
        "an event that does not begin where the one before it ended, or that is not called after where it led",
        "select it.id::text from (select e.*, coalesce(lag(to_status) over (partition by order_id order by sequence),
            'awaiting_payment') as before_it from events e) as it
         where it.from_status <> it.before_it
            or (it.kind = 'order.shipped' and it.from_status <> it.to_status)
            or (it.kind <> 'order.shipped' and it.kind <> 'order.' || it.to_status and it.cause <> 'test')",
    ),
    (
        "an order with two events of one kind",
        "select order_id::text from events where kind <> 'order.partially_refunded' group by order_id, kind having count(*) > 1",
    ),
    // As far as a clock may have gone back in a story.
    (
        "a delivery that is not its event's",
        "select d.event_id::text from event_deliveries d
         left join events e on e.id = d.event_id and e.order_id = d.order_id and e.sequence = d.sequence
            and d.due_at >= e.occurred_at - interval '480 seconds'
         left join push_messages m on m.id = d.event_id and m.id = d.push_message_id and m.sequence = d.sequence
            and d.due_at >= m.received_at - interval '480 seconds'
         where (e.id is null) = (m.id is null)",
    ),
    (
        "a parked event without an open exception, or one that was taken with one",
        "select d.event_id::text from event_deliveries d
         where d.state in ('parked', 'delivered') and (d.state = 'parked') <> exists (select from exceptions x
            where x.kind = 'event_undelivered' and x.subject = d.event_id::text and x.resolved_at is null)",
    ),
    (
        "an event that is marked as behind another one of its order, and is behind none",
        "select d.event_id::text from event_deliveries d where d.is_behind
         and not exists (select from event_deliveries earlier where earlier.order_id = d.order_id
            and earlier.sequence < d.sequence and earlier.state in ('pending', 'parked'))",
    ),
    (
        "a payment whose balance is not the sum of its refunds",
        "select transaction_id from refund_balances b
         full join (select r.transaction_id, coalesce(sum(r.amount_fen) filter (where r.status <> 'closed'), 0)::bigint as reserved_fen,
                coalesce(sum(r.amount_fen) filter (where r.status = 'succeeded'), 0)::bigint as succeeded_fen,
                count(*) filter (where r.status <> 'closed')::integer as refund_count
            from refunds r group by r.transaction_id) s using (transaction_id)
         left join payments p using (transaction_id)
         where (b.reserved_fen, b.succeeded_fen, b.refund_count) is distinct from (s.reserved_fen, s.succeeded_fen, s.refund_count)
            or (b.order_id, b.is_surplus, b.total_fen) is distinct from (p.order_id, p.is_surplus, p.total_fen)
            or b.reserved_fen > p.total_fen",
    ),
    (
        "an order whose refunded sum is not what went back of its payment",
        "select o.id::text from orders o where o.refunded_fen <> coalesce((select sum(e.amount_fen) from refund_entries e
            join payments p on p.transaction_id = e.transaction_id where p.order_id = o.id and not p.is_surplus), 0)
            or (o.status = 'refunded') <> (o.refunded_fen = o.total_fen)
            or (o.status = 'partially_refunded') <> (o.refunded_fen > 0 and o.refunded_fen < o.total_fen)",
    ),
    (
        "a refund that succeeded without its entry, or an entry of one that did not",
        "select r.out_refund_no from refunds r full join refund_entries e on e.id = r.id
         where (r.status = 'succeeded') is distinct from (e.id is not null) or (e.id is not null and (e.amount_fen <> r.amount_fen
            or e.refund_id <> r.refund_id or e.transaction_id <> r.transaction_id or e.order_id <> r.order_id
            or e.success_at is distinct from r.succeeded_at))",
    ),
    (
        "a refund that closed, or whose money cannot be delivered, without an exception",
        "select r.out_refund_no from refunds r where r.status in ('closed', 'abnormal')
         and not exists (select from exceptions e where e.subject = r.out_refund_no and e.kind =
            case when r.failure_code = 'CALLED_OFF' then 'refund_waiting' else 'refund_' || r.status end)",
    ),
    (
        "a refund that is over and that is still said to wait",
        "select r.out_refund_no from refunds r join exceptions e on e.subject = r.out_refund_no
            and e.kind = 'refund_waiting' and e.resolved_at is null
         where r.status in ('succeeded', 'closed')",
    ),
    (
        "as many events as refunds of a wanted payment, no more and no less",
        "select o.id::text from orders o where
            (select count(*) from events e where e.order_id = o.id and e.cause in ('notification', 'query')
                and e.kind in ('order.refunded', 'order.partially_refunded'))
            <> (select count(*) from refund_entries r join payments p on p.transaction_id = r.transaction_id
                where p.order_id = o.id and not p.is_surplus)",
    ),
    (
        "stock given back that no refund asked for",
        "select o.id::text from orders o where (o.restocked_at is not null) <> exists (select from refunds r
            where r.order_id = o.id and r.is_restocking and r.status = 'succeeded')",
    ),
    (
        "money sent back to whom the order did not want it from, and still called open",
        "select b.transaction_id from refund_balances b join exceptions e on e.subject = b.transaction_id
         where b.is_surplus and b.succeeded_fen = b.total_fen and e.resolved_at is null
            and e.kind in ('double_payment', 'paid_after_close')",
    ),
    (
        "money said to have gone back in full that did not",
        "select e.subject from exceptions e join payments p on p.transaction_id = e.subject
            left join refund_balances b on b.transaction_id = e.subject
         where e.kind in ('double_payment', 'paid_after_close') and e.resolution = 'the money went back in full'
            and b.succeeded_fen is distinct from p.total_fen",
    ),
    (
        "a shipment of an order that was never paid, or of another payment than the one that paid it",
        "select s.id::text from shipments s left join payments p on p.transaction_id = s.transaction_id
         and p.order_id = s.order_id and not p.is_surplus where p.transaction_id is null",
    ),
    (
        "an order that counts as shipped though nobody said so, or whose event does not say so",
        "select o.id::text from orders o where
            (o.shipped_at is not null) <> exists (select from shipments s where s.order_id = o.id and s.is_complete)
            or (o.shipped_at is not null) <> exists (select from events e where e.order_id = o.id and e.kind = 'order.shipped')",
    ),
    (
        "a correction that WeChat took twice",
        "select order_id::text from shipments where is_again and status = 'uploaded'
         group by order_id having count(distinct generation) > 1",
    ),
    (
        "a time of a call that is not later than those before it for the order",
        "select s.id::text from shipments s join shipments e on e.order_id = s.order_id and e.position < s.position
         where e.upload_at >= s.upload_at",
    ),
    (
        "a shipment that was refused without an exception, or one that is open though a later shipment was taken and no parcel is lacking",
        "select s.id::text from shipments s where s.status = 'refused' and not exists (select from exceptions x
            where x.kind = 'shipment_refused' and x.subject = s.transaction_id)
         union all
         select x.id::text from exceptions x
         join lateral (select s.* from shipments s where s.transaction_id = x.subject
            and s.status in ('uploaded', 'needless', 'refused') order by s.position desc limit 1) last on last.status <> 'refused'
         where x.kind = 'shipment_refused' and x.resolved_at is null and not exists (
            select from shipments lost, jsonb_array_elements(lost.parcels) one
            where lost.order_id = last.order_id and lost.generation = last.generation and lost.status = 'refused'
            and not exists (select from shipments told, jsonb_array_elements(told.parcels) other
                where told.order_id = lost.order_id and told.generation = lost.generation and told.status in ('uploaded', 'needless')
                and (other -> 'carrier', other -> 'tracking_no') is not distinct from (one -> 'carrier', one -> 'tracking_no')))",
    ),
    (
        "an order that is not the sum of its lines",
        "select o.id::text from orders o where o.total_fen is distinct from
            (select sum(i.unit_price_fen * i.quantity) from order_items i where i.order_id = o.id)",
    ),
    (
        "a message about something that happened to the order of somebody else, or to no order",
        "select m.id::text from subscribe_messages m left join events e on e.id = m.event_id
            left join orders o on o.id = e.order_id
         where m.event_id is not null and (o.app_id, o.openid) is distinct from (m.app_id, m.openid)",
    ),
    (
        "more messages used up than were ever allowed",
        "select template_id from subscribe_grants where remaining < 0 or used > greatest(told_by_page, told_by_push)",
    ),
    (
        "an order without its idempotency key, though older ones are kept, or a key without its order",
        "select coalesce(o.id, k.order_id)::text from orders o full join idempotency_keys k on k.order_id = o.id
         where o.id is null
            or (k.order_id is null and o.created_at >= (select min(created_at) from idempotency_keys))",
    ),
    (
        "a result that its differences contradict",
        "select r.id::text from reconciliations r where r.status in ('balanced', 'differing') and r.difference_count <>
            (select count(*) from reconciliation_differences d join exceptions e on e.id = d.exception_id
                and e.kind = 'reconciliation_' || d.kind and e.subject = d.subject where d.reconciliation_id = r.id)",
    ),
    (
        "documents that are not counted as their owner's, or counted and not there",
        "select c.owner_id::text from document_counts c full join (select collection_id, owner_id, count(*) as document_count
            from documents where owner_id is not null group by collection_id, owner_id) d using (collection_id, owner_id)
         where coalesce(c.document_count, 0) <> coalesce(d.document_count, 0)
            and exists (select from collections k where k.id = collection_id and k.removed_at is null)",
    ),
    (
        "an index that is declared and not there, not valid, or there and not declared",
        "select coalesce(i.relname, 'documents_' || d.collection_id || '_' || d.number)::text
         from (select i.*, x.indisvalid from pg_class i join pg_index x on x.indexrelid = i.oid
            where i.relname ~ '^documents_[0-9]+_[0-9]+_(key|idx)$') i
         full join collection_indexes d on i.relname
            = 'documents_' || d.collection_id || '_' || d.number || case when d.is_unique then '_key' else '_idx' end
         where d.state is distinct from 'ready' or i.indisvalid is distinct from true",
    ),
    (
        "rows of a bill that nobody compares",
        "select lease_token::text from bill_rows b
         where not exists (select from reconciliations r where r.lease_token = b.lease_token)
         union all select lease_token::text from bill_movements b
         where not exists (select from reconciliations r where r.lease_token = b.lease_token)",
    ),
    (
        "a code of the phone-number button that gave a number which its user has not",
        "select c.user_id::text from phone_codes c left join phone_numbers p on p.user_id = c.user_id
         where c.state = 'kept' and (p.user_id is null or p.given_at < c.asked_at)",
    ),
    (
        "a picture of nobody that no code shows, or a code that shows a user's",
        "select f.id::text from files f where f.state = 'stored'
         and (f.user_id is null) <> exists (select from wxacodes c where c.file_id = f.id)",
    ),
    (
        "a user with more new codes than a day has",
        "select user_id::text from wxacode_allowances where used > 100",
    ),
    (
        "a user with more checks of names and notes than a day has",
        "select user_id::text from content_check_allowances where used > 100",
    ),
    (
        "a look whose result is known and that is decided otherwise, or not at all",
        "select c.id::text from content_checks c join content_check_results r using (app_id, trace_id)
         where r.decision is not null and (c.decision, c.reason, c.label) is distinct from (r.decision, r.reason, r.label)",
    ),
    (
        "a look that is decided without a result, and not for want of one",
        "select c.id::text from content_checks c left join content_check_results r using (app_id, trace_id)
         where c.decision is not null and c.reason <> 'timed_out' and r.decision is null",
    ),
    (
        "a session that goes on after ten failures to open its data",
        "select id::text from sessions where cardinality(open_data_failures) >= 10 and revoked_at is null",
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

/// All of it as one statement, since it is asked for after every step of a story.
static ALL_FORBIDDEN: LazyLock<&str> = LazyLock::new(|| {
    let searches = FORBIDDEN.iter().map(|(what, sql)| {
        let what = what.replace('\'', "''");
        format!("select '{what}', found.it from ({sql}) as found(it)")
    });
    searches.collect::<Vec<_>>().join(" union all ").leak()
});

pub(super) async fn assert_balanced(db: &PgPool) {
    let found: Vec<(String, Option<String>)> = sqlx::query_as(*ALL_FORBIDDEN).fetch_all(db).await.unwrap();
    assert!(found.is_empty(), "{found:?}");
}

/// All that the tables hold, in short.
pub(super) async fn fingerprint(db: &PgPool) -> String {
    let sql = "select concat_ws(' ',
        (select md5(string_agg(t::text, '|' order by t::text)) from users t),
        (select md5(string_agg(t::text, '|' order by t::text)) from sessions t),
        (select md5(string_agg(t::text, '|' order by t::text)) from phone_numbers t),
        (select md5(string_agg(t::text, '|' order by t::text)) from phone_codes t),
        (select md5(string_agg(t::text, '|' order by t::text)) from wxacodes t),
        (select md5(string_agg(t::text, '|' order by t::text)) from content_checks t),
        (select md5(string_agg(t::text, '|' order by t::text)) from products t),
        (select md5(string_agg(t::text, '|' order by t::text)) from orders t),
        (select md5(string_agg(t::text, '|' order by t::text)) from order_items t),
        (select md5(string_agg(t::text, '|' order by t::text)) from idempotency_keys t),
        (select md5(string_agg(t::text, '|' order by t::text)) from payment_attempts t),
        (select md5(string_agg(t::text, '|' order by t::text)) from payments t),
        (select md5(string_agg(t::text, '|' order by t::text)) from refunds t),
        (select md5(string_agg(t::text, '|' order by t::text)) from refund_balances t),
        (select md5(string_agg(t::text, '|' order by t::text)) from refund_entries t),
        (select md5(string_agg(t::text, '|' order by t::text)) from shipments t),
        (select md5(string_agg(t::text, '|' order by t::text)) from notifications t),
        (select md5(string_agg(t::text, '|' order by t::text)) from exceptions t),
        (select md5(string_agg(t::text, '|' order by t::text)) from events t),
        (select md5(string_agg(t::text, '|' order by t::text)) from event_deliveries t),
        (select md5(string_agg(t::text, '|' order by t::text)) from push_messages t),
        (select md5(string_agg(t::text, '|' order by t::text)) from collections t),
        (select md5(string_agg(t::text, '|' order by t::text)) from documents t))";
    sqlx::query_scalar(sql).fetch_one(db).await.unwrap()
}

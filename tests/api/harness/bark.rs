//! What is looked for after every scenario is found when it is there: a search that can find nothing is none.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use sqlx::{Connection as _, PgConnection};

use super::books::FORBIDDEN;
use super::{Setup, Shop, database, secret};

/// For each search, in their order, rows of which each alone is what it looks for. `{A}` and `{B}` are two ids.
const PLANTED: &[&[&str]] = &[
    &[
        "insert into orders (id, status, total_fen) values ('{A}', 'paid', 5)",
        "insert into orders (id, status, total_fen) values ('{A}', 'refunded', 5);
         insert into payments (transaction_id, order_id, is_surplus, total_fen) values ('t', '{A}', false, 6)",
    ],
    &["insert into orders (id, status) values ('{A}', 'awaiting_payment');
       insert into payments (transaction_id, order_id, is_surplus) values ('t', '{A}', false)"],
    &["insert into orders (id, status) values ('{A}', 'partially_refunded');
       insert into payment_attempts (id, order_id, state) values ('{B}', '{A}', 'prepaid')"],
    &[
        "insert into payments (transaction_id) values ('t')",
        "insert into payments (transaction_id, attempt_id, order_id, total_fen, currency, is_surplus)
            values ('t', '{B}', '{A}', 5, 'CNY', true);
         insert into payment_attempts (id, transaction_id, order_id, total_fen, currency, state)
            values ('{B}', 't', '{A}', 5, 'CNY', 'settled')",
    ],
    &["insert into payments (transaction_id, is_surplus) values ('t', true);
       insert into exceptions (id, kind, subject) values ('{B}', 'amount_mismatch', 't')"],
    &["insert into orders (id, status) values ('{A}', 'closed');
       insert into payment_attempts (id, order_id, state) values ('{B}', '{A}', 'prepaid')"],
    &[
        "insert into notifications (id, verdict) values ('{A}', 'settled')",
        "insert into notifications (id, verdict, order_id) values ('{A}', 'other', '{B}')",
        "insert into notifications (id, verdict) values ('{A}', 'amount_mismatch')",
    ],
    &["insert into orders (id, status) values ('{A}', 'paid')"],
    &[
        "insert into events (id, order_id, sequence, kind, from_status, to_status, cause)
            values ('{B}', '{A}', 1, 'order.refunded', 'paid', 'refunded', 'query')",
        "insert into events (id, order_id, sequence, kind, from_status, to_status, cause)
            values ('{B}', '{A}', 1, 'order.shipped', 'awaiting_payment', 'paid', 'operator')",
        "insert into events (id, order_id, sequence, kind, from_status, to_status, cause)
            values ('{B}', '{A}', 1, 'order.closed', 'awaiting_payment', 'paid', 'query')",
    ],
    &["insert into events (id, order_id, sequence, kind)
        values ('{A}', '{A}', 1, 'order.paid'), ('{B}', '{A}', 2, 'order.paid')"],
    &[
        "insert into event_deliveries (event_id) values ('{A}')",
        "insert into event_deliveries (event_id, order_id, sequence, due_at) values ('{A}', '{B}', 1, '2020-01-01');
         insert into events (id, order_id, sequence, occurred_at) values ('{A}', '{B}', 1, '2020-01-02')",
    ],
    &[
        "insert into event_deliveries (event_id, state) values ('{A}', 'parked')",
        "insert into event_deliveries (event_id, state) values ('{A}', 'delivered');
         insert into exceptions (id, kind, subject) values ('{B}', 'event_undelivered', '{A}')",
    ],
    &["insert into event_deliveries (event_id, order_id, sequence, is_behind) values ('{A}', '{B}', 2, true);
       insert into event_deliveries (event_id, order_id, sequence, state) values ('{B}', '{B}', 1, 'delivered')"],
    &[
        "insert into refund_balances (transaction_id, reserved_fen, succeeded_fen, refund_count) values ('t', 5, 0, 1)",
        "insert into refunds (id, transaction_id, amount_fen, status) values ('{A}', 't', 5, 'processing')",
        "insert into refunds (id, transaction_id, amount_fen, status) values ('{A}', 't', 5, 'processing');
         insert into refund_balances (transaction_id, total_fen, reserved_fen, succeeded_fen, refund_count)
            values ('t', 4, 5, 0, 1);
         insert into payments (transaction_id, total_fen) values ('t', 4)",
        "insert into refunds (id, transaction_id, amount_fen, status) values ('{A}', 't', 5, 'processing');
         insert into refund_balances (transaction_id, total_fen, reserved_fen, succeeded_fen, refund_count, is_surplus)
            values ('t', 5, 5, 0, 1, true);
         insert into payments (transaction_id, total_fen, is_surplus) values ('t', 5, false)",
    ],
    &[
        "insert into orders (id, status, total_fen, refunded_fen) values ('{A}', 'partially_refunded', 5, 4)",
        "insert into orders (id, status, total_fen) values ('{A}', 'refunded', 5)",
        "insert into orders (id, status, total_fen) values ('{A}', 'partially_refunded', 5)",
    ],
    &[
        "insert into refunds (id, out_refund_no, status) values ('{A}', 'r', 'succeeded')",
        "insert into refund_entries (id, refund_id) values ('{A}', 'w')",
        "insert into refund_entries (id, refund_id, amount_fen) values ('{A}', 'w', 4);
         insert into refunds (id, out_refund_no, refund_id, status, amount_fen) values ('{A}', 'r', 'w', 'succeeded', 5)",
    ],
    &[
        "insert into refunds (id, out_refund_no, status) values ('{A}', 'r', 'closed')",
        "insert into refunds (id, out_refund_no, status) values ('{A}', 'r', 'abnormal');
         insert into exceptions (id, kind, subject) values ('{B}', 'refund_closed', 'r')",
        "insert into refunds (id, out_refund_no, status, failure_code) values ('{A}', 'r', 'closed', 'CALLED_OFF');
         insert into exceptions (id, kind, subject) values ('{B}', 'refund_closed', 'r')",
    ],
    &["insert into refunds (id, out_refund_no, status) values ('{A}', 'r', 'succeeded');
       insert into exceptions (id, kind, subject) values ('{B}', 'refund_waiting', 'r')"],
    &[
        "insert into orders (id) values ('{A}');
         insert into events (id, order_id, sequence, kind, cause) values ('{B}', '{A}', 1, 'order.refunded', 'query')",
        "insert into orders (id) values ('{A}');
         insert into payments (transaction_id, order_id, is_surplus) values ('t', '{A}', false);
         insert into refund_entries (id, transaction_id) values ('{B}', 't')",
    ],
    &[
        "insert into orders (id, restocked_at) values ('{A}', '2020-01-01')",
        "insert into orders (id) values ('{A}');
         insert into refunds (id, order_id, is_restocking, status) values ('{B}', '{A}', true, 'succeeded')",
    ],
    &["insert into refund_balances (transaction_id, is_surplus, total_fen, succeeded_fen) values ('t', true, 5, 5);
       insert into exceptions (id, kind, subject) values ('{B}', 'double_payment', 't')"],
    &["insert into payments (transaction_id, total_fen) values ('t', 5);
       insert into exceptions (id, kind, subject, resolution)
            values ('{B}', 'paid_after_close', 't', 'the money went back in full')"],
    &[
        "insert into shipments (id, order_id, transaction_id) values ('{A}', '{B}', 't')",
        "insert into shipments (id, order_id, transaction_id) values ('{A}', '{B}', 't');
         insert into payments (transaction_id, order_id, is_surplus) values ('t', '{B}', true)",
    ],
    &[
        "insert into orders (id, shipped_at) values ('{A}', '2020-01-01');
         insert into events (id, order_id, sequence, kind) values ('{B}', '{A}', 1, 'order.shipped')",
        "insert into orders (id, shipped_at) values ('{A}', '2020-01-01');
         insert into shipments (id, order_id, is_complete) values ('{B}', '{A}', true)",
    ],
    &["insert into shipments (id, order_id, is_again, status, generation)
        values ('{A}', '{A}', true, 'uploaded', 1), ('{B}', '{A}', true, 'uploaded', 2)"],
    &["insert into shipments (id, order_id, position, upload_at)
        values ('{A}', '{A}', 1, '2020-01-01'), ('{B}', '{A}', 2, '2020-01-01')"],
    &[
        "insert into shipments (id, transaction_id, status) values ('{A}', 't', 'refused')",
        "insert into shipments (id, transaction_id, status, position) values ('{A}', 't', 'uploaded', 1);
         insert into exceptions (id, kind, subject) values ('{B}', 'shipment_refused', 't')",
    ],
    &[
        "insert into orders (id, total_fen) values ('{A}', 5)",
        "insert into orders (id, total_fen) values ('{A}', 5);
         insert into order_items (order_id, position, unit_price_fen, quantity) values ('{A}', 1, 3, 2)",
    ],
    &[
        "insert into subscribe_messages (id, event_id, app_id) values ('{A}', '{B}', 'a')",
        "insert into subscribe_messages (id, event_id, app_id, openid) values ('{A}', '{B}', 'a', 'ada');
         insert into events (id, order_id, sequence) values ('{B}', '{A}', 1);
         insert into orders (id, app_id, openid) values ('{A}', 'a', 'bob')",
    ],
    &["insert into subscribe_grants (template_id, told_by_page, told_by_push, used) values ('t', 1, 2, 3)"],
    &[
        "insert into idempotency_keys (order_id) values ('{A}')",
        "insert into orders (id, created_at) values ('{A}', '2020-01-02'), ('{B}', '2020-01-01');
         insert into idempotency_keys (order_id, created_at) values ('{B}', '2020-01-01')",
    ],
    &["insert into reconciliations (id, status, difference_count) values ('{A}', 'differing', 1)"],
    &[
        "insert into collections (id) values (1);
         insert into document_counts (collection_id, owner_id, document_count) values (1, '{A}', 1)",
        "insert into collections (id) values (1);
         create table documents_1 partition of documents for values in (1);
         insert into documents (collection_id, id, owner_id) values (1, '{B}', '{A}')",
    ],
    &[
        "insert into collection_indexes (collection_id, number, is_unique, state) values (1, 1, true, 'ready')",
        "create index documents_1_1_idx on documents (id)",
    ],
    &[
        "insert into bill_rows (lease_token) values ('{A}')",
        "insert into bill_movements (lease_token) values ('{A}')",
    ],
    &[
        "insert into phone_codes (user_id, state) values ('{A}', 'kept')",
        "insert into phone_codes (user_id, state, asked_at) values ('{A}', 'kept', '2020-01-02');
         insert into phone_numbers (user_id, given_at) values ('{A}', '2020-01-01')",
    ],
    &[
        "insert into files (id, state) values ('{A}', 'stored')",
        "insert into files (id, state, user_id) values ('{A}', 'stored', '{B}');
         insert into wxacodes (file_id) values ('{A}')",
    ],
    &["insert into wxacode_allowances (user_id, used) values ('{A}', 101)"],
    &["insert into content_check_allowances (user_id, used) values ('{A}', 101)"],
    &["insert into content_checks (id, app_id, trace_id, decision) values ('{A}', 'a', 't', 'pass');
       insert into content_check_results (app_id, trace_id, decision) values ('a', 't', 'risky')"],
    &["insert into content_checks (id, app_id, trace_id, decision, reason) values ('{A}', 'a', 't', 'pass', 'told');
       insert into content_check_results (app_id, trace_id) values ('a', 't')"],
    &["insert into sessions (id, open_data_failures)
        values ('{A}', array_fill('2020-01-01'::timestamptz, array[10]))"],
    &["insert into payment_attempts (id, out_trade_no, state, next_check_at) values ('{A}', 'n', 'unknown', null)"],
    &["insert into payment_attempts (id, out_trade_no, state) values ('{A}', 'n', 'failed')"],
];

/// Takes away what keeps such rows out of the tables, for the rest of a transaction.
const DEFENCELESS: &str = "
    set local session_replication_role = replica;
    do $$
    declare it record;
    begin
        for it in select conrelid::regclass as place, conname as name from pg_constraint
            where connamespace = 'public'::regnamespace and conrelid <> 0 and contype in ('c', 'f', 'p', 'u', 'x')
            order by contype <> 'f'
        loop
            execute format('alter table %s drop constraint if exists %I cascade', it.place, it.name);
        end loop;
        for it in select a.attrelid::regclass as place, a.attname as name, a.attidentity <> '' as is_identity
            from pg_attribute a join pg_class c on c.oid = a.attrelid
            where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and a.attnum > 0 and a.attnotnull
        loop
            execute format('alter table %s alter %I %s', it.place, it.name,
                case when it.is_identity then 'set generated by default' else 'drop not null' end);
        end loop;
    end $$";

#[tokio::test]
async fn every_search_of_the_books_finds_what_it_looks_for() {
    let (name, url) = database::fresh().await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    assert_eq!(PLANTED.len(), FORBIDDEN.len());
    let mut outer = connection.begin().await.unwrap();
    sqlx::raw_sql(DEFENCELESS).execute(&mut *outer).await.unwrap();
    let mut silent = Vec::new();
    for ((what, search), rows) in FORBIDDEN.iter().zip(PLANTED) {
        for planted in *rows {
            let mut inner = outer.begin().await.unwrap();
            let found = |rows: Vec<(Option<String>,)>| !rows.is_empty();
            let wild = found(sqlx::query_as(*search).fetch_all(&mut *inner).await.unwrap());
            let sql = planted
                .replace("{A}", "00000000-0000-0000-0000-00000000000a")
                .replace("{B}", "00000000-0000-0000-0000-00000000000b");
            sqlx::raw_sql(&*sql.leak())
                .execute(&mut *inner)
                .await
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            if wild || !found(sqlx::query_as(*search).fetch_all(&mut *inner).await.unwrap()) {
                silent.push(format!("{what}: {planted}"));
            }
            inner.rollback().await.unwrap();
        }
    }
    outer.rollback().await.unwrap();
    connection.close().await.unwrap();
    database::drop(&name).await;
    assert_eq!(silent, Vec::<String>::new());
}

#[tokio::test]
async fn a_secret_in_the_log_is_found() {
    for is_personal in [false, true] {
        let shop = Shop::open(Setup::default()).await;
        let word = format!("a word that nobody else says: {is_personal}");
        let words = BTreeSet::from([word.clone()]);
        if is_personal {
            shop.keep_from_logs(words);
        } else {
            shop.keep_secret(words);
        }
        let look = async || {
            AssertUnwindSafe(secret::assert_unlogged(&shop))
                .catch_unwind()
                .await
        };
        assert!(look().await.is_ok());
        tracing::debug!(said = format!("<{word}>"), "a line");
        assert!(look().await.is_err());
        shop.take_down().await;
    }
}

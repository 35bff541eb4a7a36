//! What the database refuses, whoever asks.

use sqlx::PgConnection;
use sqlx::postgres::PgQueryResult;

use crate::database::Database;

const STATUSES: [&str; 5] = [
    "awaiting_payment",
    "paid",
    "closed",
    "partially_refunded",
    "refunded",
];

/// The moves of `domain::order` and of refunds; all others are refused.
const MOVES: [(&str, &str); 5] = [
    ("awaiting_payment", "paid"),
    ("awaiting_payment", "closed"),
    ("paid", "partially_refunded"),
    ("paid", "refunded"),
    ("partially_refunded", "refunded"),
];

const USER: &str = "insert into users (id, app_id, openid, session_key, session_key_hash, session_key_at, created_at, updated_at)
    values ('00000000-0000-7000-8000-000000000001', 'wx1', 'oAlice', '\\x01', '\\x02', '2026-01-01Z', '2026-01-01Z', '2026-01-01Z')";

const ORDER: &str = "insert into orders (id, user_id, app_id, openid, status, total_fen, currency, description,
        created_at, updated_at, expires_at, paid_at, closed_at)
    values ('00000000-0000-7000-8000-000000000002', '00000000-0000-7000-8000-000000000001', 'wx1', 'oAlice', $1, 100, 'CNY', 'Tea',
        '2026-01-01Z', '2026-01-01Z', '2026-01-02Z',
        case when $1 in ('paid', 'partially_refunded', 'refunded') then '2026-01-01Z'::timestamptz end,
        case when $1 = 'closed' then '2026-01-01Z'::timestamptz end)";

const MOVE: &str = "update orders set status = $1,
    paid_at = case when $1 in ('paid', 'partially_refunded', 'refunded') then '2026-01-01Z'::timestamptz end,
    closed_at = case when $1 = 'closed' then '2026-01-01Z'::timestamptz end";

async fn run(connection: &mut PgConnection, sql: &'static str) -> Result<u64, String> {
    match sqlx::query(sql).execute(connection).await {
        Ok(done) => Ok(done.rows_affected()),
        Err(error) => Err(error.as_database_error().unwrap().code().unwrap().into_owned()),
    }
}

#[tokio::test]
async fn an_order_moves_forward_alone() {
    let database = Database::migrated().await;
    let mut connection = database.connect().await;
    run(&mut connection, USER).await.unwrap();
    for from in STATUSES {
        for to in STATUSES {
            sqlx::query(ORDER)
                .bind(from)
                .execute(&mut connection)
                .await
                .unwrap();
            let moved = sqlx::query(MOVE).bind(to).execute(&mut connection).await;
            let is_allowed = from == to || MOVES.contains(&(from, to));
            assert_eq!(moved.is_ok(), is_allowed, "{from} to {to}");
            if let Err(error) = moved {
                let error = error.as_database_error().unwrap();
                assert_eq!(error.code().as_deref(), Some("23001"), "{error}");
            }
            run(&mut connection, "delete from orders").await.unwrap();
        }
    }
    database.drop().await;
}

#[tokio::test]
async fn payments_and_events_are_written_once_and_for_all() {
    let database = Database::migrated().await;
    let mut connection = database.connect().await;
    run(&mut connection, USER).await.unwrap();
    sqlx::query(ORDER)
        .bind("paid")
        .execute(&mut connection)
        .await
        .unwrap();
    run(
        &mut connection,
        "insert into payment_attempts (id, order_id, out_trade_no, app_id, mch_id, total_fen, currency, state,
            transaction_id, created_at, updated_at)
         values ('00000000-0000-7000-8000-000000000003', '00000000-0000-7000-8000-000000000002', 'ABCDEF', 'wx1',
            '1900000001', 100, 'CNY', 'settled', '42', '2026-01-01Z', '2026-01-01Z')",
    )
    .await
    .unwrap();
    run(
        &mut connection,
        "insert into payments (transaction_id, attempt_id, order_id, total_fen, currency, is_surplus, source,
            success_at, recorded_at)
         values ('42', '00000000-0000-7000-8000-000000000003', '00000000-0000-7000-8000-000000000002', 100, 'CNY',
            false, 'query', '2026-01-01Z', '2026-01-01Z')",
    )
    .await
    .unwrap();
    run(
        &mut connection,
        "insert into events (id, kind, order_id, from_status, to_status, cause, occurred_at)
         values ('00000000-0000-7000-8000-000000000004', 'order.paid', '00000000-0000-7000-8000-000000000002',
            'awaiting_payment', 'paid', 'query', '2026-01-01Z')",
    )
    .await
    .unwrap();
    for statement in [
        "update payments set total_fen = 1",
        "update payments set is_surplus = true",
        "update payments set transaction_id = transaction_id",
        "delete from payments",
        "truncate payments cascade",
        "update events set to_status = 'closed'",
        "update events set occurred_at = occurred_at",
        "delete from events",
        "truncate events cascade",
    ] {
        assert_eq!(
            run(&mut connection, statement).await,
            Err("23001".to_owned()),
            "{statement}"
        );
    }
    database.drop().await;
}

#[tokio::test]
async fn the_books_hold_no_nonsense() {
    let database = Database::migrated().await;
    let mut connection = database.connect().await;
    run(&mut connection, USER).await.unwrap();
    sqlx::query(ORDER)
        .bind("awaiting_payment")
        .execute(&mut connection)
        .await
        .unwrap();
    for (statement, code) in [
        ("update orders set total_fen = 0", "23514"),
        ("update orders set total_fen = 10000000001", "23514"),
        ("update orders set refunded_fen = 101", "23514"),
        ("update orders set refunded_fen = -1", "23514"),
        ("update orders set currency = 'USD'", "23514"),
        ("update orders set expires_at = created_at", "23514"),
        ("update orders set paid_at = created_at", "23514"),
        ("update orders set closed_at = created_at", "23514"),
        ("update orders set status = 'paid'", "23514"),
        ("update orders set status = 'lost', paid_at = null", "23001"),
        (
            "update orders set user_id = '00000000-0000-7000-8000-000000000009'",
            "23503",
        ),
        ("delete from users", "23503"),
        ("insert into users select * from users", "23505"),
        ("update users set openid = ''", "23514"),
        ("update users set app_id = repeat('x', 33)", "23514"),
        (
            "insert into sessions values ('00000000-0000-7000-8000-000000000005', '00000000-0000-7000-8000-000000000001', '2026-01-01Z', '2026-01-01Z')",
            "23514",
        ),
        (
            "insert into products (id, title, price_fen, is_listed, created_at, updated_at) values ('a b', 'Tea', 1, true, '2026-01-01Z', '2026-01-01Z')",
            "23514",
        ),
        (
            "insert into products (id, title, price_fen, is_listed, created_at, updated_at) values ('tea', 'Tea', 0, true, '2026-01-01Z', '2026-01-01Z')",
            "23514",
        ),
        (
            "insert into products (id, title, price_fen, stock, is_listed, created_at, updated_at) values ('tea', 'Tea', 1, -1, true, '2026-01-01Z', '2026-01-01Z')",
            "23514",
        ),
    ] {
        assert_eq!(
            run(&mut connection, statement).await,
            Err(code.to_owned()),
            "{statement}"
        );
    }
    database.drop().await;
}

/// The constraint that refused a statement.
fn refusing(written: &Result<PgQueryResult, sqlx::Error>) -> Option<&str> {
    let refused = written.as_ref().err()?;
    Some(refused.as_database_error().unwrap().constraint().unwrap())
}

/// Attempts for one order, in these states.
const ATTEMPTS: &str =
    "insert into payment_attempts (id, order_id, out_trade_no, app_id, mch_id, total_fen, currency, state,
        transaction_id, request_payment, prepaid_at, created_at, updated_at)
    select format('00000000-0000-7000-8000-0000000001%s', lpad(n::text, 2, '0'))::uuid,
        '00000000-0000-7000-8000-000000000002', 'ABCDEF' || n, 'wx1', '1900000001', 100, 'CNY', state,
        case when state in ('settled', 'surplus') then n::text end,
        case when state = 'prepaid' then '{}' end,
        case when state = 'prepaid' then '2026-01-01Z'::timestamptz end,
        '2026-01-01Z', '2026-01-01Z'
    from unnest($1::text[]) with ordinality as states (state, n)";

#[tokio::test]
async fn an_order_wants_one_payment_whatever_its_attempts_say() {
    let database = Database::migrated().await;
    let mut connection = database.connect().await;
    run(&mut connection, USER).await.unwrap();
    sqlx::query(ORDER)
        .bind("paid")
        .execute(&mut connection)
        .await
        .unwrap();
    sqlx::query(ATTEMPTS)
        .bind(["settled", "surplus", "surplus"].map(str::to_owned))
        .execute(&mut connection)
        .await
        .unwrap();
    let payment =
        "insert into payments (transaction_id, attempt_id, order_id, total_fen, currency, is_surplus, source,
            success_at, recorded_at)
        select transaction_id, id, order_id, total_fen, currency, $2, 'query', '2026-01-01Z', '2026-01-01Z'
        from payment_attempts order by id offset $1 limit 1";
    for (attempt, is_surplus, constraint) in [
        (0, false, None),
        (1, false, Some("payments_one_wanted_key")),
        (1, true, None),
        (2, true, None),
    ] {
        let written = sqlx::query(payment)
            .bind(attempt)
            .bind(is_surplus)
            .execute(&mut connection)
            .await;
        assert_eq!(refusing(&written), constraint, "{attempt}");
    }
    database.drop().await;
}

#[tokio::test]
async fn an_order_has_one_open_and_one_settled_attempt_at_most() {
    let database = Database::migrated().await;
    let mut connection = database.connect().await;
    run(&mut connection, USER).await.unwrap();
    sqlx::query(ORDER)
        .bind("awaiting_payment")
        .execute(&mut connection)
        .await
        .unwrap();
    for (states, constraint) in [
        (["created", "prepaid"], Some("payment_attempts_one_open_key")),
        (["unknown", "created"], Some("payment_attempts_one_open_key")),
        (["prepaid", "unknown"], Some("payment_attempts_one_open_key")),
        (["settled", "settled"], Some("payment_attempts_one_settled_key")),
        (["settled", "surplus"], None),
        (["surplus", "surplus"], None),
        (["closed", "failed"], None),
        (["settled", "prepaid"], None),
        (["nonsense", "closed"], Some("payment_attempts_state_check")),
    ] {
        let states: Vec<String> = states.iter().map(ToString::to_string).collect();
        let written = sqlx::query(ATTEMPTS).bind(&states).execute(&mut connection).await;
        assert_eq!(refusing(&written), constraint, "{states:?}");
        run(&mut connection, "delete from payment_attempts")
            .await
            .unwrap();
    }
    database.drop().await;
}

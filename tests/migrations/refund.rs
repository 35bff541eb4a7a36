//! What the database refuses about refunds, whoever asks.

use futures_util::future::join_all;
use sqlx::PgConnection;

use crate::database::Database;

const STATUSES: [&str; 5] = ["created", "processing", "succeeded", "closed", "abnormal"];

/// The moves of `domain::refund`; all others are refused.
const MOVES: [(&str, &str); 9] = [
    ("created", "processing"),
    ("created", "succeeded"),
    ("created", "closed"),
    ("created", "abnormal"),
    ("processing", "succeeded"),
    ("processing", "closed"),
    ("processing", "abnormal"),
    ("abnormal", "succeeded"),
    ("abnormal", "closed"),
];

/// A paid order of 100 fen, and a payment of it that it did not want.
const PAID: &str = "
    insert into users (id, app_id, openid, session_key, session_key_hash, session_key_at, created_at, updated_at)
    values ('00000000-0000-7000-8000-000000000001', 'wx1', 'oAlice', '\\x01', '\\x02', '2026-01-01Z', '2026-01-01Z', '2026-01-01Z');
    insert into orders (id, user_id, app_id, openid, status, total_fen, currency, description, created_at, updated_at,
        expires_at, paid_at)
    values ('00000000-0000-7000-8000-000000000002', '00000000-0000-7000-8000-000000000001', 'wx1', 'oAlice', 'paid', 100, 'CNY',
        'Tea', '2026-01-01Z', '2026-01-01Z', '2026-01-02Z', '2026-01-01Z');
    insert into payment_attempts (id, order_id, out_trade_no, app_id, mch_id, total_fen, currency, state, transaction_id,
        created_at, updated_at)
    values ('00000000-0000-7000-8000-000000000003', '00000000-0000-7000-8000-000000000002', 'ABCDEF', 'wx1', '1900000001', 100,
        'CNY', 'settled', '42', '2026-01-01Z', '2026-01-01Z'),
        ('00000000-0000-7000-8000-000000000004', '00000000-0000-7000-8000-000000000002', 'ABCDEG', 'wx1', '1900000001', 100,
        'CNY', 'surplus', '43', '2026-01-01Z', '2026-01-01Z');
    insert into payments (transaction_id, attempt_id, order_id, total_fen, currency, is_surplus, source, success_at, recorded_at)
    values ('42', '00000000-0000-7000-8000-000000000003', '00000000-0000-7000-8000-000000000002', 100, 'CNY', false, 'query',
        '2026-01-01Z', '2026-01-01Z'),
        ('43', '00000000-0000-7000-8000-000000000004', '00000000-0000-7000-8000-000000000002', 100, 'CNY', true, 'query',
        '2026-01-01Z', '2026-01-01Z')";

const REFUND: &str = "insert into refunds (id, order_id, transaction_id, out_refund_no, amount_fen, cause, is_restocking, notify_url,
        status, submit_at, next_check_at, created_at, updated_at)
    values (gen_random_uuid(), '00000000-0000-7000-8000-000000000002', '42', $1, $2, 'operator', false, 'https://shop.example/n',
        'created', '2026-01-01Z', '2026-01-01Z', '2026-01-01Z', '2026-01-01Z')";

const MOVE: &str = "update refunds set status = $2, refund_id = coalesce(refund_id, 'W' || out_refund_no),
        succeeded_at = case when $2 = 'succeeded' then '2026-01-01Z'::timestamptz end,
        next_check_at = case when $2 not in ('succeeded', 'closed') then '2026-01-01Z'::timestamptz end
    where out_refund_no = $1";

/// The `SQLSTATE` and the constraint of a refusal.
type Refused = (String, Option<String>);

fn refused(error: &sqlx::Error) -> Refused {
    let error = error.as_database_error().unwrap();
    (
        error.code().unwrap().into_owned(),
        error.constraint().map(str::to_owned),
    )
}

async fn refund(connection: &mut PgConnection, number: &str, amount_fen: i64) -> Result<(), Refused> {
    let refund = sqlx::query(REFUND).bind(number).bind(amount_fen);
    refund
        .execute(connection)
        .await
        .map(drop)
        .map_err(|error| refused(&error))
}

async fn move_to(connection: &mut PgConnection, number: &str, status: &str) -> Result<(), Refused> {
    let moved = sqlx::query(MOVE).bind(number).bind(status);
    moved
        .execute(connection)
        .await
        .map(drop)
        .map_err(|error| refused(&error))
}

async fn balance(connection: &mut PgConnection) -> (i64, i64, i32) {
    let sql =
        "select reserved_fen, succeeded_fen, refund_count from refund_balances where transaction_id = '42'";
    sqlx::query_as(sql).fetch_one(connection).await.unwrap()
}

async fn paid() -> (Database, PgConnection) {
    let database = Database::migrated().await;
    let mut connection = database.connect().await;
    sqlx::raw_sql(PAID).execute(&mut connection).await.unwrap();
    (database, connection)
}

fn over(constraint: &str) -> Result<(), Refused> {
    Err(("23514".to_owned(), Some(constraint.to_owned())))
}

#[tokio::test]
async fn a_refund_moves_forward_alone_and_holds_its_sum_until_it_closes() {
    let (database, mut connection) = paid().await;
    for from in STATUSES {
        for to in STATUSES {
            let number = format!("{from}-{to}");
            let (held, gone, count) = match refund(&mut connection, &number, 1).await {
                Ok(()) => balance(&mut connection).await,
                Err(error) => panic!("{number}: {error:?}"),
            };
            if from != "created" {
                move_to(&mut connection, &number, from).await.unwrap();
            }
            let moved = move_to(&mut connection, &number, to).await;
            let is_allowed = from == to || MOVES.contains(&(from, to));
            assert_eq!(moved.is_ok(), is_allowed, "{number}: {moved:?}");
            let ended = if is_allowed { to } else { from };
            let expected = match ended {
                "succeeded" => (held, gone + 1, count),
                "closed" => (held - 1, gone, count - 1),
                _ => (held, gone, count),
            };
            assert_eq!(balance(&mut connection).await, expected, "{number}");
        }
    }
    drop(connection);
    database.drop().await;
}

#[tokio::test]
async fn refunds_never_hold_more_than_was_paid() {
    let (database, mut connection) = paid().await;
    let exceeded = over("refund_balances_reserved_fen_check");
    assert_eq!(refund(&mut connection, "A", 101).await, exceeded);
    refund(&mut connection, "B", 60).await.unwrap();
    assert_eq!(refund(&mut connection, "C", 41).await, exceeded);
    refund(&mut connection, "D", 40).await.unwrap();
    assert_eq!(refund(&mut connection, "E", 1).await, exceeded);
    move_to(&mut connection, "B", "closed").await.unwrap();
    refund(&mut connection, "F", 60).await.unwrap();
    assert_eq!(refund(&mut connection, "G", 1).await, exceeded);
    drop(connection);
    database.drop().await;
}

#[tokio::test]
async fn refunds_at_the_same_moment_never_hold_more_than_was_paid() {
    let (database, mut connection) = paid().await;
    let mut connections = Vec::new();
    for _ in 0..16 {
        connections.push(database.connect().await);
    }
    let tries = connections
        .iter_mut()
        .zip(0_i64..)
        .map(|(connection, position)| async move {
            refund(connection, &format!("P{position}"), 7 + position)
                .await
                .is_ok()
        });
    let taken = join_all(tries)
        .await
        .into_iter()
        .filter(|is_taken| *is_taken)
        .count();
    let sql = "select sum(amount_fen)::bigint from refunds";
    let sum: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
    assert!((1..=100).contains(&sum), "{sum}");
    let (held, _, count) = balance(&mut connection).await;
    assert_eq!((held, usize::try_from(count).unwrap()), (sum, taken));
    drop((connection, connections));
    database.drop().await;
}

#[tokio::test]
async fn a_payment_has_fifty_refunds_at_most() {
    let (database, mut connection) = paid().await;
    for position in 0..50 {
        refund(&mut connection, &format!("N{position}"), 1).await.unwrap();
    }
    let full = over("refund_balances_refund_count_check");
    assert_eq!(refund(&mut connection, "one-more", 1).await, full);
    move_to(&mut connection, "N7", "closed").await.unwrap();
    refund(&mut connection, "one-more", 1).await.unwrap();
    assert_eq!(refund(&mut connection, "another", 1).await, full);
    drop(connection);
    database.drop().await;
}

#[tokio::test]
async fn what_a_refund_asks_for_never_changes() {
    let (database, mut connection) = paid().await;
    refund(&mut connection, "A", 10).await.unwrap();
    move_to(&mut connection, "A", "succeeded").await.unwrap();
    let entry = "insert into refund_entries select refund_id, id, order_id, transaction_id, out_refund_no, amount_fen, 'CNY',
        'query', succeeded_at, succeeded_at from refunds";
    sqlx::query(entry).execute(&mut connection).await.unwrap();
    for statement in [
        "update refunds set out_refund_no = 'B'",
        "update refunds set amount_fen = 11",
        "update refunds set transaction_id = '43'",
        "update refunds set notify_url = 'https://else.example/'",
        "update refunds set reason = 'another'",
        "update refunds set is_restocking = true",
        "update refunds set refund_id = 'W2'",
        "update refunds set cause = 'surplus'",
        "delete from refunds",
        "truncate refunds cascade",
        "update refund_balances set reserved_fen = 0",
        "update refund_balances set refund_count = 0",
        "update refund_balances set total_fen = 1000",
        "insert into refund_balances select '43', order_id, true, 1000, 0, 0, 0 from refund_balances",
        "delete from refund_balances",
        "truncate refund_balances",
        "update refund_entries set amount_fen = 9",
        "delete from refund_entries",
        "truncate refund_entries",
        // A life that does not begin at the beginning.
        "insert into refunds select gen_random_uuid(), '00000000-0000-7000-8000-000000000002', '43', 'C', 10, null, 'operator',
            false, 'n', null, null, 'closed', null, submit_at, null, null, 0, null, null, null, created_at, updated_at, null from refunds",
    ] {
        let outcome = sqlx::query(statement).execute(&mut connection).await;
        let code = outcome.map_err(|error| refused(&error).0);
        assert_eq!(code.map(|done| done.rows_affected()), Err("23001".to_owned()), "{statement}");
    }
    drop(connection);
    database.drop().await;
}

#[tokio::test]
async fn a_payment_that_nobody_wants_is_given_back_by_policy_once() {
    let (database, mut connection) = paid().await;
    let surplus = REFUND.replace("'42'", "'43'").replace("'operator'", "'surplus'");
    let surplus = || sqlx::query(sqlx::AssertSqlSafe(surplus.clone()));
    surplus()
        .bind("S1")
        .bind(100_i64)
        .execute(&mut connection)
        .await
        .unwrap();
    let again = surplus().bind("S2").bind(100_i64).execute(&mut connection).await;
    let taken = ("23505".to_owned(), Some("refunds_one_surplus_key".to_owned()));
    assert_eq!(refused(&again.unwrap_err()), taken);
    move_to(&mut connection, "S1", "closed").await.unwrap();
    let again = surplus().bind("S3").bind(100_i64).execute(&mut connection).await;
    assert_eq!(refused(&again.unwrap_err()), taken);
    drop(connection);
    database.drop().await;
}

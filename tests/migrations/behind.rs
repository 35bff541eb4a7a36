//! Marks on events that wait for an earlier one of their order, whoever writes at the same moment.

use futures_util::future::join;
use sqlx::migrate::Migrate as _;
use sqlx::{Executor as _, PgConnection};
use weir::store::{MIGRATOR, pool};

use crate::database::{Database, until};

/// An event of the one order, by its place.
async fn write(connection: &mut PgConnection, sequence: i64, state: &str) {
    let insert =
        "insert into event_deliveries (event_id, order_id, sequence, state, attempts, due_at, delivered_at)
        values (gen_random_uuid(), '00000000-0000-7000-8000-000000000001', $1, $2, 0, '2026-01-01Z',
            case when $2 = 'delivered' then '2026-01-01Z'::timestamptz end)";
    sqlx::query(insert)
        .bind(sequence)
        .bind(state)
        .execute(connection)
        .await
        .unwrap();
}

async fn turn(connection: &mut PgConnection, sequence: i64, state: &str) {
    let update = "update event_deliveries set state = $2,
        delivered_at = case when $2 = 'delivered' then '2026-01-01Z'::timestamptz end where sequence = $1";
    sqlx::query(update)
        .bind(sequence)
        .bind(state)
        .execute(connection)
        .await
        .unwrap();
}

/// The places of those that are marked.
async fn marked(connection: &mut PgConnection) -> Vec<i64> {
    sqlx::query_scalar("select sequence from event_deliveries where is_behind order by sequence")
        .fetch_all(connection)
        .await
        .unwrap()
}

/// The order whose events they are.
const ORDER: &str = "
    insert into users (id, app_id, openid, session_key, session_key_hash, session_key_at, created_at, updated_at)
    values ('00000000-0000-7000-8000-000000000001', 'wx1', 'oAlice', '\\x01', '\\x02', '2026-01-01Z', '2026-01-01Z', '2026-01-01Z');
    insert into orders (id, user_id, app_id, openid, status, total_fen, currency, description, created_at, updated_at,
        expires_at, paid_at)
    values ('00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000001', 'wx1', 'oAlice', 'paid', 100, 'CNY',
        'Tea', '2026-01-01Z', '2026-01-01Z', '2026-01-02Z', '2026-01-01Z')";

/// Lets `first`, in a transaction, end when `second` waits for it.
async fn end_when_waited_for(first: &mut PgConnection, second: impl Future<Output = ()>) {
    let ending = async {
        let waited_for = "select exists (select from pg_locks where not granted
            and pid in (select pid from pg_stat_activity where datname = current_database()))";
        until(&mut *first, waited_for).await;
        first.execute("commit").await.unwrap();
    };
    join(second, ending).await;
}

#[tokio::test]
async fn an_event_is_marked_for_as_long_as_an_earlier_one_is_left() {
    let database = Database::migrated().await;
    let mut db = database.connect().await;
    for sequence in 1..=3 {
        write(&mut db, sequence, "pending").await;
    }
    assert_eq!(marked(&mut db).await, [2, 3]);
    turn(&mut db, 1, "parked").await;
    assert_eq!(marked(&mut db).await, [2, 3]);
    turn(&mut db, 1, "given_up").await;
    assert_eq!(marked(&mut db).await, [3]);
    turn(&mut db, 2, "delivered").await;
    assert_eq!(marked(&mut db).await, [0; 0]);
    // Sent again, an event waits for those before it.
    turn(&mut db, 1, "pending").await;
    turn(&mut db, 2, "pending").await;
    assert_eq!(marked(&mut db).await, [2]);
    turn(&mut db, 1, "delivered").await;
    assert_eq!(marked(&mut db).await, [0; 0]);
    drop(db);
    database.drop().await;
}

#[tokio::test]
async fn an_event_that_is_written_while_the_one_before_it_leaves_does_not_wait_for_it() {
    for is_written_first in [false, true] {
        let database = Database::migrated().await;
        let (mut one, mut two) = (database.connect().await, database.connect().await);
        one.execute(ORDER).await.unwrap();
        write(&mut one, 1, "pending").await;
        one.execute("begin").await.unwrap();
        if is_written_first {
            write(&mut one, 2, "pending").await;
            end_when_waited_for(&mut one, turn(&mut two, 1, "delivered")).await;
        } else {
            turn(&mut one, 1, "delivered").await;
            end_when_waited_for(&mut one, write(&mut two, 2, "pending")).await;
        }
        assert_eq!(marked(&mut two).await, [0; 0], "{is_written_first}");
        drop((one, two));
        database.drop().await;
    }
}

#[tokio::test]
async fn two_that_leave_at_once_leave_nobody_behind() {
    let database = Database::migrated().await;
    let (mut one, mut two) = (database.connect().await, database.connect().await);
    one.execute(ORDER).await.unwrap();
    write(&mut one, 1, "delivered").await;
    write(&mut one, 2, "parked").await;
    write(&mut one, 3, "pending").await;
    turn(&mut one, 1, "pending").await;
    assert_eq!(marked(&mut one).await, [3]);
    one.execute("begin").await.unwrap();
    turn(&mut one, 1, "delivered").await;
    end_when_waited_for(&mut one, turn(&mut two, 2, "given_up")).await;
    assert_eq!(marked(&mut two).await, [0; 0]);
    drop((one, two));
    database.drop().await;
}

/// The one that marks what was there before.
const FILL: i64 = 20_261_122_230_200;

#[tokio::test]
async fn those_that_wait_already_are_marked() {
    let database = Database::empty().await;
    let mut db = database.connect().await;
    let table = &MIGRATOR.table_name;
    db.ensure_migrations_table(table).await.unwrap();
    for migration in MIGRATOR.iter().filter(|one| one.version < FILL) {
        db.apply(table, migration).await.unwrap();
    }
    db.execute("set session_replication_role = replica")
        .await
        .unwrap();
    for (sequence, state) in [
        (1, "delivered"),
        (2, "parked"),
        (3, "pending"),
        (4, "pending"),
        (5, "given_up"),
    ] {
        write(&mut db, sequence, state).await;
    }
    pool::migrate(&database.url).await.unwrap();
    assert_eq!(marked(&mut db).await, [3, 4]);
    drop(db);
    database.drop().await;
}

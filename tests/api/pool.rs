//! The connections to the database: bounded, whole, and given back whatever becomes of the borrower.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{join_all, join3, poll_immediate};
use sqlx::Executor as _;
use weir::store::database::place::{Turn, scope};
use weir::store::database::{Database, Lent};
use weir::store::pool::PoolLimits;

use crate::harness::{PATIENT, Setup, shop, shop_with, until};

const PLACES: u32 = 3;

fn places(connections_max: u32) -> PoolLimits {
    PoolLimits {
        connections_max,
        ..PATIENT
    }
}

/// Whoever waits is refused soon.
fn impatient(connections_max: u32) -> PoolLimits {
    PoolLimits {
        wait_max: Duration::from_secs(2),
        ..places(connections_max)
    }
}

async fn who(db: &Database) -> i32 {
    sqlx::query_scalar("select pg_backend_pid()")
        .fetch_one(db)
        .await
        .unwrap()
}

#[tokio::test]
async fn what_comes_back_well_is_lent_again() {
    shop(async |shop| {
        let db = shop.connect(places(PLACES));
        let first = who(&db).await;
        for _ in 0..20 {
            assert_eq!(who(&db).await, first);
        }
        assert_eq!((db.size(), db.num_idle()), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn there_are_never_more_than_the_bound_and_who_waits_is_served() {
    shop(async |shop| {
        let db = shop.connect(places(PLACES));
        let taken = join_all((0..PLACES).map(|_| db.begin())).await;
        assert!(taken.iter().all(Result::is_ok));
        let (waiting, ()) = tokio::join!(who(&db), async { drop(taken) });
        assert!(waiting > 0);
        let answers = join_all((0..50).map(|_| who(&db))).await;
        assert_eq!(answers.len(), 50);
        assert!(db.size() <= PLACES, "{}", db.size());
    })
    .await;
}

#[tokio::test]
async fn whoever_waits_too_long_is_refused() {
    shop(async |shop| {
        let db = shop.connect(impatient(1));
        let held = db.acquire().await.unwrap();
        let refused = db.acquire().await;
        assert!(matches!(refused, Err(sqlx::Error::PoolTimedOut)), "{refused:?}");
        drop(held);
        assert!(who(&db).await > 0);
    })
    .await;
}

#[tokio::test]
async fn a_start_waits_for_its_connection_when_no_request_would() {
    shop_with(Setup::default().replicas(0), async |shop| {
        let limits = PoolLimits {
            wait_max: Duration::ZERO,
            ..PATIENT
        };
        let server = shop.try_join(&Setup::default().pool_limits(limits)).await;
        assert!(server.unwrap().stop().await);
    })
    .await;
}

#[tokio::test]
async fn a_transaction_that_is_dropped_is_undone_and_gives_its_locks_back() {
    shop(async |shop| {
        shop.stock("tea", 100, Some(5)).await;
        let db = shop.connect(places(2));
        let mut transaction = db.begin().await.unwrap();
        let update = "update products set stock = 0";
        transaction.execute(update).await.unwrap();
        drop(transaction);
        // Waits for the lock of the one that was dropped.
        let touched = "update products set title = title returning stock";
        let stock: Option<i32> = sqlx::query_scalar(touched).fetch_one(&db).await.unwrap();
        assert_eq!(stock, Some(5));
    })
    .await;
}

#[tokio::test]
async fn a_transaction_that_failed_leaves_a_whole_connection() {
    shop(async |shop| {
        let db = shop.connect(places(1));
        let first = who(&db).await;
        let mut transaction = db.begin().await.unwrap();
        assert!(transaction.execute("select 1 / 0").await.is_err());
        drop(transaction);
        assert_eq!(who(&db).await, first);
    })
    .await;
}

#[tokio::test]
async fn nobody_gets_a_connection_that_was_left_in_the_middle_of_a_statement() {
    shop(async |shop| {
        let limits = PoolLimits {
            statement_timeout: Duration::from_mins(2),
            ..places(1)
        };
        let db = shop.connect(limits);
        let first = who(&db).await;
        let busy = tokio::spawn({
            let db = db.clone();
            async move { db.execute("select pg_sleep(60), 'not yours'").await.map(drop) }
        });
        let running = "select count(*) from pg_stat_activity
            where state = 'active' and query like 'select pg_sleep(60), ''not yours''%'";
        until(async || {
            let count: i64 = sqlx::query_scalar(running).fetch_one(&shop.db).await.unwrap();
            count == 1
        })
        .await;
        busy.abort();
        assert!(busy.await.unwrap_err().is_cancelled());
        let answer: i32 = sqlx::query_scalar("select 42").fetch_one(&db).await.unwrap();
        assert_eq!(answer, 42);
        assert_ne!(who(&db).await, first);
        assert_eq!(db.size(), 1);
    })
    .await;
}

#[tokio::test]
async fn one_dead_connection_puts_the_others_in_doubt() {
    shop(async |shop| {
        let db = shop.connect(places(PLACES));
        let taken = join_all((0..PLACES).map(|_| db.acquire())).await;
        drop(taken);
        until(async || db.num_idle() == 3).await;
        shop.cut_database().await;
        let mut failures = 0;
        for _ in 0..10 {
            let answer: Result<i32, _> = sqlx::query_scalar("select 1").fetch_one(&db).await;
            failures += i32::from(answer.is_err());
        }
        assert!(failures <= 1, "{failures}");
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_only_reads_is_not_lent_again() {
    shop(async |shop| {
        let db = shop.connect(places(1));
        let touch = "update products set title = title";
        for is_in_transaction in [false, true] {
            let first = who(&db).await;
            // As those to a server that has become a standby.
            db.execute("set default_transaction_read_only = on")
                .await
                .unwrap();
            if is_in_transaction {
                let mut transaction = db.begin().await.unwrap();
                drop(transaction.execute(touch).await);
            } else {
                drop(db.execute(touch).await);
            }
            db.execute(touch).await.unwrap();
            assert_ne!(who(&db).await, first);
        }
    })
    .await;
}

#[tokio::test]
async fn borrowers_that_go_away_at_any_moment_cost_no_place() {
    shop(async |shop| {
        let db = shop.connect(places(PLACES));
        let tasks: Vec<_> = (0..300_u64)
            .map(|number| {
                let db = db.clone();
                tokio::spawn(async move {
                    let work = async {
                        if number.is_multiple_of(3) {
                            let mut transaction = db.begin().await?;
                            transaction.execute("select pg_sleep(0.002)").await?;
                            transaction.commit().await
                        } else {
                            db.execute("select pg_sleep(0.001)").await.map(drop)
                        }
                    };
                    // From at once to long after.
                    drop(tokio::time::timeout(Duration::from_micros(number * 200), work).await);
                })
            })
            .collect();
        for task in join_all(tasks).await {
            task.unwrap();
        }
        let all = join_all((0..PLACES).map(|_| db.acquire())).await;
        assert!(all.iter().all(Result::is_ok));
        assert!(db.size() <= PLACES, "{}", db.size());
        drop(all);
        db.close().await;
        assert!(matches!(db.acquire().await, Err(sqlx::Error::PoolClosed)));
    })
    .await;
}

#[tokio::test]
async fn a_database_that_falls_silent_holds_nobody_and_no_place() {
    shop(async |shop| {
        let (db, line) = shop.connect_by(places(2)).await;
        let committed = db.begin().await.unwrap();
        let mut asked = db.begin().await.unwrap();
        let mut apart = db.connect_apart(Duration::from_mins(30)).await.unwrap();
        line.die();
        let wanted = ["tea".to_owned()];
        // What a use case does: a statement through the store, and a commit.
        let all = join3(
            weir::store::product::list_by_id(&mut *asked, &wanted),
            committed.commit(),
            weir::store::collection_index::lock(&mut apart, 1),
        );
        let (statement, commit, lock) = tokio::time::timeout(Duration::from_mins(1), all)
            .await
            .expect("a bound of our own");
        assert!(
            matches!(statement, Err(weir::store::Error::Unavailable(_))),
            "{statement:?}"
        );
        assert!(matches!(commit, Err(sqlx::Error::Io(_))), "{commit:?}");
        assert!(
            matches!(lock, Err(weir::store::Error::Unavailable(_))),
            "{lock:?}"
        );
        drop(asked);
        // The line is there again, and so are both places.
        let again = join_all((0..2).map(|_| db.acquire())).await;
        assert!(again.iter().all(Result::is_ok));
    })
    .await;
}

#[tokio::test]
async fn a_transaction_whose_server_fell_silent_keeps_its_locks_for_seconds() {
    shop(async |shop| {
        shop.stock("tea", 100, Some(5)).await;
        let (db, line) = shop.connect_by(places(1)).await;
        let mut transaction = db.begin().await.unwrap();
        let update = "update products set stock = 0";
        transaction.execute(update).await.unwrap();
        line.die();
        let touching = sqlx::query_scalar("update products set title = title returning stock");
        let touched = tokio::time::timeout(Duration::from_mins(1), touching.fetch_one(&shop.db)).await;
        let stock: Option<i32> = touched.expect("the database's own bound").unwrap();
        assert_eq!(stock, Some(5));
        drop(transaction);
    })
    .await;
}

/// A connection for a request that queues.
async fn queue(db: &Database) -> Result<Lent, sqlx::Error> {
    scope(Some(Turn::new(true, ())), db.acquire()).await
}

#[tokio::test]
async fn those_who_queue_leave_a_quarter_to_those_who_do_not() {
    shop(async |shop| {
        let db = shop.connect(impatient(4));
        let held = join_all((0..3).map(|_| queue(&db))).await;
        assert!(held.iter().all(Result::is_ok));
        assert!(matches!(queue(&db).await, Err(sqlx::Error::PoolTimedOut)));
        assert!(who(&db).await > 0);
        drop(held);
        assert!(queue(&db).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn who_finds_the_queue_full_is_refused_at_once_unless_he_had_his_turn() {
    shop(async |shop| {
        let db = shop.connect(places(4));
        let turn = Turn::new(true, ());
        assert!(scope(Some(turn.clone()), db.acquire()).await.is_ok());
        let held = join_all((0..3).map(|_| queue(&db))).await;
        let mut waiting: Vec<_> = (0..32).map(|_| Box::pin(queue(&db))).collect();
        for one in &mut waiting {
            assert!(poll_immediate(one).await.is_none());
        }
        let refused = queue(&db).now_or_never();
        assert!(matches!(refused, Some(Err(sqlx::Error::PoolTimedOut))));
        let mut again = Box::pin(scope(Some(turn), db.acquire()));
        assert!(poll_immediate(&mut again).await.is_none());
        drop(held);
        // Each gives its connection to the next.
        let served = waiting.into_iter().map(async |one| one.await.is_ok());
        assert_eq!(join_all(served).await, [true; 32]);
        assert!(again.await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_commit_waits_for_the_disk_by_whatever_default_and_for_others_as_the_operator_chose() {
    shop(async |shop| {
        for (default, here) in [
            ("off", "on"),
            ("local", "local"),
            ("remote_write", "remote_write"),
            ("on", "on"),
            ("remote_apply", "remote_apply"),
        ] {
            let sql = format!(
                "do $$ begin execute format('alter database %I set synchronous_commit = {default}',
                    current_database()); end $$"
            );
            sqlx::query(sqlx::AssertSqlSafe(sql))
                .execute(&shop.db)
                .await
                .unwrap();
            let mut apart = shop
                .connect(places(1))
                .connect_apart(Duration::from_secs(5))
                .await
                .unwrap();
            let asked = "show synchronous_commit";
            let found: String = sqlx::query_scalar(asked)
                .fetch_one(&shop.connect(places(1)))
                .await
                .unwrap();
            assert_eq!(found, here);
            let found: String = sqlx::query_scalar(asked).fetch_one(&mut apart).await.unwrap();
            assert_eq!(found, here);
        }
    })
    .await;
}

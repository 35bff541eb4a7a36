//! Each migration on its own, applied to tables with rows in them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::join;
use serde_json::Value;
use sqlx::migrate::{Migrate as _, Migration};
use sqlx::{Executor as _, PgConnection, SqlSafeStr};
use weir::store::{MIGRATOR, pool};

use crate::database::{Database, until};

/// Rows for the tables that a migration has made or changed.
fn rows_after(migration: &Migration) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/migrations/data");
    let version = migration.version.to_string();
    let file: PathBuf = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(&version))
        .unwrap();
    fs::read_to_string(file).unwrap()
}

/// The text is a file of these tests, or names a table of ours.
fn sql(text: String) -> impl SqlSafeStr {
    sqlx::AssertSqlSafe(text)
}

/// Every row of every table, by table.
async fn contents(connection: &mut PgConnection) -> BTreeMap<String, Vec<Value>> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select table_name::text from information_schema.tables
         where table_schema = 'public' and table_name <> '_sqlx_migrations'",
    )
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    let mut contents = BTreeMap::new();
    for table in tables {
        let rows = format!("select to_jsonb(t) from {table} t order by to_jsonb(t)");
        let rows = sqlx::query_scalar(sql(rows))
            .fetch_all(&mut *connection)
            .await
            .unwrap();
        contents.insert(table, rows);
    }
    contents
}

/// Whether a row still says all that it said before; it may say more.
fn is_kept(row: &Value, rows_now: &[Value]) -> bool {
    let row = row.as_object().unwrap();
    rows_now
        .iter()
        .any(|now| row.iter().all(|(column, value)| now.get(column) == Some(value)))
}

#[tokio::test]
async fn each_migration_applies_to_rows_from_before_it_and_loses_nothing() {
    let database = Database::empty().await;
    let mut connection = database.connect().await;
    let table = &MIGRATOR.table_name;
    connection.ensure_migrations_table(table).await.unwrap();
    let mut before: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for migration in MIGRATOR.iter() {
        connection.apply(table, migration).await.unwrap();
        let after = contents(&mut connection).await;
        for (name, rows) in &before {
            assert_eq!(after[name].len(), rows.len(), "{}: {name}", migration.description);
            for row in rows {
                assert!(is_kept(row, &after[name]), "{}: {row}", migration.description);
            }
        }
        sqlx::raw_sql(sql(rows_after(migration)))
            .execute(&mut connection)
            .await
            .unwrap();
        before = contents(&mut connection).await;
    }
    for (name, rows) in &before {
        assert!(!rows.is_empty(), "no rows were put into {name}");
    }
    drop(connection);
    // What was done step by step is what `weir migrate` does.
    pool::migrate(&database.url).await.unwrap();
    let mut connection = database.connect().await;
    assert_eq!(contents(&mut connection).await, before);
    database.drop().await;
}

#[tokio::test]
async fn several_that_migrate_at_once_do_it_once() {
    let database = Database::empty().await;
    let results = futures_util::future::join_all((0..4).map(|_| pool::migrate(&database.url))).await;
    for result in results {
        result.unwrap();
    }
    let mut connection = database.connect().await;
    let applied: i64 = sqlx::query_scalar("select count(*) from _sqlx_migrations where success")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(usize::try_from(applied).unwrap(), MIGRATOR.iter().count());
    database.drop().await;
}

#[tokio::test]
async fn a_database_of_a_newer_version_or_with_an_altered_past_is_not_touched() {
    for damage in [
        "update _sqlx_migrations set checksum = '\\x00' where version = (select min(version) from _sqlx_migrations)",
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
            values (99991231235959, 'from the future', true, '\\x00', 0)",
    ] {
        let database = Database::migrated().await;
        let mut connection = database.connect().await;
        sqlx::query(damage).execute(&mut connection).await.unwrap();
        pool::migrate(&database.url).await.unwrap_err();
        database.drop().await;
    }
}

#[tokio::test]
async fn whoever_migrates_is_named_to_who_waits_in_vain() {
    let database = Database::empty().await;
    let mut other = database.connect().await;
    other.lock().await.unwrap();
    let migrating: i32 = sqlx::query_scalar("select pg_backend_pid()")
        .fetch_one(&mut other)
        .await
        .unwrap();
    let refused = pool::migrate_within(&database.url, Duration::ZERO);
    let refused = tokio::time::timeout(Duration::from_mins(1), refused).await;
    let refusal = refused.expect("it waits for good").unwrap_err().to_string();
    assert!(refusal.contains(&format!("process {migrating},")), "{refusal}");
    other.unlock().await.unwrap();
    pool::migrate(&database.url).await.unwrap();
    database.drop().await;
}

/// The first one that alters `orders`.
const ALTERS_ORDERS: i64 = 20_261_121_100_000;

#[tokio::test]
async fn a_migration_that_waits_for_a_table_holds_up_nobody_and_goes_on_when_it_is_free() {
    let database = Database::empty().await;
    let mut connection = database.connect().await;
    let table = &MIGRATOR.table_name;
    connection.ensure_migrations_table(table).await.unwrap();
    for migration in MIGRATOR.iter().filter(|one| one.version < ALTERS_ORDERS) {
        connection.apply(table, migration).await.unwrap();
    }
    let mut reader = database.connect().await;
    reader.execute("begin; select from orders").await.unwrap();
    let reading: i32 = sqlx::query_scalar("select pg_backend_pid()")
        .fetch_one(&mut reader)
        .await
        .unwrap();

    let refused = pool::migrate_within(&database.url, Duration::ZERO);
    let refused = tokio::time::timeout(Duration::from_mins(1), refused).await;
    let refusal = refused.expect("it waits for good").unwrap_err().to_string();
    assert!(refusal.contains(&format!("process {reading},")), "{refusal}");

    let asking = async {
        let waiting = "select exists (select from pg_stat_activity where datname = current_database()
            and application_name = 'weir migrate' and wait_event_type = 'Lock')";
        until(&mut connection, waiting).await;
        let asked = connection.execute("select from orders");
        let answered = tokio::time::timeout(Duration::from_mins(1), asked).await;
        answered.expect("it waits behind the migration").unwrap();
        reader.execute("commit").await.unwrap();
    };
    let (migrated, ()) = join(pool::migrate(&database.url), asking).await;
    migrated.unwrap();
    let applied: i64 = sqlx::query_scalar("select count(*) from _sqlx_migrations where success")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(usize::try_from(applied).unwrap(), MIGRATOR.iter().count());
    database.drop().await;
}

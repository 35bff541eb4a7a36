//! A database for each test, copied from one that has every migration.

use std::path::Path;

use sqlx::{Connection as _, PgConnection};
use tokio::sync::OnceCell;
use weir::dev::postgres::{Cluster, Error};
use weir::store::{MIGRATOR, pool};

static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();

async fn cluster() -> &'static Cluster {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    CLUSTER
        .get_or_init(|| async { Cluster::of_tests(project).await.unwrap() })
        .await
}

/// A database with every migration: its name and its address.
pub(crate) async fn fresh() -> (String, String) {
    let cluster = cluster().await;
    let fingerprint: String = MIGRATOR
        .iter()
        .map(|migration| hex::encode(&migration.checksum))
        .collect();
    let template = cluster
        .template(&fingerprint, |url| async move {
            pool::migrate(&url).await.unwrap();
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
    let name = cluster.fresh_database(&template).await.unwrap();
    let url = cluster.url(&name);
    (name, url)
}

/// Cuts everybody's connections to a database.
pub(crate) async fn cut(name: &str) {
    administer(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1",
        name,
    )
    .await;
}

/// Whether new connections to a database are let in.
pub(crate) async fn allow_connections(name: &str, is_allowed: bool) {
    let statement = if is_allowed {
        "update pg_database set datallowconn = true where datname = $1"
    } else {
        "update pg_database set datallowconn = false where datname = $1"
    };
    administer(statement, name).await;
}

/// Whether new connections to a database only read.
pub(crate) async fn only_read(name: &str, is_read_only: bool) {
    let url = cluster().await.url("postgres");
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let set = format!("alter database {name} set default_transaction_read_only = {is_read_only}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(set))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

/// Runs a statement about a database from outside of it.
async fn administer(statement: &'static str, name: &str) {
    let url = cluster().await.url("postgres");
    let mut connection = PgConnection::connect(&url).await.unwrap();
    sqlx::query(statement)
        .bind(name)
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

pub(crate) async fn drop(name: &str) {
    cluster().await.drop_database(name).await.unwrap();
}

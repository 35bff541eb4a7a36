//! An empty database for each test.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use tokio::sync::OnceCell;
use weir::dev::postgres::Cluster;
use weir::store::pool;

static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
static COUNT: AtomicU32 = AtomicU32::new(0);

async fn cluster() -> &'static Cluster {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    CLUSTER
        .get_or_init(|| async { Cluster::of_tests(project).await.unwrap() })
        .await
}

/// A database of one test.
pub(crate) struct Database {
    name: String,
    pub(crate) url: String,
}

impl Database {
    /// One without any table.
    pub(crate) async fn empty() -> Self {
        let cluster = cluster().await;
        let name = format!(
            "migrations_{}_{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        cluster.drop_database(&name).await.unwrap();
        cluster.ensure_database(&name).await.unwrap();
        let url = cluster.url(&name);
        Self { name, url }
    }

    /// One with every migration.
    pub(crate) async fn migrated() -> Self {
        let database = Self::empty().await;
        pool::migrate(&database.url).await.unwrap();
        database
    }

    pub(crate) async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }

    /// Removes it; one that a failed test leaves goes with the cluster.
    pub(crate) async fn drop(self) {
        cluster().await.drop_database(&self.name).await.unwrap();
    }
}

/// Waits until the database says yes.
pub(crate) async fn until(connection: &mut PgConnection, question: &'static str) {
    let asking = async {
        while !sqlx::query_scalar::<_, bool>(question)
            .fetch_one(&mut *connection)
            .await
            .unwrap()
        {
            tokio::task::yield_now().await;
        }
    };
    let answered = tokio::time::timeout(Duration::from_mins(1), asking).await;
    assert!(answered.is_ok(), "it never came: {question}");
}

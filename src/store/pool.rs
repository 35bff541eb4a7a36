//! The pool, with every wait bounded.

use std::str::FromStr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::migrate::Migrate;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection as _, PgPool};

use super::{Error, MIGRATOR};

/// How long a request waits for a connection before it is refused.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(1);

/// After how long a connection that nobody used is asked whether it still lives.
const TRUSTED: Duration = Duration::from_secs(1);

/// When a connection of this process was last found dead, in microseconds after [`BEGUN`].
static DOUBTED_AT_US: AtomicU64 = AtomicU64::new(0);
static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Puts every connection in doubt that nobody uses at this moment: what ended one has most likely
/// ended them all.
pub(super) fn doubt_idle_connections() {
    DOUBTED_AT_US.fetch_max(micros_since_begin(), Ordering::Relaxed);
}

fn is_doubtful(idle_for: Duration) -> bool {
    let idle_us = u64::try_from(idle_for.as_micros()).unwrap_or(u64::MAX);
    let idle_since_us = micros_since_begin().saturating_sub(idle_us);
    idle_for >= TRUSTED || idle_since_us <= DOUBTED_AT_US.load(Ordering::Relaxed)
}

fn micros_since_begin() -> u64 {
    // One more, so that 0 is before all.
    u64::try_from(BEGUN.elapsed().as_micros()).map_or(u64::MAX, |micros| micros.saturating_add(1))
}

/// How a pool is made.
#[derive(Clone, Copy, Debug)]
pub struct PoolLimits {
    /// The most connections of this process.
    pub connections_max: u32,
}

/// Opens a pool on `url`. No connection is made until the first statement.
///
/// Every connection refuses a statement after 2 s, a lock after 1 s and an idle transaction after
/// 5 s, so that one stuck request cannot hold a place for good.
///
/// # Errors
/// When `url` is not a PostgreSQL URL.
pub fn open(url: &str, limits: PoolLimits) -> Result<PgPool, sqlx::Error> {
    let options = PgConnectOptions::from_str(url)?
        .application_name("weir")
        .options([
            ("statement_timeout", "2s"),
            ("lock_timeout", "1s"),
            ("idle_in_transaction_session_timeout", "5s"),
            ("jit", "off"),
        ])
        .disable_statement_logging();
    Ok(PgPoolOptions::new()
        .max_connections(limits.connections_max)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .max_lifetime(Duration::from_mins(30))
        .idle_timeout(Duration::from_mins(10))
        // A ping before each use would cost a fifth of all reads, so only a connection in doubt is
        // asked: under load none is, and after a restart of the database nobody gets a dead one.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if is_doubtful(meta.idle_for) {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_lazy_with(options))
}

/// Applies the migrations that `url`'s database lacks; safe when several start it at once.
///
/// # Errors
/// When the database is out of reach, or holds migrations that this program does not know.
pub async fn migrate(url: &str) -> Result<(), sqlx::migrate::MigrateError> {
    let mut connection = PgConnectOptions::from_str(url)?
        .application_name("weir migrate")
        .disable_statement_logging()
        .connect()
        .await?;
    MIGRATOR.run(&mut connection).await
}

/// How many of this program's migrations the database lacks.
pub async fn pending_migrations(db: &PgPool) -> Result<usize, Error> {
    let mut connection = db.acquire().await?;
    let applied = match connection.list_applied_migrations(&MIGRATOR.table_name).await {
        Ok(applied) => applied,
        Err(sqlx::migrate::MigrateError::Execute(error)) if is_undefined_table(&error) => Vec::new(),
        Err(sqlx::migrate::MigrateError::Execute(error)) => return Err(error.into()),
        Err(error) => return Err(Error::Driver(sqlx::Error::Migrate(Box::new(error)))),
    };
    Ok(MIGRATOR
        .iter()
        .filter(|known| applied.iter().all(|row| row.version != known.version))
        .count())
}

fn is_undefined_table(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .as_deref()
        == Some("42P01")
}

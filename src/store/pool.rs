//! The pool, with every wait bounded.

use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::Migrate;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection as _, PgPool};

use super::{Error, MIGRATOR};

/// How long a request waits for a connection before it is refused.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(1);

/// After how long a connection that nobody used is asked whether it still lives.
const TRUSTED: Duration = Duration::from_secs(1);

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
        // A ping before each use would cost a fifth of all reads, so only a connection that lay idle
        // is asked: under load none is, and after a restart of the database nobody gets a dead one.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for >= TRUSTED {
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

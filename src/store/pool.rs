//! The pool, with every wait bounded.

use std::str::FromStr;

use sqlx::ConnectOptions;
use sqlx::migrate::Migrate;
use sqlx::postgres::PgConnectOptions;

use super::database::Database;
use super::{Error, MIGRATOR};

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
pub fn open(url: &str, limits: PoolLimits) -> Result<Database, sqlx::Error> {
    let options = PgConnectOptions::from_str(url)?
        .application_name("weir")
        .options([
            ("statement_timeout", "2s"),
            ("lock_timeout", "1s"),
            ("idle_in_transaction_session_timeout", "5s"),
            ("jit", "off"),
        ])
        .disable_statement_logging();
    Ok(Database::new(options, limits.connections_max))
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
pub async fn pending_migrations(db: &Database) -> Result<usize, Error> {
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

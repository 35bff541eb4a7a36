//! The pool, with every wait bounded.

use std::io;
use std::str::FromStr;
use std::time::{Duration, Instant};

use sqlx::migrate::Migrate;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Executor as _, Row as _};

use super::database::{self, Database, Lent};
use super::statement::within;
use super::{Error, MIGRATOR};

/// How long a start waits for its first connection. A request waits less, since it can be refused and sent again,
/// while a start that fails is a server less.
pub const FIRST_CONNECTION_WITHIN: Duration = Duration::from_secs(15);

/// How long a migration waits for a lock at a time. Whoever comes after it waits behind it, so that it gives up before
/// those do: it waits half as long as they.
const BOUND_MIGRATION: &str = "-- pool.bound_migration
        set lock_timeout = '500ms'";
/// The gap between two tries, in which all of those are served.
const MIGRATION_GAP: Duration = Duration::from_secs(2);
/// How long another one that migrates is waited for at a time, in which nobody waits behind. Longer than most migrations.
const BOUND_TURN: &str = "-- pool.bound_turn
        set lock_timeout = '1s'";
/// For how long it is tried.
const MIGRATION_WITHIN: Duration = Duration::from_mins(5);

/// The bounds of a pool.
#[derive(Clone, Copy, Debug)]
pub struct PoolLimits {
    /// The most connections of this process.
    pub connections_max: u32,
    /// How long a request waits for a connection before it is refused.
    pub wait_max: Duration,
    /// How long a statement may take, its waits for locks included.
    pub statement_timeout: Duration,
    /// How long a statement waits for a lock.
    pub lock_timeout: Duration,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            connections_max: 16,
            wait_max: Duration::from_secs(1),
            statement_timeout: Duration::from_secs(2),
            lock_timeout: Duration::from_secs(1),
        }
    }
}

/// Opens a pool on `url`. No connection is made until the first statement.
///
/// Every connection refuses a statement and a lock that take too long, and an idle transaction after 5 s, so
/// that one stuck request cannot hold a place for good.
///
/// # Errors
/// When `url` is not a PostgreSQL URL.
pub fn open(url: &str, limits: PoolLimits) -> Result<Database, sqlx::Error> {
    let options = options(url)?
        .application_name("weir")
        .options([
            (
                "statement_timeout",
                milliseconds(limits.statement_timeout).as_str(),
            ),
            ("lock_timeout", &milliseconds(limits.lock_timeout)),
            ("idle_in_transaction_session_timeout", "5s"),
            ("jit", "off"),
        ])
        .disable_statement_logging();
    Ok(Database::new(options, limits.connections_max, limits.wait_max))
}

/// How the database of `url` is reached. An address of IPv6 has brackets in a URL, of which the driver knows nothing.
///
/// # Errors
/// When `url` is not a PostgreSQL URL.
pub fn options(url: &str) -> Result<PgConnectOptions, sqlx::Error> {
    let options = PgConnectOptions::from_str(url)?;
    let host = options.get_host();
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    Ok(match address.map(str::to_owned) {
        Some(address) => options.host(&address),
        None => options,
    })
}

fn milliseconds(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}

/// The database keeps texts in an encoding in which some of them cannot be kept, or are counted by their bytes.
#[derive(Debug, thiserror::Error)]
#[error(
    "the database's encoding is {0}, and UTF8 is needed: make it with \
     `createdb --template=template0 --encoding=UTF8 --locale=C.UTF-8`"
)]
pub struct WrongEncoding(String);

/// Why a database was not migrated.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// It is not one for any text.
    #[error(transparent)]
    Encoding(#[from] WrongEncoding),
    /// Others hold what a migration changes: a backup, a report, a transaction that somebody forgot.
    #[error(
        "a migration waits in vain for others to be done with a table ({blockers}); end them, or try again when they \
         are done"
    )]
    Locked {
        /// Who has been at the tables for longest: process ids and names.
        blockers: String,
    },
    /// It is out of reach, or holds migrations that this program does not know.
    #[error(transparent)]
    Driver(#[from] sqlx::migrate::MigrateError),
}

impl From<sqlx::Error> for MigrateError {
    fn from(error: sqlx::Error) -> Self {
        Self::Driver(error.into())
    }
}

/// Applies the migrations that `url`'s database lacks; safe when several start it at once: one waits for the other, for five
/// minutes. A lock that others hold is asked for briefly, again and again for as long, so that a shop under traffic goes on.
///
/// # Errors
/// See [`MigrateError`].
pub async fn migrate(url: &str) -> Result<(), MigrateError> {
    migrate_within(url, MIGRATION_WITHIN).await
}

/// The same, with another bound on how long locks are asked for.
///
/// # Errors
/// See [`MigrateError`].
pub async fn migrate_within(url: &str, lock_within: Duration) -> Result<(), MigrateError> {
    let options = options(url)?
        .application_name("weir migrate")
        .disable_statement_logging();
    let connecting = database::connect(&options, PoolLimits::default().wait_max);
    let mut connection = tokio::time::timeout(FIRST_CONNECTION_WITHIN, connecting)
        .await
        .map_err(|_| sqlx::Error::Io(io::ErrorKind::TimedOut.into()))??;
    judge_encoding(&mut connection).await??;
    wait_for_turn(&mut connection, lock_within).await?;
    connection.execute(BOUND_MIGRATION).await?;
    let begun = Instant::now();
    loop {
        match MIGRATOR.run(&mut connection).await {
            Err(error) if is_lock_timeout(&error) => {
                if begun.elapsed() >= lock_within {
                    let blockers = blockers(&mut connection).await?;
                    return Err(MigrateError::Locked { blockers });
                }
                tokio::time::sleep(MIGRATION_GAP).await;
            }
            outcome => return Ok(outcome?),
        }
    }
}

/// Waits until no other one migrates. The turn ends with the connection.
async fn wait_for_turn(connection: &mut PgConnection, wait_max: Duration) -> Result<(), MigrateError> {
    connection.execute(BOUND_TURN).await?;
    let (begun, mut is_told) = (Instant::now(), false);
    loop {
        match connection.lock().await {
            Err(error) if is_lock_timeout(&error) => {
                let blockers = blockers(connection).await?;
                if begun.elapsed() >= wait_max {
                    return Err(MigrateError::Locked { blockers });
                }
                if !is_told {
                    is_told = true;
                    tracing::warn!(blockers, "waiting for another migration to end");
                }
            }
            outcome => return Ok(outcome?),
        }
    }
}

fn is_lock_timeout(error: &sqlx::migrate::MigrateError) -> bool {
    match error {
        sqlx::migrate::MigrateError::Execute(error)
        | sqlx::migrate::MigrateError::ExecuteMigration(error, _) => has_code(error, "55P03"),
        _ => false,
    }
}

/// Who has been at tables of ours, or at migrations, for longest. The key of those is one number, that of a collection two.
async fn blockers(connection: &mut PgConnection) -> Result<String, sqlx::Error> {
    let statement = "-- pool.blockers
        select coalesce(string_agg(format('process %s, %s', pid, name), '; '), 'they are gone now') from (
            select l.pid, coalesce(nullif(min(a.application_name), ''), min(a.backend_type), 'of another user') as name
            from pg_locks l left join pg_class c on c.oid = l.relation and c.relkind in ('r', 'p')
            left join pg_stat_activity a on a.pid = l.pid
            where l.granted and l.pid <> pg_backend_pid()
                and (c.relnamespace = to_regnamespace(current_schema()::text) or (l.locktype = 'advisory' and l.objsubid = 1))
                and l.database = (select oid from pg_database where datname = current_database())
            group by l.pid order by min(a.xact_start) limit 5) longest";
    connection.fetch_one(statement).await?.try_get(0)
}

/// Whether the database keeps any text as it is.
///
/// # Errors
/// When it cannot be asked.
pub async fn judge_encoding(connection: &mut PgConnection) -> Result<Result<(), WrongEncoding>, sqlx::Error> {
    let statement = "-- pool.judge_encoding
        select current_setting('server_encoding')";
    let encoding: String = within(connection.fetch_one(statement)).await?.try_get(0)?;
    Ok(if encoding == "UTF8" {
        Ok(())
    } else {
        Err(WrongEncoding(encoding))
    })
}

/// What is not this user's, of what it must be able to write to and to change: its schema, or one of the tables. Four stand for all: one
/// user makes them, and others may lie in the same schema.
///
/// # Errors
/// When it cannot be asked.
pub async fn find_foreign(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    let statement = "-- pool.find_foreign
        select case when not has_schema_privilege(current_schema()::text, 'create')
            then format('the schema %I', current_schema())
            else (select format('the table %I', c.relname) from pg_class c
                where c.relnamespace = to_regnamespace(quote_ident(current_schema()::text))
                and c.relname in ('_sqlx_migrations', 'users', 'orders', 'documents')
                and not pg_has_role(c.relowner, 'usage') order by c.relname limit 1) end";
    within(connection.fetch_one(statement)).await?.try_get(0)
}

/// How many of this program's migrations the database lacks.
pub async fn pending_migrations(mut connection: Lent) -> Result<usize, Error> {
    let listing = async {
        match connection.list_applied_migrations(&MIGRATOR.table_name).await {
            Ok(applied) => Ok(applied),
            Err(sqlx::migrate::MigrateError::Execute(error)) if has_code(&error, "42P01") => Ok(Vec::new()),
            Err(sqlx::migrate::MigrateError::Execute(error)) => Err(error),
            Err(error) => Err(sqlx::Error::Migrate(Box::new(error))),
        }
    };
    let applied = within(listing).await?;
    Ok(MIGRATOR
        .iter()
        .filter(|known| applied.iter().all(|row| row.version != known.version))
        .count())
}

fn has_code(error: &sqlx::Error, code: &str) -> bool {
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .as_deref()
        == Some(code)
}

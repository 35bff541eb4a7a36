//! Waiting for the database, with a bound of our own.
//!
//! The bounds of [`super::pool`] are kept by the server. A server that vanishes without a word, its network or its
//! whole machine, keeps none of them, and TCP alone waits for a quarter of an hour or for ever.

use std::io;
use std::time::Duration;

use sqlx::PgConnection;

use super::is_away;
use crate::telemetry;

/// How long an answer is waited for. Longer than any statement may take, so that a server that lives always ends it
/// first, with an error that says why.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Runs a statement as [`telemetry::query`], and gives up a server that says nothing.
pub(super) async fn query<T>(
    name: &'static str,
    statement: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    query_within(name, ANSWER_WITHIN, statement).await
}

/// The same with another bound, for what runs on a connection with bounds of its own.
pub(super) async fn query_within<T>(
    name: &'static str,
    bound: Duration,
    statement: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let outcome = telemetry::query(name, bounded(bound, statement)).await;
    if let Err(sqlx::Error::Database(error)) = &outcome
        && let Some(code) = error.code().filter(|code| is_away(code))
    {
        telemetry::count_database_trouble(code.into_owned());
    }
    outcome
}

/// Gives up a server that says nothing. The connection must not be used again.
pub(super) async fn within<T>(
    statement: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    bounded(ANSWER_WITHIN, statement).await
}

async fn bounded<T>(
    bound: Duration,
    statement: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    tokio::time::timeout(bound, statement)
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::Io(io::ErrorKind::TimedOut.into())))
}

/// Has the statements of this transaction planned anew, for those of which index serves depends on what is asked for:
/// a plan that is good for any question reads the whole table.
pub(super) async fn plan_anew(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    let statement = sqlx::query!(
        "-- statement.plan_anew
        set local plan_cache_mode = force_custom_plan"
    )
    .execute(db);
    query("statement.plan_anew", statement).await?;
    Ok(())
}

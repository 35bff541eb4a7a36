//! Which data key counts as the newest, over all servers.
//!
//! While servers are replaced one after the other, each has a list of keys of its own. Only one key
//! may be the aim of sealing again, or two servers would undo each other's work for ever: the one of
//! the server that was started last.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Error;
use super::statement::query;
use super::vault::KeyName;

/// Notes that a server that was started then seals under this key.
pub async fn note_head(
    db: impl PgExecutor<'_>,
    name: KeyName,
    started_at: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- data_key.note_head
        insert into data_keys as known (name, headed_at) values ($1, $2)
        on conflict on constraint data_keys_pkey do update set headed_at = excluded.headed_at
        where known.headed_at < excluded.headed_at",
        name.to_string(),
        started_at,
    )
    .execute(db);
    query("data_key.note_head", statement).await?;
    Ok(())
}

/// The key, by its name in hexadecimal, that the server seals under which was started last; none
/// before the first has said so.
pub async fn find_head(db: impl PgExecutor<'_>) -> Result<Option<String>, Error> {
    let statement = sqlx::query_scalar!(
        "-- data_key.find_head
        select name from data_keys order by headed_at desc, name limit 1",
    )
    .fetch_optional(db);
    Ok(query("data_key.find_head", statement).await?)
}

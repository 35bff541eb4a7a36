//! Making and removing indexes and partitions beside running traffic. Such statements are text that
//! PostgreSQL itself made, with its own quotes, and this is the one place that runs them: they take no
//! parameters and must not stand in a transaction.
//!
//! They run on a connection of its own with long bounds, under a lock that ends with it, so that one
//! change of a collection is under way at a time and a dead one is seen to be dead.

#![expect(
    clippy::disallowed_types,
    reason = "the text comes from PostgreSQL's format(), which quotes it"
)]

use std::time::Duration;

use sqlx::{AssertSqlSafe, PgConnection, PgExecutor};

use super::Error;
use super::statement::{query, query_within};

/// How long an index may take, from this side: longer than the connection lets any statement take.
const RUN_WITHIN: Duration = Duration::from_mins(31);

/// The class of our advisory locks on collections: `weir`.
const LOCK_CLASS: i32 = 0x7765_6972;

/// Takes the lock on changes of a collection, until the connection ends. Tells whether it was free.
pub async fn lock(db: &mut PgConnection, id: i32) -> Result<bool, Error> {
    let statement = sqlx::query_scalar!(
        r#"-- collection_index.lock
        select pg_try_advisory_lock($1, $2) as "is_free!""#,
        LOCK_CLASS,
        id,
    )
    .fetch_one(db);
    Ok(query("collection_index.lock", statement).await?)
}

/// Gives the lock back before the connection ends, which the database may notice later.
pub async fn unlock(db: &mut PgConnection, id: i32) -> Result<(), Error> {
    let statement = sqlx::query_scalar!(
        r#"-- collection_index.unlock
        select pg_advisory_unlock($1, $2) as "was_held!""#,
        LOCK_CLASS,
        id,
    )
    .fetch_one(db);
    query("collection_index.unlock", statement).await?;
    Ok(())
}

/// Makes an index of which there is a row, while others write.
///
/// # Errors
/// [`Error::Conflict`] when documents agree in a unique key; the index is to be removed then.
pub async fn build(db: &mut PgConnection, id: i32, number: i32) -> Result<(), Error> {
    let statement = sqlx::query_scalar!(
        r#"-- collection_index.build
        select document_index_definition($1, $2, true)"#,
        id,
        number,
    )
    .fetch_one(&mut *db);
    let text = query("collection_index.build", statement).await?;
    run(db, text).await
}

/// Removes an index, finished or not, while others write, and its row.
pub async fn remove(db: &mut PgConnection, id: i32, number: i32) -> Result<(), Error> {
    let statement = sqlx::query_scalar!(
        r#"-- collection_index.remove
        select document_index_removal($1, $2)"#,
        id,
        number,
    )
    .fetch_one(&mut *db);
    let text = query("collection_index.remove", statement).await?;
    run(db, text).await?;
    let statement = sqlx::query!(
        "-- collection_index.delete
        delete from collection_indexes where collection_id = $1 and number = $2",
        id,
        number,
    )
    .execute(db);
    query("collection_index.delete", statement).await?;
    Ok(())
}

/// The indexes that are on their way in or out.
pub async fn list_unfinished(db: impl PgExecutor<'_>, id: i32) -> Result<Vec<i32>, Error> {
    let statement = sqlx::query_scalar!(
        "-- collection_index.list_unfinished
        select number from collection_indexes where collection_id = $1 and state <> 'ready' order by number",
        id,
    )
    .fetch_all(db);
    Ok(query("collection_index.list_unfinished", statement).await?)
}

/// Up to ten collections of which something is left to do, and whether they were removed. First the one whose
/// partition is on its way out, since no other's can begin to leave before that is done.
pub async fn list_untidy(db: impl PgExecutor<'_>) -> Result<Vec<(i32, bool)>, Error> {
    let statement = sqlx::query!(
        r#"-- collection_index.list_untidy
        select c.id, c.removed_at is not null as "is_removed!" from collections c
        where c.removed_at is not null or c.pending_schema_id is not null
            or exists (select from collection_indexes i where i.collection_id = c.id and i.state <> 'ready')
        order by exists (select from pg_inherits p
            where p.inhrelid = to_regclass('documents_' || c.id) and p.inhdetachpending) desc, c.id
        limit 10"#,
    )
    .fetch_all(db);
    let rows = query("collection_index.list_untidy", statement).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.is_removed)).collect())
}

/// Removes all that a collection held that the operator removed. Others go on meanwhile.
pub async fn remove_collection(db: &mut PgConnection, id: i32) -> Result<(), Error> {
    loop {
        let statement = sqlx::query_scalar!(
            "-- collection_index.remove_partition
            select document_partition_removal($1)",
            id,
        )
        .fetch_one(&mut *db);
        match query("collection_index.remove_partition", statement).await? {
            Some(text) => run(db, Some(text)).await?,
            None => break,
        }
    }
    let statement = sqlx::query!(
        "-- collection_index.delete_collection
        with counts as (delete from document_counts where collection_id = $1),
            requests as (delete from document_requests where collection_id = $1),
            indexes as (delete from collection_indexes where collection_id = $1)
        delete from collections where id = $1 and removed_at is not null",
        id,
    )
    .execute(db);
    query("collection_index.delete_collection", statement).await?;
    Ok(())
}

async fn run(db: &mut PgConnection, text: Option<String>) -> Result<(), Error> {
    if let Some(text) = text {
        let statement = sqlx::raw_sql(AssertSqlSafe(text)).execute(db);
        query_within("collection_index.run", RUN_WITHIN, statement).await?;
    }
    Ok(())
}

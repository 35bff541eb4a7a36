//! Schemas of collections, and finding out when everybody who writes knows of one.

use serde_json::value::RawValue;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Error;
use super::statement::query;

/// The schemas that a document of a collection must hold to, by their ids. A write names them, and does
/// nothing once they are others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SchemaIds {
    /// The one that holds.
    pub active: Option<Uuid>,
    /// The one that the documents are being checked against.
    pub pending: Option<Uuid>,
}

/// The text of a schema; none when it is in force no more.
pub async fn find(
    db: impl PgExecutor<'_>,
    collection_id: i32,
    schema_id: Uuid,
) -> Result<Option<String>, Error> {
    let statement = sqlx::query_scalar!(
        r#"-- collection_schema.find
        select case when schema_id = $2 then schema else pending_schema end::text as "schema!" from collections
        where id = $1 and (schema_id = $2 or pending_schema_id = $2)"#,
        collection_id,
        schema_id,
    )
    .fetch_optional(db);
    Ok(query("collection_schema.find", statement).await?)
}

/// The schemas that hold of these collections, each with its collection.
pub async fn list(
    db: impl PgExecutor<'_>,
    collection_ids: &[i32],
) -> Result<Vec<(i32, Box<RawValue>)>, Error> {
    let statement = sqlx::query!(
        r#"-- collection_schema.list
        select id, schema as "schema!: Json<Box<RawValue>>" from collections
        where id = any($1) and schema is not null order by id"#,
        collection_ids,
    )
    .fetch_all(db);
    let rows = query("collection_schema.list", statement).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.schema.0)).collect())
}

/// Whether this schema, or none, is what holds already.
pub async fn is_held(
    db: impl PgExecutor<'_>,
    collection_id: i32,
    schema: Option<&str>,
) -> Result<bool, Error> {
    let statement = sqlx::query_scalar!(
        r#"-- collection_schema.is_held
        select schema is not distinct from $2::text::jsonb as "is_held!" from collections where id = $1"#,
        collection_id,
        schema,
    )
    .fetch_one(db);
    Ok(query("collection_schema.is_held", statement).await?)
}

/// From now on whoever writes obeys this one too.
pub async fn update_pending(
    db: impl PgExecutor<'_>,
    collection_id: i32,
    schema_id: Uuid,
    schema: &str,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- collection_schema.update_pending
        update collections set pending_schema = $3::text::jsonb, pending_schema_id = $2 where id = $1",
        collection_id,
        schema_id,
        schema,
    )
    .execute(db);
    query("collection_schema.update_pending", statement).await?;
    Ok(())
}

/// What was pending holds; without such a one, none does from now on.
pub async fn update_active(db: impl PgExecutor<'_>, collection_id: i32) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- collection_schema.update_active
        update collections set schema = pending_schema, schema_id = pending_schema_id,
            pending_schema = null, pending_schema_id = null
        where id = $1",
        collection_id,
    )
    .execute(db);
    query("collection_schema.update_active", statement).await?;
    Ok(())
}

/// What was pending is given up.
pub async fn update_given_up(db: impl PgExecutor<'_>, collection_id: i32) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- collection_schema.update_given_up
        update collections set pending_schema = null, pending_schema_id = null
        where id = $1 and pending_schema_id is not null",
        collection_id,
    )
    .execute(db);
    query("collection_schema.update_given_up", statement).await?;
    Ok(())
}

/// The transactions that write documents now, of whatever collection. One that began its statement before
/// a schema was pending is among them, as long as it has not ended: a statement locks its table first and
/// looks at the rows after.
pub async fn list_writers(db: &mut PgConnection) -> Result<Vec<String>, Error> {
    let statement = sqlx::query_scalar!(
        r#"-- collection_schema.list_writers
        select distinct virtualtransaction as "writer!" from pg_locks
        where locktype = 'relation' and relation = 'documents'::regclass and mode = 'RowExclusiveLock' and granted
            and database = (select oid from pg_database where datname = current_database())
        order by 1"#,
    )
    .fetch_all(db);
    Ok(query("collection_schema.list_writers", statement).await?)
}

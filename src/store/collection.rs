//! What was declared of collections.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Error;
use super::collection_schema::SchemaIds;
use super::statement::query;
use crate::domain::collection::access::Permission;
use crate::domain::collection::declaration::{Declaration, Index};
use crate::domain::name::{AppId, CollectionName};

/// A collection as it is.
#[derive(Clone, Debug)]
pub struct StoredCollection {
    /// Its number, which names its partition.
    pub id: i32,
    /// Its name.
    pub name: CollectionName,
    /// What was declared of it, and holds.
    pub declaration: Declaration,
    /// The numbers of its indexes, in the order of the declaration.
    pub numbers: Vec<i32>,
    /// Its schemas.
    pub schemas: SchemaIds,
    /// How many documents it has, by estimate.
    pub estimate: i64,
    /// When it was declared first.
    pub created_at: DateTime<Utc>,
    /// When it was declared last.
    pub updated_at: DateTime<Utc>,
}

/// An index as its row tells it.
#[derive(Clone, Debug, Deserialize)]
struct IndexRow {
    number: i32,
    is_unique: bool,
    fields: Vec<String>,
}

struct CollectionRow {
    id: i32,
    name: String,
    permission: String,
    apps: Option<Vec<String>>,
    schema_id: Option<Uuid>,
    pending_schema_id: Option<Uuid>,
    estimate: i64,
    indexes: Json<Vec<IndexRow>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<CollectionRow> for StoredCollection {
    type Error = Error;

    fn try_from(row: CollectionRow) -> Result<Self, Error> {
        let inconsistent = || Error::Inconsistent { table: "collections" };
        let apps = row.apps.map(|apps| apps.into_iter().map(AppId::parse).collect());
        let numbers = row.indexes.0.iter().map(|index| index.number).collect();
        let index = |row: IndexRow| Index {
            is_unique: row.is_unique,
            fields: row.fields,
        };
        Ok(Self {
            id: row.id,
            name: CollectionName::parse(row.name).map_err(|_| inconsistent())?,
            declaration: Declaration {
                permission: Permission::parse(&row.permission).ok_or_else(inconsistent)?,
                apps: apps.transpose().map_err(|_| inconsistent())?,
                indexes: row.indexes.0.into_iter().map(index).collect(),
            },
            numbers,
            schemas: SchemaIds {
                active: row.schema_id,
                pending: row.pending_schema_id,
            },
            estimate: row.estimate,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// The collection of this name, unless it was removed.
pub async fn find(db: impl PgExecutor<'_>, name: &CollectionName) -> Result<Option<StoredCollection>, Error> {
    let statement = sqlx::query_as!(
        CollectionRow,
        r#"-- collection.find
        select c.id, c.name, c.permission, c.apps, c.schema_id, c.pending_schema_id, coalesce(estimate_documents(c.id), 0) as "estimate!", c.created_at, c.updated_at,
            coalesce((select jsonb_agg(to_jsonb(i) order by i.number) from collection_indexes i
                where i.collection_id = c.id and i.state = 'ready'), '[]') as "indexes!: Json<Vec<IndexRow>>"
        from collections c where c.name = $1 and c.removed_at is null"#,
        name.as_str(),
    )
    .fetch_optional(db);
    query("collection.find", statement)
        .await?
        .map(StoredCollection::try_from)
        .transpose()
}

/// Up to `limit` collections by name, those after `after`.
pub async fn list(
    db: impl PgExecutor<'_>,
    after: Option<&CollectionName>,
    limit: i64,
) -> Result<Vec<StoredCollection>, Error> {
    let statement = sqlx::query_as!(
        CollectionRow,
        r#"-- collection.list
        select c.id, c.name, c.permission, c.apps, c.schema_id, c.pending_schema_id, coalesce(estimate_documents(c.id), 0) as "estimate!", c.created_at, c.updated_at,
            coalesce((select jsonb_agg(to_jsonb(i) order by i.number) from collection_indexes i
                where i.collection_id = c.id and i.state = 'ready'), '[]') as "indexes!: Json<Vec<IndexRow>>"
        from collections c where c.removed_at is null and ($1::text is null or c.name collate "C" > $1)
        order by c.name collate "C" limit $2"#,
        after.map(CollectionName::as_str),
        limit,
    )
    .fetch_all(db);
    let rows = query("collection.list", statement).await?;
    rows.into_iter().map(StoredCollection::try_from).collect()
}

/// Makes a collection with its partition and its indexes, and gives its number; none if the name is taken.
pub async fn insert(
    db: &mut PgConnection,
    name: &CollectionName,
    declaration: &Declaration,
    now: DateTime<Utc>,
) -> Result<Option<i32>, Error> {
    let apps = apps(declaration);
    let statement = sqlx::query_scalar!(
        "-- collection.insert
        insert into collections (name, permission, apps, next_number, created_at, updated_at)
        values ($1, $2, $3, 1, $4, $4)
        on conflict (name) where removed_at is null do nothing
        returning id",
        name.as_str(),
        declaration.permission.as_str(),
        apps.as_deref(),
        now,
    )
    .fetch_optional(&mut *db);
    let Some(id) = query("collection.insert", statement).await? else {
        return Ok(None);
    };
    insert_indexes(&mut *db, id, &declaration.indexes, "ready").await?;
    let statement = sqlx::query!(
        "-- collection.create_partition
        select create_document_partition($1)",
        id,
    )
    .execute(db);
    query("collection.create_partition", statement).await?;
    Ok(Some(id))
}

/// Changes what needs no index.
pub async fn update(
    db: impl PgExecutor<'_>,
    id: i32,
    declaration: &Declaration,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let apps = apps(declaration);
    let statement = sqlx::query!(
        "-- collection.update
        update collections set permission = $2, apps = $3, updated_at = $4 where id = $1",
        id,
        declaration.permission.as_str(),
        apps.as_deref(),
        now,
    )
    .execute(db);
    query("collection.update", statement).await?;
    Ok(())
}

/// From now on the collection is not there any more; what it holds goes afterwards.
pub async fn update_removed(db: impl PgExecutor<'_>, id: i32, now: DateTime<Utc>) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- collection.update_removed
        update collections set removed_at = $2 where id = $1 and removed_at is null",
        id,
        now,
    )
    .execute(db);
    query("collection.update_removed", statement).await?;
    Ok(())
}

/// Writes rows for new indexes, and gives their numbers.
pub async fn insert_indexes(
    db: &mut PgConnection,
    id: i32,
    indexes: &[Index],
    state: &str,
) -> Result<Vec<i32>, Error> {
    let mut numbers = Vec::with_capacity(indexes.len());
    for index in indexes {
        let statement = sqlx::query_scalar!(
            "-- collection.insert_index
            with taken as (update collections set next_number = next_number + 1 where id = $1 returning next_number - 1 as number)
            insert into collection_indexes (collection_id, number, is_unique, fields, state)
            select $1, number, $2, $3, $4 from taken
            returning number",
            id,
            index.is_unique,
            &index.fields,
            state,
        )
        .fetch_one(&mut *db);
        numbers.push(query("collection.insert_index", statement).await?);
    }
    Ok(numbers)
}

/// Moves indexes to a state.
pub async fn update_indexes(
    db: impl PgExecutor<'_>,
    id: i32,
    numbers: &[i32],
    state: &str,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- collection.update_indexes
        update collection_indexes set state = $3 where collection_id = $1 and number = any($2)",
        id,
        numbers,
        state,
    )
    .execute(db);
    query("collection.update_indexes", statement).await?;
    Ok(())
}

fn apps(declaration: &Declaration) -> Option<Vec<String>> {
    let apps = declaration.apps.as_ref()?;
    Some(apps.iter().map(|app| app.as_str().to_owned()).collect())
}

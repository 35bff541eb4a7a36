//! Documents. Whose they must be to be seen or changed is part of each statement.
//!
//! Statements name the collection by a parameter and are planned each time, so that one partition is
//! looked at and its indexes are known; a plan that is kept would be one for all partitions.

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, PgExecutor};
use uuid::Uuid;

use super::Error;
use super::collection_schema::SchemaIds;
use super::document_filter::{Statement, push_behind, push_filter, push_key, push_order};
use super::statement::query;
use crate::domain::collection::access::Reach;
use crate::domain::collection::filter::Filter;
use crate::domain::collection::query::{Position, Sort, SortKey};
use crate::domain::id::{DocumentId, UserId};

/// How many bytes of documents a page has at the most, but for its first one.
const PAGE_BYTES_MAX: i64 = 4 * 1_048_576;
/// How many documents are looked at in one go when all of them are.
const BATCH_MAX: i64 = 500;

/// A document as it is kept.
#[derive(Clone, Debug, FromRow)]
pub struct StoredDocument {
    /// Its id.
    pub id: DocumentId,
    /// Who made it; none: the operator or a service.
    pub owner_id: Option<UserId>,
    /// 1 when it is made, and one more with each change.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// A JSON object.
    pub data: Box<RawValue>,
}

/// One document, as far as somebody may reach it.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The collection.
    pub collection_id: i32,
    /// The document.
    pub id: DocumentId,
    /// Whose it must be.
    pub reach: Reach,
    /// The version that it must have, if one was named.
    pub version: Option<i64>,
}

/// What is asked of a collection.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// The collection.
    pub collection_id: i32,
    /// Whose documents.
    pub reach: Reach,
    /// Which of them.
    pub filter: &'a Filter,
}

/// Documents to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewDocuments<'a> {
    /// The collection.
    pub collection_id: i32,
    /// Whose they are.
    pub owner_id: Option<UserId>,
    /// Their ids.
    pub ids: &'a [Uuid],
    /// Their data as JSON, in the same order.
    pub data: &'a [String],
    /// The schemas that they were checked against.
    pub schemas: SchemaIds,
    /// The time.
    pub now: DateTime<Utc>,
}

/// Makes all of them or none. Tells whether it did: not when the collection's schemas are others by now.
pub async fn insert(db: impl PgExecutor<'_>, new: &NewDocuments<'_>) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- document.insert
        insert into documents (collection_id, id, owner_id, version, created_at, updated_at, data)
        select $1, t.id, $2, 1, $3, $3, t.data::jsonb from unnest($4::uuid[], $5::text[]) t (id, data)
        where exists (select from collections c where c.id = $1
            and (c.schema_id, c.pending_schema_id) is not distinct from ($6::uuid, $7::uuid))",
        new.collection_id,
        new.owner_id.map(Uuid::from),
        new.now,
        new.ids,
        new.data,
        new.schemas.active,
        new.schemas.pending,
    )
    .execute(db);
    Ok(query("document.insert", statement).await?.rows_affected() > 0)
}

/// One document.
pub async fn find(db: impl PgExecutor<'_>, target: Target) -> Result<Option<StoredDocument>, Error> {
    let mut statement = Statement::new(
        "-- document.find\nselect id, owner_id, version, created_at, updated_at, data from documents where ",
    );
    push_target(&mut statement, target);
    let found = statement.build_query_as().persistent(false).fetch_optional(db);
    Ok(query("document.find", found).await?)
}

/// What becomes of a document's data, as JSON.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// This.
    Replace(&'a str),
    /// What the steps of a patch make of it.
    Patch(&'a str),
}

/// Changes a document that is in reach and has the version; none if there is no such one, or if the collection's
/// schemas are not these any more.
pub async fn update(
    db: impl PgExecutor<'_>,
    target: Target,
    change: Change<'_>,
    schemas: SchemaIds,
    now: DateTime<Utc>,
) -> Result<Option<StoredDocument>, Error> {
    let mut statement = Statement::new("-- document.update\nupdate documents set data = ");
    match change {
        Change::Replace(data) => statement.push_bind(data.to_owned()).push("::jsonb"),
        Change::Patch(steps) => statement
            .push("document_patch(data, ")
            .push_bind(steps.to_owned())
            .push("::jsonb)"),
    };
    statement
        .push(", version = version + 1, updated_at = ")
        .push_bind(now)
        .push(" where ");
    push_target(&mut statement, target);
    statement
        .push(" and exists (select from collections c where c.id = ")
        .push_bind(target.collection_id)
        .push(" and (c.schema_id, c.pending_schema_id) is not distinct from (")
        .push_bind(schemas.active)
        .push("::uuid, ")
        .push_bind(schemas.pending)
        .push("::uuid))");
    statement.push(" returning id, owner_id, version, created_at, updated_at, data");
    let changed = statement.build_query_as().persistent(false).fetch_optional(db);
    Ok(query("document.update", changed).await?)
}

/// Removes a document that is in reach and has the version; tells whether there was such a one.
pub async fn delete(db: impl PgExecutor<'_>, target: Target) -> Result<bool, Error> {
    let mut statement = Statement::new("-- document.delete\ndelete from documents where ");
    push_target(&mut statement, target);
    let gone = statement.build().persistent(false).execute(db);
    Ok(query("document.delete", gone).await?.rows_affected() == 1)
}

/// A page, and whether something follows.
#[derive(Debug)]
pub struct Listed {
    /// The documents with the keys that they are sorted by.
    pub documents: Vec<(StoredDocument, Vec<SortKey>)>,
    /// Whether something follows.
    pub has_more: bool,
}

#[derive(FromRow)]
struct ListedRow {
    #[sqlx(flatten)]
    document: StoredDocument,
    sort_keys: Json<Vec<SortKey>>,
    found: i64,
}

/// Up to `limit` documents behind a place in the list.
pub async fn list(
    db: impl PgExecutor<'_>,
    selection: Selection<'_>,
    sort: &Sort,
    behind: Option<&Position>,
    limit: u32,
) -> Result<Listed, Error> {
    let mut statement = Statement::new(
        "-- document.list\nselect * from (
        select page.*, count(*) over () as found,
            sum(octet_length(data::text)) over (rows unbounded preceding) - octet_length(data::text) as bytes_before
        from (select id, owner_id, version, created_at, updated_at, data, jsonb_build_array(",
    );
    for (at, (path, _)) in sort.fields.iter().enumerate() {
        statement.push(if at == 0 {
            "jsonb_build_object('rank', ("
        } else {
            ", jsonb_build_object('rank', ("
        });
        push_key(&mut statement, path);
        statement.push(").rank, 'number', (");
        push_key(&mut statement, path);
        statement.push(").number::text, 'label', (");
        push_key(&mut statement, path);
        statement.push(").label)");
    }
    statement.push(") as sort_keys from documents where ");
    push_selection(&mut statement, selection);
    if let Some(position) = behind {
        statement.push(" and ");
        push_behind(&mut statement, sort, position);
    }
    push_order(&mut statement, sort);
    statement
        .push(" limit ")
        .push_bind(i64::from(limit) + 1)
        .push(") page) sized where bytes_before < ")
        .push_bind(PAGE_BYTES_MAX);
    let rows = statement
        .build_query_as::<ListedRow>()
        .persistent(false)
        .fetch_all(db);
    let mut rows = query("document.list", rows).await?;
    let found = rows.first().map_or(0, |row| row.found);
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(Listed {
        has_more: found > i64::try_from(rows.len()).unwrap_or(i64::MAX),
        documents: rows
            .into_iter()
            .map(|row| (row.document, row.sort_keys.0))
            .collect(),
    })
}

/// How many documents there are.
pub async fn count(db: impl PgExecutor<'_>, selection: Selection<'_>) -> Result<i64, Error> {
    let mut statement = Statement::new("-- document.count\nselect count(*) from documents where ");
    push_selection(&mut statement, selection);
    let count = statement.build_query_scalar().persistent(false).fetch_one(db);
    Ok(query("document.count", count).await?)
}

/// The next documents behind an id, whoever they belong to: their ids and their data. None behind the last one.
pub async fn list_behind(
    db: impl PgExecutor<'_>,
    collection_id: i32,
    behind: Uuid,
) -> Result<Vec<(Uuid, Json<Box<RawValue>>)>, Error> {
    let mut statement = Statement::new(
        "-- document.list_behind
        select id, data from (
            select page.*, sum(octet_length(data::text)) over (order by id) - octet_length(data::text) as bytes_before
            from (select id, data from documents where collection_id = ",
    );
    statement
        .push_bind(collection_id)
        .push(" and id > ")
        .push_bind(behind)
        .push(" order by id limit ")
        .push_bind(BATCH_MAX)
        .push(") page) sized where bytes_before < ")
        .push_bind(PAGE_BYTES_MAX)
        .push(" order by id");
    let rows = statement.build_query_as().persistent(false).fetch_all(db);
    Ok(query("document.list_behind", rows).await?)
}

/// A key that made documents before: of what request, and which.
#[derive(Debug)]
pub struct KeptRequest {
    /// SHA-256 of that request.
    pub request_hash: Vec<u8>,
    /// The documents that it made, in order.
    pub document_ids: Vec<Uuid>,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// Claims a key for documents that are about to be made; waits for another transaction that claims the
/// same one. Tells whether it was free.
pub async fn insert_request(
    db: &mut PgConnection,
    new: &NewDocuments<'_>,
    key: &str,
    request_hash: &[u8],
) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- document.insert_request
        insert into document_requests (collection_id, owner_id, key, request_hash, document_ids, created_at)
        values ($1, $2, $3, $4, $5, $6)
        on conflict on constraint document_requests_pkey do nothing",
        new.collection_id,
        new.owner_id.map_or(Uuid::nil(), Uuid::from),
        key,
        request_hash,
        new.ids,
        new.now,
    )
    .execute(db);
    Ok(query("document.insert_request", statement).await?.rows_affected() == 1)
}

/// What a key stands for, if it is taken.
pub async fn find_request(
    db: impl PgExecutor<'_>,
    collection_id: i32,
    owner_id: Option<UserId>,
    key: &str,
) -> Result<Option<KeptRequest>, Error> {
    let statement = sqlx::query_as!(
        KeptRequest,
        "-- document.find_request
        select request_hash, document_ids, created_at from document_requests
        where collection_id = $1 and owner_id = $2 and key = $3",
        collection_id,
        owner_id.map_or(Uuid::nil(), Uuid::from),
        key,
    )
    .fetch_optional(db);
    Ok(query("document.find_request", statement).await?)
}

fn push_target(statement: &mut Statement, target: Target) {
    statement
        .push("collection_id = ")
        .push_bind(target.collection_id)
        .push(" and id = ")
        .push_bind(Uuid::from(target.id));
    push_reach(statement, target.reach);
    if let Some(version) = target.version {
        statement.push(" and version = ").push_bind(version);
    }
}

fn push_selection(statement: &mut Statement, selection: Selection<'_>) {
    statement
        .push("collection_id = ")
        .push_bind(selection.collection_id);
    push_reach(statement, selection.reach);
    statement.push(" and ");
    push_filter(statement, selection.filter);
}

fn push_reach(statement: &mut Statement, reach: Reach) {
    match reach {
        Reach::All => statement,
        Reach::Own(id) => statement.push(" and owner_id = ").push_bind(Uuid::from(id)),
        Reach::Nothing => statement.push(" and false"),
    };
}

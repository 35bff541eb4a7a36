//! Declaring, changing and removing collections, beside running traffic.
//!
//! An index is a row before it is made and until it is gone, a schema is pending until every document was found to
//! hold to it, and everything of a change holds at once, when that is done. Whatever a crash leaves half done is found by its row: [`super::tidy`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use sqlx::PgConnection;

use super::{StoredCollection, inspect, tidy};
use crate::domain::collection::declaration::{Declaration, Index};
use crate::domain::collection::schema::Schema;
use crate::domain::name::CollectionName;
use crate::error::{AppError, ErrorCode, FieldError};
use crate::service::Context;
use crate::store;

/// How long the making of one index may take.
const BUILD_MAX: Duration = Duration::from_mins(30);

/// A collection with its schema.
#[derive(Debug)]
pub struct Declared {
    /// What holds of it.
    pub collection: StoredCollection,
    /// The schema that its documents hold to.
    pub schema: Option<Box<RawValue>>,
}

/// Makes or changes a collection; gives it, and whether it is new.
///
/// # Errors
/// `declaration_conflict` when its documents contradict a unique key or the schema, `request_in_progress` while
/// another change of the same collection is under way.
pub async fn declare(
    context: &Arc<Context>,
    name: CollectionName,
    declaration: Declaration,
    schema: Option<Schema>,
) -> Result<(Declared, bool), AppError> {
    let shared = Arc::clone(context);
    // A change that was begun is finished, whoever goes away.
    context
        .detached(async move {
            let mut tx = shared.db.begin().await?;
            let now = shared.clock.now();
            let made = store::collection::insert(&mut tx, &name, &declaration, now).await?;
            if let (Some(id), Some(schema)) = (made, &schema) {
                let schema_id = shared.entropy.uuid(now)?;
                store::collection_schema::update_pending(&mut *tx, id, schema_id, schema.text()).await?;
                store::collection_schema::update_active(&mut *tx, id).await?;
            }
            tx.commit().await?;
            if made.is_none() {
                change(&shared, &name, &declaration, schema.map(Arc::new)).await?;
            }
            Ok((read(&shared, &name).await?, made.is_some()))
        })
        .await
}

/// Reads a schema as it was sent; compiling its regular expressions may take a while.
///
/// # Errors
/// `validation_failed` for what is no schema, or not one that can be checked in good time.
pub async fn schema(sent: Box<RawValue>) -> Result<Schema, AppError> {
    let read = tokio::task::spawn_blocking(move || Schema::parse(sent.get(), "/schema"));
    Ok(read.await.map_err(AppError::internal)??)
}

async fn change(
    context: &Context,
    name: &CollectionName,
    wanted: &Declaration,
    schema: Option<Arc<Schema>>,
) -> Result<(), AppError> {
    let Some(seen) = store::collection::find(&context.db, name).await? else {
        return Err(AppError::new(ErrorCode::RequestInProgress));
    };
    let mut apart = context.db.connect_apart(BUILD_MAX).await?;
    if !store::collection_index::lock(&mut apart, seen.id).await? {
        return Err(AppError::new(ErrorCode::RequestInProgress));
    }
    let changed = change_alone(context, &mut apart, (seen.id, name), wanted, schema).await;
    // The next change may come before the end of this connection is noticed.
    let unlocked = store::collection_index::unlock(&mut apart, seen.id).await;
    changed.and(unlocked.map_err(AppError::from))
}

/// The change itself, under the collection's lock.
async fn change_alone(
    context: &Context,
    apart: &mut PgConnection,
    (id, name): (i32, &CollectionName),
    wanted: &Declaration,
    schema: Option<Arc<Schema>>,
) -> Result<(), AppError> {
    // What a change before left half done, and what holds now that nobody else changes it.
    tidy::finish(apart, id).await?;
    let found = store::collection::find(&context.db, name).await?;
    // Another collection may have taken the name meanwhile.
    let Some(now) = found.filter(|found| found.id == id) else {
        return Err(AppError::new(ErrorCode::RequestInProgress));
    };
    let held = &now.declaration.indexes;
    let added: Vec<Index> = wanted
        .indexes
        .iter()
        .filter(|index| !held.contains(index))
        .cloned()
        .collect();
    let dropped: Vec<i32> = held
        .iter()
        .zip(&now.numbers)
        .filter(|(index, _)| !wanted.indexes.contains(index))
        .map(|(_, number)| *number)
        .collect();
    let text = schema.as_ref().map(|schema| schema.text());
    let is_held = store::collection_schema::is_held(&context.db, now.id, text).await?;
    let pending = schema.filter(|_| !is_held);
    let mut tx = context.db.begin().await?;
    let numbers = store::collection::insert_indexes(&mut tx, now.id, &added, "building").await?;
    if let Some(schema) = &pending {
        let schema_id = context.entropy.uuid(context.clock.now())?;
        store::collection_schema::update_pending(&mut *tx, now.id, schema_id, schema.text()).await?;
    }
    tx.commit().await?;
    build(apart, now.id, &numbers, &added).await?;
    if let Some(schema) = &pending
        && let Err(error) = inspect::inspect(context, apart, now.id, schema).await
    {
        tidy::finish(apart, now.id).await?;
        return Err(error);
    }
    let mut tx = context.db.begin().await?;
    if !is_held {
        store::collection_schema::update_active(&mut *tx, now.id).await?;
    }
    store::collection::update_indexes(&mut *tx, now.id, &numbers, "ready").await?;
    store::collection::update_indexes(&mut *tx, now.id, &dropped, "dropping").await?;
    store::collection::update(&mut *tx, now.id, wanted, context.clock.now()).await?;
    tx.commit().await?;
    tidy::finish(apart, now.id).await
}

/// Makes the new indexes, or none of them.
async fn build(apart: &mut PgConnection, id: i32, numbers: &[i32], added: &[Index]) -> Result<(), AppError> {
    for (number, index) in numbers.iter().zip(added) {
        let Err(error) = store::collection_index::build(apart, id, *number).await else {
            continue;
        };
        tidy::finish(apart, id).await?;
        let fields = serde_json::to_string(&index.fields).unwrap_or_default();
        let (word, detail) = match &error {
            store::Error::Conflict { .. } => (
                "unique",
                format!("several documents agree in the unique key {fields}"),
            ),
            store::Error::Oversized(_) => (
                "length",
                format!("a document's fields {fields} are too long to be kept in an index"),
            ),
            _ => return Err(error.into()),
        };
        let pointer = if index.is_unique { "/unique" } else { "/indexes" };
        let field = FieldError::new(pointer, word, detail);
        return Err(AppError::new(ErrorCode::DeclarationConflict).with_fields(vec![field]));
    }
    Ok(())
}

/// Removes a collection with all its documents. From then on it is not there; what it held goes at once,
/// or by the loop where that cannot be now: while another's partition is on its way out, none can begin to leave.
///
/// # Errors
/// `collection_not_found`.
pub async fn remove(context: &Arc<Context>, name: CollectionName) -> Result<(), AppError> {
    let shared = Arc::clone(context);
    context
        .detached(async move {
            let found = store::collection::find(&shared.db, &name).await?;
            let id = found
                .ok_or_else(|| AppError::new(ErrorCode::CollectionNotFound))?
                .id;
            store::collection::update_removed(&shared.db, id, shared.clock.now()).await?;
            // It is removed already: who was told of a failure would ask again, and find nothing.
            if let Err(error) = tidy::tidy_one(&shared, id, true).await {
                tracing::warn!(error = error.causes(), "a removed collection is left to the loop");
            }
            Ok(())
        })
        .await
}

/// One collection as it is declared.
///
/// # Errors
/// `collection_not_found`.
pub async fn read(context: &Context, name: &CollectionName) -> Result<Declared, AppError> {
    let found = store::collection::find(&context.db, name).await?;
    let declared = with_schemas(context, Vec::from_iter(found)).await?;
    declared
        .into_iter()
        .next()
        .ok_or_else(|| AppError::new(ErrorCode::CollectionNotFound))
}

async fn with_schemas(
    context: &Context,
    collections: Vec<StoredCollection>,
) -> Result<Vec<Declared>, AppError> {
    let ids: Vec<i32> = collections.iter().map(|collection| collection.id).collect();
    let mut schemas: BTreeMap<i32, Box<RawValue>> = store::collection_schema::list(&context.db, &ids)
        .await?
        .into_iter()
        .collect();
    let with = |collection: StoredCollection| Declared {
        schema: schemas.remove(&collection.id),
        collection,
    };
    Ok(collections.into_iter().map(with).collect())
}

/// Up to `limit` collections by name, and the name to go on behind.
///
/// # Errors
/// When the database is away.
pub async fn list(
    context: &Context,
    after: Option<&CollectionName>,
    limit: u32,
) -> Result<(Vec<Declared>, Option<CollectionName>), AppError> {
    let limit = usize::try_from(limit).map_err(AppError::internal)?;
    let wanted = i64::try_from(limit + 1).map_err(AppError::internal)?;
    let mut found = store::collection::list(&context.db, after, wanted).await?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| has_more).map(|last| last.name.clone());
    Ok((with_schemas(context, found).await?, next))
}

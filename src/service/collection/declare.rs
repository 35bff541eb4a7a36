//! Declaring, changing and removing collections, beside running traffic.
//!
//! An index is a row before it is made and until it is gone, and everything of a change holds at once, when
//! its indexes are there. Whatever a crash leaves half done is found by its row: [`super::tidy`].

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgConnection;

use super::StoredCollection;
use super::tidy;
use crate::domain::collection::declaration::{Declaration, Index};
use crate::domain::name::CollectionName;
use crate::error::{AppError, ErrorCode, FieldError};
use crate::service::Context;
use crate::store;

/// How long the making of one index may take.
const BUILD_MAX: Duration = Duration::from_mins(30);

/// Makes or changes a collection; gives it, and whether it is new.
///
/// # Errors
/// `declaration_conflict` when its documents contradict a unique key, `request_in_progress` while another
/// change of the same collection is under way.
pub async fn declare(
    context: &Arc<Context>,
    name: CollectionName,
    declaration: Declaration,
) -> Result<(StoredCollection, bool), AppError> {
    let shared = Arc::clone(context);
    // A change that was begun is finished, whoever goes away.
    context
        .detached(async move {
            let mut tx = shared.db.begin().await?;
            let now = shared.clock.now();
            let is_new = store::collection::insert(&mut tx, &name, &declaration, now).await?;
            tx.commit().await?;
            if !is_new {
                change(&shared, &name, &declaration).await?;
            }
            let found = store::collection::find(&shared.db, &name).await?;
            Ok((
                found.ok_or_else(|| AppError::new(ErrorCode::CollectionNotFound))?,
                is_new,
            ))
        })
        .await
}

async fn change(context: &Context, name: &CollectionName, wanted: &Declaration) -> Result<(), AppError> {
    let Some(seen) = store::collection::find(&context.db, name).await? else {
        return Err(AppError::new(ErrorCode::RequestInProgress));
    };
    let mut apart = context.db.connect_apart(BUILD_MAX).await?;
    if !store::collection_index::lock(&mut apart, seen.id).await? {
        return Err(AppError::new(ErrorCode::RequestInProgress));
    }
    // What a change before left half done, and what holds now that nobody else changes it.
    tidy::finish_indexes(&mut apart, seen.id).await?;
    let Some(now) = store::collection::find(&context.db, name).await? else {
        return Err(AppError::new(ErrorCode::CollectionNotFound));
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
    let mut tx = context.db.begin().await?;
    let numbers = store::collection::insert_indexes(&mut tx, now.id, &added, "building").await?;
    tx.commit().await?;
    build(&mut apart, now.id, &numbers, &added).await?;
    let mut tx = context.db.begin().await?;
    store::collection::update_indexes(&mut *tx, now.id, &numbers, "ready").await?;
    store::collection::update_indexes(&mut *tx, now.id, &dropped, "dropping").await?;
    store::collection::update(&mut *tx, now.id, wanted, context.clock.now()).await?;
    tx.commit().await?;
    tidy::finish_indexes(&mut apart, now.id).await
}

/// Makes the new indexes, or none of them.
async fn build(apart: &mut PgConnection, id: i32, numbers: &[i32], added: &[Index]) -> Result<(), AppError> {
    for (number, index) in numbers.iter().zip(added) {
        let Err(error) = store::collection_index::build(apart, id, *number).await else {
            continue;
        };
        tidy::finish_indexes(apart, id).await?;
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
/// or after a crash by the loop.
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
            tidy::tidy_one(&shared, id, true).await?;
            Ok(())
        })
        .await
}

/// One collection as it is declared.
///
/// # Errors
/// `collection_not_found`.
pub async fn read(context: &Context, name: &CollectionName) -> Result<StoredCollection, AppError> {
    store::collection::find(&context.db, name)
        .await?
        .ok_or_else(|| AppError::new(ErrorCode::CollectionNotFound))
}

/// Up to `limit` collections by name, and the name to go on behind.
///
/// # Errors
/// When the database is away.
pub async fn list(
    context: &Context,
    after: Option<&CollectionName>,
    limit: u32,
) -> Result<(Vec<StoredCollection>, Option<CollectionName>), AppError> {
    let limit = usize::try_from(limit).map_err(AppError::internal)?;
    let wanted = i64::try_from(limit + 1).map_err(AppError::internal)?;
    let mut found = store::collection::list(&context.db, after, wanted).await?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| has_more).map(|last| last.name.clone());
    Ok((found, next))
}

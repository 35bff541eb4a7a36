//! Changing and removing a document: one statement, atomic however many do it at once.

use super::{StoredCollection, StoredDocument, Visitor, open, refuse};
use crate::domain::collection::access::Reach;
use crate::domain::collection::json::Node;
use crate::domain::collection::patch::{self, Step};
use crate::domain::id::DocumentId;
use crate::domain::name::CollectionName;
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::store;
use crate::store::document::{Change, Target};

/// Which document, and the version that it must have, if one was named.
#[derive(Clone, Copy, Debug)]
pub struct Aim<'a> {
    /// The collection.
    pub name: &'a CollectionName,
    /// The document.
    pub id: DocumentId,
    /// Of `If-Match`.
    pub version: Option<i64>,
}

/// Puts other data in the place of a document's.
///
/// # Errors
/// `collection_not_found`, `document_not_found`, `document_forbidden`, `version_conflict`, `document_conflict`.
pub async fn replace(
    context: &Context,
    visitor: &Visitor,
    aim: Aim<'_>,
    data: &Node,
) -> Result<StoredDocument, AppError> {
    let collection = open(context, visitor, aim.name).await?;
    change(context, visitor, &collection, aim, Change::Replace(&data.text())).await
}

/// Applies the steps of a patch.
///
/// # Errors
/// As [`replace`], and `patch_not_applicable`.
pub async fn patch(
    context: &Context,
    visitor: &Visitor,
    aim: Aim<'_>,
    steps: &[Step],
) -> Result<StoredDocument, AppError> {
    let collection = open(context, visitor, aim.name).await?;
    let steps = patch::text(steps);
    change(context, visitor, &collection, aim, Change::Patch(&steps)).await
}

/// Removes a document.
///
/// # Errors
/// `collection_not_found`, `document_not_found`, `document_forbidden`, `version_conflict`.
pub async fn remove(context: &Context, visitor: &Visitor, aim: Aim<'_>) -> Result<(), AppError> {
    let collection = open(context, visitor, aim.name).await?;
    let target = target(visitor, &collection, aim);
    if store::document::delete(&context.db, target).await? {
        return Ok(());
    }
    Err(explain(context, visitor, &collection, aim).await?)
}

async fn change(
    context: &Context,
    visitor: &Visitor,
    collection: &StoredCollection,
    aim: Aim<'_>,
    change: Change<'_>,
) -> Result<StoredDocument, AppError> {
    let target = target(visitor, collection, aim);
    let changed = store::document::update(&context.db, target, change, context.clock.now()).await;
    match changed.map_err(|error| refuse(error, collection))? {
        Some(document) => Ok(document),
        None => Err(explain(context, visitor, collection, aim).await?),
    }
}

fn target(visitor: &Visitor, collection: &StoredCollection, aim: Aim<'_>) -> Target {
    Target {
        collection_id: collection.id,
        id: aim.id,
        reach: collection.declaration.permission.writes(visitor.actor),
        version: aim.version,
    }
}

/// Why nothing was changed: what may not be read is not there, what may be read and not be written is
/// forbidden, and what is left is another version.
async fn explain(
    context: &Context,
    visitor: &Visitor,
    collection: &StoredCollection,
    aim: Aim<'_>,
) -> Result<AppError, AppError> {
    let permission = collection.declaration.permission;
    let target = Target {
        reach: permission.sees(visitor.actor),
        version: None,
        ..target(visitor, collection, aim)
    };
    let Some(document) = store::document::find(&context.db, target).await? else {
        return Ok(AppError::new(ErrorCode::DocumentNotFound));
    };
    let is_writable = match permission.writes(visitor.actor) {
        Reach::All => true,
        Reach::Own(id) => document.owner_id == Some(id),
        Reach::Nothing => false,
    };
    Ok(AppError::new(if !is_writable {
        ErrorCode::DocumentForbidden
    } else if aim.version.is_some() {
        ErrorCode::VersionConflict
    } else {
        // Made again meanwhile under the same id, which only restoring a backup does.
        ErrorCode::DocumentNotFound
    }))
}

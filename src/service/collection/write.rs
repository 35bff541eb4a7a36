//! Changing and removing a document: one statement, atomic however many do it at once. Where a schema holds, the
//! statement of a patch is checked by what it made, before it is committed: the row stays locked meanwhile, so that
//! the next patch builds on a document that holds to the schema.

use super::hold::{Draft, Rules};
use super::{ATTEMPTS_MAX, StoredCollection, StoredDocument, Visitor, open, refuse};
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
/// `collection_not_found`, `document_not_found`, `document_forbidden`, `document_invalid`, `version_conflict`,
/// `document_conflict`.
pub async fn replace(
    context: &Context,
    visitor: &Visitor,
    aim: Aim<'_>,
    data: &Draft,
) -> Result<StoredDocument, AppError> {
    change(context, visitor, aim, &New::Whole(data, data.node.text())).await
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
    change(context, visitor, aim, &New::Steps(patch::text(steps))).await
}

/// Removes a document.
///
/// # Errors
/// `collection_not_found`, `document_not_found`, `document_forbidden`, `version_conflict`.
pub async fn remove(context: &Context, visitor: &Visitor, aim: Aim<'_>) -> Result<(), AppError> {
    for _ in 0..ATTEMPTS_MAX {
        let collection = open(context, visitor, aim.name).await?;
        let target = target(visitor, &collection, aim);
        if store::document::delete(&context.db, target).await? {
            return Ok(());
        }
        if let Some(refusal) = explain(context, visitor, &collection, aim).await? {
            return Err(refusal);
        }
    }
    Err(AppError::new(ErrorCode::Unavailable))
}

/// What a document is to become.
enum New<'a> {
    /// This, and its text.
    Whole(&'a Draft, String),
    /// What these steps make of it.
    Steps(String),
}

async fn change(
    context: &Context,
    visitor: &Visitor,
    aim: Aim<'_>,
    new: &New<'_>,
) -> Result<StoredDocument, AppError> {
    for _ in 0..ATTEMPTS_MAX {
        let collection = open(context, visitor, aim.name).await?;
        let target = target(visitor, &collection, aim);
        let rules = Rules::of(context, &collection).await?;
        let changed = match new {
            New::Whole(draft, text) => {
                // What may not be changed is not judged either.
                if !rules.is_empty() && target.reach == Reach::Nothing {
                    None
                } else {
                    rules.check(std::slice::from_ref(*draft)).await?;
                    write(context, &collection, target, Change::Replace(text)).await?
                }
            }
            New::Steps(steps) if rules.is_empty() => {
                write(context, &collection, target, Change::Patch(steps)).await?
            }
            New::Steps(steps) => write_held(context, &collection, target, steps, &rules).await?,
        };
        if let Some(document) = changed {
            return Ok(document);
        }
        // If nothing speaks against it, the schemas were others at that moment.
        if let Some(refusal) = explain(context, visitor, &collection, aim).await? {
            return Err(refusal);
        }
    }
    Err(AppError::new(ErrorCode::Unavailable))
}

async fn write(
    context: &Context,
    collection: &StoredCollection,
    target: Target,
    change: Change<'_>,
) -> Result<Option<StoredDocument>, AppError> {
    let now = context.clock.now();
    store::document::update(&context.db, target, change, collection.schemas, now)
        .await
        .map_err(|error| refuse(error, collection))
}

/// Applies a patch, and takes it back when what it made does not hold.
async fn write_held(
    context: &Context,
    collection: &StoredCollection,
    target: Target,
    steps: &str,
    rules: &Rules,
) -> Result<Option<StoredDocument>, AppError> {
    let now = context.clock.now();
    let mut tx = context.db.begin().await?;
    let change = Change::Patch(steps);
    let changed = store::document::update(&mut *tx, target, change, collection.schemas, now)
        .await
        .map_err(|error| refuse(error, collection))?;
    let Some(document) = changed else {
        tx.rollback().await?;
        return Ok(None);
    };
    let made = Draft {
        pointer: "/data".to_owned(),
        node: Node::kept(document.data.get()).map_err(AppError::internal)?,
    };
    if let Err(refusal) = rules.check(std::slice::from_ref(&made)).await {
        tx.rollback().await?;
        return Err(refusal);
    }
    tx.commit().await?;
    Ok(Some(document))
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
/// forbidden, and another version is a conflict. Nothing: it could be changed now.
async fn explain(
    context: &Context,
    visitor: &Visitor,
    collection: &StoredCollection,
    aim: Aim<'_>,
) -> Result<Option<AppError>, AppError> {
    let permission = collection.declaration.permission;
    let target = Target {
        reach: permission.sees(visitor.actor),
        version: None,
        ..target(visitor, collection, aim)
    };
    let Some(document) = store::document::find(&context.db, target).await? else {
        return Ok(Some(AppError::new(ErrorCode::DocumentNotFound)));
    };
    let is_writable = match permission.writes(visitor.actor) {
        Reach::All => true,
        Reach::Own(id) => document.owner_id == Some(id),
        Reach::Nothing => false,
    };
    let is_other = aim.version.is_some_and(|version| version != document.version);
    Ok(if !is_writable {
        Some(AppError::new(ErrorCode::DocumentForbidden))
    } else if is_other {
        Some(AppError::new(ErrorCode::VersionConflict))
    } else {
        None
    })
}

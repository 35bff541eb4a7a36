//! Making documents: all or none, once for each idempotency key.

use aws_lc_rs::digest;
use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::hold::{Draft, Rules};
use super::{ATTEMPTS_MAX, StoredCollection, StoredDocument, Visitor, open, refuse};
use crate::domain::collection::access::Reach;
use crate::domain::collection::json::Node;
use crate::domain::collection::{COLLECTION_DOCUMENTS_MAX, DOCUMENT_BYTES_MAX, Wrong};
use crate::domain::name::CollectionName;
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::store;
use crate::store::document::NewDocuments;

/// Documents, and whether an earlier request with the same key made them.
#[derive(Debug)]
pub struct Created {
    /// In the order in which they were sent.
    pub documents: Vec<StoredDocument>,
    /// Whether this is a repetition.
    pub is_replay: bool,
}

/// Checks what is to be a document.
///
/// # Errors
/// For what is no object, and for what no document may hold.
pub fn parse(text: &str, pointer: &str) -> Result<Draft, Wrong> {
    let node = Node::document(text, pointer)?;
    if !matches!(node, Node::Object(_)) {
        return Err(Wrong::new(pointer, "type", "must be an object"));
    }
    if node.text().len() > DOCUMENT_BYTES_MAX {
        return Err(Wrong::new(
            pointer,
            "length",
            format!("is longer than {DOCUMENT_BYTES_MAX} bytes"),
        ));
    }
    Ok(Draft {
        pointer: pointer.to_owned(),
        node,
    })
}

/// Makes documents of `drafts`, all or none.
///
/// # Errors
/// `collection_not_found`, `document_forbidden`, `document_invalid`, `document_conflict`, `document_quota_reached`,
/// `idempotency_key_reused`, and `request_in_progress` while an earlier request with the same key runs.
pub async fn create(
    context: &Context,
    visitor: &Visitor,
    name: &CollectionName,
    drafts: &[Draft],
    key: Option<&str>,
) -> Result<Created, AppError> {
    let data: Vec<String> = drafts.iter().map(|draft| draft.node.text()).collect();
    for _ in 0..ATTEMPTS_MAX {
        let collection = open(context, visitor, name).await?;
        if collection.declaration.permission.writes(visitor.actor) == Reach::Nothing {
            return Err(AppError::new(ErrorCode::DocumentForbidden));
        }
        if let Some(created) = attempt(context, visitor, &collection, (drafts, &data), key).await? {
            return Ok(created);
        }
    }
    Err(AppError::new(ErrorCode::Unavailable))
}

/// Makes the documents by the schemas of the collection as it was found; none if they are others by now.
async fn attempt(
    context: &Context,
    visitor: &Visitor,
    collection: &StoredCollection,
    (drafts, data): (&[Draft], &[String]),
    key: Option<&str>,
) -> Result<Option<Created>, AppError> {
    let rules = Rules::of(context, collection).await?;
    let now = context.clock.now();
    let mut ids = Vec::with_capacity(data.len());
    for _ in data {
        ids.push(context.entropy.uuid(now)?);
    }
    // In the order in which they were sent, also where they are listed by id.
    ids.sort_unstable();
    let new = NewDocuments {
        collection_id: collection.id,
        owner_id: visitor.actor.owner(),
        ids: &ids,
        data,
        schemas: collection.schemas,
        now,
    };
    let is_full = collection.estimate >= COLLECTION_DOCUMENTS_MAX;
    // What was made once is answered again, also by a schema that would not allow it any more, or where there is no room.
    if let Some(key) = key
        && (is_full || !rules.is_empty())
        && let Some(created) = replay(context, collection, &new, key).await?
    {
        return Ok(Some(created));
    }
    if is_full {
        return Err(AppError::new(ErrorCode::DocumentQuotaReached));
    }
    rules.check(drafts).await?;
    if let Some(key) = key {
        return create_once(context, collection, &new, key).await;
    }
    let is_made = store::document::insert(&context.db, &new)
        .await
        .map_err(|error| refuse(error, collection))?;
    fresh(&new, is_made)
}

async fn create_once(
    context: &Context,
    collection: &StoredCollection,
    new: &NewDocuments<'_>,
    key: &str,
) -> Result<Option<Created>, AppError> {
    let hash = hash(new.data);
    let mut tx = context.db.begin().await?;
    let claimed = store::document::insert_request(&mut tx, new, key, &hash).await;
    if matches!(claimed, Err(store::Error::Busy(_))) {
        return Err(AppError::new(ErrorCode::RequestInProgress));
    }
    if claimed? {
        let is_made = store::document::insert(&mut *tx, new)
            .await
            .map_err(|error| refuse(error, collection))?;
        if is_made {
            tx.commit().await?;
        } else {
            tx.rollback().await?;
        }
        return fresh(new, is_made);
    }
    tx.rollback().await?;
    let kept = replay(context, collection, new, key).await?;
    kept.map(Some)
        .ok_or_else(|| AppError::new(ErrorCode::RequestInProgress))
}

/// The answer to an earlier request with this key, if there was one.
async fn replay(
    context: &Context,
    collection: &StoredCollection,
    new: &NewDocuments<'_>,
    key: &str,
) -> Result<Option<Created>, AppError> {
    let kept = store::document::find_request(&context.db, collection.id, new.owner_id, key).await?;
    let Some(kept) = kept else {
        return Ok(None);
    };
    if kept.request_hash != hash(new.data) {
        return Err(AppError::new(ErrorCode::IdempotencyKeyReused));
    }
    Ok(Some(Created {
        documents: as_made(new, &kept.document_ids, kept.created_at)?,
        is_replay: true,
    }))
}

fn fresh(new: &NewDocuments<'_>, is_made: bool) -> Result<Option<Created>, AppError> {
    let documents = || as_made(new, new.ids, new.now);
    let created = is_made.then(documents).transpose()?;
    Ok(created.map(|documents| Created {
        documents,
        is_replay: false,
    }))
}

fn hash(data: &[String]) -> Vec<u8> {
    let mut hasher = digest::Context::new(&digest::SHA256);
    for text in data {
        hasher.update(text.as_bytes());
        hasher.update(b"\n");
    }
    hasher.finish().as_ref().to_vec()
}

/// The answer, the first time and each time after, whatever became of the documents since.
fn as_made(
    new: &NewDocuments<'_>,
    ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<Vec<StoredDocument>, AppError> {
    let made = ids.iter().zip(new.data).map(|(id, data)| {
        Ok(StoredDocument {
            id: (*id).into(),
            owner_id: new.owner_id,
            version: 1,
            created_at: now,
            updated_at: now,
            data: RawValue::from_string(data.clone()).map_err(AppError::internal)?,
        })
    });
    made.collect()
}

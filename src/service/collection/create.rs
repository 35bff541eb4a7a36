//! Making documents: all or none, once for each idempotency key.

use aws_lc_rs::digest;
use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{StoredCollection, StoredDocument, Visitor, open, refuse};
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
pub fn parse(text: &str, pointer: &str) -> Result<Node, Wrong> {
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
    Ok(node)
}

/// Makes documents of `nodes`, all or none.
///
/// # Errors
/// `collection_not_found`, `document_forbidden`, `document_conflict`, `document_quota_reached`,
/// `idempotency_key_reused`, and `request_in_progress` while an earlier request with the same key runs.
pub async fn create(
    context: &Context,
    visitor: &Visitor,
    name: &CollectionName,
    nodes: &[Node],
    key: Option<&str>,
) -> Result<Created, AppError> {
    let collection = open(context, visitor, name).await?;
    if collection.declaration.permission.writes(visitor.actor) == Reach::Nothing {
        return Err(AppError::new(ErrorCode::DocumentForbidden));
    }
    let now = context.clock.now();
    let data: Vec<String> = nodes.iter().map(Node::text).collect();
    let mut ids = Vec::with_capacity(data.len());
    for _ in &data {
        ids.push(context.entropy.uuid(now)?);
    }
    // In the order in which they were sent, also where they are listed by id.
    ids.sort_unstable();
    let new = NewDocuments {
        collection_id: collection.id,
        owner_id: visitor.actor.owner(),
        ids: &ids,
        data: &data,
        now,
    };
    if collection.estimate >= COLLECTION_DOCUMENTS_MAX {
        return Err(AppError::new(ErrorCode::DocumentQuotaReached));
    }
    if let Some(key) = key {
        return create_once(context, &collection, &new, key).await;
    }
    store::document::insert(&context.db, &new)
        .await
        .map_err(|error| refuse(error, &collection))?;
    Ok(Created {
        documents: as_made(&new, &ids, now)?,
        is_replay: false,
    })
}

async fn create_once(
    context: &Context,
    collection: &StoredCollection,
    new: &NewDocuments<'_>,
    key: &str,
) -> Result<Created, AppError> {
    let hash = hash(new.data);
    let mut tx = context.db.begin().await?;
    let claimed = store::document::insert_request(&mut tx, new, key, &hash).await;
    if matches!(claimed, Err(store::Error::Busy(_))) {
        return Err(AppError::new(ErrorCode::RequestInProgress));
    }
    if claimed? {
        store::document::insert(&mut *tx, new)
            .await
            .map_err(|error| refuse(error, collection))?;
        tx.commit().await?;
        return Ok(Created {
            documents: as_made(new, new.ids, new.now)?,
            is_replay: false,
        });
    }
    tx.rollback().await?;
    let kept = store::document::find_request(&context.db, collection.id, new.owner_id, key)
        .await?
        .ok_or_else(|| AppError::new(ErrorCode::RequestInProgress))?;
    if kept.request_hash != hash {
        return Err(AppError::new(ErrorCode::IdempotencyKeyReused));
    }
    Ok(Created {
        documents: as_made(new, &kept.document_ids, kept.created_at)?,
        is_replay: true,
    })
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

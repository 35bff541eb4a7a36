//! Reading documents: one, a page of them, or how many.

use serde_json::value::RawValue;
use uuid::Uuid;

use super::{StoredCollection, StoredDocument, Visitor, open};
use crate::domain::collection::access::{Actor, Reach};
use crate::domain::collection::filter::Filter;
use crate::domain::collection::json::Node;
use crate::domain::collection::path::Path;
use crate::domain::collection::query::{self, Position, Sort};
use crate::domain::collection::{SCANNED_MAX, bound};
use crate::domain::id::DocumentId;
use crate::domain::name::CollectionName;
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::store;
use crate::store::document::{Selection, Target};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Question {
    /// Which documents.
    pub filter: Filter,
    /// In which order.
    pub sort: Sort,
    /// Which of their fields; none: all.
    pub fields: Option<Vec<Path>>,
    /// How many at the most, 1 to 100.
    pub limit: u32,
    /// Behind which place in the list.
    pub behind: Option<Position>,
}

/// One document.
///
/// # Errors
/// `collection_not_found`, `document_not_found`.
pub async fn read(
    context: &Context,
    visitor: &Visitor,
    name: &CollectionName,
    id: DocumentId,
) -> Result<StoredDocument, AppError> {
    let collection = open(context, visitor, name).await?;
    let target = Target {
        collection_id: collection.id,
        id,
        reach: collection.declaration.permission.sees(visitor.actor),
        version: None,
    };
    store::document::find(&context.db, target)
        .await?
        .ok_or_else(|| AppError::new(ErrorCode::DocumentNotFound))
}

/// A page of documents, and the place of the next one.
///
/// # Errors
/// `collection_not_found`, `query_needs_index`, `query_too_slow`.
pub async fn query(
    context: &Context,
    visitor: &Visitor,
    name: &CollectionName,
    question: &Question,
) -> Result<(Vec<StoredDocument>, Option<Position>), AppError> {
    let collection = open(context, visitor, name).await?;
    let selection = select(&collection, visitor.actor, &question.filter, &question.sort)?;
    let listed = store::document::list(
        &context.db,
        selection,
        &question.sort,
        question.behind.as_ref(),
        question.limit,
    )
    .await
    .map_err(slow)?;
    let last = listed.documents.last().filter(|_| listed.has_more);
    let next =
        last.map(|(document, keys)| Position::new(&question.sort, keys.clone(), Uuid::from(document.id)));
    let mut documents: Vec<StoredDocument> = Vec::with_capacity(listed.documents.len());
    for (mut document, _) in listed.documents {
        if let Some(fields) = &question.fields {
            let whole = Node::kept(document.data.get()).map_err(AppError::internal)?;
            let chosen = query::choose(&whole, fields).text();
            document.data = RawValue::from_string(chosen).map_err(AppError::internal)?;
        }
        documents.push(document);
    }
    Ok((documents, next))
}

/// How many documents there are.
///
/// # Errors
/// As [`query()`].
pub async fn count(
    context: &Context,
    visitor: &Visitor,
    name: &CollectionName,
    filter: &Filter,
) -> Result<i64, AppError> {
    let collection = open(context, visitor, name).await?;
    let sort = Sort::parse(&[], "")?;
    let selection = select(&collection, visitor.actor, filter, &sort)?;
    store::document::count(&context.db, selection).await.map_err(slow)
}

fn select<'a>(
    collection: &StoredCollection,
    actor: Actor,
    filter: &'a Filter,
    sort: &Sort,
) -> Result<Selection<'a>, AppError> {
    let declaration = &collection.declaration;
    let reach = declaration.permission.sees(actor);
    if collection.estimate > SCANNED_MAX {
        let is_owned = matches!(reach, Reach::Own(_));
        if let Some(fields) = bound::missing_index(filter, sort, &declaration.indexes, is_owned) {
            return Err(refuse(&fields));
        }
    }
    Ok(Selection {
        collection_id: collection.id,
        reach,
        filter,
    })
}

fn refuse(fields: &[String]) -> AppError {
    let error = AppError::new(ErrorCode::QueryNeedsIndex);
    if fields.is_empty() {
        return error.detail("Fix a field by equality or a range, and declare an index on it.");
    }
    let fields = serde_json::to_string(fields).unwrap_or_default();
    error.detail(format!(
        "It needs an index on {fields}, and a sort in one direction."
    ))
}

fn slow(error: store::Error) -> AppError {
    if error.is_too_slow() {
        return AppError::new(ErrorCode::QueryTooSlow).caused_by(error);
    }
    error.into()
}

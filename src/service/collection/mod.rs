//! Collections: what pages store, and what the operator declares of them.
//!
//! Each use case reads the declaration first, so that a change of it holds for every request that begins
//! after; who may see and change what is then part of the statement itself.

pub mod create;
pub mod declare;
pub mod hold;
mod inspect;
pub mod read;
pub mod tidy;
pub mod write;

use crate::domain::collection::access::{Actor, Reach};
use crate::domain::collection::below;
use crate::domain::name::{AppId, CollectionName};
use crate::error::{AppError, ErrorCode, FieldError};
use crate::service::Context;
use crate::store;
pub use crate::store::collection::StoredCollection;
pub use crate::store::document::StoredDocument;

/// How often a write begins again because the schemas of its collection changed under it.
const ATTEMPTS_MAX: usize = 3;

/// Who asks, and from where.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// Who.
    pub actor: Actor,
    /// The mini program, for a user.
    pub app_id: Option<AppId>,
}

impl Visitor {
    /// The operator, or a service of the owner.
    pub fn operator() -> Self {
        Self {
            actor: Actor::Operator,
            app_id: None,
        }
    }
}

/// The collection, if it is there for this visitor.
async fn open(
    context: &Context,
    visitor: &Visitor,
    name: &CollectionName,
) -> Result<StoredCollection, AppError> {
    let found = store::collection::find(&context.db, name).await?;
    found
        .filter(|collection| {
            let declaration = &collection.declaration;
            let is_shared = match (&declaration.apps, &visitor.app_id) {
                (Some(apps), Some(app)) => apps.contains(app),
                (None, _) | (_, None) => true,
            };
            is_shared && declaration.permission.sees(visitor.actor) != Reach::Nothing
        })
        .ok_or_else(|| AppError::new(ErrorCode::CollectionNotFound))
}

/// The public face of a write that the database refused.
fn refuse(error: store::Error, collection: &StoredCollection) -> AppError {
    match error {
        store::Error::Conflict { constraint } => match constraint.as_str() {
            "documents_data_check" => AppError::field("/data", "length", "is longer than 262,144 bytes"),
            "document_counts_document_count_check" => AppError::new(ErrorCode::DocumentQuotaReached),
            "" => AppError::new(ErrorCode::CollectionNotFound),
            name => conflict(name, collection),
        },
        store::Error::Refused { field } => {
            let field = FieldError::new(pointer(&field), "type", "does not allow this step");
            AppError::new(ErrorCode::PatchNotApplicable).with_fields(vec![field])
        }
        store::Error::Oversized(_) => AppError::field(
            "/data",
            "length",
            "the indexed fields are too long to be kept in an index",
        ),
        other => other.into(),
    }
}

/// Where a field of a document is, by its path with dots.
fn pointer(path: &str) -> String {
    path.split('.')
        .fold("/data".to_owned(), |pointer, name| below(&pointer, name))
}

/// Names the unique key that an index is. One that is just being made is not known here yet.
fn conflict(index: &str, collection: &StoredCollection) -> AppError {
    let of = |number: &i32| format!("documents_{}_{number}_key", collection.id);
    let key = collection
        .numbers
        .iter()
        .zip(&collection.declaration.indexes)
        .find_map(|(number, key)| (of(number) == index).then_some(key));
    let fields = key.map_or_else(Vec::new, |key| {
        key.fields
            .iter()
            .map(|field| {
                let pointer = if field.starts_with('$') {
                    "/owner".to_owned()
                } else {
                    pointer(field)
                };
                FieldError::new(
                    pointer,
                    "unique",
                    "together with the other fields named, is another document's",
                )
            })
            .collect()
    });
    AppError::new(ErrorCode::DocumentConflict).with_fields(fields)
}

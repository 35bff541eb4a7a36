//! Whether documents hold to the schemas of their collection, for whoever writes: pages, services and operator.
//!
//! A compiled schema is kept by its id, which another schema never has. Nearly every check ends within some
//! thousand steps and is made where it is asked for; one that does not is made again on a thread that may be slow.

use std::sync::Arc;

use moka::sync::Cache;
use uuid::Uuid;

use super::StoredCollection;
use crate::domain::collection::json::Node;
use crate::domain::collection::schema::{Schema, Verdict};
use crate::error::{AppError, ErrorCode, FieldError};
use crate::service::Context;
use crate::store;

/// The most schemas that are kept compiled.
const COMPILED_MAX: u64 = 128;
/// Steps of a check where it is asked for: well below a millisecond.
const STEPS_AT_ONCE: u64 = 20_000;
/// Steps of all checks of one request, on a thread of its own: some tenths of a second.
pub(super) const STEPS_MAX: u64 = 5_000_000;

/// Schemas that were compiled before.
#[derive(Debug)]
pub struct Schemas(Cache<Uuid, Arc<Schema>>);

impl Default for Schemas {
    fn default() -> Self {
        Self(Cache::new(COMPILED_MAX))
    }
}

/// A document that is to be written, and where it stands in the body.
#[derive(Clone, Debug)]
pub struct Draft {
    /// JSON Pointer into the body.
    pub pointer: String,
    /// What it is to be.
    pub node: Node,
}

/// The schemas that documents of a collection must hold to.
#[derive(Clone, Debug)]
pub(super) struct Rules(Vec<Arc<Schema>>);

impl Rules {
    /// Those of a collection as it was found: the one that holds, and the one that is to hold.
    ///
    /// # Errors
    /// When the database is away.
    pub(super) async fn of(context: &Context, collection: &StoredCollection) -> Result<Self, AppError> {
        let mut rules = Vec::new();
        for id in [collection.schemas.active, collection.schemas.pending]
            .into_iter()
            .flatten()
        {
            if let Some(kept) = context.schemas.0.get(&id) {
                rules.push(kept);
                continue;
            }
            // One that is gone meanwhile is no rule; the write finds that the schemas are others, and begins again.
            let Some(text) = store::collection_schema::find(&context.db, collection.id, id).await? else {
                continue;
            };
            let schema = tokio::task::spawn_blocking(move || Schema::kept(text))
                .await
                .map_err(AppError::internal)?
                .map_err(AppError::internal)?;
            let schema = Arc::new(schema);
            context.schemas.0.insert(id, Arc::clone(&schema));
            rules.push(schema);
        }
        Ok(Self(rules))
    }

    /// Whether every document is welcome.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks documents.
    ///
    /// # Errors
    /// `document_invalid` with the fields of the first document that does not hold.
    pub(super) async fn check(&self, drafts: &[Draft]) -> Result<(), AppError> {
        if self.is_empty() {
            return Ok(());
        }
        let mut steps = STEPS_AT_ONCE;
        let mut verdict = judge(&self.0, drafts, &mut steps);
        if steps == 0 {
            let (rules, drafts) = (self.0.clone(), drafts.to_vec());
            verdict = tokio::task::spawn_blocking(move || judge(&rules, &drafts, &mut { STEPS_MAX }))
                .await
                .map_err(AppError::internal)?;
        }
        let fields = match verdict {
            Verdict::Holds => return Ok(()),
            Verdict::Broken(flaws) => flaws
                .into_iter()
                .map(|flaw| FieldError::new(flaw.pointer, flaw.code, flaw.detail))
                .collect(),
            Verdict::Unfinished => {
                let pointer = drafts.first().map_or("/data", |draft| &draft.pointer);
                let detail = "takes too long to be checked against the collection's schema";
                vec![FieldError::new(pointer, "complexity", detail)]
            }
        };
        Err(AppError::new(ErrorCode::DocumentInvalid).with_fields(fields))
    }
}

fn judge(rules: &[Arc<Schema>], drafts: &[Draft], steps: &mut u64) -> Verdict {
    for draft in drafts {
        for schema in rules {
            let verdict = schema.check(&draft.node, &draft.pointer, steps);
            if verdict != Verdict::Holds {
                return verdict;
            }
        }
    }
    Verdict::Holds
}

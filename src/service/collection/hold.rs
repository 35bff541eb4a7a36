//! Whether documents hold to the schemas of their collection, for whoever writes: pages, services and operator.
//!
//! A compiled schema is kept by its id, which another schema never has. Nearly every check ends within some
//! thousand steps and is made where it is asked for; one that does not is made again on a thread that may be slow.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::Semaphore;
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

/// So many of these checks are made at once in this process: they take a processor each.
const SLOW_CHECKS_MAX: usize = 4;
/// How long one waits for its turn.
const SLOW_CHECK_WAIT: Duration = Duration::from_secs(1);

/// Schemas that were compiled before, and the turns of those who check slowly.
#[derive(Debug)]
pub struct Schemas {
    compiled: Cache<Uuid, Arc<Schema>>,
    slow_checks: Arc<Semaphore>,
}

impl Default for Schemas {
    fn default() -> Self {
        Self {
            compiled: Cache::new(COMPILED_MAX),
            slow_checks: Arc::new(Semaphore::new(SLOW_CHECKS_MAX)),
        }
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
pub(super) struct Rules {
    schemas: Vec<Arc<Schema>>,
    slow_checks: Arc<Semaphore>,
}

impl Rules {
    /// Those of a collection as it was found: the one that holds, and the one that is to hold.
    ///
    /// # Errors
    /// When the database is away.
    pub(super) async fn of(context: &Context, collection: &StoredCollection) -> Result<Self, AppError> {
        let mut schemas = Vec::new();
        for id in [collection.schemas.active, collection.schemas.pending]
            .into_iter()
            .flatten()
        {
            if let Some(kept) = context.schemas.compiled.get(&id) {
                schemas.push(kept);
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
            context.schemas.compiled.insert(id, Arc::clone(&schema));
            schemas.push(schema);
        }
        Ok(Self {
            schemas,
            slow_checks: Arc::clone(&context.schemas.slow_checks),
        })
    }

    /// Whether every document is welcome.
    pub(super) fn is_empty(&self) -> bool {
        self.schemas.is_empty()
    }

    /// Checks documents.
    ///
    /// # Errors
    /// `document_invalid` with the fields of the first document that does not hold; `unavailable` where too many
    /// checks are slow.
    pub(super) async fn check(&self, drafts: &[Draft]) -> Result<(), AppError> {
        if self.is_empty() {
            return Ok(());
        }
        let mut steps = STEPS_AT_ONCE;
        let mut verdict = judge(&self.schemas, drafts, &mut steps);
        if steps == 0 {
            verdict = self.judge_slowly(drafts).await?;
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

    async fn judge_slowly(&self, drafts: &[Draft]) -> Result<Verdict, AppError> {
        let turn = Arc::clone(&self.slow_checks).acquire_owned();
        let Ok(Ok(turn)) = tokio::time::timeout(SLOW_CHECK_WAIT, turn).await else {
            return Err(AppError::new(ErrorCode::Unavailable)
                .detail("Too many documents are being checked against their schemas."));
        };
        let (schemas, drafts) = (self.schemas.clone(), drafts.to_vec());
        let judging = tokio::task::spawn_blocking(move || {
            let verdict = judge(&schemas, &drafts, &mut { STEPS_MAX });
            drop(turn);
            verdict
        });
        judging.await.map_err(AppError::internal)
    }
}

fn judge(schemas: &[Arc<Schema>], drafts: &[Draft], steps: &mut u64) -> Verdict {
    for draft in drafts {
        for schema in schemas {
            let verdict = schema.check(&draft.node, &draft.pointer, steps);
            if verdict != Verdict::Holds {
                return verdict;
            }
        }
    }
    Verdict::Holds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_check_needs_a_turn_and_a_quick_one_does_not() {
        let none_left = Arc::new(Semaphore::new(0));
        none_left.close();
        let schema = Schema::kept(r#"{"items": {"type": "integer"}}"#.to_owned()).unwrap();
        let rules = Rules {
            schemas: vec![Arc::new(schema)],
            slow_checks: none_left,
        };
        let draft = |items: u64| Draft {
            pointer: "/data".to_owned(),
            node: Node::kept(&format!("{:?}", vec![1; usize::try_from(items).unwrap()])).unwrap(),
        };
        rules.check(&[draft(10)]).await.unwrap();
        let refused = rules.check(&[draft(STEPS_AT_ONCE)]).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Unavailable);
    }
}

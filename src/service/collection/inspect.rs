//! Whether the documents that are there hold to a schema that is to hold from now on.
//!
//! The schema is pending: whoever begins to write obeys it. Those who had begun before are waited for, then
//! every document is looked at, some hundred at a time and each batch by itself, so that nobody waits for it.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgConnection;
use uuid::Uuid;

use super::hold::STEPS_MAX;
use crate::domain::collection::json::Node;
use crate::domain::collection::schema::{Schema, Verdict};
use crate::error::{AppError, ErrorCode, FieldError};
use crate::service::Context;
use crate::store;

/// How long it may take, all of it.
const INSPECTION_MAX: Duration = Duration::from_mins(30);
/// How often those who write are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// So many documents that do not hold are named.
const NAMED_MAX: usize = 10;

/// Looks at every document of a collection.
///
/// # Errors
/// `declaration_conflict` with the first documents that do not hold to it, or when half an hour was not enough;
/// `unavailable` when the server stops meanwhile.
pub(super) async fn inspect(
    context: &Context,
    apart: &mut PgConnection,
    collection_id: i32,
    schema: &Arc<Schema>,
) -> Result<(), AppError> {
    let work = async {
        wait_for_writers(context, apart).await?;
        look(context, apart, collection_id, schema).await
    };
    let found = match tokio::time::timeout(INSPECTION_MAX, work).await {
        Ok(found) => found?,
        Err(_) => vec!["the documents could not be checked within half an hour".to_owned()],
    };
    if found.is_empty() {
        return Ok(());
    }
    let fields = found
        .into_iter()
        .map(|detail| FieldError::new("/schema", "schema", detail))
        .collect();
    Err(AppError::new(ErrorCode::DeclarationConflict).with_fields(fields))
}

/// Waits for the end of every transaction that writes now: it may have begun before the schema was pending.
/// Statements and idle transactions end within seconds by the bounds of their connections.
async fn wait_for_writers(context: &Context, apart: &mut PgConnection) -> Result<(), AppError> {
    let mut awaited = store::collection_schema::list_writers(apart).await?;
    while !awaited.is_empty() {
        go_on(context)?;
        tokio::time::sleep(LOOK_EVERY).await;
        let writing = store::collection_schema::list_writers(apart).await?;
        awaited.retain(|writer| writing.contains(writer));
    }
    Ok(())
}

/// What is wrong with the first documents that do not hold.
async fn look(
    context: &Context,
    apart: &mut PgConnection,
    collection_id: i32,
    schema: &Arc<Schema>,
) -> Result<Vec<String>, AppError> {
    let mut found = Vec::new();
    let mut behind = Uuid::nil();
    loop {
        go_on(context)?;
        let batch = store::document::list_behind(&mut *apart, collection_id, behind).await?;
        let Some((last, _)) = batch.last() else {
            return Ok(found);
        };
        behind = *last;
        let schema = Arc::clone(schema);
        let flaws = tokio::task::spawn_blocking(move || {
            let documents = batch.iter().map(|(id, data)| (*id, data.0.get()));
            flaws(&schema, documents)
        });
        found.extend(flaws.await.map_err(AppError::internal)??);
        if found.len() >= NAMED_MAX {
            found.truncate(NAMED_MAX);
            return Ok(found);
        }
    }
}

fn flaws<'a>(
    schema: &Schema,
    documents: impl Iterator<Item = (Uuid, &'a str)>,
) -> Result<Vec<String>, AppError> {
    let mut found = Vec::new();
    for (id, data) in documents {
        let node = Node::kept(data).map_err(AppError::internal)?;
        let mut steps = STEPS_MAX;
        match schema.check(&node, "", &mut steps) {
            Verdict::Holds => {}
            Verdict::Broken(flaws) => {
                let first = flaws.first().map(ToString::to_string).unwrap_or_default();
                found.push(format!("document {id}: {first}"));
            }
            Verdict::Unfinished => found.push(format!("document {id}: takes too long to be checked")),
        }
        if found.len() == NAMED_MAX {
            break;
        }
    }
    Ok(found)
}

/// A server that stops does not wait for an inspection; the loop clears away what was pending.
fn go_on(context: &Context) -> Result<(), AppError> {
    if context.stopping.is_cancelled() {
        return Err(AppError::new(ErrorCode::Unavailable));
    }
    Ok(())
}

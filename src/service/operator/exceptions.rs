//! The named differences: listed, and resolved by a human.

use std::sync::Arc;

use uuid::Uuid;

use crate::domain::exception::ExceptionKind;
use crate::domain::id::{EventId, ExceptionId};
use crate::domain::name::OutRefundNo;
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::service::pay::call_off_refund::call_off;
use crate::store;
use crate::store::exception::{ExceptionFilter, StoredException};

/// Up to `limit` exceptions, newest first, before an exception, and the one to go on from if there
/// are more.
pub async fn list(
    context: &Context,
    filter: &ExceptionFilter,
    before: Option<ExceptionId>,
    limit: u32,
) -> Result<(Vec<StoredException>, Option<ExceptionId>), AppError> {
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut exceptions = store::exception::list(&context.db, filter, before, i64::from(limit) + 1).await?;
    let has_more = exceptions.len() > wanted;
    exceptions.truncate(wanted);
    let next = exceptions.last().map(|last| last.id).filter(|_| has_more);
    Ok((exceptions, next))
}

/// Resolves an exception: a human is done with it. The same text again changes nothing. An event
/// that could not be delivered is given up by it, and the later ones of its order, if it has one, go on. A refund
/// that WeChat does not take is called off by it, unless WeChat knows it by now.
///
/// # Errors
/// `not_found`, `exception_resolved` when it was resolved with another text, and those of `call_off`.
pub async fn resolve(
    context: &Arc<Context>,
    id: ExceptionId,
    resolution: String,
) -> Result<StoredException, AppError> {
    let shared = Arc::clone(context);
    context
        .detached(async move { resolve_whole(&shared, id, resolution).await })
        .await
}

async fn resolve_whole(
    context: &Context,
    id: ExceptionId,
    resolution: String,
) -> Result<StoredException, AppError> {
    // WeChat is asked before anything is locked.
    if let Some(exception) = store::exception::find(&context.db, id).await?
        && exception.resolved_at.is_none()
        && ExceptionKind::parse(&exception.kind) == Some(ExceptionKind::RefundWaiting)
        && let Ok(number) = OutRefundNo::parse(exception.subject)
    {
        call_off(context, &number).await?;
    }
    let now = context.clock.now();
    let mut tx = context.db.begin().await?;
    let Some(exception) = store::exception::lock(&mut tx, id).await? else {
        return Err(AppError::new(ErrorCode::NotFound));
    };
    match &exception.resolution {
        Some(earlier) if *earlier == resolution => return Ok(exception),
        Some(_) => return Err(AppError::new(ErrorCode::ExceptionResolved)),
        None => {}
    }
    store::exception::update_resolved(&mut tx, id, &resolution, now).await?;
    if ExceptionKind::parse(&exception.kind) == Some(ExceptionKind::EventUndelivered)
        && let Ok(event_id) = Uuid::parse_str(&exception.subject)
    {
        store::outbox::update_given_up(&mut tx, EventId::from(event_id)).await?;
    }
    tx.commit().await?;
    context.alarms.events.set(now);
    Ok(StoredException {
        resolved_at: Some(now),
        resolution: Some(resolution),
        ..exception
    })
}

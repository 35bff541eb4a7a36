//! Comparing a day with WeChat's bills. A run is a row; whoever holds its lease fetches both bills into
//! tables, compares them with the books in both directions, and writes the result. Killed at any point, it
//! is begun again by whoever finds the lease run out.

mod compare;
mod lease;
mod midnight;
mod refund;
mod stage;
mod work;

use std::sync::Arc;

use chrono::NaiveDate;
use uuid::Uuid;

use crate::domain::id::ReconciliationId;
use crate::domain::reconciliation as rules;
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::store;
use crate::store::comparison::Found;
pub use crate::store::difference::DifferencePosition;
pub use crate::store::reconciliation::Reconciliation;

pub use work::work;

/// Begins a run of a day and works on it in a task of its own. A run of that day that is not finished is
/// given back instead, and tried now.
///
/// # Errors
/// `payment_not_configured`; `validation_failed` for a day without bills.
pub async fn begin(context: &Arc<Context>, day: NaiveDate) -> Result<Reconciliation, AppError> {
    let run = open(context, day).await?;
    let (working, id) = (Arc::clone(context), run.id);
    context.tasks.spawn(async move {
        if let Err(error) = work(&working, Some(id)).await {
            let error = error.causes();
            tracing::warn!(reconciliation.id = %id, error, "a reconciliation failed; the loop goes on with it");
        }
    });
    Ok(run)
}

/// Begins a run of a day, and leaves the work to whoever claims it.
///
/// # Errors
/// As [`begin`].
pub async fn open(context: &Context, day: NaiveDate) -> Result<Reconciliation, AppError> {
    context.merchant()?;
    let now = context.clock.now();
    if !rules::is_possible(day, now) {
        let detail = "a day in China that is over, and not longer ago than 89 days";
        return Err(AppError::field("/bill_date", "range", detail));
    }
    let id = context.entropy.uuid(now).map_err(AppError::internal)?.into();
    let id = store::reconciliation::open(&context.db, id, day, now).await?;
    read(context, id).await
}

/// Begins a run of each day that has none, from ten o'clock in China; tells how many.
///
/// # Errors
/// When the database fails.
pub async fn open_missed_days(context: &Context) -> Result<usize, AppError> {
    let now = context.clock.now();
    let first_order_at = store::reconciliation::find_first_order_at(&context.db).await?;
    let Some(days) = first_order_at.and_then(|since| rules::due_days(since, now)) else {
        return Ok(0);
    };
    let missed = store::reconciliation::list_missed_days(&context.db, days, now - rules::GIVEN_UP).await?;
    for day in &missed {
        let id = context.entropy.uuid(now).map_err(AppError::internal)?.into();
        store::reconciliation::open(&context.db, id, *day, now).await?;
    }
    Ok(missed.len())
}

/// One run.
///
/// # Errors
/// `not_found`.
pub async fn read(context: &Context, id: ReconciliationId) -> Result<Reconciliation, AppError> {
    store::reconciliation::find(&context.db, id)
        .await?
        .ok_or_else(|| AppError::new(ErrorCode::NotFound))
}

/// Up to `limit` runs, newest first, before a run, and the run to go on from if there are more.
///
/// # Errors
/// When the database fails.
pub async fn list(
    context: &Context,
    before: Option<ReconciliationId>,
    limit: u32,
) -> Result<(Vec<Reconciliation>, Option<ReconciliationId>), AppError> {
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut runs = store::reconciliation::list(&context.db, before, i64::from(limit) + 1).await?;
    let has_more = runs.len() > wanted;
    runs.truncate(wanted);
    let next = runs.last().filter(|_| has_more).map(|run| run.id);
    Ok((runs, next))
}

/// Up to `limit` differences of a run after a place among them, each with its exception, and the place to go
/// on from if there are more.
///
/// # Errors
/// When the database fails.
pub async fn list_differences(
    context: &Context,
    id: ReconciliationId,
    after: Option<&DifferencePosition>,
    limit: u32,
) -> Result<(Vec<(Found, Uuid)>, Option<DifferencePosition>), AppError> {
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut found = store::difference::list(&context.db, id, after, i64::from(limit) + 1).await?;
    let has_more = found.len() > wanted;
    found.truncate(wanted);
    let last = found.last().filter(|_| has_more);
    let next = last.map(|(found, _)| DifferencePosition::of(found));
    Ok((found, next))
}

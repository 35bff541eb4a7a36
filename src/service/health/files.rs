//! Whether files of users can be kept and shown.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::{Check, Status};
use crate::error::AppError;
use crate::service::Context;
use crate::store;
use crate::store::file_sweep::FileFigures;

/// A failure of the store is shown for so long, unless it worked since.
const FAILURE_SHOWN: TimeDelta = TimeDelta::minutes(15);
/// An object that was due to be removed so long ago is a warning: the loop looks every minute.
const OVERDUE: TimeDelta = TimeDelta::hours(1);

/// What the rows say.
pub(super) async fn figures(context: &Context, now: DateTime<Utc>) -> Result<FileFigures, AppError> {
    Ok(store::file_sweep::figures(&context.db, now - OVERDUE).await?)
}

/// The check.
pub(super) fn check(context: &Context, figures: FileFigures, now: DateTime<Utc>) -> Check {
    let is_shown = |at: &DateTime<Utc>| *at > now - FAILURE_SHOWN;
    let failed_at = context.files.failed_at().filter(is_shown);
    let write_failed_at = context.files.write_failed_at().filter(is_shown);
    let check = if failed_at.is_some() {
        Check::new(
            Status::Degraded,
            "the store of the files fails: look at FILES_URL and the log",
        )
    } else if write_failed_at.is_some() {
        Check::new(
            Status::Degraded,
            "the store of the files takes no new ones: look at its room, its rights and the log",
        )
    } else if figures.missing > 0 {
        Check::new(
            Status::Degraded,
            "files are gone from the store: bring them back within 30 days of their loss",
        )
    } else if figures.overdue > 0 {
        Check::new(Status::Degraded, "files that were deleted still lie in the store")
    } else {
        Check::ok("kept and shown")
    };
    check
        .figure("missing", figures.missing)
        .figure("overdue", figures.overdue)
        .figure("failed_at", json!(failed_at))
        .figure("write_failed_at", json!(write_failed_at))
}

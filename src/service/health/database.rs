//! Whether the database answers, writes, and has every migration.

use std::time::Instant;

use tokio::sync::Mutex;

use super::{Check, Status};
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::store;
use crate::store::health::Figures;

/// The newest judgement and when it was begun, so that however many ask at once, the database is asked by one of them. Anybody may
/// ask, and nobody is refused.
#[derive(Debug, Default)]
pub struct Readiness(Mutex<Option<(Instant, Result<(), &'static str>)>>);

/// Whether the database answers and writes, and has every migration.
///
/// # Errors
/// `unavailable` when it does not, with a sentence that says which.
pub async fn judge_readiness(context: &Context) -> Result<(), AppError> {
    let asked_at = Instant::now();
    let mut newest = context.readiness.0.lock().await;
    let judged = if let Some((_, judged)) = newest.filter(|(begun_at, _)| *begun_at >= asked_at) {
        judged
    } else {
        let begun_at = Instant::now();
        let judged = judge(context).await?;
        *newest = Some((begun_at, judged));
        judged
    };
    judged.map_err(|detail| AppError::new(ErrorCode::Unavailable).detail(detail))
}

async fn judge(context: &Context) -> Result<Result<(), &'static str>, store::Error> {
    if pending_migrations(context).await? > 0 {
        return Ok(Err("the database lacks migrations"));
    }
    if store::health::is_read_only(&context.db).await? {
        return Ok(Err(
            "the database only reads: it is a standby, or its disk is full",
        ));
    }
    Ok(Ok(()))
}

async fn pending_migrations(context: &Context) -> Result<usize, store::Error> {
    store::pool::pending_migrations(context.db.acquire().await?).await
}

pub(super) fn check(context: &Context, figures: Option<&Figures>) -> Check {
    let check = match figures {
        None => Check::new(Status::Down, "the database does not answer, or lacks migrations"),
        Some(figures) => {
            let check = if figures.is_read_only {
                Check::new(Status::Down, "only reads: a standby, or its disk is full")
            } else if !figures.is_durable {
                Check::new(
                    Status::Degraded,
                    "a commit does not wait for the disk: money can be lost in a crash",
                )
            } else {
                Check::ok("answers")
            };
            check.figure("server_version", figures.server_version.clone())
        }
    };
    check
        .figure("connections", context.db.size())
        .figure("connections_idle", context.db.num_idle())
}

pub(super) async fn migrations(context: &Context) -> Check {
    match pending_migrations(context).await {
        Ok(0) => Check::ok("all applied").figure("pending", 0),
        Ok(pending) => Check::new(Status::Down, "run `weir migrate`").figure("pending", pending),
        Err(_) => Check::new(Status::Down, "cannot be seen while the database is away"),
    }
}

//! One loop: turn, wait, turn.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::error::AppError;
use crate::service::Context;
use crate::telemetry;

/// A loop's name in logs and metrics, and how long it waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loop {
    /// Its name.
    pub(super) name: &'static str,
    /// The wait after a turn that went well.
    pub(super) pause: Duration,
    /// The wait after a turn that failed.
    pub(super) pause_failed: Duration,
}

/// Takes turns until `stop` is cancelled. A turn under way is finished first.
pub(super) async fn repeat<Turn, Work>(this: Loop, stop: CancellationToken, context: Arc<Context>, turn: Turn)
where
    Turn: Fn(Arc<Context>) -> Work,
    Work: Future<Output = Result<(), AppError>>,
{
    while !stop.is_cancelled() {
        let outcome = turn(Arc::clone(&context)).await;
        let (word, pause) = match &outcome {
            Ok(()) => ("ok", this.pause),
            Err(error) => {
                let causes = error.causes();
                tracing::warn!(loop.name = this.name, error = causes, "a turn in the background failed");
                ("failed", this.pause_failed)
            }
        };
        telemetry::count_loop_run(this.name, word);
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

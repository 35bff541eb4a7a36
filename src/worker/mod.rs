//! The loops in the background. Each does a bounded piece of work, counts it, waits, and stops when
//! told. A failure is logged and the loop goes on: the next turn finds what is still to do.

mod housekeeping;
mod platform_keys;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::service::Context;

/// Starts every loop. They end when `stop` is cancelled.
pub fn start(context: &Arc<Context>, loops: &TaskTracker, stop: &CancellationToken) {
    loops.spawn(turn::repeat(
        housekeeping::LOOP,
        stop.clone(),
        Arc::clone(context),
        housekeeping::turn,
    ));
    if context.merchant.is_some() {
        loops.spawn(turn::repeat(
            platform_keys::LOOP,
            stop.clone(),
            Arc::clone(context),
            platform_keys::turn,
        ));
    }
}

/// How often measurements are folded and forgotten limits removed.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// Keeps the memory of measurements and limits bounded for as long as the server lives.
pub fn start_sweep(sweep: impl Fn() + Send + 'static, loops: &TaskTracker, stop: &CancellationToken) {
    let stop = stop.clone();
    loops.spawn(async move {
        while stop
            .run_until_cancelled(tokio::time::sleep(SWEEP_EVERY))
            .await
            .is_some()
        {
            sweep();
        }
    });
}

//! The loops in the background. Each does a bounded piece of work, counts it, waits, and stops when
//! told. A failure is logged and the loop goes on: the next turn finds what is still to do.

mod housekeeping;
mod platform_keys;
mod turn;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::service::Context;

/// Starts every loop. They end when `stop` is cancelled.
pub fn start(context: &Arc<Context>, loops: &TaskTracker, stop: &CancellationToken) {
    loops.spawn(turn::repeat(housekeeping::LOOP, stop.clone(), Arc::clone(context), housekeeping::turn));
    if context.merchant.is_some() {
        loops.spawn(turn::repeat(platform_keys::LOOP, stop.clone(), Arc::clone(context), platform_keys::turn));
    }
}

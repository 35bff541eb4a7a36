//! Seals again under the newest data key what lies under an older one.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt as _;

use super::turn::{Loop, Next, Pace};
use crate::error::AppError;
use crate::service::{Context, reencryption};

pub(super) const LOOP: Loop = Loop {
    name: "reencryption",
    is_wanted: |_| true,
    // The key changes with a start; later only what a server with the settings before wrote is found.
    pace: Pace::Period,
    pause: Duration::from_mins(1),
    pause_failed: Duration::from_secs(10),
    turn: |context| turn(context).boxed(),
};

async fn turn(context: Arc<Context>) -> Result<Next, AppError> {
    Ok(if reencryption::reencrypt(&context).await? {
        Next::AtOnce
    } else {
        Next::Later
    })
}

//! Finishes changes of collections that a crash left half done.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt as _;

use super::turn::{Loop, Next, Pace};
use crate::error::AppError;
use crate::service::Context;
use crate::service::collection::tidy;

pub(super) const LOOP: Loop = Loop {
    name: "collections",
    is_wanted: |_| true,
    pace: Pace::Rows(None),
    pause: Duration::from_mins(1),
    pause_failed: Duration::from_mins(1),
    turn: |context| turn(context).boxed(),
};

async fn turn(context: Arc<Context>) -> Result<Next, AppError> {
    Ok(if tidy::tidy(&context).await? {
        Next::AtOnce
    } else {
        Next::Later
    })
}

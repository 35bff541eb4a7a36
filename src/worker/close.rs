//! Closes orders whose time is over.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt as _;

use super::turn::{Loop, Next, Pace};
use crate::error::AppError;
use crate::service::Context;
use crate::service::pay::close_due::close_due;

pub(super) const LOOP: Loop = Loop {
    name: "close",
    is_wanted: |_| true,
    pace: Pace::Rows(None),
    pause: Duration::from_secs(5),
    pause_failed: Duration::from_secs(5),
    turn: |context| turn(context).boxed(),
};

async fn turn(context: Arc<Context>) -> Result<Next, AppError> {
    Ok(if close_due(&context).await? {
        Next::AtOnce
    } else {
        Next::Later
    })
}

//! Sends messages to buyers about their orders, and ends what dead senders of any message left.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt as _;

use super::turn::{Loop, Next, Pace};
use crate::error::AppError;
use crate::service::{Context, subscribe};

pub(super) const LOOP: Loop = Loop {
    name: "subscribe_messages",
    is_wanted: |_| true,
    pace: Pace::Rows(Some(|alarms| &alarms.subscribe_messages)),
    pause: Duration::from_secs(5),
    pause_failed: Duration::from_secs(10),
    turn: |context| turn(context).boxed(),
};

async fn turn(context: Arc<Context>) -> Result<Next, AppError> {
    Ok(if subscribe::send_due(&context).await? {
        Next::AtOnce
    } else {
        Next::Later
    })
}

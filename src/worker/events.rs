//! Tells others what happened to orders. The order and the number of tries are the business of
//! `service::outbox`.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt as _;

use super::turn::{Loop, Next, Pace};
use crate::error::AppError;
use crate::service::{Context, outbox};

pub(super) const LOOP: Loop = Loop {
    name: "events",
    is_wanted: |context| context.webhook.is_some(),
    pace: Pace::Rows(Some(|alarms| &alarms.events)),
    pause: Duration::from_secs(5),
    pause_failed: Duration::from_secs(10),
    turn: |context| turn(context).boxed(),
};

async fn turn(context: Arc<Context>) -> Result<Next, AppError> {
    Ok(if outbox::deliver(&context).await? {
        Next::AtOnce
    } else {
        Next::Later
    })
}

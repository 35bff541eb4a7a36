//! Tells others what happened to orders, and beside it what WeChat pushed. The order and the number of tries
//! are the business of `service::outbox`.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt as _;

use super::turn::{Loop, Next, Pace};
use crate::error::AppError;
use crate::service::Context;
use crate::service::outbox::{self, Queue};

pub(super) const ORDERS: Loop = Loop {
    name: "events",
    is_wanted: |context| context.webhook.is_some(),
    pace: Pace::Rows(Some(|alarms| &alarms.events)),
    pause: Duration::from_secs(5),
    pause_failed: Duration::from_secs(10),
    turn: |context| turn(context, Queue::Orders).boxed(),
};

pub(super) const PUSHED: Loop = Loop {
    name: "push_events",
    pace: Pace::Rows(Some(|alarms| &alarms.push_events)),
    turn: |context| turn(context, Queue::Pushed).boxed(),
    ..ORDERS
};

async fn turn(context: Arc<Context>, queue: Queue) -> Result<Next, AppError> {
    Ok(if outbox::deliver(&context, queue).await? {
        Next::AtOnce
    } else {
        Next::Later
    })
}

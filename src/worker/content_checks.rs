//! Decides looks at pictures and sounds that WeChat says nothing about.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt as _;

use super::turn::{Loop, Next, Pace};
use crate::error::AppError;
use crate::service::Context;
use crate::service::content::time_out;

pub(super) const LOOP: Loop = Loop {
    name: "content_checks",
    is_wanted: |_| true,
    pace: Pace::Rows(Some(|alarms| &alarms.content_checks)),
    pause: Duration::from_mins(1),
    pause_failed: Duration::from_mins(1),
    turn: |context| turn(context).boxed(),
};

async fn turn(context: Arc<Context>) -> Result<Next, AppError> {
    Ok(if time_out(&context).await? {
        Next::AtOnce
    } else {
        Next::Later
    })
}

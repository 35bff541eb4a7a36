//! Refreshes access tokens before they die. When, and what happens if WeChat gives none, is the business of
//! `service::mini`.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt as _;

use super::turn::{Loop, Next, Pace};
use crate::error::AppError;
use crate::service::{Context, mini};

pub(super) const LOOP: Loop = Loop {
    name: "access_tokens",
    is_wanted: |_| true,
    pace: Pace::Rows(Some(|alarms| &alarms.access_tokens)),
    pause: Duration::from_secs(15),
    pause_failed: Duration::from_secs(15),
    turn: |context| turn(context).boxed(),
};

async fn turn(context: Arc<Context>) -> Result<Next, AppError> {
    Ok(if mini::refresh_due(&context).await? {
        Next::AtOnce
    } else {
        Next::Later
    })
}

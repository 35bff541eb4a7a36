//! Asks WeChat about payments that hang, until its answer is final.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt as _;

use super::turn::{Loop, Next, Pace};
use crate::error::AppError;
use crate::service::Context;
use crate::service::pay::settle_due::{Round, settle_due};

pub(super) const LOOP: Loop = Loop {
    name: "settle",
    is_wanted: |context| context.merchant.is_some(),
    pace: Pace::Rows(Some(|alarms| &alarms.settle)),
    pause: Duration::from_secs(5),
    pause_failed: Duration::from_secs(5),
    turn: |context| turn(context).boxed(),
};

async fn turn(context: Arc<Context>) -> Result<Next, AppError> {
    Ok(match settle_due(&context).await? {
        Round::Worked => Next::AtOnce,
        Round::Idle(Some(at)) => Next::At(at),
        Round::Idle(None) => Next::Later,
    })
}

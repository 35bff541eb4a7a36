//! Sends refunds and asks about them until WeChat's answer is final. Source: pay-v3, section 9.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt as _;

use super::turn::{Loop, Next, Pace};
use crate::error::AppError;
use crate::service::Context;
use crate::service::pay::pursue_refund;
use crate::service::pay::settle_due::Round;

pub(super) const LOOP: Loop = Loop {
    name: "refunds",
    is_wanted: |context| context.merchant.is_some(),
    pace: Pace::Rows(Some(|alarms| &alarms.refunds)),
    pause: Duration::from_secs(5),
    pause_failed: Duration::from_secs(5),
    turn: |context| turn(context).boxed(),
};

async fn turn(context: Arc<Context>) -> Result<Next, AppError> {
    Ok(match pursue_refund::pursue_refunds(&context).await? {
        Round::Worked => Next::AtOnce,
        Round::Idle(Some(at)) => Next::At(at),
        Round::Idle(None) => Next::Later,
    })
}

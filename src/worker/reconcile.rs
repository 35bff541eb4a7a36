//! Compares each day with WeChat's bills: yesterday from ten o'clock in China, and days that were missed.
//! A turn may take as long as the bills are; it gives way when the server stops.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt as _;

use super::turn::{Loop, Next, Pace};
use crate::error::AppError;
use crate::service::Context;
use crate::service::pay::reconcile;

pub(super) const LOOP: Loop = Loop {
    name: "reconcile",
    is_wanted: |context| context.merchant.is_some(),
    pace: Pace::Rows(None),
    pause: Duration::from_mins(1),
    pause_failed: Duration::from_mins(1),
    turn: |context| turn(context).boxed(),
};

async fn turn(context: Arc<Context>) -> Result<Next, AppError> {
    reconcile::open_missed_days(&context).await?;
    Ok(if reconcile::work(&context, None).await? {
        Next::AtOnce
    } else {
        Next::Later
    })
}

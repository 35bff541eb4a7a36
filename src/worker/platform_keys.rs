//! Keeps WeChat Pay's certificates fresh. Source: pay-v3, section 4: at least every twelve hours.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt as _;

use super::turn::{Loop, Next, Pace};
use crate::error::AppError;
use crate::service::Context;

pub(super) const LOOP: Loop = Loop {
    name: "platform_keys",
    is_wanted: |context| context.merchant.is_some(),
    pace: Pace::Period,
    pause: Duration::from_hours(1),
    pause_failed: Duration::from_secs(10),
    turn: |context| turn(context).boxed(),
};

async fn turn(context: Arc<Context>) -> Result<Next, AppError> {
    context
        .merchant()?
        .refresh_platform_keys()
        .await
        .map_err(AppError::internal)?;
    Ok(Next::Later)
}

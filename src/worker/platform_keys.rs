//! Keeps WeChat Pay's certificates fresh. Source: pay-v3, section 4: at least every twelve hours.

use std::sync::Arc;
use std::time::Duration;

use super::turn::Loop;
use crate::error::AppError;
use crate::service::Context;

pub(super) const LOOP: Loop = Loop {
    name: "platform_keys",
    pause: Duration::from_hours(1),
    pause_failed: Duration::from_secs(10),
};

pub(super) async fn turn(context: Arc<Context>) -> Result<(), AppError> {
    context
        .merchant()?
        .refresh_platform_keys()
        .await
        .map_err(AppError::internal)?;
    Ok(())
}

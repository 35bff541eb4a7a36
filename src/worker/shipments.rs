//! Tells WeChat that goods were sent, and asks which mini programs it wants to know it of. Source:
//! mini-program APIs, section 5.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt as _;

use super::turn::{Loop, Next, Pace};
use crate::error::AppError;
use crate::service::Context;
use crate::service::shipping::{management, pursue};

pub(super) const LOOP: Loop = Loop {
    name: "shipments",
    is_wanted: |context| context.merchant.is_some(),
    pace: Pace::Rows(Some(|alarms| &alarms.shipments)),
    pause: Duration::from_secs(5),
    pause_failed: Duration::from_secs(5),
    turn: |context| turn(context).boxed(),
};

async fn turn(context: Arc<Context>) -> Result<Next, AppError> {
    let has_told = pursue::pursue_shipments(&context).await?;
    let has_asked = management::ask_due(&context).await?;
    Ok(if has_told || has_asked {
        Next::AtOnce
    } else {
        Next::Later
    })
}

//! Which mini programs are under order shipping management: asked of WeChat once a day, and only while paid
//! orders wait to be shipped, since nothing else depends on it.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::shipment::ANSWER_HOLDS;
use crate::error::AppError;
use crate::service::Context;
use crate::service::mini::{CallError, call};
use crate::store;
use crate::store::shipping_management::Span;
use crate::wechat::mini::shipping;

/// An order that is not shipped so long after its payment is worth a look.
const UNSHIPPED_WARN: TimeDelta = TimeDelta::hours(24);
/// After so long WeChat may keep the shop from taking payments.
const UNSHIPPED_LATE: TimeDelta = TimeDelta::hours(48);
/// What was paid longer ago is not looked at any more.
const LOOKED_BACK: TimeDelta = TimeDelta::days(30);
/// How long nobody asks again after no answer.
const ASK_AGAIN: TimeDelta = TimeDelta::minutes(10);

/// Which unshipped orders count now.
pub(in crate::service) fn waiting(now: DateTime<Utc>) -> Span {
    Span {
        paid_from: now - LOOKED_BACK,
        paid_to: now - UNSHIPPED_WARN,
    }
}

/// What was paid before then waits too long.
pub(in crate::service) fn late_at(now: DateTime<Utc>) -> DateTime<Utc> {
    now - UNSHIPPED_LATE
}

/// The mini programs of this server.
pub(in crate::service) fn app_ids(context: &Context) -> Vec<String> {
    let apps = context.mini_programs.secrets.keys();
    apps.map(|app_id| app_id.as_str().to_owned()).collect()
}

/// Asks about one mini program whose orders wait, if one was not asked about lately. Tells whether there was
/// one. WeChat's silence is no error: it is asked again later.
///
/// # Errors
/// When the database fails.
pub async fn ask_due(context: &Arc<Context>) -> Result<bool, AppError> {
    let now = context.clock.now();
    let apps = app_ids(context);
    let claimed =
        store::shipping_management::claim_due(&context.db, &apps, waiting(now), now + ASK_AGAIN, now).await?;
    let Some(app_id) = claimed else { return Ok(false) };
    let request = shipping::managed_call(&app_id).map_err(AppError::internal)?;
    let told = match call(context, &app_id, &request).await {
        Ok(reply) => shipping::read_managed(&reply).map_err(CallError::from),
        Err(error) => Err(error),
    };
    match told {
        Ok(is_managed) => {
            let (db, now) = (&context.db, context.clock.now());
            store::shipping_management::update_answered(db, &app_id, is_managed, now + ANSWER_HOLDS, now)
                .await?;
        }
        Err(CallError::Own(error)) => return Err(error),
        Err(error) => {
            tracing::warn!(app.id = %app_id, %error, "WeChat does not say whether it wants shipments");
        }
    }
    Ok(true)
}

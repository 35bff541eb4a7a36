//! What a push changes here, in the transaction that writes it down: so each message has its effect once.
//! Nothing here calls WeChat; what needs a call leaves a row for a loop.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::domain::name::AppId;
use crate::error::AppError;
use crate::service::shipping::news as shipping;
use crate::service::{Context, content};
use crate::wechat::push::{PushEvent, PushMessage};

/// Applies a message that was not seen before.
///
/// # Errors
/// When the database fails: nothing of the message is kept then, and WeChat pushes it again.
pub async fn apply(
    _context: &Context,
    tx: &mut PgConnection,
    app_id: &AppId,
    message: &PushMessage,
    now: DateTime<Utc>,
) -> Result<(), AppError> {
    match &message.event {
        PushEvent::MediaCheck(result) => content::apply_result(tx, app_id, result, now).await?,
        PushEvent::TradeControlled => {
            tracing::warn!(app.id = %app_id, "WeChat demands to be told of shipments of this mini program from now on");
            shipping::controlled(tx, app_id, now).await?;
        }
        PushEvent::DebugDemo => {
            tracing::info!(app.id = %app_id, "the test of message push in WeChat's console has arrived");
        }
        PushEvent::TradeRemindAccess => shipping::access_reminded(tx, app_id, now).await?,
        PushEvent::TradeRemindShipping(order) => shipping::shipping_reminded(tx, app_id, order, now).await?,
        PushEvent::TradeSettlement(told) => shipping::settlement(tx, app_id, told, now).await?,
        PushEvent::SubscribePopup(_)
        | PushEvent::SubscribeChange(_)
        | PushEvent::SubscribeSent(_)
        | PushEvent::Other => {}
    }
    Ok(())
}

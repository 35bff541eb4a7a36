//! The flight recorder: every believed delivery, as it came.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Error;
use super::statement::query;
use crate::domain::id::{AttemptId, NotificationId, OrderId};

/// A delivery of a notification.
#[derive(Clone, Debug)]
pub struct NewDelivery<'a> {
    /// The delivery.
    pub id: NotificationId,
    /// WeChat's id of the notification; its deliveries share it.
    pub notify_id: &'a str,
    /// When it arrived.
    pub received_at: DateTime<Utc>,
    /// The header `Wechatpay-Timestamp`.
    pub timestamp: &'a str,
    /// The header `Wechatpay-Nonce`.
    pub nonce: &'a str,
    /// The header `Wechatpay-Serial`.
    pub serial: &'a str,
    /// The header `Wechatpay-Signature`.
    pub signature: &'a str,
    /// The raw body.
    pub body: &'a [u8],
    /// The recorded delivery that is run again here, and who does it; nothing for WeChat's own.
    pub replay: Option<Replay<'a>>,
}

impl<'a> NewDelivery<'a> {
    /// The same as a recorded delivery that is run again.
    #[must_use]
    pub fn run_again(self, replay: Replay<'a>) -> Self {
        Self {
            replay: Some(replay),
            ..self
        }
    }
}

/// A recorded delivery that is run again.
#[derive(Clone, Copy, Debug)]
pub struct Replay<'a> {
    /// The delivery.
    pub of: NotificationId,
    /// Who runs it again.
    pub by: &'a str,
}

/// What a delivery was about and what it moved, as far as that is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Effect {
    /// The order and the attempt.
    pub subject: Option<(OrderId, AttemptId)>,
    /// The move of the order that it caused.
    pub event_id: Option<Uuid>,
}

/// Records a delivery with its verdict, and what it was about where that is known.
pub async fn insert(
    db: &mut PgConnection,
    delivery: &NewDelivery<'_>,
    verdict: &str,
    effect: Effect,
) -> Result<(), Error> {
    let Effect { subject, event_id } = effect;
    let statement = sqlx::query!(
        "-- notification.insert
        insert into notifications (id, notify_id, received_at, wechat_timestamp, wechat_nonce, wechat_serial,
            wechat_signature, body, verdict, order_id, attempt_id, event_id, replay_of, replayed_by)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        Uuid::from(delivery.id),
        delivery.notify_id,
        delivery.received_at,
        delivery.timestamp,
        delivery.nonce,
        delivery.serial,
        delivery.signature,
        delivery.body,
        verdict,
        subject.map(|(order_id, _)| Uuid::from(order_id)),
        subject.map(|(_, attempt_id)| Uuid::from(attempt_id)),
        event_id,
        delivery.replay.map(|replay| Uuid::from(replay.of)),
        delivery.replay.map(|replay| replay.by),
    )
    .execute(db);
    query("notification.insert", statement).await?;
    Ok(())
}

/// A believed delivery, to be run again.
#[derive(Debug)]
pub struct StoredDelivery {
    /// When it arrived.
    pub received_at: DateTime<Utc>,
    /// The header `Wechatpay-Timestamp`.
    pub timestamp: String,
    /// The header `Wechatpay-Nonce`.
    pub nonce: String,
    /// The header `Wechatpay-Serial`.
    pub serial: String,
    /// The header `Wechatpay-Signature`.
    pub signature: String,
    /// The raw body.
    pub body: Vec<u8>,
    /// The delivery that was run again here, where this is one that was.
    pub replay_of: Option<NotificationId>,
}

/// Finds a believed delivery.
pub async fn find(db: impl PgExecutor<'_>, id: NotificationId) -> Result<Option<StoredDelivery>, Error> {
    let statement = sqlx::query_as!(
        StoredDelivery,
        r#"-- notification.find
        select received_at, wechat_timestamp as timestamp, wechat_nonce as nonce, wechat_serial as serial,
            wechat_signature as signature, body, replay_of as "replay_of: NotificationId"
        from notifications where id = $1"#,
        Uuid::from(id),
    )
    .fetch_optional(db);
    Ok(query("notification.find", statement).await?)
}

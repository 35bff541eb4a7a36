//! The flight recorder: every verified delivery, as it came.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Error;
use crate::domain::id::{AttemptId, NotificationId, OrderId};
use crate::telemetry::query;

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
}

/// Records a delivery with its verdict, and what it was about where that is known.
pub async fn insert(
    db: &mut PgConnection,
    delivery: &NewDelivery<'_>,
    verdict: &str,
    subject: Option<(OrderId, AttemptId)>,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- notification.insert
        insert into notifications (id, notify_id, received_at, wechat_timestamp, wechat_nonce, wechat_serial,
            wechat_signature, body, verdict, order_id, attempt_id)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
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
    )
    .execute(db);
    query("notification.insert", statement).await?;
    Ok(())
}

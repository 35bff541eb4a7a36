//! The flight recorder's sample of deliveries that were not believed.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Error;
use super::statement::query;
use crate::domain::id::NotificationId;

/// How much of a body is kept, in bytes. WeChat's own have under 10,000.
pub const BODY_BYTES_MAX: usize = 16_384;

/// A delivery that was not believed.
#[derive(Debug)]
pub struct NewRefused {
    /// The delivery.
    pub id: NotificationId,
    /// When it arrived.
    pub received_at: DateTime<Utc>,
    /// Why it was refused, in a word.
    pub verdict: &'static str,
    /// Why, and what helps.
    pub detail: String,
    /// How far our clock was ahead of WeChat's, in seconds, where that was known.
    pub clock_ahead_s: Option<i64>,
    /// The headers that matter: name and value, in the order they came.
    pub headers: serde_json::Value,
    /// The raw body, at most [`BODY_BYTES_MAX`] of it.
    pub body: Vec<u8>,
    /// How long it was; nothing where it could not be read.
    pub body_bytes: Option<i64>,
}

/// Records a delivery that was not believed.
pub async fn insert(db: impl PgExecutor<'_>, refused: &NewRefused) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- refused_notification.insert
        insert into refused_notifications (id, received_at, verdict, detail, clock_ahead_s, headers, body, body_bytes)
        values ($1, $2, $3, $4, $5, $6, $7, $8)",
        Uuid::from(refused.id),
        refused.received_at,
        refused.verdict,
        refused.detail,
        refused.clock_ahead_s,
        refused.headers,
        refused.body,
        refused.body_bytes,
    )
    .execute(db);
    query("refused_notification.insert", statement).await?;
    Ok(())
}

/// A delivery that was not believed, as it is kept.
#[derive(Debug)]
pub struct StoredRefused {
    /// When it arrived.
    pub received_at: DateTime<Utc>,
    /// Why it was refused, in a word.
    pub verdict: String,
    /// Why, and what helps.
    pub detail: String,
    /// How far our clock was ahead of WeChat's, in seconds, where that was known.
    pub clock_ahead_s: Option<i64>,
    /// Header lines: name and value.
    pub headers: serde_json::Value,
    /// The raw body, as much of it as is kept.
    pub body: Vec<u8>,
    /// How long it was; nothing where it could not be read.
    pub body_bytes: Option<i64>,
}

/// Finds a delivery that was not believed.
pub async fn find(db: impl PgExecutor<'_>, id: NotificationId) -> Result<Option<StoredRefused>, Error> {
    let statement = sqlx::query_as!(
        StoredRefused,
        "-- refused_notification.find
        select received_at, verdict, detail, clock_ahead_s, headers, body, body_bytes
        from refused_notifications where id = $1",
        Uuid::from(id),
    )
    .fetch_optional(db);
    Ok(query("refused_notification.find", statement).await?)
}

//! Idempotency keys: the row is written in the transaction of what it makes repeatable, so a key
//! without its order, or an order without its key, cannot be.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Error;
use crate::domain::id::{OrderId, UserId};
use crate::telemetry::query;

/// What a key stands for.
#[derive(Debug)]
pub struct KeptKey {
    /// SHA-256 of the request that came with it first.
    pub request_hash: Vec<u8>,
    /// The order that request made.
    pub order_id: OrderId,
}

/// Claims a key for a new order. Waits for another transaction that is claiming the same key.
/// Tells whether the key was free.
pub async fn insert(
    db: &mut PgConnection,
    user_id: UserId,
    key: &str,
    request_hash: &[u8],
    order_id: OrderId,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- idempotency.insert
        insert into idempotency_keys (user_id, key, request_hash, order_id, created_at)
        values ($1, $2, $3, $4, $5)
        on conflict on constraint idempotency_keys_pkey do nothing",
        Uuid::from(user_id),
        key,
        request_hash,
        Uuid::from(order_id),
        now,
    )
    .execute(db);
    Ok(query("idempotency.insert", statement).await?.rows_affected() == 1)
}

/// What a key stands for, if it is taken.
pub async fn find(db: impl PgExecutor<'_>, user_id: UserId, key: &str) -> Result<Option<KeptKey>, Error> {
    let statement = sqlx::query!(
        "-- idempotency.find
        select request_hash, order_id from idempotency_keys where user_id = $1 and key = $2",
        Uuid::from(user_id),
        key,
    )
    .fetch_optional(db);
    Ok(query("idempotency.find", statement).await?.map(|row| KeptKey {
        request_hash: row.request_hash,
        order_id: row.order_id.into(),
    }))
}

//! Idempotency keys: the row is written in the transaction of what it makes repeatable, so a key
//! without its order, or an order without its key, cannot be.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Error;
use super::statement::query;
use crate::domain::id::{OrderId, UserId};
use crate::domain::order::AWAITING_MAX;

/// What a key stands for.
#[derive(Debug)]
pub struct KeptKey {
    /// SHA-256 of the request that came with it first.
    pub request_hash: Vec<u8>,
    /// The order that request made.
    pub order_id: OrderId,
}

/// What became of a claim of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It was free.
    Won,
    /// An earlier request came with it.
    Taken,
    /// It was free, but as many orders of the user await payment as may; the first of them expires then.
    Full(DateTime<Utc>),
}

/// Claims a key for a new order of a user who has fewer than [`AWAITING_MAX`] that await payment. Waits for another
/// transaction that is claiming the same key. A claim that was not won must be rolled back.
///
/// Orders that are being placed at the same moment do not see each other, so that there may be a few more.
pub async fn insert(
    db: &mut PgConnection,
    user_id: UserId,
    key: &str,
    request_hash: &[u8],
    order_id: OrderId,
    now: DateTime<Utc>,
) -> Result<Claim, Error> {
    let statement = sqlx::query!(
        r#"-- idempotency.insert
        with claimed as (
            insert into idempotency_keys (user_id, key, request_hash, order_id, created_at)
            values ($1, $2, $3, $4, $5)
            on conflict on constraint idempotency_keys_pkey do nothing
            returning user_id
        ), awaiting as (
            select expires_at from orders where user_id = $1 and status = 'awaiting_payment'
            order by expires_at limit $6
        )
        select exists (select from claimed) as "is_free!",
            (select min(expires_at) from awaiting having count(*) >= $6) as "full_until?""#,
        Uuid::from(user_id),
        key,
        request_hash,
        Uuid::from(order_id),
        now,
        AWAITING_MAX,
    )
    .fetch_one(db);
    let found = query("idempotency.insert", statement).await?;
    Ok(match (found.is_free, found.full_until) {
        (false, _) => Claim::Taken,
        (true, Some(until)) => Claim::Full(until),
        (true, None) => Claim::Won,
    })
}

/// When the first of a user's orders that await payment expires, if there are as many as may be.
pub async fn find_full_until(
    db: impl PgExecutor<'_>,
    user_id: UserId,
) -> Result<Option<DateTime<Utc>>, Error> {
    let statement = sqlx::query_scalar!(
        r#"-- idempotency.find_full_until
        select min(expires_at) as "until!" from (
            select expires_at from orders where user_id = $1 and status = 'awaiting_payment'
            order by expires_at limit $2
        ) awaiting
        having count(*) >= $2"#,
        Uuid::from(user_id),
        AWAITING_MAX,
    )
    .fetch_optional(db);
    Ok(query("idempotency.find_full_until", statement).await?)
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

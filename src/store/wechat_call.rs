//! What was asked of WeChat about an order, and how it ended: for the timeline alone.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Error;
use super::statement::query;
use crate::domain::id::OrderId;

/// How a call ended.
#[derive(Clone, Copy, Debug)]
pub struct EndedCall<'a> {
    /// What was asked: `prepay`, `query`, …
    pub api: &'a str,
    /// In a word; 1 to 40 characters.
    pub outcome: &'a str,
    /// WeChat's request id, if there was an answer; at most 128 characters.
    pub request_id: Option<&'a str>,
}

/// Writes how a call about a payment of an order ended; counted like those of [`insert`].
pub async fn insert_of(
    db: impl PgExecutor<'_>,
    order_id: OrderId,
    number: &str,
    call: &EndedCall<'_>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- wechat_call.insert_of
        insert into wechat_calls as c (order_id, number, api, outcome, calls, first_at, last_at, last_request_id)
        values ($1, $2, $3, $4, 1, $6, $6, $5)
        on conflict on constraint wechat_calls_pkey do update
            set calls = c.calls + 1, last_at = excluded.last_at,
                last_request_id = coalesce(excluded.last_request_id, c.last_request_id)",
        Uuid::from(order_id),
        number,
        call.api,
        call.outcome,
        call.request_id,
        now,
    )
    .execute(db);
    query("wechat_call.insert_of", statement).await?;
    Ok(())
}

/// Writes how a call about one of our numbers ended. The same end again is counted and not written
/// anew, so that an order has few rows however long it hangs. A number that is nobody's is not written.
pub async fn insert(
    db: impl PgExecutor<'_>,
    number: &str,
    call: &EndedCall<'_>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- wechat_call.insert
        insert into wechat_calls as c (order_id, number, api, outcome, calls, first_at, last_at, last_request_id)
        select owner.order_id, $1, $2, $3, 1, $5::timestamptz, $5::timestamptz, $4
        from (select order_id from payment_attempts where out_trade_no = $1
            union all select order_id from refunds where out_refund_no = $1 limit 1) owner
        on conflict on constraint wechat_calls_pkey do update
            set calls = c.calls + 1, last_at = excluded.last_at,
                last_request_id = coalesce(excluded.last_request_id, c.last_request_id)",
        number,
        call.api,
        call.outcome,
        call.request_id,
        now,
    )
    .execute(db);
    query("wechat_call.insert", statement).await?;
    Ok(())
}

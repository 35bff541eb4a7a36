//! Bringing back what a clock that was ahead has planned too far ahead, where the API of mini programs is called. As
//! in [`super::planned`], rows are written only then, and what somebody has locked waits for the next turn.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgExecutor;

use super::Error;
use super::planned::ROWS_MAX;
use super::statement::query;
use crate::domain::planned;

/// Lets those access tokens be asked for anew whose last try was made by a clock that was ahead: it may have been kept
/// for longer than it lives, or WeChat left alone for as long. Ends leases too. Tells how many rows it moved.
pub async fn update_access_tokens(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> Result<u64, Error> {
    let statement = sqlx::query!(
        "-- planned_call.update_access_tokens
        with ahead as materialized (
            select t.app_id, tried.is_ahead from access_tokens t
                cross join lateral (select exists (select from access_token_refreshes r
                    where r.app_id = t.app_id and r.fence = t.fence and r.ended_at > $2) as is_ahead) tried
            where t.lease_until > $3
                or (tried.is_ahead and greatest(t.due_at, t.expires_at, t.rest_until, t.trusted_until, t.forced_at) > $1)
            for no key update of t skip locked
        )
        update access_tokens t set
            lease_until = case when t.lease_until > $3 then $1 else t.lease_until end,
            due_at = case when ahead.is_ahead and t.due_at > $1 then $1 else t.due_at end,
            expires_at = case when ahead.is_ahead and t.expires_at > $1 then $1 else t.expires_at end,
            rest_until = case when ahead.is_ahead and t.rest_until > $1 then $1 else t.rest_until end,
            trusted_until = case when ahead.is_ahead and t.trusted_until > $1 then $1 else t.trusted_until end,
            forced_at = case when ahead.is_ahead and t.forced_at > $1 then $1 else t.forced_at end
        from ahead where t.app_id = ahead.app_id",
        now,
        now + planned::CLOCKS_DIFFER,
        now + planned::LEASE_MAX,
    )
    .execute(db);
    Ok(query("planned_call.update_access_tokens", statement)
        .await?
        .rows_affected())
}

/// Brings tellings of shipments back, and leases on them. Tells how many rows it moved.
pub async fn update_shipments(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> Result<u64, Error> {
    let statement = sqlx::query!(
        "-- planned_call.update_shipments
        with ahead as materialized (
            select s.id, plan.latest from shipments s
                cross join lateral (select $1::timestamptz + make_interval(secs =>
                    ($2::bigint[])[least(s.tries + 1, cardinality($2))]) as latest) plan
            where s.next_try_at is not null and (s.next_try_at > plan.latest or s.lease_until > $3)
            limit $4
            for no key update of s skip locked
        )
        update shipments s set next_try_at = least(s.next_try_at, ahead.latest),
            lease_until = case when s.lease_until > $3 then $3 else s.lease_until end
        from ahead where s.id = ahead.id",
        now,
        &planned::shipments_s(),
        now + planned::LEASE_MAX,
        ROWS_MAX,
    )
    .execute(db);
    Ok(query("planned_call.update_shipments", statement)
        .await?
        .rows_affected())
}

/// Brings questions back whether shipments are wanted. Tells how many rows it moved.
pub async fn update_shipping_managements(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> Result<u64, Error> {
    let statement = sqlx::query!(
        "-- planned_call.update_shipping_managements
        update shipping_managements set next_ask_at = $1 where next_ask_at > $2",
        now,
        now + TimeDelta::seconds(planned::shipping_managements_s()),
    )
    .execute(db);
    Ok(query("planned_call.update_shipping_managements", statement)
        .await?
        .rows_affected())
}

/// Brings messages to subscribers back. Tells how many rows it moved.
pub async fn update_messages(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> Result<u64, Error> {
    let statement = sqlx::query!(
        "-- planned_call.update_messages
        with ahead as materialized (
            select m.id, plan.latest from subscribe_messages m
                cross join lateral (select $1::timestamptz + make_interval(secs =>
                    ($2::bigint[])[least(m.attempts + 1, cardinality($2))]) as latest) plan
            where m.state = 'pending' and m.due_at > plan.latest
            limit $3
            for no key update of m skip locked
        )
        update subscribe_messages m set due_at = ahead.latest from ahead where m.id = ahead.id",
        now,
        &planned::messages_s(),
        ROWS_MAX,
    )
    .execute(db);
    Ok(query("planned_call.update_messages", statement)
        .await?
        .rows_affected())
}

/// Ends leases on messages to subscribers. Tells how many rows it moved.
pub async fn update_message_leases(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> Result<u64, Error> {
    let statement = sqlx::query!(
        "-- planned_call.update_message_leases
        with ahead as materialized (
            select id from subscribe_messages where state = 'sending' and lease_until > $1
            limit $2
            for no key update skip locked
        )
        update subscribe_messages m set lease_until = $1 from ahead where m.id = ahead.id",
        now + planned::LEASE_MAX,
        ROWS_MAX,
    )
    .execute(db);
    Ok(query("planned_call.update_message_leases", statement)
        .await?
        .rows_affected())
}

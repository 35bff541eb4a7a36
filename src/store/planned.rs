//! Bringing back what a clock that was ahead has planned too far ahead.
//!
//! Each statement looks at the rows that still have something to do, by the partial index of its loop, and writes
//! none of them as long as clocks are right. It passes over what somebody has locked: the next turn comes soon.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgExecutor;

use super::Error;
use super::statement::query;
use crate::domain::planned;

/// The most rows that one statement brings back.
pub const ROWS_MAX: i64 = 1_000;

/// Brings questions about payments back, and leases on attempts. Tells how many rows it moved.
pub async fn update_payments(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> Result<u64, Error> {
    let statement = sqlx::query!(
        "-- planned.update_payments
        with ahead as materialized (
            select a.id, plan.latest from payment_attempts a
                cross join lateral (select $1::timestamptz + make_interval(secs =>
                    ($2::bigint[])[least(a.checks + 1, cardinality($2))]) as latest) plan
            where a.next_check_at is not null and a.state not in ('settled', 'surplus')
                and (a.next_check_at > plan.latest or a.lease_until > $3)
            limit $4
            for no key update of a skip locked
        )
        update payment_attempts a set next_check_at = least(a.next_check_at, ahead.latest),
            lease_until = case when a.lease_until > $3 then $3 else a.lease_until end
        from ahead where a.id = ahead.id",
        now,
        &planned::payments_s(),
        now + planned::LEASE_MAX,
        ROWS_MAX,
    )
    .execute(db);
    Ok(query("planned.update_payments", statement).await?.rows_affected())
}

/// Brings looks at refunds back, and leases on them. Tells how many rows it moved.
pub async fn update_refunds(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> Result<u64, Error> {
    let statement = sqlx::query!(
        "-- planned.update_refunds
        with ahead as materialized (
            select r.id, plan.latest from refunds r
                cross join lateral (select $1::timestamptz + make_interval(secs => greatest(
                    ($2::bigint[])[case when r.status = 'abnormal' then cardinality($2)
                        else least(r.checks + 1, cardinality($2)) end],
                    case when r.tried_at is null then $5::bigint
                        * (select count(*) from refunds s where s.transaction_id = r.transaction_id) end)) as latest) plan
            where r.next_check_at is not null and (r.next_check_at > plan.latest or r.lease_until > $3)
            limit $4
            for no key update of r skip locked
        )
        update refunds r set next_check_at = least(r.next_check_at, ahead.latest),
            lease_until = case when r.lease_until > $3 then $3 else r.lease_until end
        from ahead where r.id = ahead.id",
        now,
        &planned::refunds_s(),
        now + planned::LEASE_MAX,
        ROWS_MAX,
        planned::in_line_s(),
    )
    .execute(db);
    Ok(query("planned.update_refunds", statement).await?.rows_affected())
}

/// Brings tries to close orders back. Tells how many rows it moved.
pub async fn update_closes(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> Result<u64, Error> {
    let statement = sqlx::query!(
        "-- planned.update_closes
        with ahead as materialized (
            select id from orders
            where status = 'awaiting_payment' and coalesce(next_close_at, expires_at) > $1 and next_close_at > $1
            limit $2
            for no key update skip locked
        )
        update orders o set next_close_at = $1 from ahead where o.id = ahead.id",
        now + TimeDelta::seconds(planned::closes_s()),
        ROWS_MAX,
    )
    .execute(db);
    Ok(query("planned.update_closes", statement).await?.rows_affected())
}

/// Brings messages about events back, and leases on them. Tells how many rows it moved.
pub async fn update_events(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> Result<u64, Error> {
    let statement = sqlx::query!(
        "-- planned.update_events
        with ahead as materialized (
            select d.event_id, plan.latest from event_deliveries d
                cross join lateral (select $1::timestamptz + make_interval(secs =>
                    ($2::bigint[])[least(d.attempts + 1, cardinality($2))]) as latest) plan
            where d.state = 'pending' and (d.due_at > plan.latest or d.lease_until > $3)
            limit $4
            for no key update of d skip locked
        )
        update event_deliveries d set due_at = least(d.due_at, ahead.latest),
            lease_until = case when d.lease_until > $3 then $3 else d.lease_until end
        from ahead where d.event_id = ahead.event_id",
        now,
        &planned::events_s(),
        now + planned::LEASE_MAX,
        ROWS_MAX,
    )
    .execute(db);
    Ok(query("planned.update_events", statement).await?.rows_affected())
}

/// Brings tries of reconciliations back to now, and leases on them. Tells how many rows it moved.
pub async fn update_reconciliations(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> Result<u64, Error> {
    let statement = sqlx::query!(
        "-- planned.update_reconciliations
        with ahead as materialized (
            select id from reconciliations
            where next_try_at is not null and (next_try_at > $2 or lease_until > $3)
            limit $4
            for no key update skip locked
        )
        update reconciliations r set next_try_at = case when r.next_try_at > $2 then $1 else r.next_try_at end,
            lease_until = case when r.lease_until > $3 then $3 else r.lease_until end
        from ahead where r.id = ahead.id",
        now,
        now + TimeDelta::seconds(planned::reconciliations_s()),
        now + planned::LEASE_MAX,
        ROWS_MAX,
    )
    .execute(db);
    Ok(query("planned.update_reconciliations", statement)
        .await?
        .rows_affected())
}

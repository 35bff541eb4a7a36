//! Removing what has served its time, a bounded number of rows at a time.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Error;
use super::statement::query;

/// Removes up to 1,000 idempotency keys made before `before`; tells how many.
pub async fn delete_idempotency_keys(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> Result<u64, Error> {
    let statement = sqlx::query!(
        "-- housekeeping.delete_idempotency_keys
        delete from idempotency_keys where (user_id, key) in (
            select user_id, key from idempotency_keys where created_at < $1 order by created_at limit 1000
            for update skip locked)",
        before,
    )
    .execute(db);
    Ok(query("housekeeping.delete_idempotency_keys", statement)
        .await?
        .rows_affected())
}

/// Removes up to 1,000 idempotency keys of documents made before `before`; tells how many.
pub async fn delete_document_requests(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> Result<u64, Error> {
    let statement = sqlx::query!(
        "-- housekeeping.delete_document_requests
        delete from document_requests where (collection_id, owner_id, key) in (
            select collection_id, owner_id, key from document_requests where created_at < $1 order by created_at limit 1000
            for update skip locked)",
        before,
    )
    .execute(db);
    Ok(query("housekeeping.delete_document_requests", statement)
        .await?
        .rows_affected())
}

/// Removes up to 1,000 sessions that ended before `before`; tells how many.
pub async fn delete_sessions(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> Result<u64, Error> {
    let statement = sqlx::query!(
        "-- housekeeping.delete_sessions
        delete from sessions where id in (
            select id from sessions where expires_at < $1 order by expires_at limit 1000
            for update skip locked)",
        before,
    )
    .execute(db);
    Ok(query("housekeeping.delete_sessions", statement)
        .await?
        .rows_affected())
}

/// Removes up to 1,000 believed deliveries that arrived before `before`; tells how many.
pub async fn delete_notifications(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> Result<u64, Error> {
    let statement = sqlx::query!(
        "-- housekeeping.delete_notifications
        delete from notifications where id in (
            select id from notifications where received_at < $1 order by received_at limit 1000
            for update skip locked)",
        before,
    )
    .execute(db);
    Ok(query("housekeeping.delete_notifications", statement)
        .await?
        .rows_affected())
}

/// Removes up to 1,000 codes of the phone-number button that were sent before `before`; tells how many.
pub async fn delete_phone_codes(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> Result<u64, Error> {
    let statement = sqlx::query!(
        "-- housekeeping.delete_phone_codes
        delete from phone_codes where code_hash in (
            select code_hash from phone_codes where asked_at < $1 order by asked_at limit 1000
            for update skip locked)",
        before,
    )
    .execute(db);
    Ok(query("housekeeping.delete_phone_codes", statement)
        .await?
        .rows_affected())
}

/// Removes up to 1,000 subscribe messages that were made before `before` and are not to be sent any more; tells how
/// many.
pub async fn delete_subscribe_messages(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> Result<u64, Error> {
    let statement = sqlx::query!(
        "-- housekeeping.delete_subscribe_messages
        delete from subscribe_messages where id in (
            select id from subscribe_messages where created_at < $1 and state not in ('pending', 'sending')
            order by created_at limit 1000
            for update skip locked)",
        before,
    )
    .execute(db);
    Ok(query("housekeeping.delete_subscribe_messages", statement)
        .await?
        .rows_affected())
}

/// Removes up to 1,000 decided looks at pictures and sounds, and as many results of looks, from before `before`; tells
/// how many.
pub async fn delete_content_checks(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> Result<u64, Error> {
    let statement = sqlx::query_scalar!(
        r#"-- housekeeping.delete_content_checks
        with checks as (
            delete from content_checks where id in (
                select id from content_checks where created_at < $1 and decision is not null
                order by created_at limit 1000
                for update skip locked)
            returning 1
        ), results as (
            delete from content_check_results where (app_id, trace_id) in (
                select app_id, trace_id from content_check_results where noted_at < $1
                order by noted_at limit 1000
                for update skip locked)
            returning 1
        )
        select (select count(*) from checks) + (select count(*) from results) as "count!""#,
        before,
    )
    .fetch_one(db);
    let count = query("housekeeping.delete_content_checks", statement).await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Removes refused deliveries: up to 1,000 that arrived before `before`, and up to 1,000 of those
/// beyond the newest `rows_max`; tells how many.
pub async fn delete_refused_notifications(
    db: impl PgExecutor<'_>,
    before: DateTime<Utc>,
    rows_max: i64,
) -> Result<u64, Error> {
    let statement = sqlx::query!(
        "-- housekeeping.delete_refused_notifications
        delete from refused_notifications where id in (
            (select id from refused_notifications where received_at < $1 order by received_at limit 1000)
            union
            (select id from refused_notifications order by id desc offset $2 limit 1000))",
        before,
        rows_max,
    )
    .execute(db);
    Ok(query("housekeeping.delete_refused_notifications", statement)
        .await?
        .rows_affected())
}

/// Removes up to 1,000 pushed messages that arrived before `before`, with where they stand on their way to
/// whoever is told; those that still wait for a receiver or a human stay. Tells how many.
pub async fn delete_push_messages(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> Result<u64, Error> {
    let statement = sqlx::query!(
        "-- housekeeping.delete_push_messages
        delete from push_messages where id in (
            select m.id from push_messages m where m.received_at < $1
                and not exists (select from event_deliveries d where d.push_message_id = m.id
                    and d.state in ('pending', 'parked'))
            order by m.received_at limit 1000
            for update skip locked)",
        before,
    )
    .execute(db);
    Ok(query("housekeeping.delete_push_messages", statement)
        .await?
        .rows_affected())
}

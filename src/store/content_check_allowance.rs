//! How many names and notes of a user WeChat was asked to check within a day.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Error;
use super::statement::query;
use crate::domain::id::UserId;

/// Counts one more check for a user. A day begins with the first one after the day before,
/// which began at or before `day_ago`; tells whether there were fewer than `most` in it.
pub async fn take(
    db: impl PgExecutor<'_>,
    user_id: UserId,
    now: DateTime<Utc>,
    day_ago: DateTime<Utc>,
    most: i32,
) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- content_check_allowance.take
        insert into content_check_allowances as a (user_id, since, used) values ($1, $2, 1)
        on conflict (user_id) do update set
            since = case when a.since <= $3 then $2 else a.since end,
            used = case when a.since <= $3 then 1 else a.used + 1 end
        where a.since <= $3 or a.used < $4",
        Uuid::from(user_id),
        now,
        day_ago,
        most,
    )
    .execute(db);
    Ok(query("content_check_allowance.take", statement)
        .await?
        .rows_affected()
        == 1)
}

/// When a user's day began.
pub async fn find_since(db: impl PgExecutor<'_>, user_id: UserId) -> Result<Option<DateTime<Utc>>, Error> {
    let statement = sqlx::query_scalar!(
        "-- content_check_allowance.find_since
        select since from content_check_allowances where user_id = $1",
        Uuid::from(user_id),
    )
    .fetch_optional(db);
    Ok(query("content_check_allowance.find_since", statement).await?)
}

/// Forgets up to 1,000 days of users that began before `before`; tells how many.
pub async fn delete_old(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> Result<u64, Error> {
    let statement = sqlx::query!(
        "-- content_check_allowance.delete_old
        delete from content_check_allowances where user_id in (
            select user_id from content_check_allowances where since <= $1 order by since limit 1000 for update skip locked)",
        before,
    )
    .execute(db);
    Ok(query("content_check_allowance.delete_old", statement)
        .await?
        .rows_affected())
}

//! Who fetched access tokens, and why: the newest tries of each mini program.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Error;
use super::statement::query;
use crate::domain::access_token::Reason;
use crate::domain::name::AppId;

/// A try that has ended.
#[derive(Clone, Copy, Debug)]
pub struct EndedRefresh<'a> {
    /// Its id.
    pub id: Uuid,
    /// The mini program.
    pub app_id: &'a AppId,
    /// The lease under which it was made.
    pub fence: i64,
    /// When it ended.
    pub at: DateTime<Utc>,
    /// Which server made it.
    pub process: &'a str,
    /// Why.
    pub reason: Reason,
    /// `new`, `same`, `failed` or `stale`.
    pub outcome: &'static str,
    /// Whether another token was demanded.
    pub is_forced: bool,
    /// WeChat's number of a refusal.
    pub errcode: Option<i64>,
    /// Why there was none.
    pub failure: Option<&'static str>,
    /// How long the token before had still to live, if somebody else had it replaced, in seconds.
    pub lost_s: Option<i64>,
}

/// Writes it down, and forgets all but the newest 200 of the mini program.
pub async fn insert(db: &mut PgConnection, refresh: &EndedRefresh<'_>) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- token_refresh.insert
        with forgotten as (
            delete from access_token_refreshes where id in (
                select id from access_token_refreshes where app_id = $2 order by id desc offset 199 limit 100)
        )
        insert into access_token_refreshes
            (id, app_id, fence, ended_at, process, reason, outcome, is_forced, errcode, failure, lost_s)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        refresh.id,
        refresh.app_id.as_str(),
        refresh.fence,
        refresh.at,
        refresh.process,
        refresh.reason.as_str(),
        refresh.outcome,
        refresh.is_forced,
        refresh.errcode,
        refresh.failure,
        refresh.lost_s,
    )
    .execute(db);
    query("token_refresh.insert", statement).await?;
    Ok(())
}

//! How the access tokens are doing, for the health page.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgExecutor;
use sqlx::types::Json;

use super::Error;
use super::statement::query;

/// One token, without the token.
#[derive(Clone, Debug)]
pub struct TokenState {
    /// The mini program.
    pub app_id: String,
    /// Who gave it.
    pub issuer: Option<String>,
    /// When this very token came.
    pub obtained_at: Option<DateTime<Utc>>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When WeChat refused it.
    pub refused_at: Option<DateTime<Utc>>,
    /// When it is refreshed.
    pub due_at: DateTime<Utc>,
    /// Until then somebody fetches.
    pub lease_until: Option<DateTime<Utc>>,
    /// Why the last try gave none.
    pub failure: Option<String>,
    /// WeChat's number of that.
    pub failure_errcode: Option<i64>,
    /// The address of ours that WeChat does not allow.
    pub failure_address: Option<String>,
    /// Since when there was none.
    pub failed_since: Option<DateTime<Utc>>,
    /// Until then WeChat is not asked.
    pub rest_until: Option<DateTime<Utc>>,
    /// How often somebody else had the token replaced since the time that was asked about.
    pub lost_count: i64,
    /// The newest five tries, newest first.
    pub refreshes: Json<Vec<RefreshFigure>>,
}

/// One try, as the page shows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RefreshFigure {
    /// When it ended.
    pub at: DateTime<Utc>,
    /// Which server made it.
    pub process: String,
    /// Why.
    pub reason: String,
    /// What came of it.
    pub outcome: String,
    /// Whether another token was demanded.
    pub is_forced: bool,
    /// WeChat's number of a refusal.
    pub errcode: Option<i64>,
    /// How long the token before had still to live, in seconds, if somebody else had it replaced.
    pub lost_s: Option<i64>,
}

/// The tokens of these mini programs, by name.
pub async fn list(
    db: impl PgExecutor<'_>,
    app_ids: &[String],
    lost_since: DateTime<Utc>,
) -> Result<Vec<TokenState>, Error> {
    let statement = sqlx::query_as!(
        TokenState,
        r#"-- token_health.list
        select t.app_id, t.issuer, t.obtained_at, t.expires_at, t.refused_at, t.due_at, t.lease_until, t.failure,
            t.failure_errcode, t.failure_address, t.failed_since, t.rest_until,
            (select count(*) from access_token_refreshes r
             where r.app_id = t.app_id and r.lost_s is not null and r.ended_at >= $2) as "lost_count!",
            (select coalesce(jsonb_agg(jsonb_build_object('at', r.ended_at, 'process', r.process, 'reason', r.reason,
                'outcome', r.outcome, 'is_forced', r.is_forced, 'errcode', r.errcode, 'lost_s', r.lost_s) order by r.id desc), '[]')
             from (select * from access_token_refreshes n where n.app_id = t.app_id order by n.id desc limit 5) r)
                as "refreshes!: Json<Vec<RefreshFigure>>"
        from access_tokens t where t.app_id = any($1) order by t.app_id"#,
        app_ids,
        lost_since,
    )
    .fetch_all(db);
    Ok(query("token_health.list", statement).await?)
}

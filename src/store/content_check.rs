//! Pictures and sounds that WeChat was asked to look at, and what it says of them.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Error;
use super::statement::query;
use crate::domain::content_check::{Decision, MediaCheck, MediaKind, Reason, Verdict};
use crate::domain::id::ContentCheckId;
use crate::domain::name::AppId;

const BROKEN: Error = Error::Inconsistent {
    table: "content_checks",
};

/// A look that WeChat is about to be asked for.
#[derive(Debug)]
pub struct NewMediaCheck<'a> {
    /// Its id.
    pub id: ContentCheckId,
    /// The mini program.
    pub app_id: &'a AppId,
    /// What is looked at.
    pub kind: MediaKind,
    /// Where it lies.
    pub media_url: &'a str,
    /// Now.
    pub now: DateTime<Utc>,
    /// When it is decided without WeChat.
    pub due_at: DateTime<Utc>,
}

struct CheckRow {
    id: Uuid,
    kind: String,
    media_url: String,
    trace_id: Option<String>,
    decision: Option<String>,
    label: Option<i64>,
    reason: Option<String>,
}

impl CheckRow {
    fn check(self) -> Result<MediaCheck, Error> {
        Ok(MediaCheck {
            id: self.id.into(),
            kind: MediaKind::parse(&self.kind).ok_or(BROKEN)?,
            media_url: self.media_url,
            trace_id: self.trace_id,
            verdict: verdict(self.decision.as_deref(), self.label, self.reason.as_deref())?,
        })
    }
}

struct VerdictRow {
    decision: Option<String>,
    label: Option<i64>,
    reason: Option<String>,
}

fn verdict(
    decision: Option<&str>,
    label: Option<i64>,
    reason: Option<&str>,
) -> Result<Option<Verdict>, Error> {
    let (Some(decision), Some(reason)) = (decision, reason) else {
        return Ok(None);
    };
    Ok(Some(Verdict {
        decision: Decision::parse(decision).ok_or(BROKEN)?,
        label,
        reason: Reason::parse(reason).ok_or(BROKEN)?,
    }))
}

/// Writes down that WeChat is about to be asked.
pub async fn insert(db: impl PgExecutor<'_>, check: &NewMediaCheck<'_>) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- content_check.insert
        insert into content_checks (id, app_id, kind, media_url, created_at, due_at) values ($1, $2, $3, $4, $5, $6)",
        Uuid::from(check.id),
        check.app_id.as_str(),
        check.kind.as_str(),
        check.media_url,
        check.now,
        check.due_at,
    )
    .execute(db);
    query("content_check.insert", statement).await?;
    Ok(())
}

/// Forgets a look that nobody was promised.
pub async fn delete(db: impl PgExecutor<'_>, id: ContentCheckId) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- content_check.delete
        delete from content_checks where id = $1 and trace_id is null",
        Uuid::from(id),
    )
    .execute(db);
    query("content_check.delete", statement).await?;
    Ok(())
}

/// A look.
pub async fn find(db: impl PgExecutor<'_>, id: ContentCheckId) -> Result<Option<MediaCheck>, Error> {
    let statement = sqlx::query_as!(
        CheckRow,
        "-- content_check.find
        select id, kind, media_url, trace_id, decision, label, reason from content_checks where id = $1",
        Uuid::from(id),
    )
    .fetch_optional(db);
    query("content_check.find", statement)
        .await?
        .map(CheckRow::check)
        .transpose()
}

/// Gives a look its name at WeChat; tells whether it still had none.
pub async fn update_trace(db: &mut PgConnection, id: ContentCheckId, trace_id: &str) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- content_check.update_trace
        update content_checks set trace_id = $2 where id = $1 and trace_id is null",
        Uuid::from(id),
        trace_id,
    )
    .execute(db);
    Ok(query("content_check.update_trace", statement)
        .await?
        .rows_affected()
        == 1)
}

/// Goes to the place where a look's name and its result meet, with or without a result, and waits for whoever is
/// there. Gives the result that is known from now on: the first one that came.
pub async fn upsert_result(
    db: &mut PgConnection,
    app_id: &AppId,
    trace_id: &str,
    verdict: Option<Verdict>,
    now: DateTime<Utc>,
) -> Result<Option<Verdict>, Error> {
    let statement = sqlx::query_as!(
        VerdictRow,
        "-- content_check.upsert_result
        insert into content_check_results as r (app_id, trace_id, decision, label, reason, noted_at)
        values ($1, $2, $3, $4, $5, $6)
        on conflict on constraint content_check_results_pkey do update set
            decision = coalesce(r.decision, excluded.decision),
            label = case when r.decision is null then excluded.label else r.label end,
            reason = coalesce(r.reason, excluded.reason)
        returning decision, label, reason",
        app_id.as_str(),
        trace_id,
        verdict.map(|verdict| verdict.decision.as_str()),
        verdict.and_then(|verdict| verdict.label),
        verdict.map(|verdict| verdict.reason.as_str()),
        now,
    )
    .fetch_one(db);
    let row = query("content_check.upsert_result", statement).await?;
    self::verdict(row.decision.as_deref(), row.label, row.reason.as_deref())
}

/// Decides what is looked at under a name and is not decided yet, or only for want of an answer. Tells how many
/// looks this decided.
pub async fn decide(
    db: &mut PgConnection,
    app_id: &AppId,
    trace_id: &str,
    verdict: Verdict,
    now: DateTime<Utc>,
) -> Result<u64, Error> {
    let statement = sqlx::query!(
        "-- content_check.decide
        update content_checks set decision = $3, label = $4, reason = $5, decided_at = $6, due_at = null
        where app_id = $1 and trace_id = $2 and (decision is null or reason = 'timed_out')",
        app_id.as_str(),
        trace_id,
        verdict.decision.as_str(),
        verdict.label,
        verdict.reason.as_str(),
        now,
    )
    .execute(db);
    Ok(query("content_check.decide", statement).await?.rows_affected())
}

/// Decides up to `limit` looks that are due without WeChat, the longest due first. Tells how many.
pub async fn decide_due(
    db: impl PgExecutor<'_>,
    verdict: Verdict,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<u64, Error> {
    let statement = sqlx::query!(
        "-- content_check.decide_due
        update content_checks set decision = $3, label = $4, reason = $5, decided_at = $1, due_at = null
        where id in (
            select id from content_checks where due_at <= $1
            order by due_at
            limit $2
            for update skip locked)",
        now,
        limit,
        verdict.decision.as_str(),
        verdict.label,
        verdict.reason.as_str(),
    )
    .execute(db);
    Ok(query("content_check.decide_due", statement)
        .await?
        .rows_affected())
}

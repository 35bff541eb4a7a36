//! Pictures and sounds. The look is a row before WeChat is asked, its name at WeChat is in the row before whoever
//! asked is answered, and what nobody hears of within half an hour is decided as one for review.
//!
//! The result may come before the name is in the row, twice, or never. Name and result meet at a row of their own:
//! whoever comes first writes it, whoever comes second waits for that transaction and finds what it wrote.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;

use super::refused;
use crate::domain::content_check::{MediaCheck, MediaKind, Scene, Verdict};
use crate::domain::id::ContentCheckId;
use crate::domain::media_url::MediaUrl;
use crate::domain::name::{AppId, OpenId};
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::service::mini::{CallError, call};
use crate::store;
use crate::store::content_check::NewMediaCheck;
use crate::telemetry;
use crate::wechat::mini::content_check::{is_trace_id, media_call, read_media};
use crate::wechat::push::MediaCheck as MediaResult;

/// How long WeChat may take. Its documentation promises a result within as much.
const PATIENCE: TimeDelta = TimeDelta::minutes(30);
/// How many looks one turn of the loop decides.
const BATCH: i64 = 100;
/// What it is called in the metric.
const WHAT: &str = "media";

/// A picture or a sound to look at.
#[derive(Clone, Debug)]
pub struct NewLook {
    /// The mini program.
    pub app_id: AppId,
    /// Whose it is.
    pub openid: OpenId,
    /// What it is.
    pub kind: MediaKind,
    /// Where WeChat fetches it.
    pub media_url: MediaUrl,
    /// Where it is to be shown.
    pub scene: Scene,
}

/// Has WeChat look at a picture or a sound. What WeChat finds comes later, and is read by [`find_look`].
///
/// # Errors
/// `openid_unknown`, `user_inactive`, `media_unsuited`, `rate_limited`, and those of every call: then there is no look,
/// and none that WeChat began all the same will be told of.
pub async fn look_at(context: &Arc<Context>, look: NewLook) -> Result<MediaCheck, AppError> {
    let own = Arc::clone(context);
    context.detached(async move { begin(&own, &look).await }).await
}

async fn begin(context: &Arc<Context>, look: &NewLook) -> Result<MediaCheck, AppError> {
    let now = context.clock.now();
    let id = ContentCheckId::from(context.entropy.uuid(now)?);
    let request =
        media_call(look.kind, &look.media_url, look.scene, &look.openid).map_err(AppError::internal)?;
    let new = NewMediaCheck {
        id,
        app_id: &look.app_id,
        kind: look.kind,
        media_url: look.media_url.as_str(),
        now,
        due_at: now + PATIENCE,
    };
    store::content_check::insert(&context.db, &new).await?;
    let outcome = match call(context, &look.app_id, &request).await {
        Ok(reply) => read_media(&reply).map_err(CallError::from),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(trace_id) => name(context, &look.app_id, id, &trace_id).await,
        Err(error) => {
            telemetry::count_content_check(WHAT, "failed");
            store::content_check::delete(&context.db, id).await?;
            Err(refused(error))
        }
    }
}

/// Gives a look its name, and its result if that was here first.
async fn name(
    context: &Context,
    app_id: &AppId,
    id: ContentCheckId,
    trace_id: &str,
) -> Result<MediaCheck, AppError> {
    let now = context.clock.now();
    let mut tx = context.db.begin().await?;
    let known = store::content_check::upsert_result(&mut tx, app_id, trace_id, None, now).await?;
    store::content_check::update_trace(&mut tx, id, trace_id).await?;
    if let Some(verdict) = known {
        decide(&mut tx, app_id, trace_id, verdict, now).await?;
    }
    tx.commit().await?;
    context.alarms.content_checks.set(now + PATIENCE);
    find_look(context, id).await
}

/// A look, and what came of it so far.
///
/// # Errors
/// `not_found`.
pub async fn find_look(context: &Context, id: ContentCheckId) -> Result<MediaCheck, AppError> {
    let found = store::content_check::find(&context.db, id).await?;
    found.ok_or_else(|| AppError::new(ErrorCode::NotFound))
}

/// Takes in what WeChat says of a look, in the transaction of the message that says it. The first result counts, and
/// changes what is decided at most once: what waits, or what was decided for want of an answer.
///
/// # Errors
/// When the database fails.
pub async fn apply_result(
    tx: &mut PgConnection,
    app_id: &AppId,
    result: &MediaResult,
    now: DateTime<Utc>,
) -> Result<(), store::Error> {
    let is_ours = result.app_id.as_ref().is_none_or(|named| named == app_id);
    if !is_ours || !is_trace_id(&result.trace_id) {
        let trace_id = is_trace_id(&result.trace_id).then_some(result.trace_id.as_str());
        tracing::warn!(app.id = %app_id, trace_id, "a result names no look of this mini program");
        return Ok(());
    }
    let verdict = Verdict::of_media(result.errcode, result.suggest.as_deref(), result.label);
    let known = store::content_check::upsert_result(tx, app_id, &result.trace_id, Some(verdict), now).await?;
    decide(tx, app_id, &result.trace_id, known.unwrap_or(verdict), now).await
}

async fn decide(
    tx: &mut PgConnection,
    app_id: &AppId,
    trace_id: &str,
    verdict: Verdict,
    now: DateTime<Utc>,
) -> Result<(), store::Error> {
    let decided = store::content_check::decide(tx, app_id, trace_id, verdict, now).await?;
    for _ in 0..decided {
        telemetry::count_content_check(WHAT, verdict.decision.as_str());
    }
    Ok(())
}

/// Decides up to 100 looks that WeChat has said nothing of for half an hour. Tells whether there may be more.
///
/// # Errors
/// When the database fails.
pub async fn time_out(context: &Context) -> Result<bool, AppError> {
    let now = context.clock.now();
    let decided = store::content_check::decide_due(&context.db, Verdict::TIMED_OUT, now, BATCH).await?;
    for _ in 0..decided {
        telemetry::count_content_check(WHAT, Verdict::TIMED_OUT.decision.as_str());
    }
    if decided > 0 {
        tracing::warn!(
            checks = decided,
            "WeChat said nothing about content in time; it is left to review"
        );
    }
    Ok(decided > 0)
}

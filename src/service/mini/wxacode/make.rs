//! One flight: the image from the store, from another process, or from WeChat.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::TimeDelta;
use futures_util::future::FutureExt as _;
use uuid::Uuid;

use super::flight::{Failure, Flight};
use super::{CodeImage, WantedCode};
use crate::domain::allowance::{ALLOWANCE_TIME, allowance_wait_s};
use crate::domain::file::PictureKind;
use crate::domain::id::UserId;
use crate::domain::wxacode::{CODES_PER_USER, CodeRequest};
use crate::error::{AppError, ErrorCode};
use crate::file::picture::{self, Picture};
use crate::file::place;
use crate::service::Context;
use crate::service::file::{object, read_file};
use crate::service::mini::{CallError, call};
use crate::store;
use crate::store::wxacode::CodeKey;
use crate::wechat::mini::wxacode;

/// How long one may ask WeChat before another process does: longer than two calls of ten seconds, a token fetched
/// in between, and a write to the store.
const LEASE: TimeDelta = TimeDelta::seconds(75);
/// How long an image is waited for that another process asks for, and how often its row is looked at.
const WAIT_MAX: Duration = Duration::from_secs(3);
const WAIT_STEP: Duration = Duration::from_millis(100);
/// That an image was asked for is noted once in so long.
const USED_STEP: TimeDelta = TimeDelta::days(1);

/// Takes the flight off the list, however it ends.
struct Landing(Arc<Context>, CodeKey);

impl Drop for Landing {
    fn drop(&mut self) {
        self.0.code_flights.land(&self.1);
    }
}

/// A flight, not begun yet. It goes on when those who wait for it have left.
pub(super) fn begin(context: Arc<Context>, key: CodeKey, wanted: &WantedCode) -> Flight {
    let (request, user_id) = (wanted.request.clone(), wanted.user_id);
    let flight = async move {
        let landing = Landing(Arc::clone(&context), key.clone());
        let flown = Arc::clone(&context);
        let work = async move {
            let _landing = landing;
            fly(&flown, &key, &request, user_id).await
        };
        let outcome = context.detached(work).await;
        outcome.map_err(|error| Failure::new(error, user_id))
    };
    flight.boxed().shared()
}

async fn fly(
    context: &Arc<Context>,
    key: &CodeKey,
    request: &CodeRequest,
    user_id: Option<UserId>,
) -> Result<CodeImage, AppError> {
    let deadline = tokio::time::Instant::now() + WAIT_MAX;
    loop {
        if let Some(image) = find_kept(context, key).await? {
            return Ok(image);
        }
        let lease = Uuid::from_bytes(context.entropy.bytes()?);
        let now = context.clock.now();
        if store::wxacode::claim(&context.db, key, lease, now, now + LEASE).await? {
            return make(context, key, lease, request, user_id).await;
        }
        if tokio::time::Instant::now() >= deadline {
            return Err(AppError::new(ErrorCode::RequestInProgress));
        }
        tokio::time::sleep(WAIT_STEP).await;
    }
}

/// The image that is kept. One whose object is gone is let go of: WeChat can make it again.
pub(super) async fn find_kept(context: &Context, key: &CodeKey) -> Result<Option<CodeImage>, AppError> {
    let Some(kept) = store::wxacode::find(&context.db, key).await? else {
        return Ok(None);
    };
    let now = context.clock.now();
    let bytes = match &kept.file {
        Some(file) => read_file::read_whole(context, file).await?,
        None => None,
    };
    let Some((file, bytes)) = kept.file.zip(bytes) else {
        store::wxacode::update_lost(&context.db, key, kept.file_id, now).await?;
        return Ok(None);
    };
    if kept.used_at < now - USED_STEP {
        store::wxacode::update_used(&context.db, key, now).await?;
    }
    Ok(Some(CodeImage {
        kind: file.kind,
        sha256: file.sha256,
        bytes,
    }))
}

/// Asks WeChat under a lease, and keeps what comes.
async fn make(
    context: &Arc<Context>,
    key: &CodeKey,
    lease: Uuid,
    request: &CodeRequest,
    user_id: Option<UserId>,
) -> Result<CodeImage, AppError> {
    let asked = match count(context, user_id).await {
        Ok(()) => ask(context, key, request).await,
        Err(refusal) => Err(refusal),
    };
    let picture = match asked {
        Ok(picture) => picture,
        Err(failure) => {
            give_back(context, key, lease).await;
            return Err(failure);
        }
    };
    let image = CodeImage {
        kind: picture.kind,
        sha256: place::sha256(&picture.bytes),
        bytes: Bytes::from(picture.bytes.clone()),
    };
    // Who has the image gets it, also when there is no place to keep it.
    if let Err(error) = keep(context, key, lease, &picture, &image).await {
        let cause = error.causes();
        tracing::warn!(
            app.id = %key.app_id,
            image = key.shown(),
            code = error.code().row().text,
            cause,
            "a code image could not be kept"
        );
        give_back(context, key, lease).await;
    }
    Ok(image)
}

/// Counts a call for whom it is made, before it is.
async fn count(context: &Context, user_id: Option<UserId>) -> Result<(), AppError> {
    let Some(user_id) = user_id else { return Ok(()) };
    let now = context.clock.now();
    let day_ago = now - ALLOWANCE_TIME;
    if store::wxacode_allowance::take(&context.db, user_id, now, day_ago, CODES_PER_USER).await? {
        return Ok(());
    }
    let since = store::wxacode_allowance::find_since(&context.db, user_id).await?;
    Err(AppError::new(ErrorCode::WxacodeQuotaReached)
        .detail(format!("At most {CODES_PER_USER} new codes a day for each user."))
        .retry_after_s(allowance_wait_s(since.unwrap_or(now), now)))
}

async fn ask(context: &Arc<Context>, key: &CodeKey, request: &CodeRequest) -> Result<Picture, AppError> {
    let request = wxacode::call(request).map_err(AppError::internal)?;
    let reply = call(context, &key.app_id, &request).await.map_err(refusal)?;
    // Whatever is neither a refusal nor one of the two kinds that WeChat draws, whole, is no image.
    let picture = picture::clean(reply.bytes()).ok();
    let picture = picture.filter(|picture| matches!(picture.kind, PictureKind::Jpeg | PictureKind::Png));
    picture.ok_or_else(|| {
        tracing::warn!(
            app.id = %key.app_id,
            image = key.shown(),
            bytes = reply.bytes().len(),
            "WeChat answered with neither an image nor a refusal"
        );
        AppError::new(ErrorCode::WechatUnavailable)
    })
}

/// Row, object, and both rows that say that it is there.
async fn keep(
    context: &Context,
    key: &CodeKey,
    lease: Uuid,
    picture: &Picture,
    image: &CodeImage,
) -> Result<(), AppError> {
    let id = object::write_unowned(context, picture, image.bytes.clone(), image.sha256).await?;
    let mut tx = context.db.begin().await?;
    let is_shown = store::file::update_stored(&mut *tx, id, context.clock.now()).await?;
    // Without the lease somebody else keeps the image, and the sweep removes this one.
    if is_shown && store::wxacode::update_kept(&mut *tx, key, lease, id).await? {
        tx.commit().await?;
    }
    Ok(())
}

/// A lease that cannot be given back ends by itself.
async fn give_back(context: &Context, key: &CodeKey, lease: Uuid) {
    if let Err(error) = store::wxacode::delete_claim(&context.db, key, lease).await {
        let image = key.shown();
        tracing::warn!(app.id = %key.app_id, image, %error, "the right to ask for a code image ends by itself");
    }
}

/// Source: mini-program APIs, section 1. What this server checks before it asks can still be refused where
/// WeChat's rules have become narrower.
fn refusal(error: CallError) -> AppError {
    let CallError::Refused { errcode } = error else {
        return error.into();
    };
    let told = match errcode {
        41_030 => AppError::new(ErrorCode::PageUnknown),
        40_129 => AppError::field("/scene", "characters", "WeChat does not take these characters"),
        40_169 => AppError::field("/scene", "length", "WeChat does not take this length"),
        85_096 => AppError::field("/page", "reserved", "WeChat keeps `scancode_time` for itself"),
        _ => return error.into(),
    };
    told.wechat_errcode(errcode).caused_by(error)
}

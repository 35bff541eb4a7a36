//! The care for session keys: whether WeChat still knows a user's, and another one in its place.
//!
//! For the operator. A page has `wx.checkSession` and `wx.login`, and learns from `session_key_stale` when it
//! needs them; WeChat is not asked for each guess that fails.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::unsealed;
use crate::domain::id::UserId;
use crate::domain::name::AppId;
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::service::mini::{self, CallError};
use crate::store;
use crate::store::session_key::{KeptKeys, ResetKey};
use crate::store::user::session_key_place;
use crate::wechat::mini::session_key;
use crate::wechat::secret::SessionKey;

/// A user's newest session key, without the key.
#[derive(Debug)]
pub struct KeyState {
    /// Whose.
    pub user_id: UserId,
    /// The mini program.
    pub app_id: AppId,
    /// Whether WeChat takes it.
    pub is_alive: bool,
    /// When WeChat gave it.
    pub obtained_at: DateTime<Utc>,
}

/// Asks WeChat whether a user's newest session key is alive.
///
/// # Errors
/// `not_found`, and WeChat's trouble.
pub async fn check(context: &Arc<Context>, user_id: UserId) -> Result<KeyState, AppError> {
    let (kept, key) = find(context, user_id).await?;
    let is_alive = match key {
        Some(key) => {
            let told = mini::call(context, &kept.app_id, &session_key::check(&kept.openid, &key)).await;
            match told.and_then(|reply| Ok(reply.done()?)) {
                Ok(()) => true,
                Err(CallError::Refused { errcode }) if session_key::is_key_dead(errcode) => false,
                Err(error) => return Err(error.into()),
            }
        }
        None => false,
    };
    Ok(KeyState {
        user_id,
        app_id: kept.app_id,
        is_alive,
        obtained_at: kept.newest_at,
    })
}

/// Has WeChat replace a user's session key, and keeps the new one. The old one and the one before it open
/// nothing from then on. Goes on when its client goes away. Should the server die between WeChat's answer and
/// the row, the user's next login mends it.
///
/// # Errors
/// `not_found`, `session_key_stale` when WeChat does not take the present key, and WeChat's trouble.
pub async fn reset(context: &Arc<Context>, user_id: UserId) -> Result<KeyState, AppError> {
    context.detached(replace(Arc::clone(context), user_id)).await
}

async fn replace(context: Arc<Context>, user_id: UserId) -> Result<KeyState, AppError> {
    let stale = || AppError::new(ErrorCode::SessionKeyStale);
    let (kept, key) = find(&context, user_id).await?;
    let old = key.ok_or_else(stale)?;
    let call = session_key::reset(&kept.openid, &old);
    let reply = match mini::call(&context, &kept.app_id, &call).await {
        Ok(reply) => reply,
        Err(CallError::Refused { errcode }) if session_key::is_key_dead(errcode) => return Err(stale()),
        Err(error) => return Err(error.into()),
    };
    let new = session_key::read_reset(reply, &kept.openid).map_err(CallError::from)?;
    let now = context.clock.now();
    let text = new.expose_text().as_bytes();
    let place = session_key_place(&kept.app_id, &kept.openid);
    let sealed = context
        .vault
        .seal(&place, text, context.entropy)
        .map_err(AppError::internal)?;
    let hashes = context.vault.hashes(text);
    let reset = ResetKey {
        user_id,
        old_hashes: &context.vault.hashes(old.expose_text().as_bytes()),
        session_key: &sealed,
        hash: hashes.first().map(Vec::as_slice).unwrap_or_default(),
        now,
    };
    let is_kept = store::session_key::update_reset(&context.db, &reset).await?;
    tracing::info!(user.id = %user_id, is_kept, "WeChat has replaced a session key");
    Ok(KeyState {
        user_id,
        app_id: kept.app_id,
        is_alive: true,
        obtained_at: now,
    })
}

async fn find(context: &Context, user_id: UserId) -> Result<(KeptKeys, Option<SessionKey>), AppError> {
    let kept = store::session_key::find_of_user(&context.db, user_id)
        .await?
        .ok_or_else(|| AppError::new(ErrorCode::NotFound))?;
    let place = session_key_place(&kept.app_id, &kept.openid);
    let key = unsealed(context, &place, &kept.newest);
    Ok((kept, key))
}

//! A live access token, and another one in place of a dead one.
//!
//! While a token lives nobody waits: the loop fetches the next in good time. Without one, the first of a
//! process asks for the lease of the row, and with it WeChat; everybody else waits for the row. A holder that
//! dies delays them until its lease is over and no longer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::call::CallError;
use super::memory::LiveToken;
use super::refresh::{Wanted, refresh};
use crate::domain::access_token::{self, Failure, Reason};
use crate::domain::name::AppId;
use crate::error::AppError;
use crate::service::Context;
use crate::store;
use crate::store::access_token::{StoredToken, token_place};
use crate::wechat::secret::AccessToken;

/// How long a caller waits for a token, standing in line included. Longer than a lease and the fetch after it.
const WAIT_MAX: Duration = Duration::from_secs(16);
/// How often one caller asks WeChat: once, and once more if somebody came in between.
const ASKED_MAX: u32 = 2;
/// How often the row is looked at while somebody else fetches.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A live token of a mini program.
///
/// # Errors
/// When there is none and WeChat gives none; see [`CallError`].
pub async fn live(context: &Arc<Context>, app_id: &AppId) -> Result<LiveToken, CallError> {
    match context.access_tokens.live(app_id, context.clock.now()) {
        Some(live) => Ok(live),
        None => obtain(context, app_id, None, Reason::None).await,
    }
}

/// The live token by its row, not by what this process remembers.
///
/// # Errors
/// As for [`live`].
pub(super) async fn look(context: &Arc<Context>, app_id: &AppId) -> Result<LiveToken, CallError> {
    let hashes = secret_hashes(context, app_id)?;
    let row = store::access_token::find(&context.db, app_id, &hashes).await?;
    if let Found::Live(live) = judge(context, row.as_ref(), None, context.clock.now()) {
        return Ok(live);
    }
    if let Some((_, number)) = row.and_then(|row| row.token) {
        context.access_tokens.forget(app_id, number);
    }
    obtain(context, app_id, None, Reason::None).await
}

/// Another token in place of exactly this one, which WeChat has refused. If the issuer insists that it is the
/// right one and another cannot be demanded now, it is given again.
///
/// # Errors
/// When WeChat gives none; see [`CallError`].
pub async fn replace(
    context: &Arc<Context>,
    app_id: &AppId,
    dead: i64,
    reason: Reason,
) -> Result<LiveToken, CallError> {
    context.access_tokens.forget(app_id, dead);
    obtain(context, app_id, Some(dead), reason).await
}

async fn obtain(
    context: &Arc<Context>,
    app_id: &AppId,
    dead: Option<i64>,
    reason: Reason,
) -> Result<LiveToken, CallError> {
    let turnstile = context.access_tokens.turnstile(app_id);
    let started = Instant::now();
    let Ok(_turn) = tokio::time::timeout(WAIT_MAX, turnstile.lock()).await else {
        return Err(CallError::unavailable());
    };
    // Whoever stood in line before has most likely found it.
    let seen = context.access_tokens.live(app_id, context.clock.now());
    if let Some(live) = seen.filter(|live| Some(live.number) != dead) {
        return Ok(live);
    }
    if let Some(number) = dead {
        let now = context.clock.now();
        store::access_token::update_refused(&context.db, app_id, number, now).await?;
    }
    let hashes = secret_hashes(context, app_id)?;
    let mut asked = 0_u32;
    while started.elapsed() < WAIT_MAX {
        let now = context.clock.now();
        let row = store::access_token::find(&context.db, app_id, &hashes).await?;
        match judge(context, row.as_ref(), dead, now) {
            Found::Live(live) => {
                context.access_tokens.remember(app_id, live.clone(), now);
                return Ok(live);
            }
            Found::Rest(error) => return Err(error),
            Found::Busy => tokio::time::sleep(LOOK_EVERY).await,
            Found::Free if asked == ASKED_MAX => break,
            Found::Free => {
                asked = asked.saturating_add(1);
                let wanted = Wanted {
                    app_id: app_id.clone(),
                    seen: row.and_then(|row| row.token.map(|(_, number)| number)),
                    reason,
                };
                // A caller that goes away takes nobody's token with it.
                context.detached(refresh(Arc::clone(context), wanted)).await?;
            }
        }
    }
    Err(CallError::unavailable())
}

/// What the row says to somebody without a token.
enum Found {
    Live(LiveToken),
    /// WeChat is to be left alone.
    Rest(CallError),
    /// Somebody fetches.
    Busy,
    /// Nobody does.
    Free,
}

fn judge(context: &Context, row: Option<&StoredToken>, dead: Option<i64>, now: DateTime<Utc>) -> Found {
    let Some(row) = row else { return Found::Free };
    if let Some(live) = usable(context, row, dead, now) {
        if row.due_at <= now {
            context.alarms.access_tokens.set(now);
        }
        return Found::Live(live);
    }
    if let (Some((failure, errcode)), Some(until)) = (row.failure, row.rest_until)
        && until > now
        && row.is_secret_known
    {
        return Found::Rest(no_token(failure, errcode, until, now));
    }
    if row.lease_until.is_some_and(|until| until > now) {
        Found::Busy
    } else {
        Found::Free
    }
}

/// The row's token, if it works as far as is known and is not the dead one. One that does not open is none.
fn usable(context: &Context, row: &StoredToken, dead: Option<i64>, now: DateTime<Utc>) -> Option<LiveToken> {
    let ((sealed, number), expires_at) = row.token.as_ref().zip(row.expires_at)?;
    let is_trusted = row.trusted_until.is_some_and(|until| until > now);
    let is_believed = row.refused_at.is_none() && (dead != Some(*number) || is_trusted);
    if !is_believed || !access_token::is_alive(expires_at, now) {
        return None;
    }
    let token = open(context, &row.app_id, sealed)?;
    Some(LiveToken {
        token,
        number: *number,
        expires_at,
    })
}

/// The token of a sealed value.
pub(super) fn open(context: &Context, app_id: &AppId, sealed: &[u8]) -> Option<AccessToken> {
    let plain = context
        .vault
        .open(&token_place(app_id), sealed)
        .inspect_err(|error| tracing::warn!(%error, "a stored access token does not open"))
        .ok()?;
    std::str::from_utf8(&plain)
        .ok()
        .and_then(|text| AccessToken::parse(text).ok())
}

/// The keyed hashes of the app's secret.
pub(super) fn secret_hashes(context: &Context, app_id: &AppId) -> Result<Vec<Vec<u8>>, AppError> {
    let secret = context.mini_programs.secret(app_id)?;
    Ok(context.vault.hashes(secret.expose().as_bytes()))
}

/// What a caller is told while WeChat is left alone.
fn no_token(failure: Failure, errcode: Option<i64>, until: DateTime<Utc>, now: DateTime<Utc>) -> CallError {
    let wait_s = until.signed_duration_since(now).num_seconds().saturating_add(1);
    CallError::NoToken {
        failure,
        errcode,
        retry_after_s: u32::try_from(wait_s).unwrap_or(u32::MAX),
    }
}

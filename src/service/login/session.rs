//! The session: found alive, renewed, ended here or everywhere.
//!
//! A session found alive is remembered for less than a second, so that a busy page costs no extra
//! round trip and a revocation still takes effect on every replica within the second that is
//! promised. The replica that revokes forgets at once.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use moka::sync::Cache;

use super::token::{TokenError, TokenSubject};
use crate::domain::id::{SessionId, UserId};
use crate::domain::user::User;
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::store;
pub use crate::store::session::LiveSession;

impl LiveSession {
    /// What a token of this session says.
    pub fn subject(&self) -> TokenSubject {
        TokenSubject {
            app_id: self.app_id.clone(),
            session_id: self.id,
            user_id: self.user_id,
        }
    }
}

/// How long a session found alive is believed without asking again.
const BELIEVED: TimeDelta = TimeDelta::milliseconds(800);
/// How many sessions are remembered at once.
const REMEMBERED_MAX: u64 = 4_096;
/// How long anything of it is remembered, by a clock that nobody sets back.
const REMEMBERED_FOR: Duration = Duration::from_secs(2);

/// The sessions found alive within the last 800 ms.
#[derive(Debug)]
pub struct SessionCache(Cache<SessionId, (DateTime<Utc>, Arc<LiveSession>)>);

impl Default for SessionCache {
    fn default() -> Self {
        let cache = Cache::builder().max_capacity(REMEMBERED_MAX);
        Self(cache.time_to_live(REMEMBERED_FOR).build())
    }
}

impl SessionCache {
    /// Forgets a session that is over.
    pub(in crate::service) fn forget(&self, id: SessionId) {
        self.0.invalidate(&id);
    }

    fn get(&self, subject: &TokenSubject, now: DateTime<Utc>) -> Option<Arc<LiveSession>> {
        let (seen_at, session) = self.0.get(&subject.session_id)?;
        let age = now.signed_duration_since(seen_at);
        // A negative age is a clock that was set back: not believed either, nor when the clock has come there again.
        let is_fresh = age >= TimeDelta::zero() && age < BELIEVED;
        if !is_fresh {
            self.forget(subject.session_id);
        }
        (is_fresh && session.expires_at > now && subject.is_of(session.user_id, &session.app_id))
            .then_some(session)
    }
}

/// Reads a bearer token.
///
/// # Errors
/// `unauthenticated` for what is not one of our tokens, `session_expired` for one that is over.
pub fn read_token(context: &Context, token: &str) -> Result<TokenSubject, AppError> {
    context
        .tokens
        .verify(token, context.clock.now())
        .map_err(|error| match error {
            TokenError::Expired => AppError::new(ErrorCode::SessionExpired),
            TokenError::Invalid | TokenError::Signing => AppError::new(ErrorCode::Unauthenticated),
        })
}

/// The live session that a token names.
///
/// # Errors
/// `session_expired` when it was ended or has run out.
pub async fn authenticate(context: &Context, subject: &TokenSubject) -> Result<Arc<LiveSession>, AppError> {
    // Taken before the question, so that the memory is never younger than the answer.
    let now = context.clock.now();
    if let Some(session) = context.sessions.get(subject, now) {
        return Ok(session);
    }
    let (session, _) = find(context, subject, now).await?;
    let session = Arc::new(session);
    context
        .sessions
        .0
        .insert(subject.session_id, (now, Arc::clone(&session)));
    Ok(session)
}

/// The live session with its user, in one statement.
///
/// # Errors
/// `session_expired` when it was ended or has run out.
pub async fn read(context: &Context, subject: &TokenSubject) -> Result<(LiveSession, User), AppError> {
    find(context, subject, context.clock.now()).await
}

async fn find(
    context: &Context,
    subject: &TokenSubject,
    now: DateTime<Utc>,
) -> Result<(LiveSession, User), AppError> {
    store::session::find_live(&context.db, &context.vault, subject.session_id, now)
        .await?
        .filter(|(session, _)| subject.is_of(session.user_id, &session.app_id))
        .ok_or_else(|| AppError::new(ErrorCode::SessionExpired))
}

/// A token and when it ends.
#[expect(missing_debug_implementations, reason = "it holds a session's token")]
pub struct Renewed {
    /// The new token.
    pub token: String,
    /// When the session ends now.
    pub expires_at: DateTime<Utc>,
}

/// Moves the session's end and gives a new token for the same session.
///
/// # Errors
/// `session_expired` when it was ended meanwhile.
pub async fn renew(context: &Context, session: &LiveSession) -> Result<Renewed, AppError> {
    let now = context.clock.now();
    let expires_at = now + context.session_ttl;
    if !store::session::update_expiry(&context.db, session.id, now, expires_at).await? {
        return Err(AppError::new(ErrorCode::SessionExpired));
    }
    context.sessions.0.invalidate(&session.id);
    let token = context
        .tokens
        .issue(&session.subject(), now, expires_at)
        .map_err(AppError::internal)?;
    Ok(Renewed { token, expires_at })
}

/// Ends this session.
pub async fn end(context: &Context, session_id: SessionId) -> Result<(), AppError> {
    store::session::revoke(&context.db, session_id, context.clock.now()).await?;
    context.sessions.0.invalidate(&session_id);
    Ok(())
}

/// Ends every session of a user.
pub async fn end_all(context: &Context, user_id: UserId) -> Result<(), AppError> {
    store::session::revoke_all(&context.db, user_id, context.clock.now()).await?;
    // The memory is by session; forgetting all of it costs one statement for each live session.
    context.sessions.0.invalidate_all();
    Ok(())
}

//! What a session's token is worth, for the owner's other services.

use chrono::{DateTime, Utc};

use crate::domain::id::UserId;
use crate::domain::name::{AppId, OpenId, UnionId};
use crate::error::AppError;
use crate::service::Context;
use crate::store;

/// Who a live session is.
#[derive(Clone, Debug)]
pub struct Introspected {
    /// The user.
    pub user_id: UserId,
    /// The mini program.
    pub app_id: AppId,
    /// The person within it.
    pub openid: OpenId,
    /// The person across apps, if WeChat told.
    pub unionid: Option<UnionId>,
    /// When the session ends.
    pub expires_at: DateTime<Utc>,
}

/// Looks at the session that a token names, in the database; nothing for a token that is not ours, or whose session
/// is over.
///
/// # Errors
/// When the database fails.
pub async fn introspect(context: &Context, token: &str) -> Result<Option<Introspected>, AppError> {
    let now = context.clock.now();
    let Ok(subject) = context.tokens.verify(token, now) else {
        return Ok(None);
    };
    let Some((session, _)) =
        store::session::find_live(&context.db, &context.vault, subject.session_id, now).await?
    else {
        return Ok(None);
    };
    if session.user_id != subject.user_id {
        return Ok(None);
    }
    let unionid = store::session::find_unionid(&context.db, session.user_id).await?;
    Ok(Some(Introspected {
        user_id: session.user_id,
        app_id: session.app_id,
        openid: session.openid,
        unionid,
        expires_at: session.expires_at,
    }))
}

//! What a user says about themselves.

use std::sync::Arc;

use crate::domain::text;
use crate::domain::user::{NICKNAME_CHARS_MAX, is_avatar};
use crate::error::{AppError, FieldError};
use crate::service::Context;
use crate::service::content::gate;
use crate::service::login::session::{self, LiveSession};
use crate::store;

/// A change; what is `None` stays as it is.
#[derive(Clone, Debug)]
pub struct ProfileChange {
    /// The name, 1 to [`NICKNAME_CHARS_MAX`] characters on one line.
    pub nickname: Option<String>,
    /// The picture: an https address, or one among our own files.
    pub avatar_url: Option<String>,
}

/// Changes the profile.
///
/// # Errors
/// `validation_failed`, naming every field that is not acceptable; where names are checked, `content_rejected` and
/// what keeps WeChat from saying anything.
pub async fn change_profile(
    context: &Arc<Context>,
    session: &LiveSession,
    change: &ProfileChange,
) -> Result<(), AppError> {
    let mut errors = Vec::new();
    if let Some(Err(error)) = change
        .nickname
        .as_deref()
        .map(|name| text::check_name(name, NICKNAME_CHARS_MAX))
    {
        errors.push(FieldError::new(
            "/nickname",
            "characters",
            format!("the name {error}"),
        ));
    }
    let files_url = context
        .public_base_url
        .join("files/")
        .map_err(AppError::internal)?;
    if change
        .avatar_url
        .as_deref()
        .is_some_and(|url| !is_avatar(url, &files_url))
    {
        errors.push(FieldError::new(
            "/avatar_url",
            "format",
            "an https address without a user, or that of a file of this server",
        ));
    }
    if !errors.is_empty() {
        return Err(AppError::fields(errors));
    }
    if let Some(nickname) = &change.nickname
        && context.gate.has_profile
        && !is_own_name(context, session, nickname).await?
    {
        gate::check_nickname(context, session, nickname).await?;
    }
    let (nickname, avatar_url) = (change.nickname.as_deref(), change.avatar_url.as_deref());
    store::user::update_profile(
        &context.db,
        session.user_id,
        nickname,
        avatar_url,
        context.clock.now(),
    )
    .await?;
    Ok(())
}

/// Whether it is the name already: there is nothing to check then.
async fn is_own_name(context: &Context, session: &LiveSession, nickname: &str) -> Result<bool, AppError> {
    let (_, user) = session::read(context, &session.subject()).await?;
    Ok(user.nickname.as_deref() == Some(nickname))
}

//! Content checks: may this be shown? Texts are answered at once; pictures and sounds are looked at by WeChat in its own
//! time, and the result comes by message push, or never.
//!
//! Source: mini-program notes, section 4; ADR 0031.

pub mod gate;
mod media;
mod text;

pub use crate::wechat::mini::content_check::{Finding, TextCheck, TextFindings};
pub use media::{NewLook, apply_result, find_look, look_at, time_out};
pub use text::check_text;

use crate::domain::id::UserId;
use crate::domain::name::{AppId, OpenId};
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::service::mini::CallError;
use crate::store;
use crate::wechat::mini::content_check::Refusal;

/// How long to wait after WeChat said that it was asked too often, in seconds.
const MINUTE_WAIT_S: u32 = 60;

/// Whose content it is: somebody who used the mini program of late.
#[derive(Clone, Debug)]
pub enum Author {
    /// By our own id.
    User(UserId),
    /// By WeChat's.
    OpenId(OpenId),
}

/// The mini program that is meant and WeChat's name for the author within it.
///
/// # Errors
/// `validation_failed` for a mini program that this server does not serve, and for a user that it does not have.
pub async fn identify(
    context: &Context,
    app_id: Option<AppId>,
    author: Author,
) -> Result<(AppId, OpenId), AppError> {
    let app_id = app_id.unwrap_or_else(|| context.mini_programs.default.clone());
    context.mini_programs.secret(&app_id)?;
    let openid = match author {
        Author::OpenId(openid) => openid,
        Author::User(user_id) => {
            let found = store::user::find_openid(&context.db, &app_id, user_id).await?;
            let unknown =
                || AppError::field("/user_id", "unknown", "no user of this mini program has this id");
            found.ok_or_else(unknown)?
        }
    };
    Ok((app_id, openid))
}

/// What whoever asked is told of a call that did not succeed.
fn refused(error: CallError) -> AppError {
    let CallError::Refused { errcode } = error else {
        return error.into();
    };
    let told = match Refusal::of(errcode) {
        Some(Refusal::OpenIdUnknown) => AppError::new(ErrorCode::OpenidUnknown),
        Some(Refusal::PersonAway) => AppError::new(ErrorCode::UserInactive),
        Some(Refusal::MediaUnsuited) => AppError::new(ErrorCode::MediaUnsuited),
        Some(Refusal::TooOften) => AppError::new(ErrorCode::RateLimited).retry_after_s(MINUTE_WAIT_S),
        Some(Refusal::NotFine) | None => return CallError::Refused { errcode }.into(),
    };
    told.wechat_errcode(errcode)
}

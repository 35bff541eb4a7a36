//! Login: a code from `wx.login` becomes a user, a kept session key and a session.

use chrono::{DateTime, Utc};

use super::token::TokenSubject;
use super::trouble::Refusal;
use crate::domain::id::{SessionId, UserId};
use crate::domain::name::{AppId, LoginCode};
use crate::domain::user::User;
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::store;
use crate::store::user::{LoginOutcome, NewLogin, session_key_place};
use crate::telemetry;
use crate::wechat::mini::login::{LoginError, Session, code2session};

/// A fresh login.
#[expect(missing_debug_implementations, reason = "it holds a session's token")]
pub struct LoggedIn {
    /// The session's token.
    pub token: String,
    /// When the session ends.
    pub expires_at: DateTime<Utc>,
    /// Who it is.
    pub user: User,
    /// Whether this is the first login.
    pub is_new_user: bool,
}

/// Logs in with a code that is good once, in the named mini program or the default one.
///
/// # Errors
/// The codes of PRODUCT section 4 for `POST /v1/login`.
pub async fn log_in(
    context: &Context,
    code: &LoginCode,
    app_id: Option<AppId>,
) -> Result<LoggedIn, AppError> {
    let programs = &context.mini_programs;
    let app_id = app_id.unwrap_or_else(|| programs.default.clone());
    let secret = programs.secret(&app_id)?;
    let session = code2session(&programs.upstream, &programs.base_url, &app_id, secret, code)
        .await
        .map_err(|error| refusal(context, &app_id, error))?;
    programs.trouble.clear(&app_id);
    write(context, &app_id, &session).await
}

async fn write(context: &Context, app_id: &AppId, session: &Session) -> Result<LoggedIn, AppError> {
    let now = context.clock.now();
    let expires_at = now + context.session_ttl;
    let key = session.session_key.expose_text();
    let place = session_key_place(app_id, &session.openid);
    let sealed = context
        .vault
        .seal(&place, key.as_bytes(), context.entropy)
        .map_err(AppError::internal)?;
    let hashes = context.vault.hashes(key.as_bytes());
    let session_id = SessionId::from(context.entropy.uuid(now)?);
    let login = NewLogin {
        user_id: UserId::from(context.entropy.uuid(now)?),
        session_id,
        app_id,
        openid: &session.openid,
        unionid: session.unionid.as_ref(),
        session_key: &sealed,
        session_key_hashes: &hashes,
        now,
        expires_at,
    };
    let LoginOutcome {
        user,
        is_new,
        has_moved,
    } = store::user::insert_login(&context.db, &context.vault, &login).await?;
    telemetry::note_user(user.id);
    if has_moved {
        tracing::info!(user.id = %user.id, app_id = %app_id, "WeChat tells another unionid than before");
    }
    let subject = TokenSubject {
        app_id: app_id.clone(),
        session_id,
        user_id: user.id,
    };
    let token = context
        .tokens
        .issue(&subject, now, expires_at)
        .map_err(AppError::internal)?;
    Ok(LoggedIn {
        token,
        expires_at,
        user,
        is_new_user: is_new,
    })
}

/// What a page is told. Source: login.md section 2, PRODUCT section 8.
fn refusal(context: &Context, app_id: &AppId, error: LoginError) -> AppError {
    match error {
        LoginError::CodeInvalid { errcode } => {
            AppError::new(ErrorCode::LoginCodeInvalid).wechat_errcode(errcode)
        }
        LoginError::Blocked { errcode } => AppError::new(ErrorCode::LoginBlocked).wechat_errcode(errcode),
        LoginError::RateLimited { errcode } => AppError::new(ErrorCode::RateLimited)
            .retry_after_s(60)
            .wechat_errcode(errcode),
        LoginError::Busy { errcode } => AppError::new(ErrorCode::WechatUnavailable)
            .wechat_errcode(errcode)
            .caused_by(error),
        LoginError::Unavailable => AppError::new(ErrorCode::WechatUnavailable).caused_by(error),
        LoginError::Timeout => AppError::new(ErrorCode::WechatTimeout).caused_by(error),
        LoginError::Rejected { errcode } => {
            let at = context.clock.now();
            context.mini_programs.trouble.note(Refusal {
                app_id: app_id.clone(),
                errcode,
                at,
            });
            AppError::new(ErrorCode::WechatRejected)
                .wechat_errcode(errcode)
                .caused_by(error)
        }
    }
}

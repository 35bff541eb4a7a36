//! `POST /v1/login`.

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::me::UserResponse;
use crate::domain::name::{AppId, LoginCode};
use crate::error::{AppError, ErrorCode, FieldError};
use crate::http::problem::Problem;
use crate::http::{Body, ClientAddress, Shell};
use crate::service::Context;
use crate::service::login;

/// What the page got from `wx.login`. Fields that are not known are ignored.
#[expect(missing_debug_implementations, reason = "it holds a code that logs in")]
#[derive(Deserialize, ToSchema)]
pub struct LoginRequest {
    /// The code, good for five minutes and once.
    #[schema(min_length = 1, max_length = 256)]
    code: String,
    /// The mini program, where the server serves several.
    #[schema(min_length = 1, max_length = 32, pattern = "^[A-Za-z0-9_-]+$")]
    app_id: Option<String>,
}

/// A session.
#[expect(missing_debug_implementations, reason = "it holds a session's token")]
#[derive(Serialize, ToSchema)]
pub struct LoginResponse {
    /// The session's token.
    token: String,
    /// `Bearer`.
    #[schema(value_type = String, example = "Bearer")]
    token_type: &'static str,
    /// When the session ends.
    expires_at: DateTime<Utc>,
    user: UserResponse,
    /// Whether this is the user's first login.
    is_new_user: bool,
}

/// Log in
///
/// Exchanges the code of `wx.login` for a session.
#[utoipa::path(post, path = "/v1/login", tag = "session", request_body = LoginRequest, security(()),
    responses(
        (status = 200, body = LoginResponse),
        (status = 400, description = "`login_code_invalid`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`login_blocked`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "`wechat_rejected`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`wechat_unavailable`", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "`wechat_timeout`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn create_session(
    context: web::Data<Context>,
    shell: web::Data<Shell>,
    address: ClientAddress,
    body: Body<LoginRequest, 4096>,
) -> Result<HttpResponse, AppError> {
    shell.limits.login(address.0)?;
    let (code, app_id) = parse(body.0)?;
    let login = login::log_in(&context, &code, app_id).await?;
    Ok(HttpResponse::Ok().json(LoginResponse {
        token: login.token,
        token_type: "Bearer",
        expires_at: login.expires_at,
        user: login.user.into(),
        is_new_user: login.is_new_user,
    }))
}

/// A code that WeChat cannot have given is refused as WeChat would refuse it, without asking.
fn parse(request: LoginRequest) -> Result<(LoginCode, Option<AppId>), AppError> {
    if request.code.is_empty() {
        return Err(AppError::field("/code", "length", "1 to 256 characters"));
    }
    let app_id = request
        .app_id
        .map(AppId::parse)
        .transpose()
        .map_err(|_| AppError::fields(vec![FieldError::new("/app_id", "format", "not an app id")]))?;
    let code = LoginCode::parse(request.code).map_err(|_| AppError::new(ErrorCode::LoginCodeInvalid))?;
    Ok((code, app_id))
}

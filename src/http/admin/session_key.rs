//! `/admin/users/{id}/session-key`: the session key of a user, never itself.

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::id::UserId;
use crate::error::AppError;
use crate::http::problem::Problem;
use crate::http::{Admin, PathId};
use crate::service::Context;
use crate::service::data::session_key::{self, KeyState};

/// What may be told of a session key.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionKeyResponse {
    #[schema(value_type = uuid::Uuid)]
    user_id: UserId,
    /// The mini program.
    app_id: String,
    /// Whether WeChat takes it. If not, what the user's page encrypts does not open before the next login.
    is_alive: bool,
    /// When WeChat gave it.
    obtained_at: DateTime<Utc>,
}

impl From<KeyState> for SessionKeyResponse {
    fn from(state: KeyState) -> Self {
        Self {
            user_id: state.user_id,
            app_id: state.app_id.into(),
            is_alive: state.is_alive,
            obtained_at: state.obtained_at,
        }
    }
}

/// Check a user's session key
///
/// Asks WeChat (`checksession`) whether the newest session key is still the user's.
#[utoipa::path(get, path = "/admin/users/{id}/session-key", tag = "operator", security(("admin" = [])),
    params(("id" = uuid::Uuid, Path)),
    responses(
        (status = 200, body = SessionKeyResponse),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "`wechat_rejected`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`wechat_unavailable`", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "`wechat_timeout`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn check_session_key(
    context: web::Data<Context>,
    _admin: Admin,
    id: PathId<UserId>,
) -> Result<HttpResponse, AppError> {
    let state = session_key::check(&context.into_inner(), id.0).await?;
    Ok(HttpResponse::Ok().json(SessionKeyResponse::from(state)))
}

/// Replace a user's session key
///
/// Has WeChat put another session key in the place of the newest (`resetusersessionkey`), such as after a leak. What was
/// encrypted or signed before opens no more, nor under the key before it; sessions go on. Refused with `session_key_stale`
/// when WeChat does not take the present key: the user has to log in then.
#[utoipa::path(post, path = "/admin/users/{id}/session-key/reset", tag = "operator", security(("admin" = [])),
    params(("id" = uuid::Uuid, Path)),
    responses(
        (status = 200, body = SessionKeyResponse),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`session_key_stale`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "`wechat_rejected`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`wechat_unavailable`", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "`wechat_timeout`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn reset_session_key(
    context: web::Data<Context>,
    _admin: Admin,
    id: PathId<UserId>,
) -> Result<HttpResponse, AppError> {
    let state = session_key::reset(&context.into_inner(), id.0).await?;
    Ok(HttpResponse::Ok().json(SessionKeyResponse::from(state)))
}

//! `/v1/me`.

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::{Caller, TokenBearer};
use crate::domain::id::UserId;
use crate::domain::user::User;
use crate::error::AppError;
use crate::http::Body;
use crate::http::problem::Problem;
use crate::service::Context;
use crate::service::login::profile::{self, ProfileChange};
use crate::service::login::session;

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserResponse {
    #[schema(value_type = uuid::Uuid)]
    id: UserId,
    /// The name the user chose.
    nickname: Option<String>,
    /// The user's picture.
    avatar_url: Option<String>,
    /// The phone number, masked; null until the user gives one.
    phone_number: Option<String>,
    /// When the user first logged in.
    created_at: DateTime<Utc>,
}

impl From<User> for UserResponse {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            nickname: user.nickname,
            avatar_url: user.avatar_url,
            phone_number: user.phone_number,
            created_at: user.created_at,
        }
    }
}

/// Who am I
#[utoipa::path(get, path = "/v1/me", tag = "session", security(("session" = [])),
    responses(
        (status = 200, body = UserResponse),
    ))]
pub async fn read_me(context: web::Data<Context>, bearer: TokenBearer) -> Result<HttpResponse, AppError> {
    let (_, user) = session::read(&context, &bearer.0).await?;
    Ok(HttpResponse::Ok().json(UserResponse::from(user)))
}

/// What to change; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeMeRequest {
    /// Something that can be seen, on one line: no control characters, and none that turn the direction
    /// of writing.
    #[schema(min_length = 1, max_length = 32, pattern = "\\S")]
    nickname: Option<String>,
    /// An https address without a user in it, such as WeChat's, or the `url` of a file of this server.
    #[schema(max_length = 1024)]
    avatar_url: Option<String>,
}

/// Change one's profile
///
/// With `CONTENT_CHECKS=profile` WeChat looks at the nickname first; what it calls risky is refused, and while it says nothing
/// nothing is changed. 100 names and notes of a user are checked a day, then a new nickname is `rate_limited`.
#[utoipa::path(patch, path = "/v1/me", tag = "session", request_body = ChangeMeRequest, security(("session" = [])),
    responses(
        (status = 200, body = UserResponse),
        (status = 409, description = "`user_inactive`, where names are checked", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`content_rejected`, `openid_unknown`", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "`wechat_rejected`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`wechat_unavailable`", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "`wechat_timeout`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn change_me(
    context: web::Data<Context>,
    caller: Caller,
    body: Body<ChangeMeRequest, 16_384>,
) -> Result<HttpResponse, AppError> {
    answer_change(&context, &caller, body.0).await
}

/// Change one's profile, for pages that cannot send `PATCH`
///
/// The same as `PATCH /v1/me`, what is absent stays: `wx.request` knows no `PATCH`.
#[utoipa::path(put, path = "/v1/me", tag = "session", request_body = ChangeMeRequest, security(("session" = [])),
    responses(
        (status = 200, body = UserResponse),
        (status = 409, description = "`user_inactive`, where names are checked", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`content_rejected`, `openid_unknown`", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "`wechat_rejected`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`wechat_unavailable`", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "`wechat_timeout`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn put_me(
    context: web::Data<Context>,
    caller: Caller,
    body: Body<ChangeMeRequest, 16_384>,
) -> Result<HttpResponse, AppError> {
    answer_change(&context, &caller, body.0).await
}

async fn answer_change(
    context: &Arc<Context>,
    caller: &Caller,
    request: ChangeMeRequest,
) -> Result<HttpResponse, AppError> {
    let change = ProfileChange {
        nickname: request.nickname,
        avatar_url: request.avatar_url,
    };
    profile::change_profile(context, &caller.0, &change).await?;
    let (_, user) = session::read(context, &caller.0.subject()).await?;
    Ok(HttpResponse::Ok().json(UserResponse::from(user)))
}

//! `GET /v1/me`.

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::TokenBearer;
use crate::domain::id::UserId;
use crate::domain::user::User;
use crate::error::AppError;
use crate::http::openapi::Problem;
use crate::service::Context;
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
            phone_number: None,
            created_at: user.created_at,
        }
    }
}

/// Who am I
#[utoipa::path(get, path = "/v1/me", tag = "session", security(("session" = [])),
    responses(
        (status = 200, body = UserResponse),
        (status = 401, description = "`unauthenticated`, `session_expired`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn read_me(context: web::Data<Context>, bearer: TokenBearer) -> Result<HttpResponse, AppError> {
    let (_, user) = session::read(&context, bearer.0).await?;
    Ok(HttpResponse::Ok().json(UserResponse::from(user)))
}

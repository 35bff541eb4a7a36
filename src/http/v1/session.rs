//! `/v1/session` and `/v1/sessions`.

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::{Caller, TokenBearer};
use super::me::UserResponse;
use crate::domain::id::SessionId;
use crate::error::AppError;
use crate::service::Context;
use crate::service::login::session;

/// A session and whose it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionStateResponse {
    session: SessionResponse,
    user: UserResponse,
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionResponse {
    #[schema(value_type = uuid::Uuid)]
    id: SessionId,
    /// The mini program.
    app_id: String,
    created_at: DateTime<Utc>,
    /// When it ends.
    expires_at: DateTime<Utc>,
}

/// A new token for the same session.
#[expect(missing_debug_implementations, reason = "it holds a session's token")]
#[derive(Serialize, ToSchema)]
pub struct RenewResponse {
    token: String,
    /// `Bearer`.
    #[schema(value_type = String, example = "Bearer")]
    token_type: &'static str,
    /// When the session ends now.
    expires_at: DateTime<Utc>,
}

/// The session's state
#[utoipa::path(get, path = "/v1/session", tag = "session", security(("session" = [])),
    responses(
        (status = 200, body = SessionStateResponse),
    ))]
pub async fn read_session(
    context: web::Data<Context>,
    bearer: TokenBearer,
) -> Result<HttpResponse, AppError> {
    let (session, user) = session::read(&context, &bearer.0).await?;
    Ok(HttpResponse::Ok().json(SessionStateResponse {
        session: SessionResponse {
            id: session.id,
            app_id: session.app_id.into(),
            created_at: session.created_at,
            expires_at: session.expires_at,
        },
        user: user.into(),
    }))
}

/// Renew the session
#[utoipa::path(post, path = "/v1/session/renew", tag = "session", security(("session" = [])),
    responses(
        (status = 200, body = RenewResponse),
    ))]
pub async fn renew_session(context: web::Data<Context>, caller: Caller) -> Result<HttpResponse, AppError> {
    let renewed = session::renew(&context, &caller.0).await?;
    Ok(HttpResponse::Ok().json(RenewResponse {
        token: renewed.token,
        token_type: "Bearer",
        expires_at: renewed.expires_at,
    }))
}

/// Log out on this phone
#[utoipa::path(delete, path = "/v1/session", tag = "session", security(("session" = [])),
    responses(
        (status = 204, description = "The session is over."),
    ))]
pub async fn delete_session(context: web::Data<Context>, caller: Caller) -> Result<HttpResponse, AppError> {
    session::end(&context, caller.0.id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Log out on all phones
#[utoipa::path(delete, path = "/v1/sessions", tag = "session", security(("session" = [])),
    responses(
        (status = 204, description = "All sessions of the user are over."),
    ))]
pub async fn delete_sessions(context: web::Data<Context>, caller: Caller) -> Result<HttpResponse, AppError> {
    session::end_all(&context, caller.0.user_id).await?;
    Ok(HttpResponse::NoContent().finish())
}

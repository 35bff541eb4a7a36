//! `/internal/access-token`: the token that weir keeps, for services that call WeChat themselves.

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AppQuery, Use, app_id, audit};
use crate::domain::name::AppId;
use crate::error::AppError;
use crate::http::problem::Problem;
use crate::http::{Body, ClientAddress, Internal, Query};
use crate::service::Context;
use crate::service::mini::{self, SharedToken};

/// The longest token that is reported, in characters.
const TOKEN_CHARS_MAX: usize = 4_096;

/// A token that WeChat has refused.
#[expect(missing_debug_implementations, reason = "it holds an access token")]
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportRequest {
    /// The mini program; absent: the default one.
    #[schema(min_length = 1, max_length = 32, pattern = "^[A-Za-z0-9_-]+$")]
    app_id: Option<String>,
    /// Exactly the token that was refused.
    #[schema(min_length = 1, max_length = 4096)]
    access_token: String,
}

/// A live token. Ask again when it is refused or `expires_at` is near; do not keep it for longer.
#[expect(missing_debug_implementations, reason = "it holds an access token")]
#[derive(Serialize, ToSchema)]
pub struct AccessTokenResponse<'a> {
    #[schema(value_type = String)]
    app_id: &'a AppId,
    access_token: &'a str,
    /// When it ends; it may be replaced before.
    expires_at: DateTime<Utc>,
}

fn respond(shared: &SharedToken) -> HttpResponse {
    HttpResponse::Ok().json(AccessTokenResponse {
        app_id: &shared.app_id,
        access_token: shared.expose(),
        expires_at: shared.expires_at,
    })
}

/// A live access token
///
/// The same one for every service and replica; weir refreshes it before it dies.
#[utoipa::path(get, path = "/internal/access-token", tag = "internal", params(AppQuery), security(("internal" = [])),
    responses(
        (status = 200, body = AccessTokenResponse<'_>),
        (status = 502, description = "`wechat_rejected`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`wechat_unavailable`", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "`wechat_timeout`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn read_access_token(
    context: web::Data<Context>,
    _internal: Internal,
    client: ClientAddress,
    query: Query<AppQuery>,
) -> Result<HttpResponse, AppError> {
    let app_id = app_id(query.0.app_id, "app_id")?;
    let outcome = mini::read_token(&context.into_inner(), app_id.clone()).await;
    let used = Use {
        action: "read_access_token",
        app_id: app_id.as_ref(),
        path: None,
    };
    audit(&used, client, outcome.as_ref().err());
    Ok(respond(&outcome?))
}

/// Say that a token was refused
///
/// For 40001, 40014 and 42001. If it is still the one that weir hands out it is replaced, by one refresh however many
/// report it. The answer is the token that works.
#[utoipa::path(post, path = "/internal/access-token/report", tag = "internal", request_body = ReportRequest, security(("internal" = [])),
    responses(
        (status = 200, body = AccessTokenResponse<'_>),
        (status = 502, description = "`wechat_rejected`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`wechat_unavailable`", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "`wechat_timeout`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn report_access_token(
    context: web::Data<Context>,
    _internal: Internal,
    client: ClientAddress,
    body: Body<ReportRequest>,
) -> Result<HttpResponse, AppError> {
    let app_id = app_id(body.0.app_id, "/app_id")?;
    if !(1..=TOKEN_CHARS_MAX).contains(&body.0.access_token.len()) {
        return Err(AppError::field(
            "/access_token",
            "length",
            "1 to 4,096 characters",
        ));
    }
    let reported = &body.0.access_token;
    let outcome = mini::report_token(&context.into_inner(), app_id.clone(), reported).await;
    let used = Use {
        action: "report_access_token",
        app_id: app_id.as_ref(),
        path: None,
    };
    audit(&used, client, outcome.as_ref().err());
    Ok(respond(&outcome?))
}

//! `/internal/sessions/introspect`: who a session's token stands for.

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Use, audit};
use crate::domain::id::UserId;
use crate::domain::name::{AppId, OpenId, UnionId};
use crate::error::AppError;
use crate::http::{Body, ClientAddress, Internal};
use crate::service::Context;
use crate::service::login::{self, Introspected};

/// A session's token, as a page sent it to the service that asks.
#[expect(missing_debug_implementations, reason = "it holds a session's token")]
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IntrospectRequest {
    /// Whatever it is; what is none of ours is not active.
    token: String,
}

/// Who it is. Without a live session everything but `active` is null.
#[derive(Debug, Serialize, ToSchema)]
pub struct IntrospectResponse {
    /// Whether the token names a session that lives.
    active: bool,
    #[schema(value_type = Option<uuid::Uuid>)]
    user_id: Option<UserId>,
    /// The mini program.
    #[schema(value_type = Option<String>)]
    app_id: Option<AppId>,
    /// The person within that mini program.
    #[schema(value_type = Option<String>)]
    openid: Option<OpenId>,
    /// The person across the owner's apps, if WeChat told.
    #[schema(value_type = Option<String>)]
    unionid: Option<UnionId>,
    /// When the session ends.
    expires_at: Option<DateTime<Utc>>,
}

impl From<Option<Introspected>> for IntrospectResponse {
    fn from(found: Option<Introspected>) -> Self {
        let active = found.is_some();
        let (user_id, app_id, openid, unionid, expires_at) =
            found.map_or((None, None, None, None, None), |found| {
                (
                    Some(found.user_id),
                    Some(found.app_id),
                    Some(found.openid),
                    found.unionid,
                    Some(found.expires_at),
                )
            });
        Self {
            active,
            user_id,
            app_id,
            openid,
            unionid,
            expires_at,
        }
    }
}

/// Who a session's token stands for
///
/// Looked up in the database, so that a session that was ended is not active from that moment.
#[utoipa::path(post, path = "/internal/sessions/introspect", tag = "internal", request_body = IntrospectRequest, security(("internal" = [])),
    responses((status = 200, body = IntrospectResponse)))]
pub async fn introspect_session(
    context: web::Data<Context>,
    _internal: Internal,
    client: ClientAddress,
    body: Body<IntrospectRequest>,
) -> Result<HttpResponse, AppError> {
    let outcome = login::introspect(&context, &body.0.token).await;
    let found = outcome.as_ref().ok().and_then(Option::as_ref);
    let used = Use {
        action: "introspect_session",
        app_id: found.map(|found| &found.app_id),
        path: None,
    };
    audit(&used, client, outcome.as_ref().err());
    Ok(HttpResponse::Ok().json(IntrospectResponse::from(outcome?)))
}

//! Access tokens: the truth about them, and somebody else who displaces them.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::refusal::Refusal;
use crate::simulator::mini::token;
use crate::simulator::state::Shared;

/// A token that is remembered.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KnownToken {
    app_id: String,
    /// `token` or `stable_token`.
    #[schema(value_type = String)]
    issuer: &'static str,
    access_token: String,
    /// Whether calls with it work.
    is_live: bool,
}

/// The newest eight of each issuer and mini program, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenListResponse {
    items: Vec<KnownToken>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DisplaceTokenRequest {
    /// The mini program; the first one when absent.
    app_id: Option<String>,
}

/// Shows every token that was handed out of late.
#[utoipa::path(get, path = "/simulator/access-tokens", responses((status = 200, body = TokenListResponse)))]
pub(super) async fn list_access_tokens(shared: Data<Shared>) -> Json<TokenListResponse> {
    let items = shared.step(|world, now| {
        let tokens = world.all_tokens();
        tokens
            .flat_map(|tokens| {
                let known = tokens.known(now).into_iter();
                known.map(|(issuer, access_token, is_live)| KnownToken {
                    app_id: tokens.app_id.clone(),
                    issuer,
                    access_token,
                    is_live,
                })
            })
            .collect()
    });
    Json(TokenListResponse { items })
}

/// Somebody else fetches access tokens from both issuers: those handed out before are dead at once.
#[utoipa::path(
    post,
    path = "/simulator/access-tokens/displace",
    responses((status = 204), (status = 404, body = Refusal))
)]
pub(super) async fn displace_access_token(
    shared: Data<Shared>,
    request: Json<DisplaceTokenRequest>,
) -> Result<HttpResponse, Refusal> {
    let app = shared
        .app(request.app_id.as_deref())
        .ok_or_else(|| Refusal::not_found("no such mini program"))?;
    token::displace(&shared, &app.app_id);
    Ok(HttpResponse::NoContent().finish())
}

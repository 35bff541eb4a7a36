//! `/admin/events`: sending events again.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::id::EventId;
use crate::error::AppError;
use crate::http::problem::Problem;
use crate::http::{Admin, OptionalBody, PathId};
use crate::service::Context;
use crate::service::outbox;

/// An event that will be sent.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventResponse {
    /// The event; its receiver knows it as `webhook-id`.
    #[schema(value_type = uuid::Uuid)]
    id: EventId,
    /// `pending`.
    #[schema(value_type = String, example = "pending")]
    state: &'static str,
}

/// Send an event again
///
/// Whatever became of it: parked, given up, taken, or written while nobody was told of events. It is
/// due at once, under the id it had, with all its tries before it; an exception about it is resolved
/// when the receiver takes it.
#[utoipa::path(post, path = "/admin/events/{id}/redeliver", tag = "operator",
    params(("id" = uuid::Uuid, Path)), security(("admin" = [])),
    responses(
        (status = 202, body = EventResponse),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`events_not_configured`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn redeliver_event(
    context: web::Data<Context>,
    _admin: Admin,
    id: PathId<EventId>,
) -> Result<HttpResponse, AppError> {
    outbox::redeliver(&context.into_inner(), id.0).await?;
    Ok(HttpResponse::Accepted().json(EventResponse {
        id: id.0,
        state: "pending",
    }))
}

/// How many parked events to send again, unless told.
const REDELIVERED_USUAL: u32 = 100;
/// How many at the most.
const REDELIVERED_MAX: u32 = 1_000;

/// Which events to send again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedeliverRequest {
    /// How many at the most, the oldest first.
    #[schema(minimum = 1, maximum = 1_000, default = 100)]
    limit: Option<u32>,
}

/// Events that will be sent.
#[derive(Debug, Serialize, ToSchema)]
pub struct RedeliveredResponse {
    /// How many. As many as asked for: there may be more.
    pending: u64,
}

/// Send parked events again
///
/// After the receiver was away for longer than the tries last. The oldest come first, and those of an order
/// in their order; each keeps its id, has all its tries before it, and its exception is resolved when it is
/// taken.
#[utoipa::path(post, path = "/admin/events/redeliver", tag = "operator", request_body = Option<RedeliverRequest>,
    security(("admin" = [])),
    responses(
        (status = 202, body = RedeliveredResponse),
        (status = 409, description = "`events_not_configured`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn redeliver_events(
    context: web::Data<Context>,
    _admin: Admin,
    body: OptionalBody<RedeliverRequest>,
) -> Result<HttpResponse, AppError> {
    let limit = body.0.limit.unwrap_or(REDELIVERED_USUAL);
    if !(1..=REDELIVERED_MAX).contains(&limit) {
        return Err(AppError::field("/limit", "range", "1 to 1,000"));
    }
    let pending = outbox::redeliver_parked(&context, limit).await?;
    Ok(HttpResponse::Accepted().json(RedeliveredResponse { pending }))
}

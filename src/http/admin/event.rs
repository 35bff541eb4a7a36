//! `/admin/events`: sending an event again.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::id::EventId;
use crate::error::AppError;
use crate::http::problem::Problem;
use crate::http::{Admin, PathId};
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

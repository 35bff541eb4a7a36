//! What arrived and what happened.

#![expect(unused_qualifications, reason = "the path macro repeats types in full")]

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::simulator::log::{Call, Event};
use crate::simulator::state::Shared;

/// The newest 10,000 calls, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallListResponse {
    items: Vec<Call>,
}

/// The newest 2,000 events after the one asked for, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventListResponse {
    items: Vec<Event>,
    /// What to pass as `after` next time.
    last_sequence: u64,
}

/// Which events are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventQuery {
    /// Only events after this number; absent: all that are kept.
    #[serde(default)]
    after: u64,
}

/// Lists the calls that arrived at the simulated `WeChat`.
#[utoipa::path(get, path = "/simulator/calls", responses((status = 200, body = CallListResponse)))]
pub(super) async fn list_calls(shared: Data<Shared>) -> Json<CallListResponse> {
    Json(CallListResponse {
        items: shared.log.calls(),
    })
}

/// Forgets them.
#[utoipa::path(delete, path = "/simulator/calls", responses((status = 204)))]
pub(super) async fn clear_calls(shared: Data<Shared>) -> HttpResponse {
    shared.log.clear_calls();
    HttpResponse::NoContent().finish()
}

/// Lists what happened.
#[utoipa::path(
    get,
    path = "/simulator/events",
    params(EventQuery),
    responses((status = 200, body = EventListResponse))
)]
pub(super) async fn list_events(shared: Data<Shared>, query: Query<EventQuery>) -> Json<EventListResponse> {
    let (items, last_sequence) = shared.log.events_after(query.after);
    Json(EventListResponse { items, last_sequence })
}

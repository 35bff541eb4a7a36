//! What goes wrong, by script or by seed.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::refusal::Refusal;
use crate::simulator::fault::{ActiveFault, Fault, RandomFaults};
use crate::simulator::log::EventKind;
use crate::simulator::state::Shared;

/// The faults that shall be in force from now on, in place of all earlier ones.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetFaultsRequest {
    #[serde(default)]
    faults: Vec<Fault>,
    random: Option<RandomFaults>,
}

/// The faults in force. Those that are used up are gone.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FaultListResponse {
    faults: Vec<ActiveFault>,
    random: Option<RandomFaults>,
}

fn in_force(shared: &Shared) -> Json<FaultListResponse> {
    let (faults, random) = shared.faults().active();
    Json(FaultListResponse { faults, random })
}

/// Shows what is in force.
#[utoipa::path(get, path = "/simulator/faults", responses((status = 200, body = FaultListResponse)))]
pub(super) async fn get_faults(shared: Data<Shared>) -> Json<FaultListResponse> {
    in_force(&shared)
}

/// Puts these faults in place of all earlier ones.
#[utoipa::path(
    put,
    path = "/simulator/faults",
    responses((status = 200, body = FaultListResponse), (status = 400, body = Refusal))
)]
pub(super) async fn set_faults(
    shared: Data<Shared>,
    request: Json<SetFaultsRequest>,
) -> Result<Json<FaultListResponse>, Refusal> {
    let SetFaultsRequest { faults, random } = request.into_inner();
    let title = format!(
        "{} faults set",
        faults.len().saturating_add(usize::from(random.is_some()))
    );
    shared.set_faults(faults, random).map_err(Refusal::invalid)?;
    shared
        .log
        .event(shared.clock.now(), EventKind::Faults, title, json!({}));
    Ok(in_force(&shared))
}

/// Clears all faults.
#[utoipa::path(delete, path = "/simulator/faults", responses((status = 204)))]
pub(super) async fn clear_faults(shared: Data<Shared>) -> Result<HttpResponse, Refusal> {
    shared.set_faults(Vec::new(), None).map_err(Refusal::invalid)?;
    shared.log.event(
        shared.clock.now(),
        EventKind::Faults,
        "faults cleared".to_owned(),
        json!({}),
    );
    Ok(HttpResponse::NoContent().finish())
}

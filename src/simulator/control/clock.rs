//! The simulator's clock.

use actix_web::web::{Data, Json};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::refusal::Refusal;
use crate::simulator::log::EventKind;
use crate::simulator::record::Record;
use crate::simulator::state::Shared;

/// How far the clock may be moved at once, in seconds: a year.
const ADVANCE_S_MAX: u32 = 31_536_000;

/// The simulator's clock.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ClockResponse {
    now: DateTime<Utc>,
    /// How far it is ahead of the machine's clock.
    offset_s: i64,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AdvanceClockRequest {
    /// 0 to 31,536,000 (a year).
    advance_s: u32,
}

fn shown(shared: &Shared) -> Json<ClockResponse> {
    Json(ClockResponse {
        now: shared.clock.now(),
        offset_s: shared.clock.offset_s(),
    })
}

/// Shows the time.
#[utoipa::path(get, path = "/simulator/clock", responses((status = 200, body = ClockResponse)))]
pub(super) async fn get_clock(shared: Data<Shared>) -> Json<ClockResponse> {
    shown(&shared)
}

/// Moves the clock forward. It never moves otherwise, but for time itself.
#[utoipa::path(
    post,
    path = "/simulator/clock",
    responses((status = 200, body = ClockResponse), (status = 400, body = Refusal))
)]
pub(super) async fn advance_clock(
    shared: Data<Shared>,
    request: Json<AdvanceClockRequest>,
) -> Result<Json<ClockResponse>, Refusal> {
    if request.advance_s > ADVANCE_S_MAX {
        return Err(Refusal::invalid("advance_s is a year at most"));
    }
    let offset_s = shared.clock.advance(request.advance_s);
    shared.step(|world, _| world.put(Record::ClockOffset(offset_s)));
    shared.wake.notify_one();
    let title = format!("clock moved by {} s", request.advance_s);
    shared.log.event(
        shared.clock.now(),
        EventKind::Clock,
        title,
        json!({ "offset_s": offset_s }),
    );
    Ok(shown(&shared))
}

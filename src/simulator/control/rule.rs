//! The rules of the simulated `WeChat Pay` that may be otherwise.

use actix_web::web::{Data, Json};
use serde_json::json;

use super::refusal::Refusal;
use crate::simulator::log::EventKind;
use crate::simulator::record::Record;
use crate::simulator::rule::Rules;
use crate::simulator::state::Shared;

/// A year.
const REFUND_TAKES_S_MAX: u32 = 31_536_000;

/// Shows the rules in force.
#[utoipa::path(get, path = "/simulator/rules", responses((status = 200, body = Rules)))]
pub(super) async fn get_rules(shared: Data<Shared>) -> Json<Rules> {
    Json(shared.step(|world, _| world.rules().clone()))
}

/// Puts these rules in force. All must be named, so that none changes by oversight. Refunds accepted
/// before keep the time they were given.
#[utoipa::path(
    put,
    path = "/simulator/rules",
    responses((status = 200, body = Rules), (status = 400, body = Refusal))
)]
pub(super) async fn set_rules(shared: Data<Shared>, request: Json<Rules>) -> Result<Json<Rules>, Refusal> {
    let rules = request.into_inner();
    if rules.refund_takes_s.is_some_and(|s| s > REFUND_TAKES_S_MAX) {
        return Err(Refusal::invalid("refund_takes_s is a year at most"));
    }
    if rules.balance_fen.is_some_and(i64::is_negative) {
        return Err(Refusal::invalid("balance_fen is 0 or more"));
    }
    if rules.shipping_order_known_after_s > 86_400 {
        return Err(Refusal::invalid("shipping_order_known_after_s is a day at most"));
    }
    if !(20..=4_096).contains(&rules.access_token_chars) {
        return Err(Refusal::invalid("access_token_chars is 20 to 4,096"));
    }
    shared.step(|world, _| world.put(Record::Rules(rules.clone())));
    let title = "rules changed".to_owned();
    shared
        .log
        .event(shared.clock.now(), EventKind::Rules, title, json!(rules));
    Ok(Json(rules))
}

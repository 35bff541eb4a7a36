//! `POST /wxa/sec/order/is_trade_managed` and `POST
//! /wxa/sec/order/is_trade_management_confirmation_completed`

use serde::Deserialize;
use serde_json::json;

use super::asked;
use crate::simulator::call::{Call, Reply};
use crate::simulator::fault::Api;
use crate::simulator::mini::answer::{APP_ID_INVALID, APP_ID_MISSING, accepted, refused};
use crate::simulator::state::Shared;

#[derive(Deserialize)]
struct ManagedRequest {
    appid: Option<String>,
}

/// Answers `POST /wxa/sec/order/is_trade_managed`.
pub(in crate::simulator) fn handle(shared: &Shared, call: &Call) -> Reply {
    answer(shared, call, "is_trade_managed")
}

/// Answers `POST /wxa/sec/order/is_trade_management_confirmation_completed`: whoever is managed has agreed to it.
pub(in crate::simulator) fn handle_completed(shared: &Shared, call: &Call) -> Reply {
    answer(shared, call, "completed")
}

fn answer(shared: &Shared, call: &Call, name: &str) -> Reply {
    match is_managed(shared, call) {
        Ok(is_managed) => {
            let body = json!({ "errcode": 0, "errmsg": "ok", name: is_managed });
            accepted(Api::TradeManaged, &body)
        }
        Err(errcode) => refused(shared, Api::TradeManaged, errcode),
    }
}

fn is_managed(shared: &Shared, call: &Call) -> Result<bool, i64> {
    let (app_id, wanted): (String, ManagedRequest) = asked(shared, call)?;
    let wanted = wanted.appid.ok_or(APP_ID_MISSING)?;
    if wanted != app_id {
        return Err(APP_ID_INVALID);
    }
    Ok(shared.step(|world, _| world.shippings.is_managed(&app_id)))
}

//! `WeChat Pay` v3: JSAPI orders, their queries and closing, and the platform certificates.
//!
//! Every request signature is verified over the exact bytes, every good answer is signed.

pub(super) mod answer;
mod authorization;
pub(super) mod certificates;
pub(super) mod close;
pub(super) mod prepay;
pub(super) mod query;
mod schema;
pub(super) mod transaction;

use serde_json::Value;

use super::call::Call;
use super::fault::Api;

/// The order that a call is about, for the log, as far as the call says.
pub(super) fn order_number_of(api: Api, call: &Call) -> Option<String> {
    match api {
        Api::Prepay => {
            let body: Value = serde_json::from_slice(&call.body).ok()?;
            body.get("out_trade_no")
                .and_then(Value::as_str)
                .map(str::to_owned)
        }
        Api::Query | Api::Close if call.segment(3).as_deref() == Some("out-trade-no") => call.segment(4),
        _ => None,
    }
}

//! `WeChat Pay` v3: JSAPI orders, their queries and closing, refunds, bills, and the platform
//! certificates.
//!
//! Every request signature is verified over the exact bytes, every good answer is signed.

pub(super) mod answer;
mod authorization;
pub(super) mod bill;
pub(super) mod bill_download;
pub(super) mod certificates;
pub(super) mod close;
mod notify_url;
pub(super) mod prepay;
pub(super) mod query;
pub(super) mod refund;
pub(super) mod refund_form;
pub(super) mod refund_query;
mod schema;
pub(super) mod transaction;

use serde_json::Value;

use super::call::Call;
use super::fault::Api;

/// The order that a call is about, for the log, as far as the call says.
pub(super) fn order_number_of(api: Api, call: &Call) -> Option<String> {
    match api {
        Api::Prepay | Api::Refund => text_in(&call.body, "out_trade_no"),
        Api::Query | Api::Close if call.segment(3).as_deref() == Some("out-trade-no") => call.segment(4),
        _ => None,
    }
}

/// The refund that a call is about, for the log, as far as the call says.
pub(super) fn refund_number_of(api: Api, call: &Call) -> Option<String> {
    match api {
        Api::Refund => refund_number_in(&call.body),
        Api::RefundQuery => call.segment(4),
        _ => None,
    }
}

fn refund_number_in(body: &[u8]) -> Option<String> {
    text_in(body, "out_refund_no")
}

fn text_in(body: &[u8], name: &str) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body.get(name).and_then(Value::as_str).map(str::to_owned)
}

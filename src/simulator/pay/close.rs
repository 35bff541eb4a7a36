//! `POST /v3/pay/transactions/out-trade-no/{out_trade_no}/close`.

use serde_json::Value;

use super::answer::{Refusal, no_content};
use super::authorization;
use super::schema::{Field, Rule, parse};
use crate::simulator::call::{Call, Reply};
use crate::simulator::record::{Order, Record, TradeState};
use crate::simulator::state::Shared;

const BODY: &[Field] = &[Field::required("mchid", Rule::Text(1, 32))];

/// Answers the close call: 204, also for an order that is closed already.
pub(in crate::simulator) fn handle(shared: &Shared, call: &Call) -> Reply {
    close(shared, call).unwrap_or_else(Refusal::into_reply)
}

fn close(shared: &Shared, call: &Call) -> Result<Reply, Refusal> {
    let signer = authorization::check(shared, call)?;
    let body = parse(&call.body, BODY)?;
    if body.get("mchid").and_then(Value::as_str) != Some(shared.merchant.mch_id.as_str()) {
        return Err(Refusal::field("/mchid", "not the mchid of Authorization"));
    }
    let out_trade_no = call
        .segment(4)
        .ok_or_else(|| Refusal::path("out_trade_no", "malformed"))?;
    shared.step(|world, now| {
        let order = world.order(&out_trade_no).ok_or_else(Refusal::unknown_order)?;
        match order.state(now) {
            TradeState::Success | TradeState::Refund => Err(Refusal::paid_when_closing()),
            TradeState::Closed => Ok(()),
            TradeState::NotPaid => {
                let closed = Order {
                    closed_at: Some(now),
                    ..order.clone()
                };
                world.put(Record::Order(closed));
                Ok(())
            }
        }
    })?;
    Ok(no_content(signer))
}

//! `POST /wxa/sec/order/notify_confirm_receive`: the buyer is reminded to confirm the receipt.

use chrono::DateTime;
use serde::Deserialize;
use serde_json::json;

use super::{OrderNames, asked};
use crate::simulator::call::{Call, Reply};
use crate::simulator::fault::Api;
use crate::simulator::mini::answer::{accepted, refused};
use crate::simulator::record::Record;
use crate::simulator::shipping::{EXPRESS, Shipping, order_state};
use crate::simulator::state::Shared;

const NOT_SHIPPED: i64 = 10_060_028;
const TIME_WRONG: i64 = 10_060_029;
const REMINDED: i64 = 10_060_030;
const NOT_EXPRESS: i64 = 10_060_032;

#[derive(Deserialize)]
struct ReceiptRequest {
    #[serde(flatten)]
    order: OrderNames,
    received_time: Option<i64>,
}

/// Answers `POST /wxa/sec/order/notify_confirm_receive`.
pub(in crate::simulator) fn handle(shared: &Shared, call: &Call) -> Reply {
    remind(shared, call).unwrap_or_else(|errcode| refused(shared, Api::ConfirmReceive, errcode))
}

fn remind(shared: &Shared, call: &Call) -> Result<Reply, i64> {
    let (app_id, wanted): (String, ReceiptRequest) = asked(shared, call)?;
    shared.step(|world, now| {
        let order = wanted.order.find(shared, world, &app_id, now)?;
        let shipping = world
            .shippings
            .get(&order.out_trade_no)
            .ok_or(NOT_SHIPPED)?
            .clone();
        if order_state(world, &order) != 2 {
            return Err(NOT_SHIPPED);
        }
        if shipping.logistics_type != EXPRESS {
            return Err(NOT_EXPRESS);
        }
        let received_at = wanted
            .received_time
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
            .ok_or(TIME_WRONG)?;
        if shipping
            .shipped_at
            .is_none_or(|shipped_at| received_at <= shipped_at)
        {
            return Err(TIME_WRONG);
        }
        if shipping.is_receipt_reminded {
            return Err(REMINDED);
        }
        world.put(Record::Shipping(Shipping {
            is_receipt_reminded: true,
            ..shipping
        }));
        Ok(())
    })?;
    Ok(accepted(
        Api::ConfirmReceive,
        &json!({ "errcode": 0, "errmsg": "ok" }),
    ))
}

//! What `WeChat` tells a mini program's server by itself about shipments.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{SETTLED_AFTER, Shipping, overdue};
use crate::simulator::push::PushDraft;
use crate::simulator::record::Order;
use crate::simulator::world::World;

/// Tells how far the money of an order has come: that it counts as sent, or that it is free.
pub(in crate::simulator) fn tell(world: &mut World, order: &Order, shipping: &Shipping, now: DateTime<Utc>) {
    let mut fields = names(order);
    let seconds = |at: Option<DateTime<Utc>>| json!(at.map(|at| at.timestamp()));
    fields.push(("shipped_time", seconds(shipping.shipped_at)));
    if shipping.settled_at.is_some() {
        let method = if shipping.is_confirmed_by_payer { 1 } else { 2 };
        fields.push(("confirm_receive_method", json!(method)));
        fields.push(("confirm_receive_time", seconds(shipping.confirmed_at)));
        fields.push(("settlement_time", seconds(shipping.settled_at)));
    } else {
        let estimated = shipping.due_at().map(|at| at + SETTLED_AFTER);
        fields.push(("estimated_settlement_time", seconds(estimated)));
    }
    let draft = PushDraft::event(None, "trade_manage_order_settlement", fields);
    world.push(&order.app_id, draft, now);
}

/// Tells that shipments must be reported from now on.
pub(in crate::simulator) fn tell_controlled(world: &mut World, app_id: &str, now: DateTime<Utc>) {
    let fields = vec![("msg", json!("shipments must be reported from now on"))];
    world.push(
        app_id,
        PushDraft::event(None, "wxa_trade_controlled", fields),
        now,
    );
}

/// Asks for the interface to be used.
pub(in crate::simulator) fn remind_of_access(world: &mut World, app_id: &str, now: DateTime<Utc>) {
    let fields = vec![("msg", json!("shipments should be reported by the interface"))];
    let draft = PushDraft::event(None, "trade_manage_remind_access_api", fields);
    world.push(app_id, draft, now);
}

/// Reminds of each order that should have been sent; tells how many there are.
pub(in crate::simulator) fn remind_of_shipping(world: &mut World, app_id: &str, now: DateTime<Utc>) -> usize {
    let waiting = overdue(world, app_id, now);
    for order in &waiting {
        let mut fields = names(order);
        fields.push(("msg", json!("the order was paid 48 hours ago and is not shipped")));
        let draft = PushDraft::event(None, "trade_manage_remind_shipping", fields);
        world.push(app_id, draft, now);
    }
    waiting.len()
}

fn names(order: &Order) -> Vec<(&'static str, Value)> {
    let payment = order.payment.as_ref();
    let merchant = order.request.get("mchid").cloned().unwrap_or_default();
    vec![
        (
            "transaction_id",
            json!(payment.map(|payment| &payment.transaction_id)),
        ),
        ("merchant_id", merchant),
        ("sub_merchant_id", json!("")),
        ("merchant_trade_no", json!(order.out_trade_no)),
        (
            "pay_time",
            json!(payment.map(|payment| payment.paid_at.timestamp())),
        ),
    ]
}

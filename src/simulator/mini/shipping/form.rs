//! An order in the form in which `WeChat` answers questions about its shipment.

use serde_json::{Map, Value, json};

use crate::simulator::record::Order;
use crate::simulator::shipping::{Parcel, Shipping, order_state};
use crate::simulator::world::World;

/// The order; what was not told is left out.
pub(super) fn wire(world: &World, mch_id: &str, order: &Order) -> Value {
    let payment = order.payment.as_ref();
    let mut wire = Map::new();
    let mut put = |name: &str, value: Value| wire.insert(name.to_owned(), value);
    put(
        "transaction_id",
        json!(payment.map(|payment| &payment.transaction_id)),
    );
    put("merchant_id", json!(mch_id));
    put("sub_merchant_id", json!(""));
    put("merchant_trade_no", json!(order.out_trade_no));
    put("description", json!(order.description));
    put("paid_amount", json!(order.total_fen));
    put("openid", json!(order.openid));
    put("trade_create_time", json!(order.created_at.timestamp()));
    put(
        "pay_time",
        json!(payment.map(|payment| payment.paid_at.timestamp())),
    );
    put("order_state", json!(order_state(world, order)));
    put("in_complaint", json!(false));
    if let Some(told) = world.shippings.get(&order.out_trade_no) {
        put("shipping", shipping(told));
    }
    Value::Object(wire)
}

fn shipping(told: &Shipping) -> Value {
    json!({
        "delivery_mode": told.delivery_mode,
        "logistics_type": told.logistics_type,
        "finish_shipping": told.is_finished,
        "finish_shipping_count": told.finish_count,
        "shipping_list": told.parcels.iter().map(parcel).collect::<Vec<_>>(),
    })
}

fn parcel(parcel: &Parcel) -> Value {
    let mut wire = json!({
        "tracking_no": parcel.tracking_no,
        "express_company": parcel.express_company,
        "goods_desc": parcel.item_desc,
        "upload_time": parcel.upload_time.timestamp(),
    });
    let contact = json!({
        "receiver_contact": parcel.receiver_contact,
        "consignor_contact": parcel.consignor_contact,
    });
    if let (Some(members), true) = (
        wire.as_object_mut(),
        parcel.receiver_contact.is_some() || parcel.consignor_contact.is_some(),
    ) {
        members.insert("contact".to_owned(), contact);
    }
    wire
}

//! The transaction as it stands in query answers and, encrypted, in notifications.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::simulator::clock::china_text;
use crate::simulator::record::Order;

/// The transaction in `WeChat Pay`'s form: what an unpaid order does not have is left out.
pub(in crate::simulator) fn wire(mch_id: &str, order: &Order, now: DateTime<Utc>) -> Value {
    let state = order.state(now);
    let mut wire = Map::new();
    let mut put = |name: &str, value: Value| wire.insert(name.to_owned(), value);
    put("appid", json!(order.app_id));
    put("mchid", json!(mch_id));
    put("out_trade_no", json!(order.out_trade_no));
    put("trade_state", json!(state.code()));
    put("trade_state_desc", json!(state.description()));
    put("promotion_detail", json!([]));
    if let Some(attach) = &order.attach {
        put("attach", json!(attach));
    }
    if let Some(device_id) = order.request.pointer("/scene_info/device_id") {
        put("scene_info", json!({ "device_id": device_id }));
    }
    match &order.payment {
        Some(payment) => {
            put("transaction_id", json!(payment.transaction_id));
            put("trade_type", json!("JSAPI"));
            put("bank_type", json!("OTHERS"));
            put("success_time", json!(china_text(payment.paid_at)));
            put("payer", json!({ "openid": order.openid }));
            let total = order.total_fen;
            let amount =
                json!({ "total": total, "payer_total": total, "currency": "CNY", "payer_currency": "CNY" });
            put("amount", amount);
        }
        None => {
            put(
                "amount",
                json!({ "total": order.total_fen, "currency": "CNY", "payer_currency": "CNY" }),
            );
        }
    }
    Value::Object(wire)
}

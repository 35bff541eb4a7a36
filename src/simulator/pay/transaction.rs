//! The transaction as it stands in query answers and, encrypted, in notifications.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::simulator::clock::china_text;
use crate::simulator::record::{Order, TradeState};

/// The transaction in `WeChat Pay`'s form, as queries answer it.
pub(super) fn wire(mch_id: &str, order: &Order, now: DateTime<Utc>) -> Value {
    form(mch_id, order, order.state(now))
}

/// The transaction as it stood when it was paid.
pub(in crate::simulator) fn notice(mch_id: &str, order: &Order) -> Value {
    form(mch_id, order, TradeState::Success)
}

/// What an unpaid order does not have is left out.
fn form(mch_id: &str, order: &Order, state: TradeState) -> Value {
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

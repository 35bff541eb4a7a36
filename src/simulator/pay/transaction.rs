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
    put("promotion_detail", promotion_detail(order));
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
            let payer_total = total.saturating_sub(payment.coupon_fen);
            let amount = json!({ "total": total, "payer_total": payer_total, "currency": "CNY", "payer_currency": "CNY" });
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

/// The coupon of the merchant that paid a part, if one did.
fn promotion_detail(order: &Order) -> Value {
    let coupon_fen = order.payment.as_ref().map_or(0, |payment| payment.coupon_fen);
    if coupon_fen == 0 {
        return json!([]);
    }
    json!([{
        "coupon_id": format!("{:020}", order.number),
        "name": "满减券",
        "scope": "GLOBAL",
        // Nobody paid for it beforehand: what it is worth never reaches the merchant.
        "type": "NOCASH",
        "amount": coupon_fen,
        "stock_id": "10000001",
        "wechatpay_contribute": 0,
        "merchant_contribute": coupon_fen,
        "other_contribute": 0,
        "currency": "CNY",
    }])
}

//! Sending goods: what the operator says, what WeChat is told of it, and what it says.

mod bad;
mod correct;
mod health;
mod kind;
mod news;
mod pursuit;
mod repetition;
mod setting;
mod unclear;

use serde_json::{Value, json};

use crate::harness::{Phone, Shop};

/// A visitor, and a paid order of three of a product.
async fn paid(shop: &Shop) -> (Phone<'_>, String) {
    shop.stock("tea", 100, None).await;
    let phone = shop.visitor().await;
    let order = phone.paid_order("tea", 3).await;
    (phone, order)
}

fn virtual_goods() -> Value {
    json!({"kind": "virtual"})
}

/// The next calls that WeChat is told of a shipment by end so.
fn refusal(errcode: i64, times: u32) -> Value {
    json!([{"kind": "errcode", "api": "upload_shipping", "errcode": errcode, "times": times}])
}

//! Notifications: genuine ones, their repetition, and ones made by hand.

use std::num::NonZeroU32;

use serde_json::{Value, json};
use weir::simulator::{Delivery, Options};

use crate::harness::{MCH_ID, Stage, options};
use crate::merchant::decrypt_with;

#[tokio::test]
async fn payment_is_notified_signed_and_encrypted() {
    let stage = Stage::new().await;
    let outcome = stage.paid_order("order-1").await;
    assert!(stage.receiver.take().is_empty());
    assert_eq!(stage.deliver_statuses().await, [204]);
    let received = stage.receiver.take().remove(0);
    assert_eq!(
        (received.method.as_str(), received.target.as_str()),
        ("POST", "/wechat/pay/notify")
    );
    assert_eq!(received.headers["content-type"], "application/json");
    assert!(received.is_genuine(&stage).await);
    let (envelope, transaction) = received.opened();
    assert_eq!(envelope["id"].as_str().unwrap().len(), 36);
    assert_eq!(envelope["event_type"], "TRANSACTION.SUCCESS");
    assert_eq!(envelope["resource_type"], "encrypt-resource");
    assert_eq!(envelope["resource"]["original_type"], "transaction");
    // Not all of it is ASCII: who decodes and encodes it before it is verified is found out.
    assert_eq!(envelope["summary"], "支付成功");
    assert_eq!(transaction["trade_state_desc"], "支付成功");
    assert_eq!(transaction["transaction_id"], outcome["transaction_id"]);
    assert_eq!(transaction, stage.query("order-1").await.json());
    assert!(decrypt_with(&"x".repeat(32), &envelope["resource"]).is_none());
    assert_eq!(stage.deliver().await.len(), 0);
}

#[tokio::test]
async fn refused_notification_climbs_the_whole_ladder() {
    let stage = Stage::new().await;
    stage.paid_order("order-1").await;
    stage.receiver.answer(&[
        500, 401, 302, 404, 500, 500, 500, 500, 500, 500, 500, 500, 500, 500, 500, 500,
    ]);
    let waits = [
        15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10_800, 10_800, 10_800, 21_600, 21_600,
    ];
    assert_eq!(stage.deliver().await.len(), 1);
    for wait in waits {
        stage.advance(wait - 3).await;
        assert_eq!(stage.deliver().await.len(), 0);
        stage.advance(3).await;
        assert_eq!(stage.deliver().await.len(), 1, "after {wait} s");
    }
    stage.advance(100_000).await;
    assert_eq!(stage.deliver().await.len(), 0);
    let received = stage.receiver.take();
    assert_eq!(received.len(), 16);
    let ids: Vec<Value> = received.iter().map(|one| one.opened().0["id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]));
    assert_ne!(
        received[0].headers["wechatpay-signature"],
        received[1].headers["wechatpay-signature"]
    );
    assert_ne!(
        received[0].headers["wechatpay-timestamp"],
        received[1].headers["wechatpay-timestamp"]
    );
    let known = stage.get("/simulator/notifications").await.json();
    assert_eq!(
        (
            known["items"].as_array().unwrap().len(),
            known["pending"].as_array().unwrap().len()
        ),
        (16, 0)
    );
    assert_eq!(known["items"][15]["attempt"], 16);
}

#[tokio::test]
async fn unreachable_server_is_tried_again() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let mut order = stage.order(&user, "order-1");
    // Port 9 of this machine: nobody listens.
    order["notify_url"] = json!("http://127.0.0.1:9/notify");
    let made = stage.pay_post(crate::merchant::JSAPI, &order).await.json();
    let cashier_id = stage.cashier(&user, made["prepay_id"].as_str().unwrap()).await;
    stage.act(&cashier_id, "pay").await;
    assert_eq!(stage.deliver_statuses().await, [Value::Null]);
    let pending = stage.get("/simulator/notifications").await.json()["pending"].clone();
    assert_eq!(pending[0]["attempt"], 2);
}

#[tokio::test]
async fn automatic_delivery_needs_nobody() {
    let speed = NonZeroU32::new(1_000).unwrap();
    let stage = Stage::with(Options {
        delivery: Delivery::Automatic { speed },
        ..options()
    })
    .await;
    stage.receiver.answer(&[500, 500]);
    stage.paid_order("order-1").await;
    stage.receiver.wait_for(3).await;
    let received = stage.receiver.take();
    assert_eq!(received.len(), 3);
    assert_eq!(received[2].opened().1["out_trade_no"], "order-1");
}

#[tokio::test]
async fn moved_clock_wakes_automatic_delivery() {
    let stage = Stage::with(Options {
        delivery: Delivery::REAL,
        ..options()
    })
    .await;
    stage.receiver.answer(&[500]);
    stage.paid_order("order-1").await;
    stage.receiver.wait_for(1).await;
    stage.advance(20).await;
    stage.receiver.wait_for(2).await;
}

impl Stage {
    async fn craft(&self, wish: Value) -> Value {
        let mut wish = wish;
        wish["out_trade_no"] = json!("order-1");
        self.post("/simulator/notifications", wish).await
    }

    /// Crafts one and says whether it is genuine to a strict receiver.
    async fn crafted_is_genuine(&self, wish: Value) -> bool {
        let outcome = self.craft(wish).await;
        assert_eq!(outcome["answers"][0]["status"], 204);
        let received = self.receiver.take().remove(0);
        let serial = received.headers["wechatpay-serial"].clone();
        let keys = self.get("/simulator/keys").await.json();
        let is_known = keys["public_key_id"] == serial.as_str()
            || keys["certificate_serials"]
                .as_array()
                .unwrap()
                .contains(&json!(serial));
        is_known && received.is_genuine(self).await
    }
}

#[tokio::test]
async fn crafted_signatures_are_as_good_or_bad_as_asked() {
    let stage = Stage::new().await;
    stage.post("/simulator/keys", json!({ "mode": "both" })).await;
    stage.paid_order("order-1").await;
    for wish in [
        json!({}),
        json!({ "key": "certificate" }),
        json!({ "key": "public_key" }),
        json!({ "timestamp_offset_s": -290 }),
        json!({ "body": "not_json" }),
        json!({ "encrypt_with": "wrong_key" }),
    ] {
        assert!(stage.crafted_is_genuine(wish.clone()).await, "{wish}");
    }
    for wish in [
        json!({ "signature": "probe" }),
        json!({ "signature": "wrong" }),
        json!({ "signature": "missing" }),
        json!({ "signature": "not_base64" }),
        json!({ "signature": "merchant_key" }),
        json!({ "signature": "other_key" }),
        json!({ "signature": "other_key", "key": "public_key" }),
        json!({ "key": "unknown_serial" }),
        json!({ "timestamp_offset_s": -310 }),
        json!({ "timestamp_offset_s": 310 }),
        json!({ "body": "reserialised" }),
        json!({ "body": "truncated" }),
        json!({ "headers": { "Wechatpay-Nonce": "another" } }),
        json!({ "headers": { "wechatpay-timestamp": null } }),
    ] {
        assert!(!stage.crafted_is_genuine(wish.clone()).await, "{wish}");
    }
    stage.craft(json!({ "signature": "probe" })).await;
    let probe = stage.receiver.take().remove(0);
    assert!(probe.headers["wechatpay-signature"].starts_with("WECHATPAY/SIGNTEST/"));
}

#[tokio::test]
async fn crafted_content_is_what_was_asked_for() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    stage.prepay(&user, "order-1").await;
    // The order is not paid: a forged success says it is.
    let overrides = json!({ "amount": { "total": 1 }, "attach": "x", "bank_type": null });
    let wish = json!({ "overrides": overrides, "event_type": "TRANSACTION.OTHER", "id": "fixed" });
    stage.craft(wish).await;
    let (envelope, transaction) = stage.receiver.take().remove(0).opened();
    assert_eq!(
        (&envelope["id"], &envelope["event_type"]),
        (&json!("fixed"), &json!("TRANSACTION.OTHER"))
    );
    assert_eq!(transaction["trade_state"], "SUCCESS");
    assert_eq!(transaction["mchid"], MCH_ID);
    assert_eq!(
        transaction["amount"],
        json!({ "total": 1, "payer_total": 100, "currency": "CNY", "payer_currency": "CNY" })
    );
    assert_eq!(transaction["attach"], "x");
    assert!(transaction.get("bank_type").is_none());
    assert_eq!(stage.trade_state("order-1").await, "NOTPAY");

    stage.craft(json!({ "encrypt_with": "wrong_key" })).await;
    let sealed: Value = serde_json::from_slice(&stage.receiver.take()[0].body).unwrap();
    assert!(decrypt_with(crate::harness::API_V3_KEY, &sealed["resource"]).is_none());

    let outcome = stage.craft(json!({ "copies": 5, "parallel": true })).await;
    assert_eq!(outcome["answers"].as_array().unwrap().len(), 5);
    let copies = stage.receiver.take();
    assert_eq!(copies.len(), 5);
    assert!(
        copies
            .iter()
            .all(|copy| copy.opened().0["id"] == copies[0].opened().0["id"])
    );

    let unsent = stage.craft(json!({ "send": false })).await;
    assert_eq!(unsent["messages"][0]["url"], stage.receiver.notify_url());
    assert!(unsent["messages"][0]["headers"]["Wechatpay-Signature"].is_string());
    assert!(stage.receiver.take().is_empty());
}

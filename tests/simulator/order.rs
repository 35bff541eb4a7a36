//! Prepay, query and close.

use serde_json::{Value, json};

use crate::harness::{MCH_ID, OTHER_APP, Stage};
use crate::merchant::{JSAPI, Request};

#[tokio::test]
async fn order_is_made_asked_for_and_closed() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let mut order = stage.order(&user, "order-1*|_");
    order["attach"] = json!("table 4");
    let made = stage.pay_post(JSAPI, &order).await;
    assert_eq!(made.status, 200, "{made:?}");
    assert!(made.is_genuine(&stage).await);
    assert!(made.header("request-id").unwrap().ends_with("-0"));
    assert!(made.header("date").unwrap().ends_with("GMT"));
    // The number is percent-encoded on the way, and signed as it is sent.
    let target = format!("/v3/pay/transactions/out-trade-no/order-1*%7C_?mchid={MCH_ID}");
    let found = stage.pay_get(&target).await;
    assert!(found.is_genuine(&stage).await);
    let found = found.json();
    assert_eq!(found["trade_state"], "NOTPAY");
    assert_eq!(found["attach"], "table 4");
    assert_eq!(found["amount"]["total"], 100);
    assert!(found.get("transaction_id").is_none() && found.get("payer").is_none());
    for _ in 0..2 {
        let closed = stage.close("order-1*%7C_").await;
        assert_eq!((closed.status, closed.body.len()), (204, 0));
        assert!(closed.is_genuine(&stage).await);
    }
    assert_eq!(stage.pay_get(&target).await.json()["trade_state"], "CLOSED");
    let refused = stage.pay_post(JSAPI, &order).await;
    assert_eq!(
        (refused.status, &refused.json()["code"]),
        (400, &json!("ORDER_CLOSED"))
    );
}

#[tokio::test]
async fn same_number_wants_the_same_parameters() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let order = stage.order(&user, "order-1");
    let first = stage.prepay(&user, "order-1").await;
    let second = stage.prepay(&user, "order-1").await;
    assert_ne!(first, second);
    for (field, value) in [
        ("amount", json!({ "total": 101, "currency": "CNY" })),
        ("description", json!("coffee")),
        ("attach", json!("new")),
    ] {
        let mut other = order.clone();
        other[field] = value;
        let refused = stage.pay_post(JSAPI, &other).await;
        assert_eq!(
            (refused.status, &refused.json()["code"]),
            (403, &json!("OUT_TRADE_NO_USED")),
            "{field}"
        );
        assert!(refused.header("request-id").unwrap().ends_with("-268498688"));
        assert!(refused.header("wechatpay-signature").is_none());
    }
    let cashier_id = stage.cashier(&user, &first).await;
    stage.act(&cashier_id, "pay").await;
    let refused = stage.pay_post(JSAPI, &order).await;
    assert_eq!(
        (refused.status, &refused.json()["code"]),
        (400, &json!("ORDERPAID"))
    );
    let refused = stage.close("order-1").await;
    assert_eq!(
        (refused.status, &refused.json()["code"]),
        (400, &json!("ORDER_PAID"))
    );
}

/// Puts a value at a JSON pointer; null removes the field.
fn with(order: &Value, pointer: &str, value: Value) -> Value {
    let mut order = order.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = order.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    parent.insert(name.to_owned(), value);
    order
}

/// Fields that break a rule, each alone.
fn bad_fields(user: &Value) -> Vec<(&'static str, Value)> {
    vec![
        ("/description", json!("")),
        ("/description", json!("x".repeat(128))),
        ("/description", json!("茶".repeat(43))),
        ("/description", json!("tea 🍵")),
        ("/description", json!("te\u{0}a")),
        ("/description", Value::Null),
        ("/description", json!(1)),
        ("/attach", json!("🍵")),
        ("/attach", json!("x".repeat(129))),
        ("/out_trade_no", json!("short")),
        ("/out_trade_no", json!("x".repeat(33))),
        ("/out_trade_no", json!("order 1")),
        ("/out_trade_no", json!("order/1")),
        ("/amount/total", json!(0)),
        ("/amount/total", json!(-1)),
        ("/amount/total", json!(1.5)),
        ("/amount/total", json!("100")),
        ("/amount/currency", json!("USD")),
        ("/amount/extra", json!(1)),
        ("/payer/openid", json!("nobody")),
        ("/payer/openid", user["openids"][OTHER_APP].clone()),
        ("/notify_url", json!("https://shop.example/notify?a=1")),
        ("/notify_url", json!("http://shop.example/notify")),
        ("/notify_url", json!("ftp://127.0.0.1/notify")),
        ("/notify_url", json!("shop.example/notify")),
        (
            "/notify_url",
            json!(format!("https://shop.example/{}", "x".repeat(240))),
        ),
        ("/time_expire", json!("tomorrow")),
        ("/time_expire", json!("2026-01-01 08:00:05")),
        ("/time_expire", json!("2020-01-01T08:00:05+08:00")),
        ("/time_expire", json!("2100-01-01T08:00:05+08:00")),
        ("/surprise", json!("x")),
        ("/limit_pay", json!([])),
        ("/limit_pay", json!(["cash"])),
        (
            "/detail",
            json!({ "goods_detail": [{ "merchant_goods_id": "1", "unit_price": 1 }] }),
        ),
        ("/scene_info", json!({})),
        ("/settle_info", json!({ "profit_sharing": "yes" })),
    ]
}

#[tokio::test]
async fn every_field_is_held_to_its_rule() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let order = stage.order(&user, "order-1");
    for (pointer, value) in bad_fields(&user) {
        let refused = stage.pay_post(JSAPI, &with(&order, pointer, value.clone())).await;
        let body = refused.json();
        assert_eq!(
            (refused.status, &body["code"]),
            (400, &json!("PARAM_ERROR")),
            "{pointer} {value}"
        );
        let field = body["detail"]["field"].as_str().unwrap();
        assert!(field.starts_with(pointer), "{pointer} {value}: {body}");
    }
    for name in [
        "appid",
        "mchid",
        "description",
        "out_trade_no",
        "notify_url",
        "amount",
        "payer",
    ] {
        let mut order = order.clone();
        order.as_object_mut().unwrap().remove(name);
        assert_eq!(
            stage.pay_post(JSAPI, &order).await.json()["code"],
            "PARAM_ERROR",
            "{name}"
        );
    }
    let foreign = stage.pay_post(JSAPI, &with(&order, "/appid", json!("wx0"))).await;
    assert_eq!(
        (foreign.status, &foreign.json()["code"]),
        (400, &json!("APPID_MCHID_NOT_MATCH"))
    );
    assert_eq!(stage.list("/simulator/transactions").await.len(), 0);
}

#[tokio::test]
async fn all_optional_fields_are_taken() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let expires = chrono::DateTime::from_timestamp(stage.now().await + 90, 0).unwrap();
    let mut order = stage.order(&user, "order-1");
    let more = json!({
        "description": "x".repeat(127),
        "time_expire": expires.to_rfc3339(),
        "attach": "a",
        "notify_url": "https://shop.example/notify",
        "goods_tag": "g",
        "support_fapiao": true,
        "limit_pay": ["no_credit"],
        "detail": { "cost_price": 1, "invoice_id": "i", "goods_detail": [{
            "merchant_goods_id": "1", "goods_name": "茶", "quantity": 1, "unit_price": 0,
        }] },
        "scene_info": { "payer_client_ip": "127.0.0.1", "device_id": "d", "store_info": { "id": "1" } },
        "settle_info": { "profit_sharing": false },
    });
    order
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let made = stage.pay_post(JSAPI, &order).await;
    assert_eq!(made.status, 200, "{made:?}");
    // At its end an unpaid order counts as closed.
    stage.advance(91).await;
    assert_eq!(stage.query("order-1").await.json()["trade_state"], "CLOSED");
    assert_eq!(stage.pay_post(JSAPI, &order).await.json()["code"], "ORDER_CLOSED");
}

#[tokio::test]
async fn an_end_that_is_near_is_put_off_to_a_minute_and_one_that_is_over_is_refused() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    for (number, ahead_s, status) in [("order-1", -1, 400), ("order-2", 0, 400), ("order-3", 20, 200)] {
        let at = chrono::DateTime::from_timestamp(stage.now().await + ahead_s, 0).unwrap();
        let order = with(
            &stage.order(&user, number),
            "/time_expire",
            json!(at.to_rfc3339()),
        );
        let answer = stage.pay_post(JSAPI, &order).await;
        assert_eq!(answer.status, status, "{ahead_s}: {answer:?}");
    }
    stage.advance(55).await;
    assert_eq!(stage.query("order-3").await.json()["trade_state"], "NOTPAY");
    stage.advance(6).await;
    assert_eq!(stage.query("order-3").await.json()["trade_state"], "CLOSED");
}

#[tokio::test]
async fn bad_bodies_and_queries_are_refused() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    stage.prepay(&user, "order-1").await;
    for body in ["", "{", "[]", "null", "\"text\"", "{\"mchid\":\"\\ud800\"}"] {
        let refused = Request::new(&stage, "POST", JSAPI, body).await.send(&stage).await;
        assert_eq!(
            (refused.status, &refused.json()["code"]),
            (400, &json!("PARAM_ERROR")),
            "{body}"
        );
    }
    let by_number = "/v3/pay/transactions/out-trade-no";
    for (target, status, code) in [
        (format!("{by_number}/order-1"), 400, "PARAM_ERROR"),
        (
            format!("{by_number}/order-1?mchid=1900000002"),
            400,
            "PARAM_ERROR",
        ),
        (
            format!("{by_number}/order-1?mchid={MCH_ID}&x=1"),
            400,
            "PARAM_ERROR",
        ),
        (
            format!("{by_number}/order-1?mchid={MCH_ID}&mchid={MCH_ID}"),
            400,
            "PARAM_ERROR",
        ),
        (
            format!("{by_number}/order-2?mchid={MCH_ID}"),
            404,
            "ORDER_NOT_EXIST",
        ),
        (
            format!("/v3/pay/transactions/id/4200?mchid={MCH_ID}"),
            404,
            "ORDER_NOT_EXIST",
        ),
        ("/v3/nothing".to_owned(), 404, "RESOURCE_NOT_EXISTS"),
    ] {
        let refused = stage.pay_get(&target).await;
        assert_eq!(
            (refused.status, &refused.json()["code"]),
            (status, &json!(code)),
            "{target}"
        );
    }
    assert_eq!(stage.close("order-2").await.status, 404);
    let target = format!("{by_number}/order-1/close");
    let foreign = stage.pay_post(&target, &json!({ "mchid": "1900000002" })).await;
    assert_eq!(
        (foreign.status, &foreign.json()["code"]),
        (400, &json!("PARAM_ERROR"))
    );
    let wrong_method = stage.pay_get(JSAPI).await;
    assert_eq!((wrong_method.status, wrong_method.body.len()), (405, 0));
}

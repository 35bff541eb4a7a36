//! `wx.requestPayment` and the sheet.

use serde_json::{Value, json};

use crate::harness::{APP, OTHER_APP, Stage};

const REQUEST_PAYMENT: &str = "/simulator/request-payment";

#[tokio::test]
async fn sheet_shows_what_was_ordered_and_takes_the_money() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let prepay_id = stage.prepay(&user, "order-1").await;
    let parameters = stage.payment_parameters(&user, APP, &prepay_id).await;
    let sheet = stage.post(REQUEST_PAYMENT, parameters.clone()).await;
    assert_eq!(sheet["description"], "茶");
    assert_eq!(sheet["amount_fen"], 100);
    assert_eq!(sheet["payee"], "Tea house");
    let outcome = stage.act(sheet["cashier_id"].as_str().unwrap(), "pay").await;
    assert_eq!(outcome["errMsg"], "requestPayment:ok");
    let transaction_id = outcome["transaction_id"].as_str().unwrap();
    assert_eq!(transaction_id.len(), 28);
    let found = stage.query("order-1").await.json();
    assert_eq!(found["trade_state"], "SUCCESS");
    assert_eq!(found["transaction_id"], transaction_id);
    assert_eq!(found["payer"]["openid"], user["openids"][APP]);
    assert_eq!(found["amount"]["payer_total"], 100);
    assert!(found["success_time"].as_str().unwrap().ends_with("+08:00"));
    let by_id = stage
        .pay_get(&format!(
            "/v3/pay/transactions/id/{transaction_id}?mchid={}",
            crate::harness::MCH_ID
        ))
        .await;
    assert_eq!(by_id.json(), found);
    let again = stage.send("POST", REQUEST_PAYMENT, &parameters).await;
    assert_eq!(
        (again.status, &again.json()["errMsg"]),
        (400, &json!("requestPayment:fail the order is paid"))
    );
}

#[tokio::test]
async fn cancel_and_empty_pockets_leave_the_order_open() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let prepay_id = stage.prepay(&user, "order-1").await;
    for (action, message) in [
        ("cancel", "requestPayment:fail cancel"),
        ("insufficient_funds", "requestPayment:fail insufficient funds"),
    ] {
        let cashier_id = stage.cashier(&user, &prepay_id).await;
        let outcome = stage.act(&cashier_id, action).await;
        assert_eq!(outcome["errMsg"], message);
        assert!(outcome.get("transaction_id").is_none());
        let closed = stage
            .send(
                "POST",
                &format!("/simulator/cashiers/{cashier_id}"),
                &json!({ "action": "pay" }),
            )
            .await;
        assert_eq!(closed.status, 404);
    }
    assert_eq!(stage.trade_state("order-1").await, "NOTPAY");
    assert_eq!(stage.deliver().await.len(), 0);
}

#[tokio::test]
async fn phone_refuses_what_does_not_belong_together() {
    let stage = Stage::new().await;
    let (user, other) = (stage.user().await, stage.user().await);
    let prepay_id = stage.prepay(&user, "order-1").await;
    let good = stage.payment_parameters(&user, APP, &prepay_id).await;
    let spoilt = |name: &str, value: Value| {
        let mut spoilt = good.clone();
        spoilt[name] = value;
        spoilt
    };
    let mut foreign_app = stage.payment_parameters(&user, OTHER_APP, &prepay_id).await;
    for parameters in [
        spoilt("timeStamp", json!("1")),
        spoilt("timeStamp", json!("now")),
        spoilt("nonceStr", json!("other")),
        spoilt("package", json!(prepay_id)),
        spoilt("package", json!("prepay_id=wx0")),
        spoilt("signType", json!("MD5")),
        spoilt("paySign", json!("AAAA")),
        spoilt("paySign", json!("not base64!")),
        spoilt("app_id", json!(OTHER_APP)),
        spoilt("app_id", json!("wx0")),
        spoilt("user_id", other["user_id"].clone()),
        foreign_app.take(),
        stage.payment_parameters(&user, APP, "wx-made-up").await,
    ] {
        let refused = stage.send("POST", REQUEST_PAYMENT, &parameters).await;
        assert_eq!(refused.status, 400, "{parameters}");
        assert!(
            refused.json()["errMsg"]
                .as_str()
                .unwrap()
                .starts_with("requestPayment:fail ")
        );
    }
    stage.advance(7_200).await;
    let refused = stage.send("POST", REQUEST_PAYMENT, &good).await.json();
    assert_eq!(refused["errMsg"], "requestPayment:fail the prepay_id has expired");
    let fresh = stage.prepay(&user, "order-1").await;
    stage.cashier(&user, &fresh).await;
}

#[tokio::test]
async fn closed_order_is_paid_only_on_purpose() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let prepay_id = stage.prepay(&user, "order-1").await;
    let (first, second) = (
        stage.cashier(&user, &prepay_id).await,
        stage.cashier(&user, &prepay_id).await,
    );
    assert_eq!(stage.close("order-1").await.status, 204);
    let refused = stage.act(&first, "pay").await;
    assert_eq!(refused["errMsg"], "requestPayment:fail the order is closed");
    let wish = json!({ "action": "pay", "despite_close": true });
    let late = stage.post(&format!("/simulator/cashiers/{second}"), wish).await;
    assert_eq!(late["errMsg"], "requestPayment:ok");
    assert_eq!(stage.query("order-1").await.json()["trade_state"], "SUCCESS");
    assert_eq!(stage.deliver_statuses().await, [204]);
}

#[tokio::test]
async fn a_coupon_of_the_merchant_pays_a_part() {
    let stage = Stage::new().await;
    stage.next_day_at(1, 0).await;
    let user = stage.user().await;
    let prepay_id = stage.prepay(&user, "order-1").await;
    let pay = async |coupon_fen: i64| {
        let cashier_id = stage.cashier(&user, &prepay_id).await;
        let wish = json!({ "action": "pay", "coupon_fen": coupon_fen });
        stage
            .post(&format!("/simulator/cashiers/{cashier_id}"), wish)
            .await
    };
    for coupon_fen in [-1, 100] {
        assert_eq!(
            pay(coupon_fen).await["errMsg"],
            "requestPayment:fail the coupon is not worth less than the order"
        );
    }
    assert_eq!(pay(31).await["errMsg"], "requestPayment:ok");
    let found = stage.query("order-1").await.json();
    assert_eq!(
        (&found["amount"]["total"], &found["amount"]["payer_total"]),
        (&json!(100), &json!(69))
    );
    assert_eq!(found["promotion_detail"][0]["amount"], 31);
    assert_eq!(stage.deliver_statuses().await, [204]);
    assert_eq!(stage.receiver.take()[0].opened().1, found);
    // Each refund takes its share of the coupon back, the last one what is left of it.
    stage.rules(json!({ "one_refund_a_minute": false })).await;
    for (number, payer_refund, discount) in [("r1", 35, 15), ("r2", 34, 16)] {
        let amount = stage.refund("order-1", number, 50).await.json()["amount"].clone();
        assert_eq!(
            (
                &amount["payer_total"],
                &amount["payer_refund"],
                &amount["discount_refund"]
            ),
            (&json!(69), &json!(payer_refund), &json!(discount))
        );
    }
    let day = stage.next_day_at(10, 0).await;
    let bill = stage.trade_bill(&day).await;
    let values = ["订单金额", "应结订单金额", "代金券金额"].map(|column| bill.value(0, column));
    assert_eq!(values, ["1.00", "0.69", "0.31"]);
}

#[tokio::test]
async fn two_sheets_take_the_money_once() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let prepay_id = stage.prepay(&user, "order-1").await;
    let (first, second) = (
        stage.cashier(&user, &prepay_id).await,
        stage.cashier(&user, &prepay_id).await,
    );
    assert_eq!(stage.act(&first, "pay").await["errMsg"], "requestPayment:ok");
    assert_eq!(
        stage.act(&second, "pay").await["errMsg"],
        "requestPayment:fail the order is paid"
    );
    assert_eq!(stage.deliver().await.len(), 1);
}

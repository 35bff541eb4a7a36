//! Answers that are WeChat's for certain and say nothing that can be read: named, and no silence.

use serde_json::{Value, json};

use crate::harness::shop;

#[tokio::test]
async fn a_payment_whose_state_is_not_said_is_named_and_settled_when_it_is() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        phone.pay(&order).await;
        let number = shop.number(&order).await;
        shop.faults(json!([{"kind": "answer_state_missing", "api": "query"}]))
            .await;
        shop.pass(5).await;
        let named = ("unreadable_payment".to_owned(), number);
        let named = [named];
        assert_eq!(shop.open_exceptions().await, named);
        let found = shop.admin("GET", "/admin/exceptions", None).await.ok(200)["items"][0].clone();
        assert_eq!(
            (&found["order_id"], &found["evidence"]["theirs"]["field"]),
            (&json!(order), &json!("trade_state"))
        );
        // Whoever answers needs no rest.
        assert_eq!(shop.health_of("orders").await["resting_until"], Value::Null);
        // A page that asks gets the order as it is known.
        phone.sync(&order).await;
        assert_eq!(phone.status(&order).await, "awaiting_payment");
        shop.faults(json!([])).await;
        shop.pass(33).await;
        assert_eq!(phone.status(&order).await, "paid");
        assert_eq!(shop.open_exceptions().await, named, "a human has not seen it");
    })
    .await;
}

#[tokio::test]
async fn a_refund_whose_state_is_not_said_is_named_and_settled_when_it_is() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.paid_order("tea", 1).await;
        let refund = shop.refund(&order, 100).await;
        shop.run_workers().await;
        shop.faults(json!([{"kind": "answer_state_missing", "api": "refund_query"}]))
            .await;
        shop.pass(5).await;
        let number = refund["out_refund_no"].as_str().unwrap().to_owned();
        let named = ("unreadable_refund".to_owned(), number);
        assert_eq!(shop.open_exceptions().await, [named]);
        let found = shop.admin("GET", "/admin/exceptions", None).await.ok(200)["items"][0].clone();
        assert_eq!(
            (&found["order_id"], &found["evidence"]["theirs"]["field"]),
            (&json!(order), &json!("status"))
        );
        assert_eq!(shop.refund_status(&refund).await, "processing");
        shop.faults(json!([])).await;
        shop.end_refund(&refund, "SUCCESS").await;
        shop.pass(60).await;
        assert_eq!(phone.status(&order).await, "refunded");
    })
    .await;
}

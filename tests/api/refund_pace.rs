//! How often WeChat is asked for refunds: a batch for each rest where it refuses or is silent.

use serde_json::{Value, json};

use crate::harness::{Phone, Shop, shop};

/// More than two batches of sixteen.
const MANY: usize = 36;

async fn paid(shop: &Shop) -> (Phone<'_>, String) {
    shop.stock("tea", 100, None).await;
    let phone = shop.visitor().await;
    let order = phone.paid_order("tea", 1).await;
    (phone, order)
}

/// How often WeChat was asked to refund.
async fn sendings(shop: &Shop) -> usize {
    shop.calls("refund").await.len()
}

/// WeChat never found a refund of a payment too early, or one too many.
async fn assert_all_taken(shop: &Shop) {
    let calls = shop.calls("refund").await;
    let refused: Vec<&Value> = calls
        .iter()
        .filter(|call| call["faults"] == json!([]) && !call["error"].is_null())
        .collect();
    assert!(refused.is_empty(), "{refused:?}");
}

#[tokio::test]
async fn where_wechat_takes_no_refunds_it_is_asked_for_one_batch_in_each_rest() {
    let troubles = [
        (
            json!({"kind": "pay_error", "status": 429, "code": "FREQUENCY_LIMITED"}),
            30,
        ),
        (json!({"kind": "server_error", "status": 503}), 10),
        (
            json!({"kind": "pay_error", "status": 403, "code": "NOT_ENOUGH"}),
            10,
        ),
        (
            json!({"kind": "pay_error", "status": 400, "code": "PARAM_ERROR"}),
            10,
        ),
    ];
    for (trouble, rest_s) in troubles {
        shop(async |shop| {
            shop.stock("tea", 100, None).await;
            let phone = shop.visitor().await;
            for _ in 0..MANY {
                let order = phone.paid_order("tea", 1).await;
                shop.refund(&order, 40).await;
            }
            let mut fault = trouble.clone();
            fault["api"] = json!("refund");
            shop.faults(json!([fault])).await;
            shop.run_workers().await;
            for expected in [16, 32] {
                assert_eq!(sendings(shop).await, expected, "{trouble}");
                shop.pass(rest_s - 1).await;
                assert_eq!(sendings(shop).await, expected, "{trouble}");
                shop.pass(1).await;
            }
            // Then all that can still be taken are, with no rest between.
            shop.faults(json!([])).await;
            let closed = shop
                .count("select count(*) from refunds where status = 'closed'")
                .await;
            shop.pass(600).await;
            let taken = shop.refunds_at_wechat().await.len();
            assert_eq!(taken + usize::try_from(closed).unwrap(), MANY, "{trouble}");
            assert_all_taken(shop).await;
        })
        .await;
    }
}

#[tokio::test]
async fn while_refunds_are_refused_payments_are_asked_about_as_ever() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        shop.rule("balance_fen", json!(0)).await;
        shop.refund(&order, 40).await;
        shop.run_workers().await;
        assert_eq!(sendings(shop).await, 1);
        let other = phone.buy("tea", 1).await;
        phone.start_payment(&other).await;
        let asked = shop.calls("query").await.len();
        shop.pass(6).await;
        assert_eq!(shop.calls("query").await.len(), asked + 1);
        assert_eq!(shop.health_of("orders").await["status"], "ok");
    })
    .await;
}

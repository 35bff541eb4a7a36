//! Refunds compared with WeChat's bills.

use serde_json::{Value, json};

use crate::harness::{Phone, Shop, shop};
use crate::reconciliation::{go_to, reconcile, today, trading_day};

/// A paid order of 100 yuan.
async fn paid(shop: &Shop) -> (Phone<'_>, String) {
    let (phone, _) = trading_day(shop, 10_000).await;
    let order = phone.paid_order("tea", 1).await;
    (phone, order)
}

/// A refund that succeeded and is known to have.
async fn refunded(shop: &Shop, order: &str, amount_fen: i64) -> Value {
    let refund = shop.refund(order, amount_fen).await;
    shop.run_workers().await;
    shop.end_refund(&refund, "SUCCESS").await;
    assert_eq!(shop.deliver().await.last().unwrap()["status"], 204);
    refund
}

/// The kinds and refunds of the differences.
fn differences(result: &Value) -> Vec<(&str, &str)> {
    let differences = result["differences"].as_array().unwrap();
    differences
        .iter()
        .map(|found| {
            (
                found["kind"].as_str().unwrap(),
                found["out_refund_no"].as_str().unwrap(),
            )
        })
        .collect()
}

#[tokio::test]
async fn each_fault_about_a_refund_is_its_one_named_difference() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        let day = today(shop);
        let refund = refunded(shop, &order, 2_500).await;
        let number = refund["out_refund_no"].as_str().unwrap();
        go_to(shop, 1, 10).await;
        let result = reconcile(shop, day).await;
        assert_eq!(
            (&result["status"], &result["differences"]),
            (&json!("balanced"), &json!([]))
        );
        assert_eq!(
            (&result["refund_count"], &result["refund_fen"]),
            (&json!(1), &json!(2_500))
        );
        for (fault, kind, has_theirs) in [
            (json!({"kind": "bill_refund_missing"}), "refund", false),
            (json!({"kind": "bill_amount_changed"}), "refund", true),
            (json!({"kind": "bill_state_changed"}), "refund", true),
            (
                json!({"kind": "bill_fee_changed", "api": "trade_bill"}),
                "fee",
                true,
            ),
            (
                json!({"kind": "bill_fee_changed", "api": "fund_flow_bill"}),
                "fee",
                true,
            ),
        ] {
            let mut fault = fault.clone();
            fault["out_refund_no"] = json!(number);
            shop.faults(json!([fault])).await;
            let result = reconcile(shop, day).await;
            assert_eq!(differences(&result), [(kind, number)], "{fault}");
            let found = &result["differences"][0];
            assert_eq!(
                (&found["order_id"], found["theirs"].is_object()),
                (&json!(order), has_theirs)
            );
            assert!(found["ours"].is_object());
            shop.faults(json!([])).await;
            assert_eq!(reconcile(shop, day).await["status"], "balanced");
            let open = "select count(*) from exceptions where resolved_at is null";
            assert_eq!(shop.count(open).await, 0);
        }
    })
    .await;
}

#[tokio::test]
async fn a_refund_belongs_to_the_day_in_which_it_succeeded() {
    shop(async |shop| {
        let (phone, one) = paid(shop).await;
        let other = phone.paid_order("tea", 1).await;
        let first = today(shop);
        let early = shop.refund(&one, 10_000).await;
        let late = shop.refund(&other, 10_000).await;
        shop.run_workers().await;
        // One succeeds before the bill of the first day is written, and is not in it; the other stands in both
        // bills, in the first as on its way.
        go_to(shop, 1, 1).await;
        let second = today(shop);
        shop.end_refund(&early, "SUCCESS").await;
        shop.deliver().await;
        shop.advance(8 * 3_600 + 1_800).await;
        shop.end_refund(&late, "SUCCESS").await;
        shop.deliver().await;
        assert_eq!(shop.refund_status(&early).await, "succeeded");
        assert_eq!(shop.refund_status(&late).await, "succeeded");
        go_to(shop, 1, 12).await;
        for (day, payments, refunds) in [(first, 2, 1), (second, 0, 2)] {
            let result = reconcile(shop, day).await;
            assert_eq!(result["status"], "balanced", "{result}");
            let counts = (&result["payment_count"], &result["refund_count"]);
            assert_eq!(counts, (&json!(payments), &json!(refunds)));
        }
    })
    .await;
}

#[tokio::test]
async fn a_refund_that_the_books_do_not_know_to_have_succeeded_is_named_until_they_do() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        let day = today(shop);
        let refund = shop.refund(&order, 10_000).await;
        shop.run_workers().await;
        shop.end_refund(&refund, "SUCCESS").await;
        go_to(shop, 1, 9).await;
        shop.advance(7_200).await;
        let number = refund["out_refund_no"].as_str().unwrap();
        let result = reconcile(shop, day).await;
        assert_eq!(differences(&result), [("refund", number)], "{result}");
        let found = &result["differences"][0];
        assert_eq!(
            (&found["ours"]["state"], &found["theirs"]["state"]),
            (&json!("processing"), &json!("SUCCESS"))
        );
        shop.run_workers().await;
        assert_eq!(shop.refund_status(&refund).await, "succeeded");
        assert_eq!(reconcile(shop, day).await["status"], "balanced");
    })
    .await;
}

//! What moves the account on a day whose trade bill does not name it.

use serde_json::{Value, json};

use crate::harness::{Shop, shop};
use crate::reconciliation::{go_to, go_to_second, reconcile, sell, today, trading_day};

/// The difference that a day has alone.
fn only(result: &Value) -> &Value {
    let [found] = result["differences"].as_array().unwrap().as_slice() else {
        panic!("not one difference: {result}");
    };
    found
}

/// A refund of 25 yuan that WeChat took and is still about to pay out.
async fn asked(shop: &Shop, order: &str) -> Value {
    let refund = shop.refund(order, 2_500).await;
    shop.run_workers().await;
    refund
}

async fn succeed(shop: &Shop, refund: &Value) {
    shop.end_refund(refund, "SUCCESS").await;
    shop.deliver().await;
    assert_eq!(shop.refund_status(refund).await, "succeeded");
}

#[tokio::test]
async fn a_payment_or_a_refund_that_moves_the_account_days_later_is_named() {
    shop(async |shop| {
        let (phone, first) = trading_day(shop, 10_000).await;
        let (order, transaction_id) = sell(&phone).await;
        let refund = asked(shop, &order).await;
        succeed(shop, &refund).await;
        let later = first + chrono::Days::new(2);
        go_to(shop, 3, 12).await;
        for (about, subject, net_fen) in [
            (
                json!({"out_trade_no": shop.number(&order).await}),
                "transaction_id",
                9_940,
            ),
            (
                json!({"out_refund_no": refund["out_refund_no"]}),
                "out_refund_no",
                -2_485,
            ),
        ] {
            let mut fault = about;
            fault["kind"] = json!("bill_movement_extra");
            shop.faults(json!([fault])).await;
            let result = reconcile(shop, later).await;
            let found = only(&result);
            assert_eq!(
                (&found["kind"], &found["order_id"], &found["transaction_id"]),
                (&json!("fee"), &json!(order), &json!(transaction_id))
            );
            assert!(found[subject].is_string());
            assert_eq!(found["theirs"], json!({"net_fen": net_fen, "moved_on": later}));
            // Its own day has a row of it, with which what moved is compared.
            let own = reconcile(shop, first).await;
            assert_eq!(only(&own)["kind"], "fee");
            shop.faults(json!([])).await;
            for day in [first, later] {
                assert_eq!(reconcile(shop, day).await["status"], "balanced");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_refund_may_move_the_account_before_it_succeeds_and_by_no_more_than_its_amount() {
    shop(async |shop| {
        let (phone, first) = trading_day(shop, 10_000).await;
        let (order, _) = sell(&phone).await;
        go_to(shop, 1, 12).await;
        let second = today(shop);
        let refund = asked(shop, &order).await;
        go_to(shop, 2, 12).await;
        let fourth = today(shop);
        succeed(shop, &refund).await;
        go_to(shop, 1, 12).await;
        let number = &refund["out_refund_no"];
        let moved = json!({"kind": "bill_movement_extra", "out_refund_no": number});
        let third = second + chrono::Days::new(1);
        shop.faults(json!([moved])).await;
        assert_eq!(reconcile(shop, third).await["status"], "balanced");
        // The day of its success, on which the account does not move.
        shop.faults(json!([{"kind": "bill_refund_missing", "api": "fund_flow_bill"}]))
            .await;
        assert_eq!(reconcile(shop, fourth).await["status"], "balanced");

        // Nobody had asked for it yet.
        shop.faults(json!([moved])).await;
        assert_eq!(only(&reconcile(shop, first).await)["out_refund_no"], *number);
        // As known then it was not paid out, and no fee came back: a fen more is more than its amount.
        let more = json!({"kind": "bill_amount_changed", "api": "fund_flow_bill", "out_refund_no": number});
        shop.faults(json!([moved, more])).await;
        let result = reconcile(shop, third).await;
        let found = only(&result);
        assert_eq!((&found["kind"], &found["out_refund_no"]), (&json!("fee"), number));
        assert_eq!(found["theirs"]["net_fen"], -2_501);
        assert_eq!(found["ours"]["amount_fen"], 2_500);
    })
    .await;
}

#[tokio::test]
async fn a_payment_at_midnight_may_move_the_account_on_the_other_side_of_it() {
    shop(async |shop| {
        shop.stock("tea", 10_000, None).await;
        let phone = shop.visitor().await;
        // Ends of two days: five minutes before midnight, and twenty.
        for (before_s, is_named) in [(300, false), (1_200, true)] {
            go_to_second(shop, 3, -before_s).await;
            let (order, transaction_id) = sell(&phone).await;
            let day = today(shop);
            let next = day.succ_opt().unwrap();
            go_to(shop, 2, 12).await;
            let about = shop.number(&order).await;
            shop.faults(json!([{"kind": "bill_movement_extra", "out_trade_no": about}]))
                .await;
            let result = reconcile(shop, next).await;
            let named: Vec<&Value> = result["differences"].as_array().unwrap().iter().collect();
            assert_eq!(named.len(), usize::from(is_named), "{before_s}: {result}");
            assert!(
                named
                    .iter()
                    .all(|found| found["transaction_id"] == transaction_id)
            );
            shop.faults(
                json!([{"kind": "bill_row_missing", "api": "fund_flow_bill", "out_trade_no": about}]),
            )
            .await;
            let result = reconcile(shop, day).await;
            let named = result["differences"].as_array().unwrap().len();
            assert_eq!(named, usize::from(is_named), "{before_s}: {result}");
            shop.faults(json!([])).await;
        }
    })
    .await;
}

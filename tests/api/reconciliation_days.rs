//! Refunds that take days: what moved the account on all of them, against the trade bill of the last.

use chrono::{Days, NaiveDate};
use serde_json::{Value, json};

use crate::harness::{Shop, shop};
use crate::reconciliation::{exception, go_to, go_to_second, reconcile, sell, today, trading_day};

/// What goes back of a payment of 50 fen; no fee is taken of so little.
const AMOUNT_FEN: i64 = 20;

/// A refund that was asked for on the first day and paid out on the third; these days are over.
struct Refund {
    days: [NaiveDate; 3],
    number: String,
}

/// The refund, paid out at this second of the third day.
async fn refund(shop: &Shop, success_second: i64) -> Refund {
    let (phone, _) = trading_day(shop, 50).await;
    let (order, _) = sell(&phone).await;
    go_to(shop, 1, 12).await;
    let first = today(shop);
    let refund = shop.refund(&order, AMOUNT_FEN).await;
    shop.run_workers().await;
    go_to_second(shop, 2, success_second).await;
    shop.end_refund(&refund, "SUCCESS").await;
    shop.deliver().await;
    assert_eq!(shop.refund_status(&refund).await, "succeeded");
    go_to(shop, 3, 12).await;
    Refund {
        days: [first, first + Days::new(1), first + Days::new(2)],
        number: refund["out_refund_no"].as_str().unwrap().to_owned(),
    }
}

impl Refund {
    /// The account moves by it on a day that is not its own.
    fn moved(&self) -> Value {
        json!({"kind": "bill_movement_extra", "out_refund_no": self.number})
    }

    /// The account does not move by it.
    fn unmoved(&self) -> Value {
        json!({"kind": "bill_refund_missing", "api": "fund_flow_bill", "out_refund_no": self.number})
    }

    /// The account moves by a fen less.
    fn short(&self) -> Value {
        json!({"kind": "bill_fee_changed", "api": "fund_flow_bill", "out_refund_no": self.number})
    }

    fn assert_named(&self, result: &Value, moved_fen: i64, moved_on: &[NaiveDate]) {
        let [found] = result["differences"].as_array().unwrap().as_slice() else {
            panic!("not one difference: {result}");
        };
        assert_eq!(
            (&found["kind"], &found["out_refund_no"]),
            (&json!("fee"), &json!(self.number))
        );
        assert_eq!(found["ours"], json!({ "net_fen": -AMOUNT_FEN }));
        assert_eq!(
            found["theirs"],
            json!({"net_fen": moved_fen, "moved_on": moved_on})
        );
    }
}

/// Compares a day while WeChat's bills have these faults.
async fn compare(shop: &Shop, day: NaiveDate, faults: &[Value]) -> Value {
    // Which result is the last is told by the clock.
    shop.advance(1).await;
    shop.faults(json!(faults)).await;
    let result = reconcile(shop, day).await;
    shop.faults(json!([])).await;
    result
}

fn assert_balanced(result: &Value) {
    assert_eq!(result["status"], "balanced", "{result}");
}

#[tokio::test]
async fn a_refund_that_is_debited_on_any_one_of_its_days_is_balanced() {
    shop(async |shop| {
        let refund = refund(shop, 12 * 3_600).await;
        let [first, second, third] = refund.days;
        for day in [first, second, third] {
            assert_balanced(&compare(shop, day, &[]).await);
        }
        assert_balanced(&compare(shop, third, &[refund.unmoved()]).await);
        for day in [first, second] {
            assert_balanced(&compare(shop, day, &[refund.moved()]).await);
            assert_balanced(&compare(shop, third, &[refund.unmoved()]).await);
            assert_balanced(&compare(shop, day, &[]).await);
        }
    })
    .await;
}

#[tokio::test]
async fn a_refund_that_is_debited_on_two_of_its_days_is_named_by_whichever_is_compared_last() {
    shop(async |shop| {
        let refund = refund(shop, 12 * 3_600).await;
        let [first, second, third] = refund.days;
        assert_balanced(&compare(shop, first, &[refund.moved()]).await);
        assert_balanced(&compare(shop, third, &[]).await);
        // The second day, of which nothing was known, has nothing of it itself.
        let last = compare(shop, second, &[]).await;
        refund.assert_named(&last, -2 * AMOUNT_FEN, &[first, third]);
        let again = compare(shop, third, &[]).await;
        refund.assert_named(&again, -2 * AMOUNT_FEN, &[first, third]);
        let id = &last["differences"][0]["exception_id"];
        assert_eq!(again["differences"][0]["exception_id"], *id, "one exception");

        // WeChat mends its bill of the first day.
        for day in [first, second] {
            assert_balanced(&compare(shop, day, &[]).await);
        }
        assert!(
            exception(shop, id).await.1,
            "the third day's result still names it"
        );
        assert_balanced(&compare(shop, third, &[]).await);
        assert!(!exception(shop, id).await.1);

        let both = compare(shop, second, &[refund.moved()]).await;
        refund.assert_named(&both, -2 * AMOUNT_FEN, &[second, third]);
    })
    .await;
}

#[tokio::test]
async fn a_refund_that_is_debited_too_little_before_its_success_is_named() {
    shop(async |shop| {
        let refund = refund(shop, 12 * 3_600).await;
        let [first, second, third] = refund.days;
        assert_balanced(&compare(shop, first, &[]).await);
        assert_balanced(&compare(shop, second, &[refund.moved(), refund.short()]).await);
        let result = compare(shop, third, &[refund.unmoved()]).await;
        refund.assert_named(&result, 1 - AMOUNT_FEN, &[second]);
        // The rest on the day of its success is no difference.
        assert_balanced(&compare(shop, second, &[]).await);
        let result = compare(shop, third, &[refund.short()]).await;
        refund.assert_named(&result, 1 - AMOUNT_FEN, &[third]);
    })
    .await;
}

#[tokio::test]
async fn a_refund_that_succeeds_at_midnight_is_judged_with_the_day_after_it() {
    shop(async |shop| {
        let refund = refund(shop, 24 * 3_600 - 300).await;
        let [first, second, third] = refund.days;
        let fourth = third + Days::new(1);
        assert_balanced(&compare(shop, first, &[]).await);
        assert_balanced(&compare(shop, second, &[]).await);
        assert_balanced(&compare(shop, third, &[refund.unmoved()]).await);
        // It may move the account on the other side of midnight.
        assert_balanced(&compare(shop, fourth, &[refund.moved()]).await);
        let twice = compare(shop, third, &[]).await;
        refund.assert_named(&twice, -2 * AMOUNT_FEN, &[third, fourth]);
    })
    .await;
}

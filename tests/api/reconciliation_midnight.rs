//! Payments near midnight, whose movement may stand in the bill of the day beside: judged by both days' bills.

use chrono::{Days, NaiveDate};
use serde_json::{Value, json};

use crate::harness::{Shop, shop};
use crate::reconciliation::{differences, exception, go_to, go_to_second, reconcile, sell, today};

/// What of a payment of 100 yuan the account gets.
const NET_FEN: i64 = 9_940;

/// A payment near the midnight between two days, both of which are over.
struct Night {
    before: NaiveDate,
    after: NaiveDate,
    number: String,
    transaction_id: String,
}

impl Night {
    /// The day that lists it, and the other.
    fn days(&self, second: i64) -> (NaiveDate, NaiveDate) {
        if second < 0 {
            (self.before, self.after)
        } else {
            (self.after, self.before)
        }
    }
}

/// A shop that has been open for days, and a payment so many seconds after a midnight.
async fn night(shop: &Shop, second: i64) -> Night {
    shop.stock("tea", 10_000, None).await;
    let phone = shop.visitor().await;
    phone.buy("tea", 1).await;
    go_to_second(shop, 3, second).await;
    let (order, transaction_id) = sell(&phone).await;
    let day = today(shop);
    let before = if second < 0 { day } else { day - Days::new(1) };
    go_to(shop, 3, 12).await;
    Night {
        before,
        after: before + Days::new(1),
        number: shop.number(&order).await,
        transaction_id,
    }
}

fn unmoved(night: &Night) -> Value {
    json!({"kind": "bill_row_missing", "api": "fund_flow_bill", "out_trade_no": night.number})
}

fn moved(night: &Night) -> Value {
    json!({"kind": "bill_movement_extra", "out_trade_no": night.number})
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

fn assert_named(result: &Value, night: &Night, theirs: &Value) {
    assert_eq!(
        differences(result),
        [("fee", night.transaction_id.as_str())],
        "{result}"
    );
    let found = &result["differences"][0];
    assert_eq!(found["ours"], json!({"net_fen": NET_FEN}));
    assert_eq!(found["theirs"], *theirs);
}

#[tokio::test]
async fn a_payment_that_neither_days_bill_moves_is_named_by_the_later_run() {
    for second in [-300, 300] {
        shop(async |shop| {
            let night = night(shop, second).await;
            let (own, other) = night.days(second);
            let nothing = json!({"net_fen": null, "moved_on": null});
            let first = compare(shop, own, &[unmoved(&night)]).await;
            assert_eq!(first["status"], "balanced", "{second}: the other day may have it");
            let later = compare(shop, other, &[]).await;
            assert_named(&later, &night, &nothing);
            let again = compare(shop, own, &[unmoved(&night)]).await;
            assert_named(&again, &night, &nothing);
            let id = &again["differences"][0]["exception_id"];
            assert_eq!(later["differences"][0]["exception_id"], *id, "one exception");

            // WeChat mends its bill of the other day.
            let mended = compare(shop, other, &[moved(&night)]).await;
            assert_eq!(mended["status"], "balanced", "{mended}");
            assert!(exception(shop, id).await.1, "the own day's result still names it");
            assert_eq!(compare(shop, own, &[unmoved(&night)]).await["status"], "balanced");
            assert!(!exception(shop, id).await.1);
        })
        .await;
    }
}

#[tokio::test]
async fn whichever_day_is_compared_first_the_other_finds_what_is_missing() {
    for second in [-300, 300] {
        shop(async |shop| {
            let night = night(shop, second).await;
            let (own, other) = night.days(second);
            assert_eq!(compare(shop, other, &[]).await["status"], "balanced");
            let result = compare(shop, own, &[unmoved(&night)]).await;
            assert_named(&result, &night, &json!({"net_fen": null, "moved_on": null}));
        })
        .await;
    }
}

#[tokio::test]
async fn a_payment_that_both_days_move_or_one_by_too_much_is_named() {
    shop(async |shop| {
        let night = night(shop, -300).await;
        let (own, other) = night.days(-300);
        assert_eq!(compare(shop, own, &[]).await["status"], "balanced");
        let twice = compare(shop, other, &[moved(&night)]).await;
        let theirs = json!({"net_fen": 2 * NET_FEN, "moved_on": [own, other]});
        assert_named(&twice, &night, &theirs);
        assert_eq!(compare(shop, other, &[]).await["status"], "balanced");

        let fee = json!({"kind": "bill_fee_changed", "api": "fund_flow_bill", "out_trade_no": night.number});
        let result = compare(shop, own, &[fee]).await;
        assert_named(
            &result,
            &night,
            &json!({"net_fen": NET_FEN - 1, "moved_on": [own]}),
        );
    })
    .await;
}

#[tokio::test]
async fn before_its_first_order_a_shop_has_no_bills_to_wait_for() {
    shop(async |shop| {
        shop.stock("tea", 10_000, None).await;
        let phone = shop.visitor().await;
        go_to_second(shop, 3, 300).await;
        let (order, transaction_id) = sell(&phone).await;
        let day = today(shop);
        let night = Night {
            before: day - Days::new(1),
            after: day,
            number: shop.number(&order).await,
            transaction_id,
        };
        go_to(shop, 1, 12).await;
        let result = compare(shop, day, &[unmoved(&night)]).await;
        assert_named(&result, &night, &json!({"net_fen": null, "moved_on": null}));
    })
    .await;
}

#[tokio::test]
async fn a_payment_that_the_trade_bill_lacks_is_one_difference_of_its_own_day_alone() {
    shop(async |shop| {
        let night = night(shop, -300).await;
        let (own, other) = night.days(-300);
        assert_eq!(compare(shop, other, &[]).await["status"], "balanced");
        let unlisted = json!({"kind": "bill_row_missing", "api": "trade_bill", "out_trade_no": night.number});
        let result = compare(shop, own, &[unlisted]).await;
        assert_eq!(
            differences(&result),
            [("missing_there", night.transaction_id.as_str())]
        );
        assert_eq!(compare(shop, other, &[]).await["status"], "balanced");
    })
    .await;
}

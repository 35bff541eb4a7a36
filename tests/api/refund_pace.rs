//! How often WeChat is asked for refunds: a batch for each rest where it refuses or is silent, and one of a
//! payment each minute, however late the loop is.

use futures_util::future::join;
use serde_json::{Value, json};

use crate::harness::{Phone, Setup, Shop, shop, shop_with};

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
            // Then all that can still be taken are, a batch a second, or four that were refused.
            shop.faults(json!([])).await;
            let closed = shop
                .count("select count(*) from refunds where status = 'closed'")
                .await;
            shop.pass(600).await;
            for _ in 0..8 {
                shop.pass(1).await;
            }
            let taken = shop.refunds_at_wechat().await.len();
            assert_eq!(taken + usize::try_from(closed).unwrap(), MANY, "{trouble}");
            assert_all_taken(shop).await;
        })
        .await;
    }
}

#[tokio::test]
async fn full_batches_of_refunds_do_not_follow_each_other_at_once() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        for _ in 0..MANY {
            let order = phone.paid_order("tea", 1).await;
            shop.refund(&order, 40).await;
        }
        shop.run_workers().await;
        for expected in [16, 32, MANY] {
            assert_eq!(sendings(shop).await, expected);
            shop.pass(1).await;
        }
        assert_all_taken(shop).await;
    })
    .await;
}

#[tokio::test]
async fn while_refunds_are_refused_payments_are_asked_about_as_ever() {
    for (status, code) in [(403, "NOT_ENOUGH"), (429, "FREQUENCY_LIMITED")] {
        shop(async |shop| {
            let (phone, order) = paid(shop).await;
            shop.faults(json!([{"kind": "pay_error", "api": "refund", "status": status, "code": code}]))
                .await;
            shop.refund(&order, 40).await;
            shop.run_workers().await;
            assert_eq!(sendings(shop).await, 1);
            let other = phone.buy("tea", 1).await;
            phone.start_payment(&other).await;
            let asked = shop.calls("query").await.len();
            shop.pass(6).await;
            assert_eq!(shop.calls("query").await.len(), asked + 1, "{code}");
            assert_eq!(shop.health_of("orders").await["status"], "ok");
        })
        .await;
    }
}

#[tokio::test]
async fn a_refund_that_cannot_be_written_keeps_no_other_from_being_judged() {
    shop(async |shop| {
        let (phone, first) = paid(shop).await;
        let second = phone.paid_order("tea", 1).await;
        let third = phone.paid_order("tea", 1).await;
        shop.refuse_writes(
            "create trigger fails before update on refunds for each row
                when (new.amount_fen = 41 and new.lease_token is null) execute function fail()",
        )
        .await;
        shop.rule("balance_fen", json!(0)).await;
        shop.refund(&first, 41).await;
        shop.refund(&second, 40).await;
        assert!(shop.run_workers_of(0).await.contains("refunds"));
        assert_eq!(sendings(shop).await, 2);
        // The other one was refused, so they all rest.
        shop.refund(&third, 40).await;
        shop.pass(9).await;
        assert_eq!(sendings(shop).await, 2);
        shop.pass(1).await;
        assert_eq!(sendings(shop).await, 3);
    })
    .await;
}

#[tokio::test]
async fn refunds_of_a_payment_that_are_late_together_go_a_minute_apart() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let (_, order) = paid(shop).await;
        for amount_fen in [30, 20, 10] {
            shop.refund(&order, amount_fen).await;
        }
        // Nobody worked meanwhile, and then two do at once.
        shop.advance(300).await;
        join(shop.run_workers_of(0), shop.run_workers_of(1)).await;
        for expected in [1, 2] {
            assert_eq!(sendings(shop).await, expected);
            shop.pass(60).await;
            assert_eq!(sendings(shop).await, expected);
            shop.pass(1).await;
        }
        // The first that was wanted goes first.
        let amounts: Vec<Value> = shop
            .refunds_at_wechat()
            .await
            .iter()
            .map(|refund| refund["amount_fen"].clone())
            .collect();
        assert_eq!(amounts, [30, 20, 10]);
        assert_all_taken(shop).await;
    })
    .await;
}

#[tokio::test]
async fn the_minute_counts_from_the_last_sending_and_whatever_became_of_it() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        shop.faults(json!([{"kind": "no_answer_before_accepting", "api": "refund", "times": 1}]))
            .await;
        let first = shop.refund(&order, 40).await;
        shop.refund(&order, 10).await;
        shop.run_workers().await;
        shop.pass(10).await;
        // WeChat has the first since now, although it was sent before.
        assert_eq!(
            (sendings(shop).await, shop.refunds_at_wechat().await.len()),
            (2, 1)
        );
        shop.end_refund(&first, "CLOSED").await;
        shop.deliver().await;
        assert_eq!(shop.refund_status(&first).await, "closed");
        shop.pass(60).await;
        assert_eq!(sendings(shop).await, 2);
        shop.pass(1).await;
        assert_eq!(shop.refunds_at_wechat().await.len(), 2);
        assert_all_taken(shop).await;
    })
    .await;
}

#[tokio::test]
async fn one_that_closed_within_the_minute_still_makes_the_next_one_wait() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        let closed = shop.refund(&order, 40).await;
        shop.run_workers().await;
        shop.end_refund(&closed, "CLOSED").await;
        shop.deliver().await;
        shop.advance(10).await;
        let again = json!({"amount_fen": 40});
        let again = shop.try_refund(&order, "again", &again).await.ok(202);
        let at = |refund: &Value| -> chrono::DateTime<chrono::Utc> {
            refund["submit_at"].as_str().unwrap().parse().unwrap()
        };
        assert_eq!((at(&again) - at(&closed)).num_seconds(), 61);
        shop.pass(50).await;
        assert_eq!(sendings(shop).await, 1);
        shop.pass(1).await;
        assert_eq!(shop.refunds_at_wechat().await.len(), 2);
        assert_all_taken(shop).await;
    })
    .await;
}

#[tokio::test]
async fn fifty_count_those_that_wechat_took_and_closed_and_none_that_it_refused() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        let one = async |position: i32| {
            let body = json!({"amount_fen": 1});
            shop.try_refund(&order, &format!("k{position}"), &body).await
        };
        let fault =
            json!({"kind": "pay_error", "api": "refund", "status": 400, "code": "PARAM_ERROR", "times": 1});
        shop.faults(json!([fault])).await;
        let refused = one(0).await.ok(202);
        shop.run_workers().await;
        assert_eq!(shop.refund_status(&refused).await, "closed");
        let closed = one(1).await.ok(202);
        shop.pass(61).await;
        shop.end_refund(&closed, "CLOSED").await;
        shop.deliver().await;
        for position in 2..=50 {
            one(position).await.ok(202);
        }
        one(51).await.refused(409, "refund_limit_reached");
        for _ in 2..=50 {
            shop.pass(61).await;
        }
        assert_eq!(shop.refunds_at_wechat().await.len(), 50);
        assert_all_taken(shop).await;
    })
    .await;
}

/// Eight refunds of one person, sent once, for which the merchant's balance is too small.
async fn eight_refused(shop: &Shop) -> Phone<'_> {
    shop.stock("tea", 100, None).await;
    let phone = shop.visitor().await;
    shop.rule("balance_fen", json!(0)).await;
    for _ in 0..8 {
        let order = phone.paid_order("tea", 1).await;
        shop.refund(&order, 40).await;
    }
    shop.run_workers().await;
    assert_eq!(sendings(shop).await, 8);
    phone
}

#[tokio::test]
async fn refunds_that_were_due_together_do_not_stay_together() {
    shop(async |shop| {
        eight_refused(shop).await;
        let waits = "select count(distinct next_check_at) from refunds";
        assert!(shop.count(waits).await > 1);
        let early = "select count(*) from refunds where next_check_at < tried_at + interval '60 seconds'
            or next_check_at > tried_at + interval '66 seconds'";
        assert_eq!(shop.count(early).await, 0);
    })
    .await;
}

#[tokio::test]
async fn refunds_that_were_refused_are_tried_again_by_fours_and_hold_up_no_others() {
    shop(async |shop| {
        let phone = eight_refused(shop).await;
        shop.advance(70).await;
        let order = phone.paid_order("tea", 1).await;
        shop.refund(&order, 40).await;
        shop.run_workers().await;
        assert_eq!(sendings(shop).await, 8 + 4 + 1);
        shop.pass(9).await;
        assert_eq!(sendings(shop).await, 8 + 4 + 1);
        shop.pass(1).await;
        assert_eq!(sendings(shop).await, 8 + 4 + 1 + 4);
    })
    .await;
}

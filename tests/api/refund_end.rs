//! How refunds end that do not simply succeed: waited for, closed, abnormal, refused, forgotten. Each
//! names itself, and has a way on.

use serde_json::{Value, json};

use crate::harness::{Phone, Shop, shop};

async fn paid(shop: &Shop) -> (Phone<'_>, String) {
    shop.stock("tea", 100, None).await;
    let phone = shop.visitor().await;
    let order = phone.paid_order("tea", 1).await;
    (phone, order)
}

/// Lets time pass, and the loops do what is due then.
async fn pass(shop: &Shop, seconds: i64) {
    shop.advance(seconds).await;
    shop.run_workers().await;
}

async fn refunds_check(shop: &Shop) -> Value {
    shop.admin("GET", "/admin/health", None).await.ok(200)["checks"]["refunds"].clone()
}

#[tokio::test]
async fn a_balance_that_is_too_small_is_waited_for() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        assert_eq!(refunds_check(shop).await["status"], "ok");
        shop.rule("balance_fen", json!(39)).await;
        let refund = shop.refund(&order, 40).await;
        shop.run_workers().await;
        let number = refund["out_refund_no"].as_str().unwrap().to_owned();
        let waiting = shop.refund_now(&refund).await;
        assert_eq!(
            (&waiting["status"], &waiting["failure_code"]),
            (&json!("processing"), &json!("NOT_ENOUGH"))
        );
        assert_eq!(
            shop.open_exceptions().await,
            [("refund_waiting".to_owned(), number)]
        );
        let check = refunds_check(shop).await;
        assert_eq!(
            (&check["status"], &check["waiting"], &check["open"]),
            (&json!("degraded"), &json!(1), &json!(1))
        );
        // Asked again, ever more seldom: in a day no more than twenty times.
        for _ in 0..24 * 6 {
            pass(shop, 600).await;
        }
        let calls = shop.calls("refund").await;
        assert!(
            calls
                .iter()
                .all(|call| call["out_refund_no"] == refund["out_refund_no"])
        );
        let sendings = calls.len();
        assert!((10..=25).contains(&sendings), "{sendings}");
        shop.rule("balance_fen", json!(40)).await;
        pass(shop, 7_920).await;
        shop.end_refund(&refund, "SUCCESS").await;
        shop.deliver().await;
        assert_eq!(phone.status(&order).await, "partially_refunded");
        assert_eq!(shop.open_exceptions().await, []);
        assert_eq!(refunds_check(shop).await["status"], "ok");
    })
    .await;
}

#[tokio::test]
async fn what_a_refund_waits_for_is_known_until_wechat_takes_it() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        shop.rule("balance_fen", json!(39)).await;
        let refund = shop.refund(&order, 40).await;
        shop.run_workers().await;
        for trouble in [
            json!({"kind": "pay_error", "api": "refund_query", "status": 429, "code": "FREQUENCY_LIMITED"}),
            json!({"kind": "pay_error", "api": "refund", "status": 429, "code": "FREQUENCY_LIMITED"}),
            json!({"kind": "server_error", "api": "refund_query"}),
            json!({"kind": "no_answer_before_accepting", "api": "refund"}),
        ] {
            shop.faults(json!([trouble])).await;
            pass(shop, 360).await;
            assert!(
                shop.struck(
                    trouble["api"].as_str().unwrap(),
                    trouble["kind"].as_str().unwrap()
                )
                .await
                    > 0
            );
            assert_eq!(
                shop.refund_now(&refund).await["failure_code"],
                "NOT_ENOUGH",
                "{trouble}"
            );
            assert_eq!(refunds_check(shop).await["waiting"], 1);
        }
        shop.faults(json!([])).await;
        shop.rule("balance_fen", json!(40)).await;
        pass(shop, 360).await;
        let taken = shop.refund_now(&refund).await;
        assert!(taken["refund_id"].is_string());
        assert_eq!(taken["failure_code"], Value::Null);
    })
    .await;
}

#[tokio::test]
async fn a_refund_that_closed_frees_its_sum_and_the_next_has_a_new_number() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        let first = shop.refund(&order, 100).await;
        shop.run_workers().await;
        shop.end_refund(&first, "CLOSED").await;
        shop.deliver().await;
        let closed = shop.refund_now(&first).await;
        assert_eq!(
            (&closed["status"], &closed["failure_code"]),
            (&json!("closed"), &json!("CLOSED"))
        );
        let number = first["out_refund_no"].as_str().unwrap().to_owned();
        assert_eq!(
            shop.open_exceptions().await,
            [("refund_closed".to_owned(), number)]
        );
        assert_eq!(refunds_check(shop).await["status"], "degraded");
        let order_now = phone.read_order(&order).await;
        assert_eq!(
            (&order_now["status"], &order_now["refunding_fen"]),
            (&json!("paid"), &json!(0))
        );

        let again = shop
            .try_refund(&order, "again", &json!({"amount_fen": 100}))
            .await
            .ok(202);
        assert_ne!(again["out_refund_no"], first["out_refund_no"]);
        pass(shop, 62).await;
        shop.end_refund(&again, "SUCCESS").await;
        shop.deliver().await;
        assert_eq!(phone.status(&order).await, "refunded");
    })
    .await;
}

#[tokio::test]
async fn money_that_cannot_be_delivered_waits_for_a_human_and_is_asked_for() {
    for (end, status, refunded_fen) in [("SUCCESS", "refunded", 100), ("CLOSED", "paid", 0)] {
        shop(async |shop| {
            let (phone, order) = paid(shop).await;
            let refund = shop.refund(&order, 100).await;
            shop.run_workers().await;
            shop.end_refund(&refund, "ABNORMAL").await;
            shop.faults(json!([{"kind": "notification_lost", "api": "notification"}]))
                .await;
            pass(shop, 5).await;
            assert_eq!(shop.refund_status(&refund).await, "abnormal");
            let number = refund["out_refund_no"].as_str().unwrap().to_owned();
            assert_eq!(
                shop.open_exceptions().await,
                [("refund_abnormal".to_owned(), number.clone())]
            );
            assert_eq!(refunds_check(shop).await["abnormal"], 1);
            // The sum is not free: it may still arrive.
            assert_eq!(phone.read_order(&order).await["refunding_fen"], 100);
            let one = json!({"amount_fen": 1});
            shop.try_refund(&order, "k", &one)
                .await
                .refused(422, "refund_exceeds_paid");
            // Somebody steered it in the merchant platform, and no notice comes.
            shop.end_refund(&refund, end).await;
            pass(shop, 7_200).await;
            let order_now = phone.read_order(&order).await;
            assert_eq!(
                (&order_now["status"], &order_now["refunded_fen"]),
                (&json!(status), &json!(refunded_fen))
            );
            let is_open = shop
                .open_exceptions()
                .await
                .iter()
                .any(|(kind, _)| kind == "refund_abnormal");
            assert_eq!(is_open, end == "CLOSED");
        })
        .await;
    }
}

#[tokio::test]
async fn a_refund_that_wechat_refuses_for_good_is_closed_with_its_code() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        let fault = json!({"kind": "pay_error", "api": "refund", "status": 403, "code": "USER_ACCOUNT_ABNORMAL", "times": 1});
        shop.faults(json!([fault])).await;
        let refund = shop.refund(&order, 100).await;
        shop.run_workers().await;
        let closed = shop.refund_now(&refund).await;
        assert_eq!((&closed["status"], &closed["failure_code"]), (&json!("closed"), &json!("USER_ACCOUNT_ABNORMAL")));
        let number = refund["out_refund_no"].as_str().unwrap().to_owned();
        assert_eq!(shop.open_exceptions().await, [("refund_closed".to_owned(), number)]);
        assert_eq!(phone.read_order(&order).await["refunding_fen"], 0);
        pass(shop, 86_400).await;
        assert_eq!(shop.calls("refund").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_refund_of_a_payment_that_wechat_does_not_know_yet_is_sent_again() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        let fault =
            json!({"kind": "pay_error", "api": "refund", "status": 404, "code": "RESOURCE_NOT_EXISTS", "times": 1});
        shop.faults(json!([fault])).await;
        let refund = shop.refund(&order, 100).await;
        shop.run_workers().await;
        assert_eq!(shop.refund_now(&refund).await["failure_code"], "RESOURCE_NOT_EXISTS");
        shop.pass(3_600).await;
        assert_eq!(shop.refunds_at_wechat().await.len(), 1);
        shop.end_refund(&refund, "SUCCESS").await;
        shop.deliver().await;
        assert_eq!(shop.refund_status(&refund).await, "succeeded");
        assert_eq!(phone.status(&order).await, "refunded");
        assert_eq!(shop.open_exceptions().await, []);
    })
    .await;
}

#[tokio::test]
async fn a_refund_that_waited_and_closed_waits_no_more() {
    for is_refused in [true, false] {
        shop(async |shop| {
            let (_, order) = paid(shop).await;
            shop.rule("balance_fen", json!(39)).await;
            let refund = shop.refund(&order, 40).await;
            shop.run_workers().await;
            shop.rule("balance_fen", json!(1_000)).await;
            if is_refused {
                let fault = json!({"kind": "pay_error", "api": "refund", "status": 403, "code": "USER_ACCOUNT_ABNORMAL", "times": 1});
                shop.faults(json!([fault])).await;
                pass(shop, 67).await;
            } else {
                pass(shop, 67).await;
                shop.end_refund(&refund, "CLOSED").await;
                shop.deliver().await;
            }
            assert_eq!(shop.refund_status(&refund).await, "closed");
            let number = refund["out_refund_no"].as_str().unwrap().to_owned();
            assert_eq!(shop.open_exceptions().await, [("refund_closed".to_owned(), number)]);
        })
        .await;
    }
}

#[tokio::test]
async fn a_refund_that_wechat_forgot_is_left_to_a_human() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        let refund = shop.refund(&order, 100).await;
        shop.run_workers().await;
        let fault =
            json!({"kind": "pay_error", "api": "refund_query", "status": 404, "code": "RESOURCE_NOT_EXISTS"});
        shop.faults(json!([fault])).await;
        // In the first minute it may have it and not show it yet.
        pass(shop, 5).await;
        assert_eq!(shop.calls("refund_query").await.len(), 1);
        assert_eq!(shop.open_exceptions().await, []);
        pass(shop, 90).await;
        shop.faults(json!([])).await;
        let number = refund["out_refund_no"].as_str().unwrap().to_owned();
        assert_eq!(
            shop.open_exceptions().await,
            [("refund_contradiction".to_owned(), number)]
        );
        // It is not sent again, and asked for all the same.
        assert_eq!(shop.calls("refund").await.len(), 1);
        shop.end_refund(&refund, "SUCCESS").await;
        pass(shop, 133).await;
        assert_eq!(shop.refund_status(&refund).await, "succeeded");
    })
    .await;
}

#[tokio::test]
async fn a_refund_that_waits_for_another_reason_says_so_and_is_open_again() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        shop.rule("balance_fen", json!(39)).await;
        let refund = shop.refund(&order, 40).await;
        shop.run_workers().await;
        // Somebody was done with the first reason, in the database.
        let sql = "update exceptions set resolved_at = created_at, resolution = 'topped up'";
        sqlx::query(sql).execute(&shop.db).await.unwrap();
        let reason = async || {
            let open = shop
                .admin("GET", "/admin/exceptions?status=open", None)
                .await
                .ok(200);
            open["items"][0]["evidence"]["wechat_code"].clone()
        };
        pass(shop, 66).await;
        assert_eq!(reason().await, Value::Null, "the same as he knew");
        shop.rule("balance_fen", json!(1_000)).await;
        for code in ["NO_AUTH", "SIGN_ERROR", "NO_AUTH"] {
            shop.faults(json!([{"kind": "pay_error", "api": "refund", "status": 403, "code": code}]))
                .await;
            pass(shop, 300).await;
            assert_eq!(reason().await, code);
        }
        shop.faults(json!([])).await;
        pass(shop, 300).await;
        shop.end_refund(&refund, "SUCCESS").await;
        shop.deliver().await;
        assert_eq!(shop.open_exceptions().await, []);
    })
    .await;
}

#[tokio::test]
async fn a_second_contradiction_of_another_kind_is_open_again() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        let refund = shop.refund(&order, 100).await;
        shop.run_workers().await;
        let fault = json!({"kind": "pay_error", "api": "refund_query", "status": 404, "code": "RESOURCE_NOT_EXISTS", "times": 1});
        shop.faults(json!([fault])).await;
        pass(shop, 95).await;
        let id = shop.admin("GET", "/admin/exceptions", None).await.ok(200)["items"][0]["id"].clone();
        let path = format!("/admin/exceptions/{}/resolve", id.as_str().unwrap());
        shop.admin("POST", &path, Some(&json!({"resolution": "it is there"})))
            .await
            .ok(200);
        shop.end_refund(&refund, "SUCCESS").await;
        shop.deliver().await;
        assert_eq!(shop.refund_status(&refund).await, "succeeded");
        assert_eq!(shop.open_exceptions().await, []);
        // And now it is said to have closed.
        let craft = json!({"out_trade_no": shop.number(&order).await, "out_refund_no": refund["out_refund_no"],
            "overrides": {"refund_status": "CLOSED"}});
        assert_eq!(shop.notify(craft).await, [204]);
        let number = refund["out_refund_no"].as_str().unwrap().to_owned();
        assert_eq!(
            shop.open_exceptions().await,
            [("refund_contradiction".to_owned(), number)]
        );
    })
    .await;
}

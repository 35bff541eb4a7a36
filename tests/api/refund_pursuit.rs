//! Refunds whose way is not straight: no answer, no money in the balance, no notice, a server that
//! dies. Each is one number at WeChat, and comes to an end.

use std::collections::BTreeSet;

use futures_util::future::join;
use serde_json::{Value, json};

use crate::harness::{ADMIN_TOKEN, Phone, Setup, Shop, shop, shop_with};

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

/// The numbers under which WeChat was asked to refund, and how often.
async fn numbers_sent(shop: &Shop) -> (BTreeSet<String>, usize) {
    let calls = shop.calls("refund").await;
    let numbers = calls.iter().filter_map(|call| call["out_refund_no"].as_str());
    (numbers.map(str::to_owned).collect(), calls.len())
}

/// What may happen to the call of a refund, and how often it is made in all.
fn troubles() -> [(Value, usize); 16] {
    [
        (json!({"kind": "no_answer_after_accepting"}), 1),
        (json!({"kind": "no_answer_before_accepting"}), 2),
        (json!({"kind": "wrong_answer_signature"}), 1),
        (json!({"kind": "missing_answer_signature"}), 1),
        (json!({"kind": "stale_answer"}), 1),
        (json!({"kind": "delay", "ms": 60_000}), 1),
        (json!({"kind": "probe_signature"}), 1),
        (json!({"kind": "server_error", "status": 500}), 2),
        (
            json!({"kind": "pay_error", "status": 500, "code": "SYSTEM_ERROR"}),
            2,
        ),
        (
            json!({"kind": "pay_error", "status": 429, "code": "FREQUENCY_LIMITED"}),
            2,
        ),
        (
            json!({"kind": "pay_error", "status": 403, "code": "NOT_ENOUGH"}),
            2,
        ),
        // WeChat took it all the same: these say nothing of what happened.
        (json!({"kind": "server_error", "is_accepted": true}), 1),
        (json!({"kind": "pay_error", "is_accepted": true}), 1),
        (
            json!({"kind": "pay_error", "status": 429, "code": "FREQUENCY_LIMITED", "is_accepted": true}),
            1,
        ),
        // Codes that WeChat cannot have sent, and no row could keep.
        (
            json!({"kind": "pay_error", "status": 400, "code": "PARAM\0ERROR"}),
            2,
        ),
        (json!({"kind": "pay_error", "status": 400, "code": "参数错误"}), 2),
    ]
}

#[tokio::test]
async fn whatever_happens_to_the_call_one_refund_has_one_number() {
    for (fault, sendings) in troubles() {
        let setup = Setup::default().patience(std::time::Duration::from_secs(2));
        shop_with(setup, async |shop| {
            let (phone, order) = paid(shop).await;
            let mut struck = fault.clone();
            struck["api"] = json!("refund");
            struck["times"] = json!(1);
            // The first answer about it is not to be believed either.
            let forged = json!({"kind": "wrong_answer_signature", "api": "refund_query", "times": 1});
            shop.faults(json!([struck, forged])).await;
            let refund = shop.refund(&order, 40).await;
            shop.run_workers().await;
            assert_eq!(shop.struck("refund", fault["kind"].as_str().unwrap()).await, 1);
            // Unknown is neither success nor failure.
            let unclear = shop.refund_now(&refund).await;
            assert_eq!(
                (&unclear["status"], &unclear["refund_id"]),
                (&json!("processing"), &Value::Null)
            );
            assert_eq!(phone.read_order(&order).await["refunding_fen"], 40);
            pass(shop, 67).await;
            assert_eq!(
                shop.struck("refund_query", "wrong_answer_signature").await,
                1,
                "{fault}"
            );
            // Refusals are not signed: "no such refund" is heard, and the same one goes out again.
            let is_known = shop.refund_now(&refund).await["refund_id"].is_string();
            assert_eq!(is_known, sendings == 2, "{fault}");
            pass(shop, 67).await;
            let number = refund["out_refund_no"].as_str().unwrap().to_owned();
            assert_eq!(
                numbers_sent(shop).await,
                (BTreeSet::from([number]), sendings),
                "{fault}"
            );
            assert_eq!(shop.refunds_at_wechat().await.len(), 1);
            assert!(shop.refund_now(&refund).await["refund_id"].is_string(), "{fault}");
            shop.end_refund(&refund, "SUCCESS").await;
            shop.deliver().await;
            assert_eq!(phone.status(&order).await, "partially_refunded");
            assert_eq!(shop.open_exceptions().await, []);
        })
        .await;
    }
}

#[tokio::test]
async fn a_repetition_is_the_same_to_the_letter_even_from_a_server_that_moved() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        let moved = Setup::default().with("PUBLIC_BASE_URL", "http://127.0.0.1:9");
        let moved = shop.join(&moved).await;
        // WeChat took it, the answer is lost, and then it says it knows nothing.
        shop.faults(json!([
            {"kind": "no_answer_after_accepting", "api": "refund", "times": 1},
            {"kind": "pay_error", "api": "refund_query", "status": 404, "code": "RESOURCE_NOT_EXISTS", "times": 1},
        ]))
        .await;
        let body = json!({"amount_fen": 40, "reason": "茶 🍵 cold"});
        let refund = shop.try_refund(&order, "k", &body).await.ok(202);
        assert!(shop.run_workers_of(0).await.is_empty());
        shop.advance(6).await;
        assert!(shop.run_workers_of(moved).await.is_empty());
        // Other parameters under the same number would have been refused.
        let calls = shop.calls("refund").await;
        assert_eq!(calls.len(), 2);
        assert_eq!((&calls[1]["status"], &calls[1]["error"]), (&json!(200), &Value::Null));
        assert_eq!(shop.refunds_at_wechat().await.len(), 1);
        assert!(shop.refund_now(&refund).await["refund_id"].is_string());
        shop.end_refund(&refund, "SUCCESS").await;
        shop.deliver().await;
    })
    .await;
}

#[tokio::test]
async fn an_intent_outlives_the_server_that_wrote_it() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let (_, order) = paid(shop).await;
        let refund = shop.refund(&order, 40).await;
        shop.stop(0).await;
        assert!(shop.run_workers_of(1).await.is_empty());
        assert_eq!(shop.refunds_at_wechat().await.len(), 1);
        assert_eq!(
            shop.refunds_at_wechat().await[0]["out_refund_no"],
            refund["out_refund_no"]
        );
    })
    .await;
}

#[tokio::test]
async fn a_server_that_dies_with_a_refund_in_hand_leaves_it_to_the_next_after_its_lease() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        let refund = shop.refund(&order, 40).await;
        // As it stands when a process ends between its lease and its call.
        let sql = "update refunds set lease_token = gen_random_uuid(), lease_until = $1, tried_at = $2";
        let now = shop.clock.now();
        sqlx::query(sql)
            .bind(now + chrono::TimeDelta::seconds(30))
            .bind(now)
            .execute(&shop.db)
            .await
            .unwrap();
        pass(shop, 29).await;
        assert_eq!(shop.refunds_at_wechat().await.len(), 0);
        pass(shop, 1).await;
        // WeChat may have had it, so it was asked first.
        assert_eq!(shop.calls("refund_query").await.len(), 1);
        assert_eq!(
            shop.refunds_at_wechat().await[0]["out_refund_no"],
            refund["out_refund_no"]
        );
    })
    .await;
}

#[tokio::test]
async fn two_servers_send_a_refund_once() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let (_, order) = paid(shop).await;
        shop.refund(&order, 40).await;
        join(shop.run_workers_of(0), shop.run_workers_of(1)).await;
        assert_eq!(shop.calls("refund").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_lost_notice_costs_seconds_and_questions_grow_apart() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        let refund = shop.refund(&order, 100).await;
        shop.run_workers().await;
        let mut asked = 0;
        for gap in [5, 30, 60, 60, 60, 180, 300, 600, 1_800, 3_600, 7_200, 7_200] {
            pass(shop, gap - 1).await;
            assert_eq!(shop.calls("refund_query").await.len(), asked, "early by {gap}");
            // Up to a tenth later, so that refunds that were due together do not stay so.
            pass(shop, gap / 10 + 1).await;
            asked += 1;
            assert_eq!(shop.calls("refund_query").await.len(), asked, "late by {gap}");
        }
        shop.faults(json!([{"kind": "notification_lost", "api": "notification"}]))
            .await;
        shop.end_refund(&refund, "SUCCESS").await;
        assert_eq!(shop.deliver().await[0]["status"], Value::Null);
        pass(shop, 7_920).await;
        assert_eq!(phone.status(&order).await, "refunded");
        assert_eq!(
            shop.events(&order).await[1],
            ("order.refunded".to_owned(), "query".to_owned())
        );
    })
    .await;
}

#[tokio::test]
async fn a_notice_and_a_question_at_the_same_time_count_once() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let (phone, order) = paid(shop).await;
        let refund = shop.refund(&order, 100).await;
        shop.run_workers().await;
        shop.end_refund(&refund, "SUCCESS").await;
        shop.advance(5).await;
        let craft = json!({"out_trade_no": shop.number(&order).await, "out_refund_no": refund["out_refund_no"], "copies": 4, "parallel": true});
        let both = join(shop.notify(craft), shop.run_workers_of(1));
        let (statuses, failed) = shop.at_the_same_moment(5, both).await;
        assert_eq!((statuses, failed.len()), (vec![204; 4], 0));
        assert_eq!(phone.status(&order).await, "refunded");
        assert_eq!(shop.count("select count(*) from refund_entries").await, 1);
        assert_eq!(shop.events(&order).await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_notice_may_come_before_the_answer_is_known() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        shop.faults(json!([{"kind": "no_answer_after_accepting", "api": "refund", "times": 1}]))
            .await;
        let refund = shop.refund(&order, 100).await;
        shop.run_workers().await;
        assert_eq!(shop.refund_now(&refund).await["refund_id"], Value::Null);
        shop.end_refund(&refund, "SUCCESS").await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        assert_eq!(phone.status(&order).await, "refunded");
        pass(shop, 86_400).await;
        assert_eq!(
            (
                shop.calls("refund").await.len(),
                shop.calls("refund_query").await.len()
            ),
            (1, 0)
        );
    })
    .await;
}

#[tokio::test]
async fn when_wechat_answers_again_a_refund_is_found_within_minutes() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        let refund = shop.refund(&order, 100).await;
        shop.run_workers().await;
        shop.faults(json!([
            {"kind": "server_error", "api": "refund_query"},
            {"kind": "notification_lost", "api": "notification"},
        ]))
        .await;
        shop.end_refund(&refund, "SUCCESS").await;
        for _ in 0..48 {
            pass(shop, 600).await;
        }
        assert_eq!(shop.refund_status(&refund).await, "processing");
        assert!(shop.struck("refund_query", "server_error").await > 40);
        shop.faults(json!([])).await;
        pass(shop, 330).await;
        assert_eq!(phone.status(&order).await, "refunded");
    })
    .await;
}

#[tokio::test]
async fn nobody_pursues_a_refund_with_another_merchants_keys() {
    shop(async |shop| {
        shop.announce("payment_not_configured");
        let (phone, first) = paid(shop).await;
        let second = phone.paid_order("tea", 1).await;
        let sent = shop.refund(&first, 100).await;
        shop.run_workers().await;
        let intended = shop.refund(&second, 40).await;
        // The settings name another merchant since, to whom WeChat would say that there is no such refund.
        let other = Setup::default().with("WXPAY_MCH_ID", "1900000009");
        let other = shop.join(&other).await;
        assert!(shop.stop(0).await);
        let body = json!({"amount_fen": 10});
        shop.try_refund_at(other, &second, "k", &body)
            .await
            .refused(503, "payment_not_configured");
        shop.advance(30).await;
        assert!(!shop.run_workers_of(other).await.contains("refunds"));
        assert_eq!(shop.calls("refund_query").await.len(), 0);
        assert_eq!(numbers_sent(shop).await.1, 1);
        // Both are named, and the health page says that they wait.
        let waiting = shop.open_exceptions().await;
        let names: BTreeSet<&str> = waiting.iter().map(|(_, subject)| subject.as_str()).collect();
        let both = [&sent, &intended].map(|refund| refund["out_refund_no"].as_str().unwrap());
        assert_eq!(names, BTreeSet::from(both));
        assert!(
            waiting.iter().all(|(kind, _)| kind == "refund_waiting"),
            "{waiting:?}"
        );
        let sql = "select count(*) from exceptions where evidence->>'wechat_code' = 'OTHER_MERCHANT'";
        assert_eq!(shop.count(sql).await, 2);
        let health = shop.request_of(other, "GET", "/admin/health", Some(ADMIN_TOKEN), None);
        let check = shop.send(health).await.ok(200)["checks"]["refunds"].clone();
        assert_eq!(
            (&check["status"], &check["waiting"]),
            (&json!("degraded"), &json!(1))
        );
        // Only the one that is not there yet has it as its own code.
        let sql = "select count(*) from refunds where status = 'created' and failure_code = 'OTHER_MERCHANT'";
        assert_eq!(shop.count(sql).await, 1);
        assert_eq!(
            shop.count("select count(*) from refunds where failure_code is not null")
                .await,
            1
        );
        // The payments' own merchant goes on when it is back.
        let back = shop.join(&Setup::default()).await;
        shop.advance(60).await;
        assert!(shop.run_workers_of(back).await.is_empty());
        assert_eq!(numbers_sent(shop).await.1, 2);
        for refund in [&sent, &intended] {
            shop.end_refund(refund, "SUCCESS").await;
        }
        shop.advance(300).await;
        assert!(shop.run_workers_of(back).await.is_empty());
        assert_eq!(shop.order_status(&first).await, "refunded");
        assert_eq!(shop.order_status(&second).await, "partially_refunded");
        assert_eq!(shop.open_exceptions().await, []);
    })
    .await;
}

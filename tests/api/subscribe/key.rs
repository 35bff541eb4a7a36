//! Within a key nothing is sent twice, whatever happens; and what happened is told honestly.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::harness::{Setup, shop, shop_with};

#[tokio::test]
async fn fifty_requests_with_one_key_make_one_call() {
    shop_with(Setup::default().replicas(3), async |shop| {
        shop.declare_template().await;
        let phone = shop.visitor().await;
        phone.allow(50).await;
        let mut body = phone.message().await;
        body["dedup_key"] = json!("order-1/paid");
        shop.faults(json!([{"kind": "delay", "api": "subscribe_send", "ms": 200}]))
            .await;
        let answers = join_all((0..50).map(|at| shop.send_message_at(at % 3, &body))).await;
        assert!(answers.iter().any(|answer| answer.status == 200));
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            answer.refused(409, "request_in_progress");
        }
        assert_eq!(
            (shop.calls("subscribe_send").await.len(), shop.inbox().await.len()),
            (1, 1)
        );
        assert_eq!(phone.left().await, Some(49));
        // Later, the same answer.
        let first = answers
            .iter()
            .find(|answer| answer.header("idempotent-replayed").is_none() && answer.status == 200);
        let first = first.unwrap().json();
        shop.advance(86_400 * 29).await;
        shop.run_workers().await;
        let again = shop.send_message(&body).await;
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        assert_eq!(
            (again.ok(200)["id"].clone(), again.json()["msgid"].clone()),
            (first["id"].clone(), first["msgid"].clone())
        );
        assert_eq!(shop.calls("subscribe_send").await.len(), 1);
        // Not for ever.
        shop.advance(86_400 * 2).await;
        shop.run_workers().await;
        assert_eq!(shop.count("select count(*) from subscribe_messages").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_key_is_for_one_user_one_template_and_one_message() {
    shop(async |shop| {
        shop.declare_template().await;
        let (alice, bob) = (shop.visitor().await, shop.visitor().await);
        alice.allow(1).await;
        bob.allow(1).await;
        let mut body = alice.message().await;
        body["dedup_key"] = json!("k1");
        shop.send_message(&body).await.ok(200);
        let mut other = body.clone();
        other["data"]["thing1"]["value"] = json!("Pu-erh");
        shop.send_message(&other)
            .await
            .refused(422, "idempotency_key_reused");
        let mut other = bob.message().await;
        other["dedup_key"] = json!("k1");
        shop.send_message(&other).await.ok(200);
        // What WeChat refused for good is refused again, without asking.
        let mut refused = alice.message().await;
        refused["dedup_key"] = json!("k2");
        shop.send_message(&refused)
            .await
            .refused(409, "subscription_missing");
        let calls = shop.calls("subscribe_send").await.len();
        let problem = shop
            .send_message(&refused)
            .await
            .refused(409, "subscription_missing");
        assert_eq!(problem["wechat_errcode"], 43101);
        assert_eq!(shop.calls("subscribe_send").await.len(), calls);
    })
    .await;
}

#[tokio::test]
async fn what_wechat_may_have_taken_is_not_sent_again() {
    let faults = [
        (
            json!({"kind": "no_answer_after_accepting"}),
            503,
            "wechat_unavailable",
        ),
        (
            json!({"kind": "no_answer_before_accepting"}),
            503,
            "wechat_unavailable",
        ),
        (
            json!({"kind": "server_error", "status": 502}),
            503,
            "wechat_unavailable",
        ),
        // Under the status of a success, and yet no word of WeChat's.
        (
            json!({"kind": "server_error", "status": 200}),
            503,
            "wechat_unavailable",
        ),
        (
            json!({"kind": "server_error", "status": 200, "body": "empty"}),
            503,
            "wechat_unavailable",
        ),
        (
            json!({"kind": "server_error", "status": 200, "body": "half"}),
            503,
            "wechat_unavailable",
        ),
        (json!({"kind": "delay", "ms": 60_000}), 504, "wechat_timeout"),
    ];
    shop_with(Setup::default().patience(Duration::from_secs(3)), async |shop| {
        shop.announce("wechat_unavailable");
        shop.announce("wechat_timeout");
        shop.declare_template().await;
        // A token is there before anything goes wrong.
        shop.internal("GET", "/internal/access-token", None).await.ok(200);
        for (at, (fault, status, code)) in faults.into_iter().enumerate() {
            let phone = shop.visitor().await;
            phone.allow(2).await;
            let mut body = phone.message().await;
            body["dedup_key"] = json!("k1");
            let mut fault = fault;
            fault["api"] = json!("subscribe_send");
            shop.faults(json!([fault])).await;
            let problem = shop.send_message(&body).await.refused(status, code);
            assert!(
                problem["detail"].as_str().unwrap().contains("may have sent"),
                "{problem}"
            );
            shop.faults(json!([])).await;
            let problem = shop.send_message(&body).await.refused(504, "wechat_timeout");
            assert!(
                problem["detail"].as_str().unwrap().contains("may have sent"),
                "{problem}"
            );
            assert_eq!(shop.calls("subscribe_send").await.len(), at + 1, "{code}");
            assert_eq!(
                phone.left().await,
                Some(2),
                "nobody knows whether one was used up"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_sender_that_died_leaves_a_message_that_nobody_knows_of_and_nobody_waits_for() {
    shop(async |shop| {
        shop.announce("wechat_timeout");
        shop.declare_template().await;
        let phone = shop.visitor().await;
        phone.allow(3).await;
        let mut body = phone.message().await;
        body["dedup_key"] = json!("k1");
        shop.send_message(&body).await.ok(200);
        // As a process leaves it that was killed between the question and the answer.
        let crash =
            "update subscribe_messages set state = 'sending', lease_until = updated_at + interval '1 minute'";
        sqlx::query(crash).execute(&shop.db).await.unwrap();
        shop.send_message(&body).await.refused(409, "request_in_progress");
        shop.advance(60).await;
        // Another message to the same user goes at once, and the dead one is never sent again.
        shop.send_message(&phone.message().await).await.ok(200);
        shop.send_message(&body).await.refused(504, "wechat_timeout");
        shop.run_workers().await;
        assert_eq!(shop.calls("subscribe_send").await.len(), 2);
        assert_eq!(shop.message_states().await, ["unknown", "sent"]);
    })
    .await;
}

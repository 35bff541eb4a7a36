//! A code of the phone-number button works once: it is sent once, and whatever is lost is told honestly.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Phone, Setup, shop, shop_with};

/// How often a code reached WeChat, tokens refused before it not counted.
async fn sent(phone: &Phone<'_>) -> usize {
    phone.shop.calls("phone_number").await.len()
}

#[tokio::test]
async fn a_page_that_lost_the_answer_gets_it_again() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let code = phone.phone_code().await;
        let first = phone.give_number(&code).await.ok(200);
        assert_eq!(phone.give_number(&code).await.ok(200), first);
        shop.advance(299).await;
        assert_eq!(phone.give_number(&code).await.ok(200), first);
        assert_eq!(sent(&phone).await, 1);
        // It is remembered for the user alone.
        let other = shop.visitor().await;
        other.give_number(&code).await.refused(400, "phone_code_invalid");
        assert_eq!(other.shown_number().await, Value::Null);
        // And not for ever. WeChat says what it says of used ones.
        shop.advance(3_600).await;
        shop.run_workers().await;
        assert_eq!(shop.count("select count(*) from phone_codes").await, 0);
        let problem = phone.give_number(&code).await.refused(400, "phone_code_invalid");
        assert_eq!(problem["wechat_errcode"], 40029);
        assert_ne!(phone.shown_number().await, Value::Null);
    })
    .await;
}

#[tokio::test]
async fn of_many_at_once_one_asks() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let phone = shop.visitor().await;
        let code = phone.phone_code().await;
        let body = json!({ "code": code });
        shop.faults(json!([{"kind": "delay", "api": "phone_number", "ms": 200}]))
            .await;
        let taps = (0..12).map(|at| {
            let request = shop.request_of(
                at % 2,
                "POST",
                "/v1/phone-number",
                Some(&phone.token),
                Some(&body),
            );
            shop.send(request)
        });
        let answers = join_all(taps).await;
        let good = answers.iter().filter(|answer| answer.status == 200).count();
        assert!(good >= 1);
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            answer.refused(409, "request_in_progress");
            assert_eq!(answer.header("retry-after"), Some("1"));
        }
        assert_eq!(sent(&phone).await, 1);
        phone.give_number(&code).await.ok(200);
        assert_eq!(sent(&phone).await, 1);
    })
    .await;
}

#[tokio::test]
async fn of_two_users_with_one_code_none_gets_the_others_number() {
    shop(async |shop| {
        let (alice, bob) = (shop.visitor().await, shop.visitor().await);
        let code = alice.phone_code().await;
        let (of_alice, of_bob) = tokio::join!(alice.give_number(&code), bob.give_number(&code));
        of_bob.refused(400, "phone_code_invalid");
        assert_eq!(bob.shown_number().await, Value::Null);
        // If Bob came first the code is spent here: it was in the hands of somebody else.
        if of_alice.status == 200 {
            assert_ne!(alice.shown_number().await, Value::Null);
        } else {
            of_alice.refused(400, "phone_code_invalid");
        }
    })
    .await;
}

#[tokio::test]
async fn a_code_that_may_be_used_is_not_sent_again() {
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
        (json!({"kind": "delay", "ms": 60_000}), 504, "wechat_timeout"),
        (json!({"kind": "slow_body", "ms": 60_000}), 504, "wechat_timeout"),
    ];
    shop_with(Setup::default().patience(Duration::from_secs(3)), async |shop| {
        shop.announce("wechat_unavailable");
        shop.announce("wechat_timeout");
        let phone = shop.visitor().await;
        // A token is there before anything goes wrong.
        phone
            .give_number("unknown")
            .await
            .refused(400, "phone_code_invalid");
        for (at, (fault, status, code)) in faults.into_iter().enumerate() {
            let mut fault = fault;
            fault["api"] = json!("phone_number");
            shop.faults(json!([fault])).await;
            let given = phone.phone_code().await;
            let problem = phone.give_number(&given).await.refused(status, code);
            let said = problem["detail"].as_str().unwrap();
            assert!(said.contains("may be used"), "{problem}");
            shop.faults(json!([])).await;
            let problem = phone.give_number(&given).await.refused(400, "phone_code_invalid");
            assert!(
                problem["detail"].as_str().unwrap().contains("may be used"),
                "{problem}"
            );
            assert_eq!(sent(&phone).await, at + 2, "{code}");
        }
        // A new one is good.
        phone.give_number(&phone.phone_code().await).await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn a_success_without_a_number_is_no_number() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        shop.announce("wechat_unavailable");
        // WeChat would never give such a thing: it is no number, and the code is gone.
        let path = format!("/simulator/users/{}", phone.user_id);
        let odd = json!({"phone_number": {"pure_phone_number": "1", "country_code": "86"}});
        shop.control("PATCH", &path, &odd).await;
        let code = phone.phone_code().await;
        phone.give_number(&code).await.refused(503, "wechat_unavailable");
        phone.give_number(&code).await.refused(400, "phone_code_invalid");
        assert_eq!(phone.shown_number().await, Value::Null);
    })
    .await;
}

#[tokio::test]
async fn busy_and_dead_tokens_are_got_over() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        shop.faults(json!([{"kind": "errcode", "api": "phone_number", "times": 2}]))
            .await;
        phone.give_number(&phone.phone_code().await).await.ok(200);
        assert_eq!(sent(&phone).await, 3);
        shop.control("POST", "/simulator/access-tokens/displace", &json!({}))
            .await;
        phone.give_number(&phone.phone_code().await).await.ok(200);
        assert_eq!(sent(&phone).await, 5);
    })
    .await;
}

#[tokio::test]
async fn without_a_token_the_code_stays_good() {
    shop(async |shop| {
        shop.announce("wechat_unavailable");
        let phone = shop.visitor().await;
        shop.faults(json!([{"kind": "server_error", "api": "stable_token"}]))
            .await;
        let code = phone.phone_code().await;
        let answer = phone.give_number(&code).await;
        let problem = answer.refused(503, "wechat_unavailable");
        let detail = problem["detail"].as_str().unwrap();
        assert!(!detail.contains("may be used"), "{detail}");
        assert_eq!(sent(&phone).await, 0);
        shop.faults(json!([])).await;
        shop.advance(120).await;
        phone.give_number(&code).await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn a_code_whose_asker_died_is_never_sent_again() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let code = phone.phone_code().await;
        phone.give_number(&code).await.ok(200);
        // As a process leaves it that was killed between the question and the answer.
        let crash = "with number as (delete from phone_numbers) update phone_codes set state = 'asked'";
        sqlx::query(crash).execute(&shop.db).await.unwrap();
        phone.give_number(&code).await.refused(409, "request_in_progress");
        shop.advance(60).await;
        let problem = phone.give_number(&code).await.refused(400, "phone_code_invalid");
        assert!(problem["detail"].as_str().unwrap().contains("may be used"));
        assert_eq!(sent(&phone).await, 1);
    })
    .await;
}

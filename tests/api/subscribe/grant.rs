//! What people have allowed: told by pages, read by pages and services.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{TEMPLATE, shop};

#[tokio::test]
async fn a_page_passes_on_what_wechat_gave_it_unchanged() {
    shop(async |shop| {
        shop.declare_template().await;
        let phone = shop.visitor().await;
        assert_eq!(phone.left().await, None);
        let result = phone.popup("accept").await;
        assert_eq!(result, json!({"errMsg": "requestSubscribeMessage:ok", TEMPLATE: "accept"}));
        let told = phone.report(&result).await.ok(200);
        let item = &told["items"][0];
        assert_eq!(
            (&item["template_id"], &item["answer"], &item["remaining"]),
            (&json!(TEMPLATE), &json!("accept"), &json!(1))
        );
        let rejected = phone.popup("reject").await;
        let told = phone.report(&rejected).await.ok(200);
        assert_eq!((&told["items"][0]["answer"], &told["items"][0]["remaining"]), (&json!("reject"), &json!(1)));
        assert_eq!(phone.call("GET", "/v1/subscriptions", None).await.ok(200), told);
        // Words and members that are newer than this server change nothing.
        let odd = json!({"errMsg": "x", "tpl_a": "acceptWithAudio", "tpl b": "accept", "tpl_c": 1, "tpl_d": "filter", "deep": {"a": []}});
        let told = phone.report(&odd).await.ok(200);
        let answers: Vec<&Value> = told["items"].as_array().unwrap().iter().map(|item| &item["answer"]).collect();
        assert_eq!(answers, ["filter", "reject"]);
        phone.report(&json!({})).await.ok(200);
        phone.report(&json!([])).await.refused(422, "validation_failed");
        let many: serde_json::Map<String, Value> = (0..11).map(|at| (format!("t{at}"), json!("accept"))).collect();
        phone.report(&Value::Object(many)).await.refused(422, "validation_failed");
    })
    .await;
}

#[tokio::test]
async fn nobody_sees_or_counts_for_another() {
    shop(async |shop| {
        shop.declare_template().await;
        let (alice, bob) = (shop.visitor().await, shop.visitor().await);
        alice.allow(2).await;
        assert_eq!((alice.left().await, bob.left().await), (Some(2), None));
        for body in [
            json!({"user_id": alice.own_id().await}),
            json!({"openid": alice.openid().await}),
        ] {
            let answer = shop
                .internal("POST", "/internal/subscriptions/query", Some(&body))
                .await;
            assert_eq!(answer.ok(200)["items"][0]["remaining"], 2);
            assert_eq!(shop.audit_line(&answer)["action"], "query_subscriptions");
        }
        for body in [
            json!({}),
            json!({"user_id": "1"}),
            json!({"openid": ""}),
            json!({"user_id": alice.own_id().await, "openid": alice.openid().await}),
            json!({"user_id": "00000000-0000-7000-8000-000000000000"}),
            json!({"user_id": alice.own_id().await, "app_id": "wx9"}),
            json!({"user_id": alice.own_id().await, "limit": 1}),
        ] {
            let answer = shop
                .internal("POST", "/internal/subscriptions/query", Some(&body))
                .await;
            answer.refused(422, "validation_failed");
        }
    })
    .await;
}

#[tokio::test]
async fn every_popup_counts_however_many_are_told_at_once_and_a_flood_of_templates_is_cut() {
    shop(async |shop| {
        shop.declare_template().await;
        let phone = shop.visitor().await;
        let result = phone.popup("accept").await;
        let told = join_all((0..20).map(|_| phone.report(&result))).await;
        assert!(told.iter().all(|answer| answer.status == 200));
        assert_eq!(phone.left().await, Some(20));
        for round in 0..15 {
            let many: serde_json::Map<String, Value> = (0..10)
                .map(|at| (format!("flood{round}_{at}"), json!("accept")))
                .collect();
            phone.report(&Value::Object(many)).await.ok(200);
        }
        let kept = shop.count("select count(*) from subscribe_grants").await;
        assert_eq!(kept, 100);
        // What was known goes on counting.
        phone.report(&result).await.ok(200);
        assert_eq!(phone.left().await, Some(21));
    })
    .await;
}

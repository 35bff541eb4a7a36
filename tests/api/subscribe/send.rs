//! A service sends a message: what reaches the person, and what is refused before WeChat is asked.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{APP, OTHER_APP, Setup, TEMPLATE, shop, shop_with};

#[tokio::test]
async fn a_message_arrives_as_it_was_sent_with_sensible_defaults() {
    shop(async |shop| {
        shop.declare_template().await;
        let phone = shop.visitor().await;
        phone.allow(2).await;
        let answer = shop.send_message(&phone.message().await).await;
        let sent = answer.ok(200);
        assert_eq!(sent["remaining"], 1);
        assert_eq!(answer.header("idempotent-replayed"), None);
        let inbox = shop.inbox().await;
        assert_eq!(inbox.len(), 1);
        assert_eq!(sent["msgid"], inbox[0]["msgid"].to_string());
        assert_eq!(inbox[0]["user_id"], phone.user_id.as_str());
        assert_eq!(inbox[0]["data"], json!({"thing1": "Oolong", "amount2": "¥1.00"}));
        assert_eq!(
            (
                &inbox[0]["page"],
                &inbox[0]["miniprogram_state"],
                &inbox[0]["lang"]
            ),
            (&Value::Null, &json!("formal"), &json!("zh_CN"))
        );
        let line = shop.audit_line(&answer);
        assert_eq!(
            (&line["action"], &line["outcome"]),
            (&json!("send_subscribe_message"), &json!("ok"))
        );
        // By openid, with everything said.
        let mut body = phone.message().await;
        body.as_object_mut().unwrap().remove("user_id");
        body["openid"] = json!(phone.openid().await);
        body["page"] = json!("pages/order?id=1");
        body["miniprogram_state"] = json!("trial");
        body["lang"] = json!("en_US");
        assert_eq!(shop.send_message(&body).await.ok(200)["remaining"], 0);
        let last = shop.inbox().await.pop().unwrap();
        assert_eq!(
            (&last["page"], &last["miniprogram_state"], &last["lang"]),
            (&json!("pages/order?id=1"), &json!("trial"), &json!("en_US"))
        );
    })
    .await;
}

#[tokio::test]
async fn a_message_goes_to_a_user_of_the_mini_program_that_is_meant() {
    shop_with(Setup::default().two_apps(), async |shop| {
        shop.declare_template().await;
        shop.declare(json!({"app_id": OTHER_APP, "template_id": TEMPLATE, "keywords": {"thing1": "Goods", "amount2": "Sum"}}))
            .await;
        let mut phone = shop.visitor().await;
        phone.allow(1).await;
        let mut body = phone.message().await;
        phone.login_to(OTHER_APP).await;
        phone.allow(1).await;
        // The user of one is none of the other's.
        body["app_id"] = json!(OTHER_APP);
        let problem = shop.send_message(&body).await.refused(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], "/user_id");
        body["user_id"] = phone.message().await["user_id"].clone();
        shop.send_message(&body).await.ok(200);
        body["app_id"] = json!(APP);
        shop.send_message(&body).await.refused(422, "validation_failed");
        body["app_id"] = json!("wx9");
        let problem = shop.send_message(&body).await.refused(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], "/app_id");
        assert_eq!(shop.inbox().await.len(), 1);
        assert_eq!(shop.inbox().await[0]["app_id"], OTHER_APP);
    })
    .await;
}

/// Member, value, and the pointer of the complaint.
const WRONG: &[(&str, &str, &str)] = &[
    ("user_id", "null", "/user_id"),
    ("user_id", "\"1\"", "/user_id"),
    ("user_id", "\"00000000-0000-7000-8000-000000000000\"", "/user_id"),
    ("openid", "\"o1\"", "/openid"),
    ("template_id", "\"\"", "/template_id"),
    ("template_id", "\"a b\"", "/template_id"),
    ("page", "\"pages/a b\"", "/page"),
    ("page", "\"\"", "/page"),
    ("page", "\"pages/茶\"", "/page"),
    ("miniprogram_state", "\"release\"", "/miniprogram_state"),
    ("lang", "\"zh\"", "/lang"),
    ("dedup_key", "\"\"", "/dedup_key"),
    ("dedup_key", "\"a b\"", "/dedup_key"),
    ("data", "{}", "/data"),
    ("data", "{\"thing\":{\"value\":\"a\"}}", "/data/thing"),
    ("data", "{\"thing1\":\"a\"}", "/data/thing1"),
    (
        "data",
        "{\"thing1\":{\"value\":\"a\",\"color\":\"#000\"}}",
        "/data/thing1/color",
    ),
    ("data", "{\"thing1\":{\"value\":\"\"}}", "/data/thing1/value"),
    (
        "data",
        "{\"thing1\":{\"value\":\" \\n\\u3000\"}}",
        "/data/thing1/value",
    ),
    (
        "data",
        "{\"amount2\":{\"value\":\"a lot\"}}",
        "/data/amount2/value",
    ),
    ("urgent", "true", "/urgent"),
];

#[tokio::test]
async fn what_wechat_would_refuse_anyway_never_reaches_it() {
    shop(async |shop| {
        shop.declare_template().await;
        let phone = shop.visitor().await;
        phone.allow(1).await;
        let good = phone.message().await;
        for (member, value, pointer) in WRONG {
            let mut body = good.clone();
            body[*member] = serde_json::from_str(value).unwrap();
            let problem = shop.send_message(&body).await.refused(422, "validation_failed");
            assert_eq!(
                problem["errors"][0]["pointer"], *pointer,
                "{member} {value}: {problem}"
            );
        }
        let mut long = good.clone();
        for (member, value) in [
            ("page", json!(format!("p{}", "a".repeat(1_024)))),
            ("dedup_key", json!("k".repeat(65))),
            ("template_id", json!("t".repeat(65))),
        ] {
            long[member] = value;
            shop.send_message(&long).await.refused(422, "validation_failed");
        }
        assert_eq!(shop.calls("subscribe_send").await.len(), 0);
        // A long text of a thing ends after twenty characters; control characters are spaces.
        let mut body = good;
        body["data"]["thing1"]["value"] = json!(format!(" 茶\n{}", "茶".repeat(30)));
        shop.send_message(&body).await.ok(200);
        let said = shop.inbox().await[0]["data"]["thing1"].clone();
        assert_eq!(said, format!("茶 {}", "茶".repeat(18)));
    })
    .await;
}

#[tokio::test]
async fn messages_to_one_user_go_one_after_the_other_over_all_servers() {
    shop_with(Setup::default().replicas(3), async |shop| {
        shop.declare_template().await;
        let phone = shop.visitor().await;
        phone.allow(9).await;
        let body = phone.message().await;
        // WeChat refuses a second one for as long as the first is on its way.
        shop.faults(json!([{"kind": "delay", "api": "subscribe_send", "ms": 60}]))
            .await;
        let sends = (0..9).map(|at| shop.send_message_at(at % 3, &body));
        for answer in join_all(sends).await {
            answer.ok(200);
        }
        assert_eq!((shop.inbox().await.len(), phone.left().await), (9, Some(0)));
        assert_eq!(shop.calls("subscribe_send").await.len(), 9);
    })
    .await;
}

#[tokio::test]
async fn the_count_never_falls_below_nothing() {
    shop_with(Setup::default().replicas(2), async |shop| {
        shop.declare_template().await;
        let phone = shop.visitor().await;
        // Three are allowed at WeChat, and the page told of one alone.
        phone.allow(1).await;
        phone.popup("accept").await;
        phone.popup("accept").await;
        let body = phone.message().await;
        let answers = join_all((0..8).map(|at| shop.send_message_at(at % 2, &body))).await;
        let good = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!((good, shop.inbox().await.len()), (3, 3));
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            answer.refused(409, "subscription_missing");
        }
        assert_eq!(phone.left().await, Some(0));
    })
    .await;
}

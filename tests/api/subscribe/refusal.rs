//! WeChat's refusals by name, and what is done about those that pass.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Setup, TEMPLATE, held, shop, shop_with};

#[tokio::test]
async fn each_refusal_of_wechat_has_a_name() {
    shop(async |shop| {
        shop.announce("template_blocked");
        shop.announce("wechat_rejected");
        shop.declare_template().await;
        let phone = shop.visitor().await;
        let good = phone.message().await;
        // Nobody has allowed it.
        let problem = shop
            .send_message(&good)
            .await
            .refused(409, "subscription_missing");
        assert_eq!(problem["wechat_errcode"], 43101);
        phone.allow(3).await;
        for (path, value, status, code, errcode) in [
            ("/openid", json!("oNobody"), 422, "openid_unknown", 40003),
            (
                "/template_id",
                json!("none_of_ours"),
                422,
                "template_unknown",
                40037,
            ),
            (
                "/data",
                json!({"thing1": {"value": "a"}}),
                422,
                "message_unfit",
                47003,
            ),
            (
                "/data",
                json!({"thing1": {"value": "违禁词"}, "amount2": {"value": "1"}}),
                422,
                "message_rejected",
                45168,
            ),
        ] {
            let mut body = good.clone();
            if path == "/openid" {
                body.as_object_mut().unwrap().remove("user_id");
            }
            body[&path[1..]] = value;
            let problem = shop.send_message(&body).await.refused(status, code);
            assert_eq!(problem["wechat_errcode"], errcode, "{problem}");
        }
        for (errcode, status, code) in [
            (43107, 502, "template_blocked"),
            (45009, 429, "rate_limited"),
            (45011, 429, "rate_limited"),
            (48001, 502, "wechat_rejected"),
        ] {
            shop.faults(json!([{"kind": "errcode", "api": "subscribe_send", "errcode": errcode}]))
                .await;
            let problem = shop.send_message(&good).await.refused(status, code);
            assert_eq!(problem["wechat_errcode"], errcode);
        }
        shop.faults(json!([])).await;
        shop.declare(
            json!({"template_id": TEMPLATE, "keywords": {"thing1": "a", "amount2": "b"}, "is_blocked": true}),
        )
        .await;
        shop.send_message(&good).await.refused(502, "template_blocked");
        // Nothing of it was sent, and nothing used up.
        assert_eq!((shop.inbox().await.len(), phone.left().await), (0, Some(3)));
    })
    .await;
}

#[tokio::test]
async fn the_refusal_of_the_user_empties_the_count() {
    shop(async |shop| {
        shop.declare_template().await;
        let phone = shop.visitor().await;
        phone.allow(3).await;
        // What the page did not notice: the person has switched it off.
        let off = json!({"user_id": phone.user_id, "template_id": TEMPLATE, "is_off": true});
        shop.control("POST", "/simulator/subscribe-settings", &off).await;
        assert_eq!(phone.left().await, Some(3));
        shop.send_message(&phone.message().await)
            .await
            .refused(409, "subscription_missing");
        assert_eq!(phone.left().await, Some(0));
        let off = json!({"user_id": phone.user_id, "template_id": TEMPLATE, "is_off": false});
        shop.control("POST", "/simulator/subscribe-settings", &off).await;
        phone.allow(1).await;
        assert_eq!(
            shop.send_message(&phone.message().await).await.ok(200)["remaining"],
            0
        );
    })
    .await;
}

#[tokio::test]
async fn a_burst_of_parallel_messages_at_wechat_is_got_over_within_a_bound() {
    shop(async |shop| {
        shop.declare_template().await;
        let phone = shop.visitor().await;
        phone.allow(2).await;
        let body = phone.message().await;
        shop.faults(json!([{"kind": "errcode", "api": "subscribe_send", "errcode": 43108, "times": 3}]))
            .await;
        shop.send_message(&body).await.ok(200);
        assert_eq!(shop.calls("subscribe_send").await.len(), 4);
        shop.faults(json!([{"kind": "errcode", "api": "subscribe_send", "errcode": 43108}]))
            .await;
        let mut keyed = body;
        keyed["dedup_key"] = json!("k1");
        let answer = shop.send_message(&keyed).await;
        assert_eq!(answer.refused(409, "recipient_busy")["wechat_errcode"], 43108);
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(shop.calls("subscribe_send").await.len(), 8);
        // WeChat took nothing, so the key is free.
        shop.faults(json!([])).await;
        shop.send_message(&keyed).await.ok(200);
        assert_eq!((shop.inbox().await.len(), phone.left().await), (2, Some(0)));
    })
    .await;
}

#[tokio::test]
async fn dead_tokens_are_got_over_and_without_a_token_nothing_is_sent() {
    shop(async |shop| {
        shop.announce("wechat_unavailable");
        shop.declare_template().await;
        let phone = shop.visitor().await;
        phone.allow(3).await;
        let mut body = phone.message().await;
        shop.send_message(&body).await.ok(200);
        shop.control("POST", "/simulator/access-tokens/displace", &json!({}))
            .await;
        shop.send_message(&body).await.ok(200);
        assert_eq!(shop.inbox().await.len(), 2);
        body["dedup_key"] = json!("k1");
        shop.faults(json!([
            {"kind": "token_storm", "api": "subscribe_send"},
            {"kind": "server_error", "api": "stable_token"},
        ]))
        .await;
        shop.advance(30).await;
        let problem = shop.send_message(&body).await.refused(503, "wechat_unavailable");
        let detail = problem["detail"].as_str().unwrap();
        assert!(!detail.contains("may have sent"), "{detail}");
        shop.faults(json!([])).await;
        shop.advance(120).await;
        shop.send_message(&body).await.ok(200);
        assert_eq!((shop.inbox().await.len(), phone.left().await), (3, Some(0)));
    })
    .await;
}

#[tokio::test]
async fn an_earlier_message_that_takes_too_long_is_not_waited_for_for_ever() {
    shop_with(Setup::default().patience(Duration::from_mins(2)), async |shop| {
        shop.declare_template().await;
        let phone = shop.visitor().await;
        phone.allow(2).await;
        let body = phone.message().await;
        shop.faults(json!([held("delay", "subscribe_send")])).await;
        let (first, second) = tokio::join!(shop.send_message(&body), async {
            shop.calls_until("subscribe_send", 1).await;
            let second = shop.send_message(&body).await;
            shop.let_go().await;
            second
        });
        first.ok(200);
        second.refused(409, "recipient_busy");
        assert_eq!(shop.inbox().await.len(), 1);
    })
    .await;
}

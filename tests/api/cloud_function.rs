//! `POST /v1/functions/{name}`: only those allowed, and who calls is said by the server.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{APP, Answer, Phone, Setup, shop, shop_with};

fn cloud() -> Setup {
    Setup::default()
        .with("WECHAT_CLOUD_ENV", "prod-1a2b3c")
        .with("WECHAT_CLOUD_FUNCTIONS", "echo,raw,slow,large,fail,unknown")
}

async fn call(phone: &Phone<'_>, name: &str, body: &Value) -> Answer {
    phone
        .call("POST", &format!("/v1/functions/{name}"), Some(body))
        .await
}

/// The openid stands in what `echo` answers, which is the point of these scenarios.
async fn echoed(phone: &Phone<'_>, body: &str) -> Value {
    let shop = phone.shop;
    let request = shop
        .request("POST", "/v1/functions/echo", Some(&phone.token), None)
        .header("content-type", "application/json")
        .body(body.to_owned());
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json");
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

async fn openid(phone: &Phone<'_>) -> Value {
    let users = phone.shop.list("/simulator/users").await;
    let user = users
        .iter()
        .find(|user| user["user_id"] == phone.user_id)
        .unwrap();
    user["openids"][APP].clone()
}

#[tokio::test]
async fn the_caller_is_put_in_by_the_server_and_never_taken_from_the_page() {
    shop_with(cloud(), async |shop| {
        let (alice, bob) = (shop.visitor().await, shop.visitor().await);
        let own = json!({"openId": openid(&alice).await, "appId": APP});
        for body in [
            r#"{"a":[1,"二",null],"b":{"userInfo":"deep down it is data"}}"#.to_owned(),
            json!({"a": 1, "userInfo": {"openId": openid(&bob).await, "appId": "wx9"}}).to_string(),
            format!(
                r#"{{"userInfo":1,"a":2,"userInfo":{}}}"#,
                json!({"openId": openid(&bob).await})
            ),
            r#"{"user\u0049nfo":{"openId":"oEve"}}"#.to_owned(),
            "{}".to_owned(),
        ] {
            let answer = echoed(&alice, &body).await;
            assert_eq!(answer["userInfo"], own, "{body}");
            let mut sent: Value = serde_json::from_str(&body).unwrap();
            sent["userInfo"] = own.clone();
            assert_eq!(answer, sent, "{body}");
        }
        let of_bob = echoed(&bob, "{}").await;
        assert_eq!(of_bob["userInfo"]["openId"], openid(&bob).await);
    })
    .await;
}

#[tokio::test]
async fn numbers_pass_through_as_they_were_written() {
    shop_with(cloud(), async |shop| {
        let phone = shop.visitor().await;
        let body = r#"{"big":123456789012345678901234567890,"fine":0.10000000000000000001}"#;
        let request = shop
            .request("POST", "/v1/functions/echo", Some(&phone.token), None)
            .header("content-type", "application/json")
            .body(body);
        let text = request.send().await.unwrap().text().await.unwrap();
        // The simulator reads and writes them as its own numbers; what came to it is what is judged here.
        assert!(
            text.starts_with(r#"{"big":1.2345678901234568e+29,"fine":0.1,"#),
            "{text}"
        );
        let raw = r#"{"n":123456789012345678901234567890}"#;
        let answer = call(&phone, "raw", &json!({ "resp_data": raw })).await;
        assert_eq!(answer.text(), raw);
    })
    .await;
}

#[tokio::test]
async fn an_answer_is_taken_out_of_its_text() {
    shop_with(cloud(), async |shop| {
        let phone = shop.visitor().await;
        for (resp_data, told) in [
            (json!("{\"a\": [1]}"), json!({"a": [1]})),
            (json!("[]"), json!([])),
            (json!("\"text\""), json!("text")),
            (json!("7"), json!(7)),
            (json!("plain text"), json!("plain text")),
            (json!("{\"half\":"), json!("{\"half\":")),
            (json!(""), Value::Null),
            (Value::Null, Value::Null),
            (json!({"an": "object"}), json!({"an": "object"})),
        ] {
            let answer = call(&phone, "raw", &json!({ "resp_data": resp_data })).await;
            assert_eq!(answer.ok(200), told, "{resp_data}");
        }
    })
    .await;
}

#[tokio::test]
async fn only_those_of_the_settings_are_there() {
    shop_with(cloud(), async |shop| {
        let phone = shop.visitor().await;
        for name in ["other", "ECHO", "echo%20", "echo%2F", "..", &"x".repeat(61)] {
            assert_eq!(call(&phone, name, &json!({})).await.status, 404, "{name}");
        }
        call(&phone, "other", &json!({})).await.refused(404, "not_found");
        shop.call("POST", "/v1/functions/echo", Some(&json!({})))
            .await
            .refused(401, "unauthenticated");
        assert_eq!(shop.calls("cloud_function").await.len(), 0);
    })
    .await;
    shop(async |shop| {
        let phone = shop.visitor().await;
        shop.announce("cloud_not_configured");
        call(&phone, "echo", &json!({}))
            .await
            .refused(503, "cloud_not_configured");
    })
    .await;
}

#[tokio::test]
async fn a_body_is_an_object_of_bounded_size() {
    shop_with(cloud(), async |shop| {
        let phone = shop.visitor().await;
        for body in [json!([]), json!("x"), json!(null), json!(7)] {
            call(&phone, "echo", &body)
                .await
                .refused(422, "validation_failed");
        }
        let body = json!({"a": "x".repeat(102_400)});
        call(&phone, "echo", &body)
            .await
            .refused(413, "payload_too_large");
        let fits = json!({"resp_data": "1", "a": "x".repeat(102_300)});
        call(&phone, "raw", &fits).await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn every_failure_has_its_code() {
    const TABLE: [(i64, u16, &str); 18] = [
        (-504_002, 502, "cloud_function_failed"),
        (-504_003, 502, "cloud_function_failed"),
        (-604_001, 502, "cloud_function_failed"),
        (-1, 503, "wechat_unavailable"),
        (-601_001, 503, "wechat_unavailable"),
        (-601_003, 503, "wechat_unavailable"),
        (-601_008, 504, "wechat_timeout"),
        (45009, 429, "rate_limited"),
        (45011, 429, "rate_limited"),
        (-501_000, 502, "wechat_rejected"),
        (-601_002, 502, "wechat_rejected"),
        (-601_012, 502, "wechat_rejected"),
        (-601_027, 502, "wechat_rejected"),
        (-601_034, 502, "wechat_rejected"),
        (-604_100, 502, "wechat_rejected"),
        (40101, 502, "wechat_rejected"),
        (48001, 502, "wechat_rejected"),
        (85088, 502, "wechat_rejected"),
    ];
    shop_with(cloud(), async |shop| {
        for code in [
            "cloud_function_failed",
            "wechat_unavailable",
            "wechat_timeout",
            "wechat_rejected",
        ] {
            shop.announce(code);
        }
        let phone = shop.visitor().await;
        for (at, (errcode, status, code)) in TABLE.into_iter().enumerate() {
            let answer = call(&phone, "fail", &json!({ "errcode": errcode })).await;
            let problem = answer.refused(status, code);
            assert_eq!(problem["wechat_errcode"], errcode, "{problem}");
            assert_eq!(shop.calls("cloud_function").await.len(), at + 1, "repeated");
        }
        // Allowed here, and not there in the environment.
        let answer = call(&phone, "unknown", &json!({})).await;
        assert_eq!(answer.refused(502, "wechat_rejected")["wechat_errcode"], -501_000);
    })
    .await;
}

#[tokio::test]
async fn an_answer_has_a_bound() {
    shop_with(cloud(), async |shop| {
        shop.announce("cloud_function_failed");
        let phone = shop.visitor().await;
        let near = call(&phone, "large", &json!({"bytes": 1_048_000})).await;
        assert_eq!(near.ok(200).as_str().unwrap().len(), 1_048_000);
        // A quote takes two bytes in the function's answer, and four in WeChat's.
        let quotes = |bytes: u32| json!({"bytes": bytes, "letter": "\""});
        let near = call(&phone, "large", &quotes(524_000)).await;
        assert_eq!(near.ok(200).as_str().unwrap().len(), 524_000);
        for body in [
            json!({"bytes": 1_048_577}),
            json!({"bytes": 5_000_000}),
            quotes(524_288),
            quotes(2_500_000),
        ] {
            let over = call(&phone, "large", &body).await;
            let problem = over.refused(502, "cloud_function_failed");
            assert!(problem["detail"].as_str().unwrap().contains("1 MB"), "{problem}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_function_that_may_have_run_is_not_called_again() {
    let setup = cloud().patience(Duration::from_secs(3));
    shop_with(setup, async |shop| {
        shop.announce("wechat_timeout");
        shop.announce("wechat_unavailable");
        let phone = shop.visitor().await;
        // A function has twice the usual time.
        call(&phone, "slow", &json!({"ms": 4_000})).await.ok(200);
        shop.faults(json!([{"kind": "delay", "api": "cloud_function", "ms": 60_000}]))
            .await;
        let problem = call(&phone, "echo", &json!({}))
            .await
            .refused(504, "wechat_timeout");
        assert!(problem["detail"].as_str().unwrap().contains("may have run"));
        assert_eq!(shop.calls("cloud_function").await.len(), 2);
        for (at, kind) in ["no_answer_after_accepting", "server_error"]
            .into_iter()
            .enumerate()
        {
            shop.faults(json!([{"kind": kind, "api": "cloud_function"}]))
                .await;
            let answer = call(&phone, "echo", &json!({})).await;
            let problem = answer.refused(503, "wechat_unavailable");
            assert!(problem["detail"].as_str().unwrap().contains("may have run"));
            assert_eq!(shop.calls("cloud_function").await.len(), at + 3);
        }
        // A dead token means that nothing ran.
        shop.faults(json!([])).await;
        shop.control("POST", "/simulator/access-tokens/displace", &json!({}))
            .await;
        call(&phone, "raw", &json!({"resp_data": "1"})).await.ok(200);
    })
    .await;
}

//! Calls of any API without a token of one's own.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::harness::{Answer, HandPlayed, INTERNAL_TOKEN, Setup, Shop, shop, shop_with};

async fn call(shop: &Shop, method: &str, path: &str, body: Option<(&str, Vec<u8>)>) -> Answer {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let url = shop.url(&format!("/internal/wechat/{path}"));
    let mut request = shop.http.request(method, url).bearer_auth(INTERNAL_TOKEN);
    if let Some((content_type, body)) = body {
        request = request.header("content-type", content_type).body(body);
    }
    Answer::of(request.send().await.unwrap()).await
}

#[tokio::test]
async fn everything_but_the_token_is_the_callers() {
    shop(async |shop| {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let body = Some(("text/xml; charset=GBK", b"<a>1</a>".to_vec()));
            let answer = call(
                shop,
                method,
                "wxa/echo/b/c.d?x=1%202&app_id=wx1111111111111111&y",
                body,
            )
            .await;
            let told = answer.ok(200);
            assert_eq!(
                (&told["method"], &told["path"]),
                (&json!(method), &json!("/wxa/echo/b/c.d"))
            );
            assert_eq!(told["query"], json!([["x", "1 2"], ["y", ""]]));
            assert_eq!(
                (&told["content_type"], &told["body"]),
                (&json!("text/xml; charset=GBK"), &json!("<a>1</a>"))
            );
            let headers = told["headers"].as_array().unwrap();
            for kept in ["authorization", "cookie", "x-forwarded-for"] {
                assert!(!headers.contains(&json!(kept)), "{told}");
            }
            assert!(!answer.text().contains(&shop.access_tokens().await[0]));
            let line = shop.audit_line(&answer);
            assert_eq!(
                (&line["wechat.path"], &line["outcome"]),
                (&json!("wxa/echo/b/c.d"), &json!("ok"))
            );
        }
        assert_eq!(shop.calls("stable_token").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_hands_out_secrets_is_not_called() {
    shop(async |shop| {
        for path in [
            "cgi-bin/token?grant_type=client_credential",
            "cgi-bin/stable_token",
            "CGI-BIN/STABLE_TOKEN",
            "cgi-bin/clear_quota/v2",
            "cgi-bin/component/api_component_token",
            "cgi-bin/openapi/rid/get",
            "sns/jscode2session?js_code=1",
            "sns/oauth2/access_token",
            "wxa/resetusersessionkey",
            "tcb/getqcloudtoken",
        ] {
            let answer = call(shop, "POST", path, None).await;
            answer.refused(403, "wechat_path_refused");
            assert_eq!(shop.audit_line(&answer)["outcome"], "wechat_path_refused");
        }
        assert!(shop.list("/simulator/calls").await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn no_path_or_query_leads_elsewhere() {
    shop(async |shop| {
        let long = "a".repeat(201);
        for path in [
            "",
            "wxa/echo/",
            "wxa//echo",
            "/wxa/echo",
            "wxa/..;/a",
            "wxa/echo%2fa",
            "wxa;x/echo",
            "wxa/echo/a%00",
            "http:%2f%2fexample.com",
            "@example.com/a",
            "wxa/...",
            &long,
            "wxa/echo/a?access_token=mine",
            "wxa/echo/a?access%5Ftoken=mine",
            "wxa/echo/a?x=1&ACCESS_TOKEN=mine",
            "wxa/echo/a?app_id=wx1&app_id=wx2",
            "wxa/echo/a?app_id=a%20b",
            "wxa/echo/a?app_id=wx9",
        ] {
            let answer = call(shop, "GET", path, None).await;
            answer.refused(422, "validation_failed");
        }
        assert!(shop.list("/simulator/calls").await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_dead_token_is_replaced_and_a_refusal_handed_on() {
    shop(async |shop| {
        assert_eq!(call(shop, "GET", "wxa/echo/a", None).await.ok(200)["errcode"], 0);
        shop.control("POST", "/simulator/access-tokens/displace", &json!({}))
            .await;
        let body = Some(("application/json", br#"{"a":"b"}"#.to_vec()));
        assert_eq!(
            call(shop, "POST", "wxa/echo/a", body).await.ok(200)["body"],
            r#"{"a":"b"}"#
        );
        assert_eq!(shop.calls("echo").await.len(), 3);
        for errcode in [-1, 40_097, 45_009] {
            shop.faults(json!([{"kind": "errcode", "api": "echo", "errcode": errcode, "times": 1}]))
                .await;
            assert_eq!(
                call(shop, "GET", "wxa/echo/a", None).await.ok(200)["errcode"],
                errcode
            );
        }
        assert_eq!(
            call(shop, "GET", "wxa/nothing", None).await.ok(200)["errcode"],
            40066
        );
        assert_eq!(call(shop, "GET", "wxa/echo/a?status=418", None).await.status, 418);
        let text = shop.admin("GET", "/metrics", None).await.text();
        for line in [
            r#"weir_free_calls_total{path="wxa/echo/a",outcome="ok"}"#,
            r#"weir_free_calls_total{path="wxa/echo/a",outcome="refused"}"#,
        ] {
            assert!(text.contains(line), "{text}");
        }
    })
    .await;
}

#[tokio::test]
async fn long_and_slow_answers_come_whole() {
    shop(async |shop| {
        shop.faults(json!([{"kind": "slow_body", "api": "echo", "ms": 500, "times": 1}]))
            .await;
        let picture = call(shop, "GET", "wxa/echo/a?bytes=9000000", None).await;
        assert_eq!((picture.status, picture.body.len()), (200, 9_000_000));
        assert_eq!(picture.header("content-type"), Some("image/jpeg"));
        // Longer than is looked at, and no refusal.
        let text = "\u{4f60}".repeat(50_000);
        let body = Some(("text/plain", text.clone().into_bytes()));
        assert_eq!(
            call(shop, "POST", "wxa/echo/a", body).await.ok(200)["body"],
            text.as_str()
        );
        let most = vec![b'x'; 3 * 1024 * 1024];
        let told = call(
            shop,
            "POST",
            "wxa/echo/a?bytes=1",
            Some(("text/plain", most.clone())),
        )
        .await;
        assert_eq!((told.status, told.body.len()), (200, 1));
        let more = [most, vec![b'x']].concat();
        call(shop, "POST", "wxa/echo/a", Some(("text/plain", more)))
            .await
            .refused(413, "payload_too_large");
    })
    .await;
}

#[tokio::test]
async fn an_answer_without_end_or_without_beginning_is_given_up() {
    let wechat = HandPlayed::start().await;
    let setup = Setup::default()
        .with("WECHAT_API_BASE_URL", wechat.url())
        .with("WECHAT_TOKEN_ISSUER", "token")
        .patience(Duration::from_secs(3));
    shop_with(setup, async |shop| {
        let first = async {
            wechat
                .call()
                .await
                .answer(200, r#"{"access_token":"61_hand","expires_in":7200}"#)
                .await;
            wechat.call().await.answer_of(64 * 1024 * 1024).await;
        };
        let (answer, ()) = futures_util::future::join(call(shop, "GET", "wxa/a", None), first).await;
        answer.refused(503, "wechat_unavailable");
        let second = async { wechat.call().await.hold().await };
        let (answer, ()) = futures_util::future::join(call(shop, "GET", "wxa/a", None), second).await;
        answer.refused(504, "wechat_timeout");
        let third = async { wechat.call().await.break_off().await };
        let (answer, ()) = futures_util::future::join(call(shop, "GET", "wxa/a", None), third).await;
        answer.refused(503, "wechat_unavailable");
    })
    .await;
}

#[tokio::test]
async fn a_failure_of_wechat_is_no_refusal_of_ours() {
    let wechat = HandPlayed::start().await;
    let setup = Setup::default()
        .with("WECHAT_API_BASE_URL", wechat.url())
        .with("WECHAT_TOKEN_ISSUER", "token");
    shop_with(setup, async |shop| {
        let token = async {
            let token = r#"{"access_token":"61_hand","expires_in":7200}"#;
            wechat.call().await.answer(200, token).await;
            wechat.call().await.answer_bare(404, "").await;
        };
        let (answer, ()) = futures_util::future::join(call(shop, "GET", "wxa/a", None), token).await;
        assert_eq!((answer.status, answer.text().as_str()), (404, ""));
        for status in [400, 404, 405, 408, 413] {
            for method in ["GET", "POST", "DELETE"] {
                let failing = async { wechat.call().await.answer_bare(status, "no such thing").await };
                let called = call(shop, method, "wxa/a", None);
                let (answer, ()) = futures_util::future::join(called, failing).await;
                assert_eq!(
                    (answer.status, answer.text().as_str()),
                    (status, "no such thing"),
                    "{method}"
                );
                assert_eq!(
                    (answer.header("content-type"), answer.header("allow")),
                    (Some("application/octet-stream"), None)
                );
            }
        }
        // What this server refuses keeps its own form.
        let answer = call(shop, "BREW", "wxa/a", None).await;
        answer.refused(405, "method_not_allowed");
        assert!(answer.header("allow").unwrap().contains("DELETE"));
    })
    .await;
}

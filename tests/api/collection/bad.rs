//! Input that no document may hold, and bodies that are none.

use serde_json::json;

use super::{add, count, one, open, raw};
use crate::harness::shop;

const DOCUMENTS: &str = "/v1/collections/notes/documents";

#[tokio::test]
async fn what_no_document_may_hold_is_named() {
    let levels = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    let nines = "9".repeat(65);
    shop(async |shop| {
        open(shop, "notes").await;
        let phone = shop.visitor().await;
        let id = add(&phone, "notes", json!({})).await;
        let path = format!("{DOCUMENTS}/{id}");
        for (data, pointer, code) in [
            (r#"{"a":"x\u0000y"}"#.to_owned(), "/data/a", "characters"),
            (r#"{"a\u0000":1}"#.to_owned(), "/data", "characters"),
            (r#"{"a":"\ud800"}"#.to_owned(), "/data/a", "characters"),
            (r#"{"a":["\udc00\ud800"]}"#.to_owned(), "/data/a/0", "characters"),
            (r#"{"\ud800":1}"#.to_owned(), "/data", "characters"),
            (r#"{"$set":1}"#.to_owned(), "/data/$set", "characters"),
            (r#"{"a":[{"$gt":1}]}"#.to_owned(), "/data/a/0/$gt", "characters"),
            (r#"{"a.b":1}"#.to_owned(), "/data/a.b", "characters"),
            (r#"{"":1}"#.to_owned(), "/data", "length"),
            (format!("{{\"{}\":1}}", "k".repeat(129)), "/data", "length"),
            (r#"{"a":1,"a":2}"#.to_owned(), "/data/a", "duplicate"),
            (r#"{"a":{"b":1,"\u0062":2}}"#.to_owned(), "/data/a/b", "duplicate"),
            (format!("{{\"n\":{nines}}}"), "/data/n", "range"),
            (r#"{"n":1e401}"#.to_owned(), "/data/n", "range"),
            (r#"{"n":1e-99999999999}"#.to_owned(), "/data/n", "range"),
            (levels(17), "", "range"),
            ("[]".to_owned(), "/data", "type"),
            ("\"x\"".to_owned(), "/data", "type"),
            (
                format!("{{\"t\":\"{}\"}}", "x".repeat(262_144)),
                "/data",
                "length",
            ),
            // Shorter as sent than as it is kept.
            (
                format!("{{\"t\":[{}1]}}", "1,".repeat(120_000)),
                "/data",
                "length",
            ),
        ] {
            let body = format!("{{\"data\":{data}}}");
            let sent = [
                raw(&phone, "POST", DOCUMENTS, body.clone()).await,
                raw(&phone, "PUT", &path, body).await,
            ];
            for answer in sent {
                let short: String = data.chars().take(60).collect();
                assert_eq!(answer.status, 422, "{short}: {}", answer.text());
                let problem = answer.refused(422, "validation_failed");
                let error = &problem["errors"][0];
                assert_eq!(error["code"], code, "{short}: {problem}");
                if !pointer.is_empty() && !data.contains("u0000") {
                    assert_eq!(error["pointer"], pointer, "{short}");
                }
            }
        }
        assert_eq!(count(&phone, "notes", json!({})).await, 1);
        assert_eq!(one(&phone, "GET", "notes", &id, None).await.ok(200)["version"], 1);
        for data in [
            levels(16),
            r#"{"n":-1.5E+400}"#.to_owned(),
            format!("{{\"t\":\"{}\"}}", "x".repeat(262_100)),
        ] {
            let made = raw(&phone, "POST", DOCUMENTS, format!("{{\"data\":{data}}}")).await;
            assert_eq!(made.status, 201, "{}", made.text());
        }
    })
    .await;
}

#[tokio::test]
async fn a_body_that_is_none_is_refused() {
    shop(async |shop| {
        open(shop, "notes").await;
        let phone = shop.visitor().await;
        let id = add(&phone, "notes", json!({"n": 1})).await;
        let path = format!("{DOCUMENTS}/{id}");
        for (method, path) in [
            ("POST", DOCUMENTS),
            ("POST", "/v1/collections/notes/query"),
            ("POST", "/v1/collections/notes/count"),
            ("PUT", path.as_str()),
            ("PATCH", path.as_str()),
            ("POST", path.as_str()),
        ] {
            for (body, status, code) in [
                (&b""[..], 400, "request_malformed"),
                (b"{", 400, "request_malformed"),
                (b"{\"a\":\xff}", 400, "request_malformed"),
                (b"[]", 422, "validation_failed"),
                (b"null", 422, "validation_failed"),
                (b"7", 422, "validation_failed"),
                (b"{\"unknown\":{}}", 422, "validation_failed"),
                (
                    b"{\"filter\":{\"a\":\"\\ud800\"},\"data\":{}}",
                    422,
                    "validation_failed",
                ),
            ] {
                raw(&phone, method, path, body).await.refused(status, code);
            }
            let large = vec![b' '; 1_048_577];
            raw(&phone, method, path, large)
                .await
                .refused(413, "payload_too_large");
            let request = shop.request(method, path, Some(&phone.token), None).body("{}");
            shop.send(request).await.refused(415, "unsupported_media_type");
        }
        for path in [
            "/v1/collections/none/documents/",
            "/v1/collections/notes/documents/",
        ] {
            for id in ["x", "0190a5a0-0000-7000-8000-000000000001", "%00"] {
                let answer = phone.call("GET", &format!("{path}{id}"), None).await;
                assert_eq!(answer.status, 404, "{path}{id}");
                assert_ne!(answer.code(), "route_not_found");
            }
        }
        assert_eq!(one(&phone, "GET", "notes", &id, None).await.ok(200)["version"], 1);
    })
    .await;
}

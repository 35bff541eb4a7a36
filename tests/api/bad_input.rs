//! Input that is wrong in every way we can think of: a problem with its code, never a 500, and
//! nothing changed.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::harness::{ADMIN_TOKEN, Answer, Phone, Shop, shop};

#[derive(Clone, Copy, PartialEq)]
enum Who {
    Anybody,
    User,
    Operator,
}

/// Every route that takes no part in WeChat's callbacks, with a body where it takes one. `{id}`
/// stands for something that is there.
const ROUTES: [(&str, &str, Who, Option<&str>); 20] = [
    ("POST", "/v1/login", Who::Anybody, Some(r#"{"code":"0unknown"}"#)),
    ("GET", "/v1/session", Who::User, None),
    ("DELETE", "/v1/session", Who::User, None),
    ("POST", "/v1/session/renew", Who::User, None),
    ("DELETE", "/v1/sessions", Who::User, None),
    ("GET", "/v1/me", Who::User, None),
    ("PATCH", "/v1/me", Who::User, Some(r#"{"nickname":"x"}"#)),
    ("GET", "/v1/products", Who::Anybody, None),
    ("GET", "/v1/products/{id}", Who::Anybody, None),
    ("GET", "/v1/orders", Who::User, None),
    (
        "POST",
        "/v1/orders",
        Who::User,
        Some(r#"{"items":[{"product_id":"tea","quantity":1}]}"#),
    ),
    ("GET", "/v1/orders/{id}", Who::User, None),
    ("POST", "/v1/orders/{id}/payment", Who::User, None),
    ("POST", "/v1/orders/{id}/sync", Who::User, None),
    ("POST", "/v1/orders/{id}/close", Who::User, None),
    ("GET", "/admin/health", Who::Operator, None),
    (
        "PUT",
        "/admin/products/{id}",
        Who::Operator,
        Some(r#"{"title":"Tea","price_fen":1}"#),
    ),
    ("DELETE", "/admin/products/{id}", Who::Operator, None),
    ("GET", "/healthz", Who::Anybody, None),
    ("GET", "/readyz", Who::Anybody, None),
];

/// A shop with something in it, and a user.
async fn furnished(shop: &Shop) -> Phone<'_> {
    shop.stock("tea", 6_800, Some(5)).await;
    let phone = shop.visitor().await;
    phone.buy("tea", 1).await;
    phone
}

/// A request of whoever may make it, with a body as raw bytes.
fn raw(
    phone: &Phone<'_>,
    (method, path, who): (&str, &str, Who),
    content_type: Option<&str>,
    body: impl Into<reqwest::Body>,
) -> reqwest::RequestBuilder {
    let token = match who {
        Who::Anybody => None,
        Who::User => Some(phone.token.as_str()),
        Who::Operator => Some(ADMIN_TOKEN),
    };
    let path = path.replace("{id}", "tea");
    let request = phone
        .shop
        .request(method, &path, token, None)
        .header("idempotency-key", "bad");
    let request = match content_type {
        Some(content_type) => request.header("content-type", content_type),
        None => request,
    };
    request.body(body)
}

/// The routes that take a body.
fn with_body() -> impl Iterator<Item = ((&'static str, &'static str, Who), &'static str)> {
    ROUTES
        .into_iter()
        .filter_map(|(method, path, who, body)| body.map(|body| ((method, path, who), body)))
}

fn assert_refused(answer: &Answer, status: u16, code: &str, what: &str) {
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (status, code),
        "{what}: {}",
        answer.text()
    );
}

#[tokio::test]
async fn a_path_that_is_no_route_is_not_found_with_any_method() {
    shop(async |shop| {
        let phone = furnished(shop).await;
        let before = shop.fingerprint().await;
        for path in [
            "/",
            "/v1",
            "/v1/",
            "/v1/login/",
            "/v1/me/",
            "/v1/users",
            "/v1/orders/",
            "/v2/me",
            "/V1/me",
            "/v1//me",
            "/v1/me%00",
            "/%ff",
            "/v1/orders/x/y/z",
            "/admin",
            "/admin/products",
            "/internal/access-token",
            "/wechat/pay",
            "/.env",
            "/phone",
            "/simulator/users",
            "/v1/products/tea/../../../admin/health/x",
            "/v1/me;a=b",
            "/%2e%2e/etc/passwd",
        ] {
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "BREW"] {
                for token in [None, Some(phone.token.as_str()), Some(ADMIN_TOKEN)] {
                    let answer = shop.send(shop.request(method, path, token, None)).await;
                    assert_refused(&answer, 404, "route_not_found", &format!("{method} {path}"));
                }
            }
        }
        assert_eq!(shop.fingerprint().await, before);
    })
    .await;
}

#[tokio::test]
async fn a_method_that_a_route_has_not_is_told_with_those_it_has() {
    shop(async |shop| {
        let phone = furnished(shop).await;
        let before = shop.fingerprint().await;
        let mut paths: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (method, path, _, _) in ROUTES {
            paths.entry(path).or_default().push(method);
        }
        for (path, methods) in paths {
            let real = path.replace("{id}", "tea");
            let wrong = ["GET", "POST", "PUT", "PATCH", "DELETE", "BREW"]
                .into_iter()
                .filter(|method| !methods.contains(method));
            for method in wrong {
                let answer = shop
                    .send(shop.request(method, &real, Some(&phone.token), None))
                    .await;
                assert_refused(&answer, 405, "method_not_allowed", &format!("{method} {path}"));
                let mut allowed: Vec<&str> = answer.header("allow").unwrap().split(", ").collect();
                allowed.retain(|method| !["HEAD", "OPTIONS"].contains(method));
                allowed.sort_unstable();
                let mut expected = methods.clone();
                expected.sort_unstable();
                assert_eq!(allowed, expected, "{method} {path}");
            }
        }
        assert_eq!(shop.fingerprint().await, before);
    })
    .await;
}

#[tokio::test]
async fn what_needs_a_token_is_refused_without_a_right_one() {
    shop(async |shop| {
        let phone = furnished(shop).await;
        let before = shop.fingerprint().await;
        for (method, path, who, body) in ROUTES {
            if who == Who::Anybody {
                continue;
            }
            let others = match who {
                Who::User => ADMIN_TOKEN,
                Who::Anybody | Who::Operator => &phone.token,
            };
            // With a body that is broken as well: who one is comes first.
            for broken in [body.unwrap_or_default(), "{"] {
                for token in [None, Some("x"), Some(others)] {
                    let path = path.replace("{id}", "0190a5a0-0000-7000-8000-000000000001");
                    let request = shop
                        .request(method, &path, token, None)
                        .header("content-type", "application/json")
                        .body(broken);
                    let answer = shop.send(request).await;
                    assert_refused(&answer, 401, "unauthenticated", &format!("{method} {path}"));
                    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
                }
            }
        }
        assert_eq!(shop.fingerprint().await, before);
    })
    .await;
}

#[tokio::test]
async fn a_body_is_json_and_says_so() {
    shop(async |shop| {
        let phone = furnished(shop).await;
        let before = shop.fingerprint().await;
        for (route, body) in with_body() {
            for content_type in [
                None,
                Some("text/plain"),
                Some("application/x-www-form-urlencoded"),
                Some("multipart/form-data; boundary=x"),
                Some("application/jsonp"),
                Some("application/json; charset=gbk"),
                Some("*/*"),
            ] {
                let answer = shop.send(raw(&phone, route, content_type, body)).await;
                let what = format!("{route:?}", route = (route.0, route.1, content_type));
                assert_refused(&answer, 415, "unsupported_media_type", &what);
            }
            for encoding in ["gzip", "br", "deflate", "identity, gzip"] {
                let request = raw(&phone, route, Some("application/json"), body);
                let answer = shop.send(request.header("content-encoding", encoding)).await;
                assert_refused(&answer, 415, "unsupported_media_type", encoding);
            }
        }
        assert_eq!(shop.fingerprint().await, before);
    })
    .await;
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_malformed_and_one_that_does_not_fit_is_invalid() {
    let deep = format!("{}{}", "[".repeat(2_000), "]".repeat(2_000));
    let deep_object = format!("{}1{}", "{\"a\":".repeat(500), "}".repeat(500));
    let bodies: [(&[u8], u16, &str); 24] = [
        (b"", 400, "request_malformed"),
        (b" ", 400, "request_malformed"),
        (b"{", 400, "request_malformed"),
        (b"}", 400, "request_malformed"),
        (b"{]", 400, "request_malformed"),
        (b"nul", 400, "request_malformed"),
        (b"NaN", 400, "request_malformed"),
        (b"{'code':'x'}", 400, "request_malformed"),
        (b"{\"code\":\"x\",}", 400, "request_malformed"),
        (b"{} {}", 400, "request_malformed"),
        (b"\xef\xbb\xbf{}", 400, "request_malformed"),
        (b"{\"code\":\"\xff\xfe\"}", 400, "request_malformed"),
        (b"{\"code\":\"\xed\xa0\x80\"}", 400, "request_malformed"),
        (b"{\"code\":\"a\x00b\"}", 400, "request_malformed"),
        (b"{\"code\":\"\\x\"}", 400, "request_malformed"),
        (b"\x00\x00\x00\x00", 400, "request_malformed"),
        (deep.as_bytes(), 422, "validation_failed"),
        (deep_object.as_bytes(), 422, "validation_failed"),
        (b"null", 422, "validation_failed"),
        (b"7", 422, "validation_failed"),
        (b"\"text\"", 422, "validation_failed"),
        (b"[]", 422, "validation_failed"),
        (b"[{\"code\":\"x\"}]", 422, "validation_failed"),
        (b"true", 422, "validation_failed"),
    ];
    shop(async |shop| {
        let phone = furnished(shop).await;
        let before = shop.fingerprint().await;
        for (route, _) in with_body() {
            for (body, status, code) in bodies {
                let answer = shop
                    .send(raw(&phone, route, Some("application/json"), body.to_vec()))
                    .await;
                let what = format!("{} {}: {}", route.0, route.1, String::from_utf8_lossy(body));
                assert_refused(&answer, status, code, &what);
            }
        }
        assert_eq!(shop.fingerprint().await, before);
        // The one of the phone that is there.
        assert_eq!(shop.calls("login").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_too_large_however_it_is_sent() {
    shop(async |shop| {
        let phone = furnished(shop).await;
        let before = shop.fingerprint().await;
        for (route, body) in with_body() {
            let limit = if route.1 == "/v1/login" { 4_096 } else { 16_384 };
            let padded = |length: usize| format!("{body}{}", " ".repeat(length - body.len()));
            let answer = shop
                .send(raw(&phone, route, Some("application/json"), padded(limit + 1)))
                .await;
            assert_refused(&answer, 413, "payload_too_large", route.1);
            let chunks = padded(limit + 1)
                .into_bytes()
                .chunks(1_000)
                .map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec()))
                .collect::<Vec<_>>();
            let stream = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
            let answer = shop
                .send(raw(&phone, route, Some("application/json"), stream))
                .await;
            assert_refused(&answer, 413, "payload_too_large", route.1);
        }
        assert_eq!(shop.fingerprint().await, before);
        // The limit itself is inside.
        let padded = format!("{}{}", r#"{"code":"0unknown"}"#, " ".repeat(4_096 - 19));
        let route = ("POST", "/v1/login", Who::Anybody);
        let answer = shop
            .send(raw(&phone, route, Some("application/json"), padded))
            .await;
        assert_refused(&answer, 400, "login_code_invalid", "the limit");
    })
    .await;
}

/// Which of the routes that take a body, the body, the field that is to blame, and why.
const WRONG_FIELDS: [(usize, &str, &str, &str); 27] = [
    (0, "{}", "/code", "required"),
    (0, r#"{"Code":"x"}"#, "/code", "required"),
    (0, r#"{"code":"x","code":"x"}"#, "/code", "duplicate"),
    (0, r#"{"code":7}"#, "/code", "type"),
    (0, r#"{"code":"\u0000"}"#, "/code", "characters"),
    (0, r#"{"code":"\ud83d"}"#, "/code", "characters"),
    (0, r#"{"code":"x","app_id":["wx"]}"#, "/app_id", "type"),
    (1, r#"{"nickname":7}"#, "/nickname", "type"),
    (1, r#"{"nickname":"\u0000"}"#, "/nickname", "characters"),
    (1, r#"{"nickname":"\udc00"}"#, "/nickname", "characters"),
    (1, r#"{"avatar_url":{}}"#, "/avatar_url", "type"),
    (1, r#"{"phone_number":"1"}"#, "/phone_number", "unknown"),
    (1, r#"{"id":"1"}"#, "/id", "unknown"),
    (2, "{}", "/items", "required"),
    (2, r#"{"items":{}}"#, "/items", "type"),
    (2, r#"{"items":[]}"#, "/items", "range"),
    (2, r#"{"items":[7]}"#, "/items/0", "type"),
    (
        2,
        r#"{"items":[{"product_id":"tea"}]}"#,
        "/items/0/quantity",
        "required",
    ),
    (
        2,
        r#"{"items":[{"quantity":1}]}"#,
        "/items/0/product_id",
        "required",
    ),
    (
        2,
        r#"{"items":[{"product_id":7,"quantity":1}]}"#,
        "/items/0/product_id",
        "type",
    ),
    (
        2,
        r#"{"items":[{"product_id":"tea","quantity":1}],"note":7}"#,
        "/note",
        "type",
    ),
    (
        2,
        r#"{"items":[{"product_id":"tea","quantity":1}],"note":"\u0000"}"#,
        "/note",
        "characters",
    ),
    (
        2,
        r#"{"items":[{"product_id":"tea","quantity":1}],"note":"\ud800\ud800"}"#,
        "/note",
        "characters",
    ),
    (
        2,
        r#"{"items":[{"product_id":"tea","quantity":1}],"coupon":1}"#,
        "/coupon",
        "unknown",
    ),
    (3, r#"{"price_fen":1}"#, "/title", "required"),
    (3, r#"{"title":"Tea"}"#, "/price_fen", "required"),
    (3, r#"{"title":"Tea","price_fen":1,"cost":1}"#, "/cost", "unknown"),
];

#[tokio::test]
async fn each_field_that_is_wrong_is_named() {
    shop(async |shop| {
        let phone = furnished(shop).await;
        let before = shop.fingerprint().await;
        let routes: Vec<_> = with_body().map(|(route, _)| route).collect();
        for (route, body, pointer, word) in WRONG_FIELDS {
            let answer = shop
                .send(raw(&phone, routes[route], Some("application/json"), body))
                .await;
            assert_refused(&answer, 422, "validation_failed", body);
            let error = &answer.json()["errors"][0];
            assert_eq!(
                (&error["pointer"], &error["code"]),
                (&json!(pointer), &json!(word)),
                "{body}: {error}"
            );
        }
        assert_eq!(shop.fingerprint().await, before);
    })
    .await;
}

#[tokio::test]
async fn an_order_has_1_to_50_products_once_each_and_1_to_9999_of_each() {
    shop(async |shop| {
        let phone = furnished(shop).await;
        let before = shop.fingerprint().await;
        let of = |quantity: &str| format!(r#"{{"items":[{{"product_id":"tea","quantity":{quantity}}}]}}"#);
        let many = |count: usize| {
            let lines: Vec<Value> = (0..count)
                .map(|at| json!({"product_id": format!("p{at}"), "quantity": 1}))
                .collect();
            json!({ "items": lines }).to_string()
        };
        let named = |id: &str| json!({"items": [{"product_id": id, "quantity": 1}]}).to_string();
        let quantity = "/items/0/quantity";
        let product = "/items/0/product_id";
        let twice = r#"{"items":[{"product_id":"tea","quantity":1},{"product_id":"tea","quantity":1}]}"#;
        let noted = |note: &str| json!({"items": [{"product_id": "tea", "quantity": 1}], "note": note});
        for (body, pointer) in [
            (of("0"), quantity),
            (of("-1"), quantity),
            (of("-0"), quantity),
            (of("10000"), quantity),
            (of("2147483647"), quantity),
            (of("2147483648"), quantity),
            (of("4294967297"), quantity),
            (of("9223372036854775807"), quantity),
            (of("9223372036854775808"), quantity),
            (of("18446744073709551617"), quantity),
            (of("1e30"), quantity),
            (of("1e2"), quantity),
            (of("1.0"), quantity),
            (of("1.5"), quantity),
            (of("\"1\""), quantity),
            (of("null"), quantity),
            (of("true"), quantity),
            (of("[1]"), quantity),
            (many(51), "/items"),
            (many(200), "/items"),
            (twice.to_owned(), "/items/1/product_id"),
            (named("unknown"), product),
            (named("TEA"), product),
            (named(""), product),
            (named("tea "), product),
            (named("' or 1=1"), product),
            (named("🍵"), product),
            (named(&"p".repeat(65)), product),
            (noted(&"字".repeat(501)).to_string(), "/note"),
        ] {
            let route = ("POST", "/v1/orders", Who::User);
            let answer = shop
                .send(raw(&phone, route, Some("application/json"), body.clone()))
                .await;
            assert_refused(&answer, 422, "validation_failed", &body);
            assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{body}");
        }
        // More than there are is another thing than more than there may be.
        let answer = phone
            .order("bad", &json!({"items": [{"product_id": "tea", "quantity": 5}]}))
            .await;
        answer.refused(409, "stock_insufficient");
        assert_eq!(shop.fingerprint().await, before);
    })
    .await;
}

#[tokio::test]
async fn an_id_that_cannot_be_an_orders_is_not_found() {
    shop(async |shop| {
        let phone = furnished(shop).await;
        let before = shop.fingerprint().await;
        let long = "1".repeat(5_000);
        for id in [
            "1",
            "x",
            "null",
            "undefined",
            "-1",
            "%00",
            "%ff",
            "🍵",
            "tea",
            "a%2Fb",
            "'%20or%201=1",
            "0190a5a0000070008000000000000001",
            "{0190a5a0-0000-7000-8000-000000000001}",
            "0190a5a0-0000-7000-8000-00000000000g",
            "0190a5a0-0000-7000-8000-0000000000011",
            "urn:uuid:0190a5a0-0000-7000-8000-000000000001",
            "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
            &long,
        ] {
            for (method, tail) in [
                ("GET", ""),
                ("POST", "/payment"),
                ("POST", "/sync"),
                ("POST", "/close"),
            ] {
                let path = format!("/v1/orders/{id}{tail}");
                phone
                    .call(method, &path, None)
                    .await
                    .refused(404, "order_not_found");
            }
        }
        assert_eq!(shop.fingerprint().await, before);
    })
    .await;
}

#[tokio::test]
async fn a_page_of_orders_is_asked_for_rightly() {
    shop(async |shop| {
        let phone = furnished(shop).await;
        let cursor = |text: &str| format!("cursor={}", URL_SAFE_NO_PAD.encode(text));
        for (query, name) in [
            ("limit=0".to_owned(), "limit"),
            ("limit=101".to_owned(), "limit"),
            ("limit=-5".to_owned(), "limit"),
            ("limit=4294967296".to_owned(), "limit"),
            ("limit=ten".to_owned(), "limit"),
            ("limit=".to_owned(), "limit"),
            ("cursor=".to_owned(), "cursor"),
            ("cursor=%00".to_owned(), "cursor"),
            (format!("cursor={}", "A".repeat(5_000)), "cursor"),
            ("cursor=...".to_owned(), "cursor"),
            (cursor("1"), "cursor"),
            (cursor("\"x\""), "cursor"),
            (cursor("[\"2026-01-01T00:00:00Z\",\"tea\"]"), "cursor"),
            ("offset=1".to_owned(), "offset"),
            ("user_id=1".to_owned(), "user_id"),
        ] {
            let problem = phone
                .call("GET", &format!("/v1/orders?{query}"), None)
                .await
                .refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["pointer"], name, "{query}: {problem}");
        }
        for limit in ["1", "100"] {
            phone
                .call("GET", &format!("/v1/orders?limit={limit}"), None)
                .await
                .ok(200);
        }
    })
    .await;
}

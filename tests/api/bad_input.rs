//! Input that is wrong in every way we can think of: a problem with its code, never a 500, and
//! nothing changed.

use crate::harness::{ADMIN_TOKEN, Answer, Phone, Shop, shop};

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Who {
    Anybody,
    User,
    Operator,
}

/// Routes of every kind that take a body, with one that fits; `{id}` stands for something that is there. What holds for
/// each route is in `every_route`.
const ROUTES: [(&str, &str, Who, &str); 10] = [
    ("POST", "/v1/login", Who::Anybody, r#"{"code":"0unknown"}"#),
    ("PATCH", "/v1/me", Who::User, r#"{"nickname":"x"}"#),
    (
        "POST",
        "/v1/orders",
        Who::User,
        r#"{"items":[{"product_id":"tea","quantity":1}]}"#,
    ),
    (
        "PUT",
        "/admin/products/{id}",
        Who::Operator,
        r#"{"title":"Tea","price_fen":1}"#,
    ),
    (
        "POST",
        "/v1/open-data",
        Who::User,
        r#"{"encryptedData":"AAAAAAAAAAAAAAAAAAAAAA==","iv":"AAAAAAAAAAAAAAAAAAAAAA=="}"#,
    ),
    (
        "POST",
        "/v1/open-data/verify",
        Who::User,
        r#"{"rawData":"{}","signature":"x"}"#,
    ),
    ("PUT", "/v1/me", Who::User, r#"{"nickname":"x"}"#),
    ("POST", "/v1/phone-number", Who::User, r#"{"code":"not/one"}"#),
    (
        "POST",
        "/v1/open-data/cloud-ids",
        Who::User,
        r#"{"cloudIDs":["unknown"]}"#,
    ),
    (
        "POST",
        "/admin/users/search",
        Who::Operator,
        r#"{"phone_number":"13800000000"}"#,
    ),
];

/// A shop with something in it, and a user.
pub(crate) async fn furnished(shop: &Shop) -> Phone<'_> {
    shop.stock("tea", 6_800, Some(5)).await;
    let phone = shop.visitor().await;
    phone.buy("tea", 1).await;
    phone
}

/// A request of whoever may make it, with a body as raw bytes.
pub(crate) fn raw(
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

/// Them and their bodies.
pub(crate) fn with_body() -> impl Iterator<Item = ((&'static str, &'static str, Who), &'static str)> {
    ROUTES
        .into_iter()
        .map(|(method, path, who, body)| ((method, path, who), body))
}

pub(crate) fn assert_refused(answer: &Answer, status: u16, code: &str, what: &str) {
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
            "/admin/nothing",
            "/admin/console",
            "/admin/product",
            "/internal/nothing",
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
                    if path.starts_with("/wechat/") {
                        assert_eq!(
                            (answer.status, answer.code().as_str()),
                            (404, "FAIL"),
                            "{method} {path}"
                        );
                    } else {
                        assert_refused(&answer, 404, "route_not_found", &format!("{method} {path}"));
                    }
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
            let limit = match route.1 {
                "/v1/login" => 4_096,
                "/v1/open-data" | "/v1/open-data/verify" | "/v1/phone-number" => 65_536,
                _ => 16_384,
            };
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

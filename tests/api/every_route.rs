//! What holds for every route that the document names, so that a new one is looked at by itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::bad_input::{assert_refused, furnished};
use crate::harness::{ADMIN_TOKEN, Answer, INTERNAL_TOKEN, Phone, Shop, shop};
use crate::openapi::{document, operations, scheme};

/// Larger than any of them takes.
const TOO_LARGE: usize = 2 * 1_024 * 1_024;

struct Route {
    method: String,
    /// As the document has it.
    path: String,
    /// Something that fits in place of each of its parameters.
    real: String,
    /// Who may ask: `session`, `admin`, `internal`, `nobody`.
    scheme: String,
    takes_json: bool,
    needs_body: bool,
}

impl Route {
    fn named(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// A request of whoever may make it.
    fn request(&self, phone: &Phone<'_>) -> reqwest::RequestBuilder {
        let token = match self.scheme.as_str() {
            "session" => Some(phone.token.as_str()),
            "admin" => Some(ADMIN_TOKEN),
            "internal" => Some(INTERNAL_TOKEN),
            _ => None,
        };
        self.request_by(phone.shop, token)
    }

    fn request_by(&self, shop: &Shop, token: Option<&str>) -> reqwest::RequestBuilder {
        let key = ("idempotency-key", "bad");
        shop.request(&self.method, &self.real, token, None)
            .header(key.0, key.1)
    }
}

/// Something that fits a parameter of the path.
fn fitting(path: &str) -> String {
    let mut real = String::new();
    for (at, part) in path.split(['{', '}']).enumerate() {
        real.push_str(match part {
            // Every second part is a name.
            _ if at % 2 == 0 => part,
            "id" if path.ends_with("/products/{id}") => "tea",
            "collection" | "function" | "name" => "notes",
            "path" => "wxa/anything",
            "app_id" => "wx0123456789abcdef",
            _ => "0190a5a0-0000-7000-8000-000000000001",
        });
    }
    real
}

async fn routes(shop: &Shop) -> Vec<Route> {
    let document = document(shop).await;
    let route = |(method, path, operation): (String, String, Value)| {
        let body = &operation["requestBody"];
        Route {
            real: fitting(&path),
            scheme: scheme(&operation),
            // What WeChat tells is taken as it comes, to be verified.
            takes_json: body["content"]["application/json"].is_object() && !path.starts_with("/wechat/"),
            needs_body: body["required"] == true,
            method,
            path,
        }
    };
    let routes: Vec<Route> = operations(&document).into_iter().map(route).collect();
    assert!(routes.len() > 80, "{}", routes.len());
    routes
}

/// Runs `look` over the routes of a furnished shop, and sees that nothing came of it.
async fn over(wanted: impl Fn(&Route) -> bool, look: impl AsyncFn(&Phone<'_>, &Route)) {
    shop(async |shop| {
        let phone = furnished(shop).await;
        let before = shop.fingerprint().await;
        let mut count = 0_usize;
        for route in routes(shop).await.into_iter().filter(&wanted) {
            look(&phone, &route).await;
            count += 1;
        }
        assert!(count > 20, "{count}");
        assert_eq!(shop.fingerprint().await, before);
    })
    .await;
}

#[tokio::test]
async fn a_method_that_a_path_has_not_is_told_with_those_it_has() {
    shop(async |shop| {
        let phone = furnished(shop).await;
        let before = shop.fingerprint().await;
        let mut paths: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
        for route in routes(shop).await {
            let entry = paths.entry(route.path).or_insert((route.real, BTreeSet::new()));
            entry.1.insert(route.method);
        }
        for (path, (real, methods)) in paths {
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "BREW"] {
                if methods.contains(method) {
                    continue;
                }
                for token in [phone.token.as_str(), ADMIN_TOKEN, INTERNAL_TOKEN] {
                    let answer = shop.send(shop.request(method, &real, Some(token), None)).await;
                    let what = format!("{method} {path}");
                    // WeChat is told in its own shape.
                    let code = if path.starts_with("/wechat/") {
                        "FAIL"
                    } else {
                        "method_not_allowed"
                    };
                    assert_refused(&answer, 405, code, &what);
                    let mut allowed: BTreeSet<String> = answer
                        .header("allow")
                        .unwrap()
                        .split(", ")
                        .map(str::to_owned)
                        .collect();
                    allowed.retain(|method| !["HEAD", "OPTIONS"].contains(&method.as_str()));
                    assert_eq!(allowed, methods, "{what}");
                }
            }
        }
        assert_eq!(shop.fingerprint().await, before);
    })
    .await;
}

#[tokio::test]
async fn what_needs_a_token_is_refused_without_a_right_one() {
    over(
        |route| route.scheme != "nobody",
        async |phone, route| {
            let tokens = [
                None,
                Some("x"),
                Some(phone.token.as_str()).filter(|_| route.scheme != "session"),
                Some(ADMIN_TOKEN).filter(|_| route.scheme != "admin"),
                Some(INTERNAL_TOKEN).filter(|_| route.scheme != "internal"),
            ];
            for token in tokens {
                // With a body that is broken as well: who one is comes first.
                let request = route.request_by(phone.shop, token);
                let request = request.header("content-type", "application/json").body("{");
                let answer = phone.shop.send(request).await;
                assert_refused(&answer, 401, "unauthenticated", &route.named());
                assert_eq!(
                    answer.header("www-authenticate"),
                    Some("Bearer"),
                    "{}",
                    route.named()
                );
            }
        },
    )
    .await;
}

#[tokio::test]
async fn a_body_is_json_and_says_so() {
    over(
        |route| route.takes_json,
        async |phone, route| {
            for content_type in [
                "text/plain",
                "application/x-www-form-urlencoded",
                "application/jsonp",
            ] {
                let request = route.request(phone).header("content-type", content_type);
                let answer = phone.shop.send(request.body("{}")).await;
                let what = format!("{}: {content_type}", route.named());
                assert_refused(&answer, 415, "unsupported_media_type", &what);
            }
            let packed = route
                .request(phone)
                .header("content-type", "application/json")
                .header("content-encoding", "gzip");
            let answer = phone.shop.send(packed.body("{}")).await;
            assert_refused(&answer, 415, "unsupported_media_type", &route.named());
            if route.needs_body {
                let answer = phone.shop.send(route.request(phone).body("{}")).await;
                assert_refused(&answer, 415, "unsupported_media_type", &route.named());
            }
        },
    )
    .await;
}

#[tokio::test]
async fn a_body_that_cannot_be_read_does_not_fit_or_is_too_large_is_told_so() {
    let deep = format!("{}{}", "[".repeat(400), "]".repeat(400));
    let large = format!("{{{}", " ".repeat(TOO_LARGE));
    let bodies: [(&[u8], u16, &str); 9] = [
        (b"{", 400, "request_malformed"),
        (b"{\"a\":1,}", 400, "request_malformed"),
        (b"{} {}", 400, "request_malformed"),
        (b"{\"a\":\"\xff\"}", 400, "request_malformed"),
        (b"\xef\xbb\xbf{}", 400, "request_malformed"),
        (deep.as_bytes(), 422, "validation_failed"),
        (b"null", 422, "validation_failed"),
        (b"[]", 422, "validation_failed"),
        (large.as_bytes(), 413, "payload_too_large"),
    ];
    over(
        |route| route.takes_json,
        async |phone, route| {
            for (body, status, code) in bodies {
                let request = route.request(phone).header("content-type", "application/json");
                let answer: Answer = phone.shop.send(request.body(body.to_vec())).await;
                let shown = String::from_utf8_lossy(&body[..body.len().min(20)]);
                assert_refused(&answer, status, code, &format!("{}: {shown}", route.named()));
            }
        },
    )
    .await;
}

//! Fields that do not fit: each is named, nothing changes, and never a 500.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::bad_input::{Who, assert_refused, furnished, raw, with_body};
use crate::harness::shop;

/// Which of the routes that take a body, the body, the field that is to blame, and why.
const WRONG_FIELDS: [(usize, &str, &str, &str); 34] = [
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
    (4, r#"{"iv":""}"#, "/encryptedData", "required"),
    (4, r#"{"encryptedData":""}"#, "/iv", "required"),
    (4, r#"{"encryptedData":[],"iv":""}"#, "/encryptedData", "type"),
    (
        4,
        r#"{"encryptedData":"","iv":"","rawData":{}}"#,
        "/rawData",
        "type",
    ),
    (
        4,
        r#"{"encryptedData":"\u0000","iv":""}"#,
        "/encryptedData",
        "characters",
    ),
    (5, r#"{"rawData":"{}"}"#, "/signature", "required"),
    (5, r#"{"rawData":{},"signature":""}"#, "/rawData", "type"),
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

/// Queries of the operator that make no sense: where, what is sent, and which parameter is to blame.
fn wrong_searches() -> Vec<(&'static str, String, &'static str)> {
    let mut wrong = Vec::new();
    for (path, names) in [
        ("/admin/orders", ["created_from", "created_to"]),
        ("/admin/notifications", ["received_from", "received_before"]),
    ] {
        for name in names {
            for time in [
                "-9999-01-01T00:00:00Z",
                "-262143-01-01T00:00:00Z",
                "0000-01-01T00:00:00Z",
                "1969-12-31T23:59:59Z",
                "9999-12-31T23:59:59-00:01",
                "%2B10000-01-01T00:00:00Z",
                "%2B262142-12-31T23:59:59Z",
                "today",
                "1767225600",
                "2026-01-01",
                "",
            ] {
                wrong.push((path, format!("{name}={time}"), name));
            }
        }
    }
    for place in [
        r#"["\u0000",""]"#,
        r#"["amount",""]"#,
        r#"["amount","\u0000"]"#,
        r#"["amount","a b"]"#,
        r#"["amount","茶"]"#,
        r#"["amount",7]"#,
        r#"["other","42"]"#,
        r#"["amount","42","x"]"#,
        r#"["amount"]"#,
        &format!(r#"["amount","{}"]"#, "4".repeat(65)),
    ] {
        let query = format!("cursor={}", URL_SAFE_NO_PAD.encode(place));
        wrong.push(("/admin/reconciliations/{run}", query, "cursor"));
    }
    wrong
}

#[tokio::test]
async fn the_operator_asks_rightly_or_is_told_what_is_wrong() {
    shop(async |shop| {
        furnished(shop).await;
        let day = crate::reconciliation::today(shop) - chrono::Days::new(1);
        let run = crate::reconciliation::begin(shop, day).await["id"].clone();
        let real = |path: &str| path.replace("{run}", run.as_str().unwrap());
        for (path, query, name) in wrong_searches() {
            let answer = shop.admin("GET", &format!("{}?{query}", real(path)), None).await;
            assert_refused(&answer, 422, "validation_failed", &query);
            assert_eq!(answer.json()["errors"][0]["pointer"], name, "{query}");
        }
        for (path, query) in [
            (
                "/admin/orders",
                "created_from=1970-01-01T00:00:00Z&created_to=9999-12-31T23:59:59Z".to_owned(),
            ),
            (
                "/admin/notifications",
                "received_from=1970-01-01T00:00:00Z&received_before=9999-12-31T23:59:59Z".to_owned(),
            ),
            (
                "/admin/reconciliations/{run}",
                format!(
                    "cursor={}",
                    URL_SAFE_NO_PAD.encode(format!(r#"["amount","{}"]"#, "4".repeat(64)))
                ),
            ),
        ] {
            let answer = shop.admin("GET", &format!("{}?{query}", real(path)), None).await;
            let found = answer.ok(200);
            let expected = usize::from(path == "/admin/orders");
            let items = found.get("items").unwrap_or(&found["differences"]);
            assert_eq!(items.as_array().unwrap().len(), expected, "{query}");
        }
    })
    .await;
}

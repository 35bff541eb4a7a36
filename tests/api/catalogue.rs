//! The catalogue: kept by the operator, shown to everybody.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::harness::{Answer, Shop, shop};

async fn put(shop: &Shop, id: &str, body: Value) -> Answer {
    shop.admin("PUT", &format!("/admin/products/{id}"), Some(&body))
        .await
}

async fn read(shop: &Shop, id: &str) -> Answer {
    shop.call("GET", &format!("/v1/products/{id}"), None).await
}

async fn list(shop: &Shop, query: &str) -> Value {
    shop.call("GET", &format!("/v1/products{query}"), None)
        .await
        .ok(200)
}

fn ids(page: &Value) -> Vec<&str> {
    page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_product_is_put_shown_replaced_and_removed() {
    shop(async |shop| {
        let image = "https://cdn.example/tea.png";
        let whole =
            json!({"title": "Tea", "price_fen": 6_800, "stock": 5, "image_url": image, "is_listed": true});
        let mut kept = whole.clone();
        kept["id"] = json!("tea-1_A.b");
        assert_eq!(put(shop, "tea-1_A.b", whole).await.ok(200), kept);
        let shown =
            json!({"id": "tea-1_A.b", "title": "Tea", "price_fen": 6_800, "stock": 5, "image_url": image});
        assert_eq!(read(shop, "tea-1_A.b").await.ok(200), shown);
        assert_eq!(
            list(shop, "").await,
            json!({"items": [shown], "next_cursor": null})
        );

        // What is left out of a replacement is gone.
        put(shop, "tea-1_A.b", json!({"title": "Cake", "price_fen": 1}))
            .await
            .ok(200);
        let shown =
            json!({"id": "tea-1_A.b", "title": "Cake", "price_fen": 1, "stock": null, "image_url": null});
        assert_eq!(read(shop, "tea-1_A.b").await.ok(200), shown);

        let path = "/admin/products/tea-1_A.b";
        shop.admin("DELETE", path, None).await.ok(204);
        read(shop, "tea-1_A.b").await.refused(404, "not_found");
        shop.admin("DELETE", path, None).await.refused(404, "not_found");
        assert_eq!(list(shop, "").await["items"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn what_is_not_listed_is_neither_shown_nor_sold() {
    shop(async |shop| {
        put(
            shop,
            "tea",
            json!({"title": "Tea", "price_fen": 1, "is_listed": false}),
        )
        .await
        .ok(200);
        read(shop, "tea").await.refused(404, "not_found");
        assert_eq!(list(shop, "").await["items"], json!([]));
        let phone = shop.visitor().await;
        let order = json!({"items": [{"product_id": "tea", "quantity": 1}]});
        let problem = phone.order("k", &order).await.refused(422, "validation_failed");
        assert_eq!(
            problem["errors"][0],
            json!({"pointer": "/items/0/product_id", "code": "unknown", "detail": "there is no such product"})
        );
        put(shop, "tea", json!({"title": "Tea", "price_fen": 1}))
            .await
            .ok(200);
        phone.order("k", &order).await.ok(201);
    })
    .await;
}

#[tokio::test]
async fn the_operator_sees_what_is_not_shown_as_well() {
    shop(async |shop| {
        for (id, is_listed) in [("b", false), ("a", true), ("c", false)] {
            let product = json!({"title": id, "price_fen": 1, "stock": 2, "is_listed": is_listed});
            put(shop, id, product).await.ok(200);
        }
        let whole = |id: &str, is_listed: bool| json!({"id": id, "title": id, "price_fen": 1, "stock": 2, "image_url": null, "is_listed": is_listed});
        let ask = async |path: &str| shop.admin("GET", path, None).await;
        let first = ask("/admin/products?limit=2").await.ok(200);
        assert_eq!(first["items"], json!([whole("a", true), whole("b", false)]));
        let next = format!("/admin/products?limit=2&cursor={}", first["next_cursor"].as_str().unwrap());
        assert_eq!(
            ask(&next).await.ok(200),
            json!({"items": [whole("c", false)], "next_cursor": null})
        );
        assert_eq!(ask("/admin/products/c").await.ok(200), whole("c", false));
        ask("/admin/products/d").await.refused(404, "not_found");
        ask("/admin/products?limit=0").await.refused(422, "validation_failed");
        ask("/admin/products?cursor=x").await.refused(422, "validation_failed");
    })
    .await;
}

#[tokio::test]
async fn pages_follow_one_another_without_gap_or_repetition() {
    shop(async |shop| {
        for at in 0..25 {
            shop.stock(&format!("p{at:02}"), 1, None).await;
            // Some share a time, so that the id has to tell them apart.
            if at % 3 == 0 {
                shop.advance(1).await;
            }
        }
        let first = list(shop, "").await;
        assert_eq!(ids(&first).len(), 20);
        let mut seen = Vec::new();
        let mut cursor = Value::Null;
        for expected in [7, 7, 7, 4] {
            let query = match cursor.as_str() {
                Some(cursor) => format!("?limit=7&cursor={cursor}"),
                None => "?limit=7".to_owned(),
            };
            let page = list(shop, &query).await;
            assert_eq!(ids(&page).len(), expected);
            seen.extend(ids(&page).into_iter().map(str::to_owned));
            cursor = page["next_cursor"].clone();
            // What is replaced meanwhile keeps its place.
            shop.stock("p00", 2, None).await;
        }
        assert_eq!(cursor, Value::Null);
        let all: Vec<String> = (0..25).map(|at| format!("p{at:02}")).collect();
        assert_eq!(seen, all);
        // A page that ends with the list has no next one.
        assert_eq!(list(shop, "?limit=25").await["next_cursor"], Value::Null);
        assert_eq!(ids(&list(shop, "?limit=1").await), ["p00"]);
        assert_eq!(ids(&list(shop, "?limit=100").await).len(), 25);
    })
    .await;
}

#[tokio::test]
async fn a_limit_is_1_to_100_and_a_cursor_is_one_of_ours() {
    shop(async |shop| {
        let encoded = |text: &str| format!("cursor={}", URL_SAFE_NO_PAD.encode(text));
        let queries = [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=-1", "limit"),
            ("limit=1.5", "limit"),
            ("limit=1e1", "limit"),
            ("limit=", "limit"),
            ("limit=ten", "limit"),
            ("limit=99999999999999999999", "limit"),
            ("limit=1&limit=2", "limit"),
            ("cursor=", "cursor"),
            ("cursor=***", "cursor"),
            ("cursor=%00", "cursor"),
            ("page=2", "page"),
        ]
        .map(|(query, name)| (query.to_owned(), name));
        let cursors = [
            "",
            "null",
            "{}",
            "[]",
            "\"0190a5a0-0000-7000-8000-000000000001\"",
            "[\"2026-01-01T00:00:00Z\"]",
            "[\"2026-01-01T00:00:00Z\",\"p\",1]",
            "[\"2026-01-01T00:00:00Z\",\"\\u0000\"]",
            "[\"2026-01-01T00:00:00Z\",\"\"]",
            "[\"2026-01-01T00:00:00Z\",\"a b\"]",
            "[\"-262000-01-01T00:00:00Z\",\"p\"]",
            "[\"+262000-01-01T00:00:00Z\",\"p\"]",
            "[\"yesterday\",\"p\"]",
            &format!("[\"2026-01-01T00:00:00Z\",\"{}\"]", "p".repeat(600)),
        ]
        .map(|text| (encoded(text), "cursor"));
        for (query, name) in queries.into_iter().chain(cursors) {
            let answer = shop.call("GET", &format!("/v1/products?{query}"), None).await;
            let problem = answer.refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["pointer"], name, "{query}: {problem}");
        }
        assert_eq!(list(shop, "?").await["items"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn a_title_is_kept_as_it_was_written_and_reaches_the_order() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        for title in [
            "<script>alert('茶')</script>",
            "'; delete from products; --",
            "🍵 tea 𠮷 \u{202e}",
            "%s {{7*7}} ${HOME} \\u0000 \\",
            "null",
            "line\nbreak\ttab",
            &"🍵".repeat(120),
        ] {
            put(shop, "tea", json!({"title": title, "price_fen": 1}))
                .await
                .ok(200);
            assert_eq!(read(shop, "tea").await.ok(200)["title"], title);
            assert_eq!(list(shop, "").await["items"][0]["title"], title);
            let order = phone.buy("tea", 1).await;
            assert_eq!(phone.read_order(&order).await["items"][0]["title"], title);
        }
    })
    .await;
}

#[tokio::test]
async fn each_field_of_a_product_has_its_bounds() {
    shop(async |shop| {
        let good = json!({"title": "Tea", "price_fen": 1, "stock": 1, "image_url": "http://x/y"});
        let with = |name: &str, value: Value| {
            let mut body = good.clone();
            body[name] = value;
            body
        };
        for (name, value) in [
            ("price_fen", json!(10_000_000_000_i64)),
            ("stock", json!(0)),
            ("stock", json!(1_000_000_000)),
            ("stock", Value::Null),
            ("image_url", Value::Null),
        ] {
            let kept = put(shop, "tea", with(name, value.clone())).await.ok(200);
            assert_eq!(kept[name], value);
        }
        for (name, value) in [
            ("title", json!("")),
            ("title", json!("   ")),
            ("title", json!("字".repeat(121))),
            ("title", json!(null)),
            ("title", json!(["Tea"])),
            ("title", json!("a\u{0}b")),
            ("price_fen", json!(0)),
            ("price_fen", json!(-1)),
            ("price_fen", json!(10_000_000_001_i64)),
            ("price_fen", json!(i64::MAX)),
            ("price_fen", json!(u64::MAX)),
            ("price_fen", json!(1e30)),
            ("price_fen", json!(1.0)),
            ("price_fen", json!("1")),
            ("price_fen", json!(true)),
            ("stock", json!(-1)),
            ("stock", json!(1_000_000_001)),
            ("stock", json!(4_294_967_297_i64)),
            ("stock", json!(1.5)),
            ("image_url", json!("")),
            ("image_url", json!("tea.png")),
            ("image_url", json!("javascript:alert(1)")),
            ("image_url", json!("file:///etc/passwd")),
            ("image_url", json!("https://x/\"><script>")),
            ("image_url", json!("https://x/ y")),
            ("image_url", json!(format!("https://x/{}", "y".repeat(2_048)))),
            ("is_listed", json!("yes")),
            ("is_listed", json!(1)),
            ("id", json!("tea")),
        ] {
            let problem = put(shop, "tea", with(name, value))
                .await
                .refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["pointer"], format!("/{name}"), "{problem}");
        }
        assert_eq!(read(shop, "tea").await.ok(200)["image_url"], Value::Null);
    })
    .await;
}

#[tokio::test]
async fn an_id_that_cannot_be_one_names_nothing() {
    shop(async |shop| {
        let long = "p".repeat(65);
        for id in [
            "a%20b",
            "a%2Fb",
            "%00",
            "%ff",
            "%F0%9F%8D%B5",
            "a'b",
            "a;b",
            "a%",
            "*",
            &long,
        ] {
            read(shop, id).await.refused(404, "not_found");
            let path = format!("/admin/products/{id}");
            shop.admin("DELETE", &path, None).await.refused(404, "not_found");
            let problem = put(shop, id, json!({"title": "Tea", "price_fen": 1}))
                .await
                .refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["pointer"], "id", "{id}");
        }
        read(shop, "").await.refused(404, "route_not_found");
        assert_eq!(shop.count("select count(*) from products").await, 0);
        // The longest that can be one.
        let longest = "p".repeat(64);
        shop.stock(&longest, 1, None).await;
        read(shop, &longest).await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn the_catalogue_is_kept_by_the_operator_alone() {
    shop(async |shop| {
        shop.stock("tea", 1, None).await;
        let phone = shop.visitor().await;
        let body = json!({"title": "Free tea", "price_fen": 1});
        let path = "/admin/products/tea";
        let near = format!("{}x", crate::harness::ADMIN_TOKEN);
        for token in [None, Some(phone.token.as_str()), Some(near.as_str()), Some("x")] {
            let answer = shop.send(shop.request("PUT", path, token, Some(&body))).await;
            answer.refused(401, "unauthenticated");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            shop.send(shop.request("DELETE", path, token, None))
                .await
                .refused(401, "unauthenticated");
        }
        assert_eq!(read(shop, "tea").await.ok(200)["title"], "Tea tea");
    })
    .await;
}

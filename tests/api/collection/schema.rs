//! A collection with a JSON Schema: whoever writes, by whatever verb, what does not hold is refused and named.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{add, as_operator, as_service, count, declare, find, make, one, raw, try_declare};
use crate::harness::{Shop, shop};

fn person() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 20, "pattern": "^[^<>]+$"},
            "age": {"type": "integer", "minimum": 0, "maximum": 150},
            "mail": {"format": "email"},
            "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 3, "uniqueItems": true},
            "address": {"$ref": "#/$defs/address"}
        },
        "required": ["name"],
        "additionalProperties": false,
        "$defs": {"address": {"type": "object", "properties": {"city": {"enum": ["成都", "Chengdu"]}}, "required": ["city"]}}
    })
}

async fn people(shop: &Shop) {
    declare(
        shop,
        "people",
        json!({"permission": "all_read_owner_write", "schema": person()}),
    )
    .await;
}

#[tokio::test]
async fn a_schema_is_kept_as_it_was_sent_and_read_and_listed() {
    shop(async |shop| {
        let declaration = json!({"permission": "closed", "schema": person()});
        let made = try_declare(shop, "people", &declaration).await.ok(201);
        assert_eq!(made["schema"], person());
        let read = shop.admin("GET", "/admin/collections/people", None).await.ok(200);
        assert_eq!(read["schema"], person());
        super::open(shop, "free").await;
        let page = shop.admin("GET", "/admin/collections", None).await.ok(200);
        assert_eq!(page["items"][0]["schema"], Value::Null);
        assert_eq!(page["items"][1]["schema"], person());
    })
    .await;
}

#[tokio::test]
async fn what_does_not_hold_is_named_field_by_field() {
    shop(async |shop| {
        people(shop).await;
        let phone = shop.visitor().await;
        for (data, pointer, code) in [
            (json!({}), "/data/name", "required"),
            (json!({"name": 1}), "/data/name", "type"),
            (json!({"name": ""}), "/data/name", "minLength"),
            (json!({"name": "茶".repeat(21)}), "/data/name", "maxLength"),
            (json!({"name": "<b>"}), "/data/name", "pattern"),
            (json!({"name": "x", "age": -1}), "/data/age", "minimum"),
            (json!({"name": "x", "age": 151}), "/data/age", "maximum"),
            (json!({"name": "x", "age": 1.5}), "/data/age", "type"),
            (json!({"name": "x", "mail": "nobody"}), "/data/mail", "format"),
            (json!({"name": "x", "tags": ["a", 1]}), "/data/tags/1", "type"),
            (json!({"name": "x", "tags": ["a", "a"]}), "/data/tags", "uniqueItems"),
            (json!({"name": "x", "tags": ["a", "b", "c", "d"]}), "/data/tags", "maxItems"),
            (json!({"name": "x", "a/b~c": 1}), "/data/a~1b~0c", "additionalProperties"),
            (json!({"name": "x", "address": {}}), "/data/address/city", "required"),
            (json!({"name": "x", "address": {"city": "London"}}), "/data/address/city", "enum"),
        ] {
            let problem = make(&phone, "people", json!({ "data": data })).await.refused(422, "document_invalid");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{data}: {problem}");
            assert_eq!(problem["errors"][0]["code"], code, "{data}: {problem}");
        }
        // One of several, and all or none.
        let several = json!({"items": [{"name": "x"}, {"name": "y", "age": "old"}]});
        let problem = make(&phone, "people", several).await.refused(422, "document_invalid");
        assert_eq!(problem["errors"][0]["pointer"], "/items/1/age");
        assert_eq!(count(&phone, "people", json!({})).await, 0);
        // Many errors are told in part, and never the values.
        let secret = "secret ".repeat(10_000);
        let tags: Vec<Value> = (0..5_000).map(|n| json!({ "n": n })).collect();
        let data = json!({"name": secret, "tags": tags, "age": "1381380000"});
        let answer = make(&phone, "people", json!({ "data": data })).await;
        let problem = answer.refused(422, "document_invalid");
        assert_eq!(problem["errors"].as_array().unwrap().len(), 10);
        assert!(answer.text().len() < 4_000 && !answer.text().contains("secret") && !answer.text().contains("138138"));
        let whole = json!({"name": "李雷", "age": 28.0, "mail": "a@b.cn", "tags": ["x"], "address": {"city": "成都"}});
        add(&phone, "people", whole).await;
    })
    .await;
}

#[tokio::test]
async fn every_verb_of_every_writer_is_judged() {
    shop(async |shop| {
        people(shop).await;
        let phone = shop.visitor().await;
        let id = add(&phone, "people", json!({"name": "x", "age": 1})).await;
        let documents = "people/documents".to_owned();
        let path = format!("{documents}/{id}");
        for (method, path, body) in [
            ("POST", &documents, json!({"data": {"age": 1}})),
            ("POST", &documents, json!({"items": [{"age": 1}]})),
            ("PUT", &path, json!({"data": {"age": 1}})),
            ("PATCH", &path, json!({"$unset": {"name": 1}})),
            ("POST", &path, json!({"$unset": {"name": 1}})),
            ("PATCH", &path, json!({"$inc": {"age": 150}})),
            ("PATCH", &path, json!({"$set": {"name": "y", "other": 1}})),
            ("PATCH", &path, json!({"$push": {"tags": {"$each": ["a", "a"]}}})),
        ] {
            let route = format!("/v1/collections/{path}");
            let answers = [
                phone.call(method, &route, Some(&body)).await,
                as_service(shop, method, path, Some(body.clone())).await,
                as_operator(shop, method, path, Some(body.clone())).await,
            ];
            for answer in answers {
                let problem = answer.refused(422, "document_invalid");
                let pointer = problem["errors"][0]["pointer"].as_str().unwrap();
                assert!(
                    pointer.starts_with("/data/") || pointer.starts_with("/items/0/"),
                    "{problem}"
                );
            }
        }
        let kept = one(&phone, "GET", "people", &id, None).await.ok(200);
        assert_eq!(
            (&kept["version"], &kept["data"]),
            (&json!(1), &json!({"name": "x", "age": 1}))
        );
        assert_eq!(count(&phone, "people", json!({})).await, 1);
        one(
            &phone,
            "PATCH",
            "people",
            &id,
            Some(json!({"$inc": {"age": 149}})),
        )
        .await
        .ok(200);
        one(&phone, "PUT", "people", &id, Some(json!({"data": {"name": "z"}})))
            .await
            .ok(200);
        // Who may not change it learns that, and nothing of the schema.
        let other = shop.visitor().await;
        let answer = one(
            &other,
            "PATCH",
            "people",
            &id,
            Some(json!({"$unset": {"name": 1}})),
        )
        .await;
        answer.refused(403, "document_forbidden");
    })
    .await;
}

#[tokio::test]
async fn of_fifty_patches_at_once_as_many_succeed_as_the_schema_allows() {
    shop(async |shop| {
        let schema = json!({"properties": {"n": {"maximum": 30}, "seen": {"maxItems": 30}}});
        declare(
            shop,
            "counters",
            json!({"permission": "all_read_owner_write", "schema": schema}),
        )
        .await;
        let phone = shop.visitor().await;
        let id = add(&phone, "counters", json!({"n": 0})).await;
        let patches = (0..50).map(|at| {
            let patch = json!({"$inc": {"n": 1}, "$push": {"seen": at}});
            one(&phone, "PATCH", "counters", &id, Some(patch))
        });
        let answers = join_all(patches).await;
        let ok = answers.iter().filter(|answer| answer.status == 200).count();
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            answer.refused(422, "document_invalid");
        }
        assert_eq!(ok, 30);
        let kept = one(&phone, "GET", "counters", &id, None).await.ok(200);
        assert_eq!((&kept["version"], &kept["data"]["n"]), (&json!(31), &json!(30)));
        assert_eq!(kept["data"]["seen"].as_array().unwrap().len(), 30);
    })
    .await;
}

#[tokio::test]
async fn numbers_are_judged_by_their_digits() {
    shop(async |shop| {
        let schema = json!({"properties": {
            "id": {"type": "integer", "maximum": 9_007_199_254_740_992_i64},
            "price": {"multipleOf": 0.01},
            "one": {"const": 1},
        }});
        declare(
            shop,
            "numbers",
            json!({"permission": "all_read_owner_write", "schema": schema}),
        )
        .await;
        let phone = shop.visitor().await;
        let path = "/v1/collections/numbers/documents";
        for (field, digits, is_ok) in [
            ("id", "9007199254740992", true),
            ("id", "9007199254740993", false),
            ("id", "9007199254740992.0", true),
            ("id", "9007199254740992.00000000000001", false),
            ("price", "19.99", true),
            ("price", "0.07", true),
            ("price", "12345678901234567890.12", true),
            ("price", "12345678901234567890.123", false),
            ("one", "1.00", true),
            ("one", "10e-1", true),
            ("one", "1.0000000000000000001", false),
        ] {
            let answer = raw(
                &phone,
                "POST",
                path,
                format!("{{\"data\":{{\"{field}\":{digits}}}}}"),
            )
            .await;
            let wanted = if is_ok { 201 } else { 422 };
            assert_eq!(answer.status, wanted, "{field} {digits}: {}", answer.text());
        }
        // Also where the database has counted.
        let id = add(&phone, "numbers", json!({"id": 9_007_199_254_740_990_i64})).await;
        for (step, status) in [(2, 200), (1, 422)] {
            let change = json!({"$inc": {"id": step}});
            let answer = one(&phone, "PATCH", "numbers", &id, Some(change)).await;
            assert_eq!(answer.status, status, "{}", answer.text());
        }
    })
    .await;
}

#[tokio::test]
async fn a_check_that_takes_too_long_is_ended() {
    shop(async |shop| {
        let each = vec![json!({"minimum": 0}); 400];
        let schema = json!({"properties": {"l": {"items": {"allOf": each}}}});
        declare(
            shop,
            "wide",
            json!({"permission": "all_read_owner_write", "schema": schema}),
        )
        .await;
        let phone = shop.visitor().await;
        let data = |items: usize| json!({"data": {"l": vec![1; items]}});
        let problem = make(&phone, "wide", data(80_000))
            .await
            .refused(422, "document_invalid");
        assert_eq!(problem["errors"][0]["code"], "complexity", "{problem}");
        // More than is checked at once, and still not too long.
        make(&phone, "wide", data(500)).await.ok(201);
        let fresh = json!({"permission": "all_read_owner_write"});
        try_declare(shop, "wide", &fresh).await.ok(200);
        make(&phone, "wide", data(80_000)).await.ok(201);
        // What cannot be checked in time does not hold.
        let wanted = json!({"permission": "all_read_owner_write", "schema": schema});
        try_declare(shop, "wide", &wanted)
            .await
            .refused(409, "declaration_conflict");
    })
    .await;
}

#[tokio::test]
async fn a_key_gives_its_answer_again_whatever_the_schema_is_by_then() {
    shop(async |shop| {
        people(shop).await;
        let phone = shop.visitor().await;
        let send = async |key: &str, body: &Value| {
            let request = shop.request(
                "POST",
                "/v1/collections/people/documents",
                Some(&phone.token),
                Some(body),
            );
            shop.send(request.header("idempotency-key", key)).await
        };
        let body = json!({"data": {"name": "x"}});
        // What was refused took no key.
        send("k", &json!({"data": {}}))
            .await
            .refused(422, "document_invalid");
        let first = send("k", &body).await.ok(201);
        one(&phone, "DELETE", "people", first["id"].as_str().unwrap(), None)
            .await
            .ok(204);
        let stricter = json!({"permission": "all_read_owner_write", "schema": {"required": ["name", "age"]}});
        try_declare(shop, "people", &stricter).await.ok(200);
        let again = send("k", &body).await;
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        assert_eq!(again.ok(201), first);
        send("new", &body).await.refused(422, "document_invalid");
        send("k", &json!({"data": {"name": "y"}}))
            .await
            .refused(422, "idempotency_key_reused");
        assert!(find(&phone, "people", json!({})).await.is_empty());
    })
    .await;
}

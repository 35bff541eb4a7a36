//! Documents made, read, replaced and removed.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{add, count, declare, find, make, one, open, raw};
use crate::harness::shop;

#[tokio::test]
async fn a_document_is_made_read_replaced_and_removed() {
    shop(async |shop| {
        open(shop, "notes").await;
        let phone = shop.visitor().await;
        let me = phone.call("GET", "/v1/me", None).await.ok(200)["id"].clone();
        let made = make(
            &phone,
            "notes",
            json!({"data": {"text": "tea", "tags": ["a", "b"]}}),
        )
        .await
        .ok(201);
        assert_eq!(made["owner"], me);
        assert_eq!(made["version"], 1);
        assert_eq!(made["created_at"], made["updated_at"]);
        let id = made["id"].as_str().unwrap();
        let read = one(&phone, "GET", "notes", id, None).await;
        assert_eq!(read.header("etag"), Some("\"1\""));
        assert_eq!(read.ok(200), made);

        shop.advance(1).await;
        let replaced = one(
            &phone,
            "PUT",
            "notes",
            id,
            Some(json!({"data": {"text": "coffee"}})),
        )
        .await
        .ok(200);
        assert_eq!(replaced["version"], 2);
        assert_eq!(replaced["data"], json!({"text": "coffee"}));
        assert_eq!(replaced["created_at"], made["created_at"]);
        assert_ne!(replaced["updated_at"], made["updated_at"]);

        one(&phone, "DELETE", "notes", id, None).await.ok(204);
        for method in ["GET", "DELETE"] {
            let gone = one(&phone, method, "notes", id, None).await;
            gone.refused(404, "document_not_found");
        }
        assert_eq!(count(&phone, "notes", json!({})).await, 0);
    })
    .await;
}

#[tokio::test]
async fn several_are_made_in_order_and_all_or_none() {
    shop(async |shop| {
        declare(
            shop,
            "people",
            json!({"permission": "all_read_owner_write", "unique": [["name"]]}),
        )
        .await;
        let phone = shop.visitor().await;
        let items: Vec<Value> = (0..100).map(|n| json!({"name": n})).collect();
        let made = make(&phone, "people", json!({ "items": items })).await.ok(201);
        assert_eq!(made["items"].as_array().unwrap().len(), 100);
        let listed = find(&phone, "people", json!({"limit": 100})).await;
        assert_eq!(listed, items);

        let twice = json!({"items": [{"name": "new"}, {"name": 7}]});
        let problem = make(&phone, "people", twice)
            .await
            .refused(409, "document_conflict");
        assert_eq!(problem["errors"][0]["pointer"], "/data/name");
        let twice = json!({"items": [{"name": "same"}, {"name": "same"}]});
        make(&phone, "people", twice)
            .await
            .refused(409, "document_conflict");
        assert_eq!(count(&phone, "people", json!({})).await, 100);
        for body in [
            json!({"items": []}),
            json!({"items": vec![json!({}); 101]}),
            json!({"items": [{}], "data": {}}),
            json!({}),
            json!({"items": [{}, 7]}),
        ] {
            make(&phone, "people", body)
                .await
                .refused(422, "validation_failed");
        }
    })
    .await;
}

#[tokio::test]
async fn a_version_that_is_named_must_be_the_documents() {
    shop(async |shop| {
        open(shop, "notes").await;
        let phone = shop.visitor().await;
        let id = add(&phone, "notes", json!({"n": 0})).await;
        let path = format!("/v1/collections/notes/documents/{id}");
        let send = async |method: &str, version: &str, body: Option<Value>| {
            let request = shop.request(method, &path, Some(&phone.token), body.as_ref());
            shop.send(request.header("if-match", version)).await
        };
        let set = |n: i64| Some(json!({"$set": {"n": n}}));
        let data = |n: i64| Some(json!({"data": {"n": n}}));
        send("PATCH", "\"1\"", set(1)).await.ok(200);
        for (method, body) in [
            ("PATCH", set(2)),
            ("POST", set(2)),
            ("PUT", data(2)),
            ("DELETE", None),
        ] {
            send(method, "\"1\"", body).await.refused(412, "version_conflict");
        }
        send("PUT", "\"2\"", data(3)).await.ok(200);
        send("PUT", "*", data(4)).await.ok(200);
        send("PUT", "4", data(5)).await.refused(422, "validation_failed");
        assert_eq!(
            one(&phone, "GET", "notes", &id, None).await.ok(200)["data"]["n"],
            4
        );
        // Of many who read the same version, one wins.
        let tries = join_all((0..10).map(|n| send("PUT", "\"4\"", data(n)))).await;
        let won = tries.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(won, 1);
        send("DELETE", "\"5\"", None).await.ok(204);
    })
    .await;
}

#[tokio::test]
async fn a_key_makes_documents_once_whatever_became_of_them() {
    shop(async |shop| {
        open(shop, "notes").await;
        let (phone, other) = (shop.visitor().await, shop.visitor().await);
        let send = async |token: &str, key: &str, body: Value| {
            let path = "/v1/collections/notes/documents";
            let request = shop.request("POST", path, Some(token), Some(&body));
            shop.send(request.header("idempotency-key", key)).await
        };
        let body = json!({"items": [{"n": 1}, {"n": 2}]});
        let first = send(&phone.token, "k", body.clone()).await;
        assert_eq!(first.header("idempotent-replayed"), None);
        let first = first.ok(201);
        let id = first["items"][0]["id"].as_str().unwrap();
        one(&phone, "DELETE", "notes", id, None).await.ok(204);
        let again = send(&phone.token, "k", body.clone()).await;
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        assert_eq!(again.ok(201), first);
        assert_eq!(count(&phone, "notes", json!({})).await, 1);
        let reused = send(&phone.token, "k", json!({"data": {"n": 1}})).await;
        reused.refused(422, "idempotency_key_reused");
        send(&phone.token, "", body.clone())
            .await
            .refused(422, "validation_failed");
        // Another user's key is another one.
        send(&other.token, "k", body.clone()).await.ok(201);
        let all = join_all((0..8).map(|_| send(&other.token, "p", json!({"data": {"n": 9}})))).await;
        assert!(all.iter().all(|answer| answer.status == 201), "{all:?}");
        assert_eq!(count(&phone, "notes", json!({"n": 9})).await, 1);
        // Keys are honoured for a week.
        shop.advance(8 * 86_400).await;
        shop.run_workers().await;
        assert_eq!(shop.count("select count(*) from document_requests").await, 0);
    })
    .await;
}

#[tokio::test]
async fn numbers_keep_their_digits() {
    shop(async |shop| {
        open(shop, "notes").await;
        let phone = shop.visitor().await;
        let digits = "12345678901234567890.123456789012345678901234567890";
        let body = format!("{{\"data\":{{\"n\":{digits},\"big\":9007199254740993}}}}");
        let made = raw(&phone, "POST", "/v1/collections/notes/documents", body).await;
        let id = made.ok(201)["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/collections/notes/documents/{id}");
        assert!(made.text().contains(digits), "{}", made.text());
        let changed = raw(&phone, "PATCH", &path, format!("{{\"$inc\":{{\"n\":{digits},\"big\":2}}}}")).await;
        changed.ok(200);
        let text = changed.text();
        assert!(text.contains("24691357802469135780.246913578024691357802469135780"), "{text}");
        assert!(text.contains("9007199254740995"), "{text}");
        let found = raw(
            &phone,
            "POST",
            "/v1/collections/notes/count",
            "{\"filter\":{\"big\":9007199254740995,\"n\":{\"$gt\":24691357802469135780.246913578024691357802469135779}}}",
        )
        .await;
        assert_eq!(found.ok(200)["count"], 1);
        assert_eq!(count(&phone, "notes", json!({"big": 9_007_199_254_740_994_i64})).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_user_has_a_bounded_number_of_documents() {
    shop(async |shop| {
        open(shop, "notes").await;
        let phone = shop.visitor().await;
        let id = add(&phone, "notes", json!({})).await;
        // As if there were many more.
        sqlx::query("update document_counts set document_count = 9999")
            .execute(&shop.db)
            .await
            .unwrap();
        let two = json!({"items": [{}, {}]});
        make(&phone, "notes", two)
            .await
            .refused(409, "document_quota_reached");
        let last = add(&phone, "notes", json!({})).await;
        make(&phone, "notes", json!({"data": {}}))
            .await
            .refused(409, "document_quota_reached");
        one(&phone, "DELETE", "notes", &last, None).await.ok(204);
        let last = add(&phone, "notes", json!({})).await;
        // Others are not touched by it, nor is what the operator makes.
        let other = shop.visitor().await;
        add(&other, "notes", json!({})).await;
        super::as_operator(shop, "POST", "notes/documents", Some(json!({"data": {}})))
            .await
            .ok(201);
        for id in [id, last] {
            one(&phone, "DELETE", "notes", &id, None).await.ok(204);
        }
        assert_eq!(
            shop.count("select max(document_count)::bigint from document_counts")
                .await,
            9998
        );
        sqlx::query("update document_counts set document_count = 0 where document_count = 9998")
            .execute(&shop.db)
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_collection_has_a_bounded_number_of_documents() {
    shop(async |shop| {
        open(shop, "notes").await;
        let phone = shop.visitor().await;
        let id = add(&phone, "notes", json!({})).await;
        let body = json!({"data": {"n": 1}});
        let keyed = async || {
            let path = "/v1/collections/notes/documents";
            let request = shop.request("POST", path, Some(&phone.token), Some(&body));
            shop.send(request.header("idempotency-key", "k")).await
        };
        let first = keyed().await.ok(201);
        // As if PostgreSQL knew of ten million.
        sqlx::raw_sql("create or replace function estimate_documents(of_collection integer) returns bigint language sql as 'select 10000000::bigint'")
            .execute(&shop.db)
            .await
            .unwrap();
        make(&phone, "notes", json!({"data": {}}))
            .await
            .refused(409, "document_quota_reached");
        assert_eq!(keyed().await.ok(201), first);
        super::as_operator(shop, "POST", "notes/documents", Some(json!({"data": {}})))
            .await
            .refused(409, "document_quota_reached");
        one(&phone, "PUT", "notes", &id, Some(json!({"data": {"n": 1}}))).await.ok(200);
        one(&phone, "DELETE", "notes", &id, None).await.ok(204);
    })
    .await;
}

#[tokio::test]
async fn nobody_chooses_what_the_server_keeps_of_a_document() {
    shop(async |shop| {
        open(shop, "notes").await;
        let (phone, other) = (shop.visitor().await, shop.visitor().await);
        let me = phone.call("GET", "/v1/me", None).await.ok(200)["id"].clone();
        let them = other.call("GET", "/v1/me", None).await.ok(200)["id"].clone();
        let id = add(&phone, "notes", json!({"owner": them, "version": 9, "id": "x"})).await;
        for field in ["owner", "id", "version", "created_at", "updated_at"] {
            let mut body = json!({"data": {}});
            body[field] = them.clone();
            let problem = make(&phone, "notes", body.clone())
                .await
                .refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["pointer"], format!("/{field}"));
            one(&phone, "PUT", "notes", &id, Some(body))
                .await
                .refused(422, "validation_failed");
            // As a field of the data it is one like any other.
            let patch = Some(json!({"$set": {field: them}}));
            one(&phone, "PATCH", "notes", &id, patch).await.ok(200);
            let patch = Some(json!({"$set": {format!("${field}"): them}}));
            one(&phone, "PATCH", "notes", &id, patch)
                .await
                .refused(422, "validation_failed");
        }
        let kept = one(&phone, "GET", "notes", &id, None).await.ok(200);
        assert_eq!((&kept["owner"], &kept["version"]), (&me, &json!(6)));
        assert_eq!(kept["data"]["owner"], them);
    })
    .await;
}

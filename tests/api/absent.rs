//! What may be left out of a request: a field that is null is not there, and a body of which all may be left out
//! may be none.

use serde_json::{Value, json};

use crate::harness::{ADMIN_TOKEN, INTERNAL_TOKEN, Receiver, Setup, Shop, shop, shop_with};

/// The id of the one notification that was taken.
async fn taken(shop: &Shop) -> String {
    sqlx::query_scalar("select id::text from notifications")
        .fetch_one(&shop.db)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_field_that_is_null_is_not_there() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let product =
            json!({"title": "Tea", "price_fen": 100, "stock": null, "image_url": null, "is_listed": null});
        let product = shop
            .admin("PUT", "/admin/products/tea", Some(&product))
            .await
            .ok(200);
        assert_eq!(
            (&product["is_listed"], &product["stock"]),
            (&json!(true), &Value::Null)
        );
        phone.call("GET", "/v1/products/tea", None).await.ok(200);

        let declaration =
            json!({"permission": "closed", "apps": null, "unique": null, "indexes": null, "schema": null});
        let collection = shop
            .admin("PUT", "/admin/collections/notes", Some(&declaration))
            .await
            .ok(201);
        assert_eq!(
            (&collection["unique"], &collection["indexes"]),
            (&json!([]), &json!([]))
        );

        let order = phone.paid_order("tea", 1).await;
        let wanted = json!({"amount_fen": 40, "reason": null, "restock": null, "transaction_id": null});
        let refund = shop.try_refund(&order, "k", &wanted).await.ok(202);
        let again = shop
            .try_refund(&order, "k", &json!({"amount_fen": 40, "restock": false}))
            .await;
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        assert_eq!(again.ok(202), refund);

        let shipment = json!({"kind": "virtual", "parcels": null, "is_complete": null});
        let shipment = shop.ship(&order, &shipment).await;
        let again = shop
            .try_ship(&order, &json!({"kind": "virtual", "is_complete": true}))
            .await;
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        assert_eq!(again.ok(202)["id"], shipment["id"]);
        assert!(phone.read_order(&order).await["shipped_at"].is_string());

        let replay = format!("/admin/notifications/{}/replay", taken(shop).await);
        let replayed = shop
            .admin("POST", &replay, Some(&json!({"apply": null})))
            .await
            .ok(200);
        assert_eq!(replayed["applied"], false);
    })
    .await;
}

#[tokio::test]
async fn a_body_of_which_all_may_be_left_out_may_be_none() {
    let receiver = Receiver::start().await;
    shop_with(receiver.told_by(Setup::default()), async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        phone.paid_order("tea", 1).await;
        let open = json!({"permission": "all_read_owner_write"});
        shop.admin("PUT", "/admin/collections/notes", Some(&open))
            .await
            .ok(201);
        let note = json!({"data": {"text": "tea"}});
        phone
            .call("POST", "/v1/collections/notes/documents", Some(&note))
            .await
            .ok(201);
        let replay = format!("/admin/notifications/{}/replay", taken(shop).await);
        let before = shop.snapshot().await;
        for (path, token, status) in [
            (replay.as_str(), ADMIN_TOKEN, 200),
            ("/admin/events/redeliver", ADMIN_TOKEN, 202),
            ("/v1/collections/notes/query", phone.token.as_str(), 200),
            ("/v1/collections/notes/count", phone.token.as_str(), 200),
            ("/admin/collections/notes/query", ADMIN_TOKEN, 200),
            ("/admin/collections/notes/count", ADMIN_TOKEN, 200),
            ("/internal/collections/notes/query", INTERNAL_TOKEN, 200),
            ("/internal/collections/notes/count", INTERNAL_TOKEN, 200),
        ] {
            let request = |body: Option<&Value>| shop.request("POST", path, Some(token), body);
            let named = |name: &'static str| request(None).header("content-type", name);
            let whole = shop.send(request(Some(&json!({})))).await.ok(status);
            for nothing in [request(None), request(None).body("")] {
                assert_eq!(shop.send(nothing).await.ok(status), whole, "{path}");
            }
            // What is there says what it is, and what says that it is there is.
            for (request, status, code) in [
                (request(None).body("{}"), 415, "unsupported_media_type"),
                (request(None).body(" "), 415, "unsupported_media_type"),
                (named("text/plain"), 415, "unsupported_media_type"),
                (named(""), 415, "unsupported_media_type"),
                (named("application/json"), 400, "request_malformed"),
                (request(Some(&Value::Null)), 422, "validation_failed"),
                (request(None).body(" ".repeat(70_000)), 413, "payload_too_large"),
            ] {
                shop.send(request).await.refused(status, code);
            }
        }
        assert_eq!(shop.snapshot().await, before);
        // A route that needs something of its body needs the body.
        let change = shop.request("PATCH", "/v1/me", Some(&phone.token), None);
        shop.send(change).await.refused(415, "unsupported_media_type");
    })
    .await;
}

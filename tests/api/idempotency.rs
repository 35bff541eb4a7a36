//! `Idempotency-Key`: one intent makes one order, however often it is sent.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Answer, Setup, Shop, shop, shop_with};

fn tea(quantity: i64) -> Value {
    json!({"items": [{"product_id": "tea", "quantity": quantity}]})
}

fn assert_replayed(answer: &Answer, first: &Value) {
    assert_eq!(answer.ok(201), *first);
    assert_eq!(answer.header("idempotent-replayed"), Some("true"));
}

#[tokio::test]
async fn a_repetition_gets_the_first_answer_whatever_became_of_the_order() {
    shop(async |shop| {
        shop.stock("tea", 100, Some(10)).await;
        let phone = shop.visitor().await;
        let first = phone.order("paid", &tea(1)).await;
        assert_eq!(first.header("idempotent-replayed"), None);
        let first = first.ok(201);
        assert_replayed(&phone.order("paid", &tea(1)).await, &first);
        phone.pay(first["id"].as_str().unwrap()).await;
        shop.deliver().await;
        assert_eq!(phone.status(first["id"].as_str().unwrap()).await, "paid");
        assert_replayed(&phone.order("paid", &tea(1)).await, &first);

        let second = phone.order("closed", &tea(2)).await.ok(201);
        phone.close(second["id"].as_str().unwrap()).await.ok(200);
        assert_replayed(&phone.order("closed", &tea(2)).await, &second);

        // Also when the product is gone, dearer or sold out by then.
        shop.stock("tea", 7, Some(0)).await;
        assert_replayed(&phone.order("paid", &tea(1)).await, &first);
        shop.admin("DELETE", "/admin/products/tea", None).await.ok(204);
        assert_replayed(&phone.order("closed", &tea(2)).await, &second);
        assert_eq!(shop.count("select count(*) from orders").await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_repetition_may_spell_its_json_otherwise() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let first = phone.order("k", &tea(1)).await.ok(201);
        let spelled = " {\n\"note\":null, \"items\":[{\"quantity\":1,\"product_id\":\"t\\u0065a\"}]}";
        let request = shop
            .request("POST", "/v1/orders", Some(&phone.token), None)
            .header("idempotency-key", "k")
            .header("content-type", "application/json")
            .body(spelled);
        assert_replayed(&shop.send(request).await, &first);
    })
    .await;
}

#[tokio::test]
async fn a_key_belongs_to_one_request() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        shop.stock("cup", 100, None).await;
        let phone = shop.visitor().await;
        phone.order("k", &tea(1)).await.ok(201);
        let line = |id: &str| json!({"product_id": id, "quantity": 1});
        for body in [
            tea(2),
            json!({"items": [line("cup")]}),
            json!({"items": [line("tea"), line("cup")]}),
            json!({"items": [line("tea")], "note": ""}),
            json!({"items": [line("tea")], "note": "x"}),
        ] {
            phone
                .order("k", &body)
                .await
                .refused(422, "idempotency_key_reused");
        }
        // The order of lines is a part of the order.
        phone
            .order("two", &json!({"items": [line("tea"), line("cup")]}))
            .await
            .ok(201);
        phone
            .order("two", &json!({"items": [line("cup"), line("tea")]}))
            .await
            .refused(422, "idempotency_key_reused");
        // What cannot be read is told before the key is looked at.
        phone
            .order("k", &json!({"items": []}))
            .await
            .refused(422, "validation_failed");
        assert_eq!(shop.count("select count(*) from orders").await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_key_is_a_persons_own() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let (alice, bob) = (shop.visitor().await, shop.visitor().await);
        let first = alice.order("k", &tea(1)).await.ok(201);
        let second = bob.order("k", &tea(2)).await;
        assert_eq!(second.header("idempotent-replayed"), None);
        assert_ne!(second.ok(201)["id"], first["id"]);
        assert_replayed(&alice.order("k", &tea(1)).await, &first);
    })
    .await;
}

#[tokio::test]
async fn a_key_outlives_the_session_it_came_with() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let mut phone = shop.visitor().await;
        let first = phone.order("k", &tea(1)).await.ok(201);
        phone.call("DELETE", "/v1/session", None).await.ok(204);
        phone.login().await;
        assert_replayed(&phone.order("k", &tea(1)).await, &first);
    })
    .await;
}

#[tokio::test]
async fn a_key_is_there_once_and_has_1_to_64_visible_characters() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        phone
            .call("POST", "/v1/orders", Some(&tea(1)))
            .await
            .refused(400, "idempotency_key_missing");
        let long = "k".repeat(65);
        for key in ["", " ", "a b", "é", "🍵", "a\tb", &long] {
            let problem = phone.order(key, &tea(1)).await.refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["pointer"], "Idempotency-Key", "{key:?}");
        }
        let twice = shop
            .request("POST", "/v1/orders", Some(&phone.token), Some(&tea(1)))
            .header("idempotency-key", "a")
            .header("idempotency-key", "a");
        shop.send(twice).await.refused(422, "validation_failed");
        assert_eq!(shop.count("select count(*) from orders").await, 0);
        for key in [
            "k",
            "'; drop table orders; --".replace(' ', "_").as_str(),
            &"k".repeat(64),
        ] {
            phone.order(key, &tea(1)).await.ok(201);
        }
    })
    .await;
}

/// Sends the same order `times` at once, to both servers in turn.
async fn at_once(shop: &Shop, token: &str, key: &str, body: &Value, times: usize) -> Vec<Answer> {
    let orders = (0..times).map(|at| {
        let request = shop.request_of(at % 2, "POST", "/v1/orders", Some(token), Some(body));
        shop.send(request.header("idempotency-key", key))
    });
    join_all(orders).await
}

#[tokio::test]
async fn fifty_equal_requests_at_two_servers_make_one_order() {
    shop_with(Setup::default().replicas(2), async |shop| {
        shop.stock("tea", 100, Some(100)).await;
        let phone = shop.visitor().await;
        let answers = at_once(shop, &phone.token, "k", &tea(3), 50).await;
        let bodies: BTreeSet<String> = answers.iter().map(|answer| answer.ok(201).to_string()).collect();
        assert_eq!(bodies.len(), 1, "{bodies:?}");
        let replays = answers
            .iter()
            .filter(|answer| answer.header("idempotent-replayed").is_some())
            .count();
        assert_eq!(replays, 49);
        assert_eq!(shop.count("select count(*) from orders").await, 1);
        assert_eq!(shop.stock_left("tea").await, Some(97));
    })
    .await;
}

#[tokio::test]
async fn equal_requests_for_the_last_piece_all_get_it() {
    shop_with(Setup::default().replicas(2), async |shop| {
        shop.stock("tea", 100, Some(1)).await;
        let phone = shop.visitor().await;
        for answer in at_once(shop, &phone.token, "k", &tea(1), 20).await {
            answer.ok(201);
        }
        assert_eq!(shop.stock_left("tea").await, Some(0));
    })
    .await;
}

#[tokio::test]
async fn a_request_that_is_still_running_is_told_so_and_a_later_one_gets_its_answer() {
    shop_with(Setup::default().short_locks(), async |shop| {
        shop.stock("tea", 100, Some(9)).await;
        let phone = shop.visitor().await;
        // Somebody holds the product, so that the first request stands between key and order.
        let mut holder = shop.db.begin().await.unwrap();
        sqlx::query("select from products for update")
            .execute(&mut *holder)
            .await
            .unwrap();
        shop.announce("unavailable");
        let body = tea(1);
        let (first, second) = tokio::join!(phone.order("k", &body), phone.order("k", &body));
        for answer in [&first, &second] {
            assert!(
                [(503, "unavailable"), (409, "request_in_progress")]
                    .contains(&(answer.status, answer.code().as_str())),
                "{answer:?}"
            );
            assert!(answer.header("retry-after").is_some());
        }
        holder.rollback().await.unwrap();
        phone.order("k", &tea(1)).await.ok(201);
        assert_eq!(shop.count("select count(*) from orders").await, 1);
        assert_eq!(shop.stock_left("tea").await, Some(8));
    })
    .await;
}

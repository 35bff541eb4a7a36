//! What is true of every answer: its headers, its request id, the form of a refusal.

use std::collections::BTreeSet;

use serde_json::json;

use crate::harness::{Answer, shop};

#[tokio::test]
async fn every_answer_has_an_id_of_its_own_and_is_not_kept() {
    shop(async |shop| {
        shop.stock("tea", 1, None).await;
        let phone = shop.visitor().await;
        let mut ids = BTreeSet::new();
        for path in [
            "/healthz",
            "/v1/products",
            "/v1/me",
            "/v1/orders",
            "/nowhere",
            "/admin/health",
        ] {
            let answer = phone.call("GET", path, None).await;
            let id = answer.header("x-request-id").unwrap();
            assert_eq!(uuid::Uuid::parse_str(id).unwrap().get_version_num(), 7);
            assert!(ids.insert(id.to_owned()));
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
            assert_eq!(answer.header("server"), None);
            assert_eq!(answer.header("set-cookie"), None);
        }
    })
    .await;
}

#[tokio::test]
async fn a_request_id_of_the_client_is_not_taken_over() {
    shop(async |shop| {
        let request = shop.request("GET", "/healthz", None, None);
        let answer = shop.send(request.header("x-request-id", "mine")).await;
        assert_ne!(answer.header("x-request-id"), Some("mine"));
    })
    .await;
}

#[tokio::test]
async fn a_refusal_leads_to_its_explanation() {
    shop(async |shop| {
        let problem = shop
            .call("POST", "/v1/login", Some(&json!({})))
            .await
            .refused(422, "validation_failed");
        assert_eq!(problem["type"], "/docs/errors#validation_failed");
        assert_eq!(problem["title"], "A value is not acceptable");
        let page = Answer::of(shop.http.get(shop.url("/docs/errors")).send().await.unwrap()).await;
        assert_eq!(page.status, 200);
        assert!(page.text().contains("id=\"validation_failed\""));
    })
    .await;
}

#[tokio::test]
async fn a_refusal_repeats_nothing_of_what_was_sent() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let word = "VeryPrivateWord";
        for (method, path, body) in [
            ("POST", "/v1/login", json!({"code": format!("{word} {word}")})),
            ("PATCH", "/v1/me", json!({"nickname": {"x": word}})),
            ("PATCH", "/v1/me", json!({"avatar_url": word})),
            ("POST", "/v1/orders", json!({"items": word})),
            (
                "POST",
                "/v1/orders",
                json!({"items": [{"product_id": word, "quantity": word}]}),
            ),
        ] {
            let answer = phone.call(method, path, Some(&body)).await;
            assert!((400..500).contains(&answer.status));
            assert!(!answer.text().contains(word), "{}", answer.text());
        }
    })
    .await;
}

#[tokio::test]
async fn head_is_get_without_a_body_and_options_tells_the_methods() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        for path in ["/healthz", "/v1/me", "/v1/products"] {
            let answer = phone.call("HEAD", path, None).await;
            assert_eq!((answer.status, answer.body.len()), (200, 0), "{path}");
            let answer = phone.call("OPTIONS", path, None).await;
            assert_eq!(answer.status, 204);
            assert!(answer.header("allow").unwrap().contains("GET"));
        }
    })
    .await;
}

#[tokio::test]
async fn the_log_has_one_line_for_each_request_with_whose_it_was() {
    shop(async |shop| {
        shop.stock("tea", 1, None).await;
        let phone = shop.visitor().await;
        let me = phone.call("GET", "/v1/me", None).await.ok(200);
        let order = phone.buy("tea", 1).await;
        let answer = phone
            .call("POST", &format!("/v1/orders/{order}/close"), None)
            .await;
        let line = shop.log_line(&answer);
        assert_eq!(line["route"], "/v1/orders/{id}/close");
        assert_eq!((&line["method"], &line["status"]), (&json!("POST"), &json!(200)));
        assert_eq!((&line["user.id"], &line["order.id"]), (&me["id"], &json!(order)));
        let database_ms = line["db_ms"].as_f64().unwrap();
        assert!(database_ms > 0.0 && database_ms <= line["duration_ms"].as_f64().unwrap());
        let answer = phone.close(&order).await;
        let line = shop.log_line(&answer);
        assert_eq!(
            (&line["status"], &line["code"]),
            (&json!(409), &json!("order_state_conflict"))
        );
        // A path that a client made up is not a label.
        let answer = phone.call("GET", "/made/up/4711", None).await;
        let line = shop.log_line(&answer);
        assert_eq!(line["route"], "none");
        assert!(!line.to_string().contains("4711"));
    })
    .await;
}

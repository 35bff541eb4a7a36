//! One's own orders: found, listed, and kept as they were written.

use serde_json::{Value, json};

use crate::harness::shop;
use crate::order::cart;

#[tokio::test]
async fn an_order_of_another_is_not_found_by_any_route() {
    shop(async |shop| {
        shop.stock("tea", 1, Some(5)).await;
        let (owner, other) = (shop.visitor().await, shop.visitor().await);
        let id = owner.buy("tea", 1).await;
        for (method, path) in [
            ("GET", format!("/v1/orders/{id}")),
            ("POST", format!("/v1/orders/{id}/payment")),
            ("POST", format!("/v1/orders/{id}/sync")),
            ("POST", format!("/v1/orders/{id}/close")),
        ] {
            let foreign = other
                .call(method, &path, None)
                .await
                .refused(404, "order_not_found");
            let unknown = path.replace(&id, "0190a5a0-0000-7000-8000-000000000001");
            let unknown = other.call(method, &unknown, None).await;
            let unknown = unknown.refused(404, "order_not_found");
            // Nothing tells one from the other.
            assert_eq!(
                (&foreign["title"], &foreign["detail"]),
                (&unknown["title"], &unknown["detail"])
            );
        }
        assert_eq!(
            other.call("GET", "/v1/orders", None).await.ok(200)["items"],
            json!([])
        );
        assert_eq!(owner.status(&id).await, "awaiting_payment");
        assert_eq!(shop.stock_left("tea").await, Some(4));
        assert!(shop.calls("prepay").await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn the_list_is_ones_own_newest_first_by_status_and_in_pages() {
    shop(async |shop| {
        shop.stock("tea", 1, None).await;
        let (phone, other) = (shop.visitor().await, shop.visitor().await);
        let mut ids = Vec::new();
        for at in 0..7 {
            ids.insert(0, phone.buy("tea", 1).await);
            other.buy("tea", 1).await;
            if at % 2 == 0 {
                phone.close(&ids[0]).await.ok(200);
            }
            shop.advance(1).await;
        }
        phone.pay(&ids[1]).await;
        phone.sync(&ids[1]).await;
        let list = async |query: &str| {
            phone
                .call("GET", &format!("/v1/orders{query}"), None)
                .await
                .ok(200)
        };
        let ids_of = |page: &Value| -> Vec<String> {
            let items = page["items"].as_array().unwrap();
            items
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned())
                .collect()
        };
        let pick =
            |positions: &[usize]| -> Vec<String> { positions.iter().map(|at| ids[*at].clone()).collect() };
        let all = list("").await;
        assert_eq!(ids_of(&all), ids);
        assert_eq!(all["next_cursor"], Value::Null);
        for item in all["items"].as_array().unwrap() {
            assert_eq!(item, &phone.read_order(item["id"].as_str().unwrap()).await);
        }
        assert_eq!(ids_of(&list("?status=closed").await), pick(&[0, 2, 4, 6]));
        assert_eq!(ids_of(&list("?status=paid").await), pick(&[1]));
        assert_eq!(ids_of(&list("?status=awaiting_payment").await), pick(&[3, 5]));
        assert_eq!(ids_of(&list("?status=refunded").await), pick(&[]));

        let first = list("?status=closed&limit=3").await;
        assert_eq!(ids_of(&first), pick(&[0, 2, 4]));
        let cursor = first["next_cursor"].as_str().unwrap();
        // What comes meanwhile does not shift the next page.
        phone.buy("tea", 1).await;
        let second = list(&format!("?status=closed&limit=3&cursor={cursor}")).await;
        assert_eq!(
            (ids_of(&second), &second["next_cursor"]),
            (pick(&[6]), &Value::Null)
        );
        // A cursor is a place in the list, and grants nothing.
        let theirs = other
            .call("GET", &format!("/v1/orders?limit=100&cursor={cursor}"), None)
            .await;
        for id in ids_of(&theirs.ok(200)) {
            assert!(!ids.contains(&id));
        }
    })
    .await;
}

#[tokio::test]
async fn a_status_is_one_of_an_orders() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        for query in [
            "status=",
            "status=PAID",
            "status=open",
            "status=paid&status=paid",
            "status=%00",
        ] {
            let problem = phone
                .call("GET", &format!("/v1/orders?{query}"), None)
                .await
                .refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["pointer"], "status", "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_note_is_kept_as_it_was_written() {
    shop(async |shop| {
        shop.stock("tea", 1, None).await;
        let phone = shop.visitor().await;
        for (at, note) in [
            "",
            "'; drop table orders; --",
            "<script>alert(1)</script>",
            "🍵👩‍👩‍👧‍👦𠮷\u{202e}",
            "line\nbreak\r\n\ttab",
            "\\u0000 %00 ${x}",
            &"🍵".repeat(500),
        ]
        .into_iter()
        .enumerate()
        {
            let mut body = cart(&[("tea", 1)]);
            body["note"] = json!(note);
            let made = phone.order(&format!("k{at}"), &body).await.ok(201);
            assert_eq!(made["note"], note);
            assert_eq!(phone.read_order(made["id"].as_str().unwrap()).await["note"], note);
            // It does not disturb the payment either.
            phone.start_payment(made["id"].as_str().unwrap()).await;
        }
    })
    .await;
}

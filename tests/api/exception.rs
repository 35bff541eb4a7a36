//! The named differences, as the operator sees and resolves them.

use serde_json::{Value, json};

use crate::harness::{Shop, shop};

/// Three differences: two about one order, one about none. Gives the order.
async fn differ(shop: &Shop) -> String {
    shop.stock("tea", 6_800, None).await;
    let phone = shop.visitor().await;
    let order = phone.buy("tea", 1).await;
    phone.start_payment(&order).await;
    let number = shop.number(&order).await;
    for craft in [
        json!({"out_trade_no": number, "overrides": {"amount": {"total": 1}, "transaction_id": "4200000001"}}),
        json!({"out_trade_no": number, "overrides": {"amount": {"currency": "USD"}, "transaction_id": "4200000002"}}),
        json!({"out_trade_no": number, "overrides": {"out_trade_no": "T20260101000001", "transaction_id": "4200000003"}}),
    ] {
        assert_eq!(shop.notify(craft).await, [204]);
        shop.advance(1).await;
    }
    order
}

async fn list(shop: &Shop, query: &str) -> Value {
    shop.admin("GET", &format!("/admin/exceptions{query}"), None)
        .await
        .ok(200)
}

fn kinds(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap();
    items.iter().map(|item| item["kind"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn they_are_listed_newest_first_by_page_and_by_filter() {
    shop(async |shop| {
        assert_eq!(list(shop, "").await, json!({"items": [], "next_cursor": null}));
        let order = differ(shop).await;
        let all = list(shop, "").await;
        assert_eq!(
            kinds(&all),
            ["unknown_order", "currency_mismatch", "amount_mismatch"]
        );
        let first = &all["items"][2];
        assert_eq!(
            (&first["status"], &first["order_id"]),
            (&json!("open"), &json!(order))
        );
        assert_eq!(
            (&first["resolved_at"], &first["resolution"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!(first["evidence"]["theirs"]["total_fen"], 1);
        assert!(first["detail"].as_str().unwrap().contains("amount"));
        assert_eq!(all["items"][0]["order_id"], Value::Null);

        let page = list(shop, "?limit=2").await;
        assert_eq!(kinds(&page), ["unknown_order", "currency_mismatch"]);
        let cursor = page["next_cursor"].as_str().unwrap();
        let last = list(shop, &format!("?limit=2&cursor={cursor}")).await;
        assert_eq!(
            (kinds(&last), &last["next_cursor"]),
            (vec!["amount_mismatch"], &Value::Null)
        );

        for (query, expected) in [
            ("?kind=amount_mismatch".to_owned(), vec!["amount_mismatch"]),
            (
                format!("?order_id={order}"),
                vec!["currency_mismatch", "amount_mismatch"],
            ),
            (format!("?order_id={order}&kind=unknown_order"), vec![]),
            ("?status=resolved".to_owned(), vec![]),
            ("?status=open&limit=1".to_owned(), vec!["unknown_order"]),
        ] {
            assert_eq!(kinds(&list(shop, &query).await), expected, "{query}");
        }
        for query in [
            "?status=shut",
            "?kind=odd",
            "?order_id=7",
            "?limit=0",
            "?limit=101",
            "?cursor=x",
            "?page=2",
        ] {
            let answer = shop
                .admin("GET", &format!("/admin/exceptions{query}"), None)
                .await;
            answer.refused(422, "validation_failed");
        }
    })
    .await;
}

#[tokio::test]
async fn one_is_resolved_once_and_the_same_text_again_changes_nothing() {
    shop(async |shop| {
        differ(shop).await;
        let open = list(shop, "?kind=amount_mismatch").await["items"][0].clone();
        let path = format!("/admin/exceptions/{}/resolve", open["id"].as_str().unwrap());
        let body = json!({"resolution": "退款了 🍵; the payer agreed'; drop table exceptions; --"});
        let resolved = shop.admin("POST", &path, Some(&body)).await.ok(200);
        let mut expected = open.clone();
        expected["status"] = json!("resolved");
        expected["resolution"] = body["resolution"].clone();
        expected["resolved_at"] = resolved["resolved_at"].clone();
        assert_eq!(resolved, expected);
        assert!(resolved["resolved_at"].is_string());

        shop.advance(60).await;
        assert_eq!(shop.admin("POST", &path, Some(&body)).await.ok(200), resolved);
        let other = json!({"resolution": "no, we kept it"});
        shop.admin("POST", &path, Some(&other))
            .await
            .refused(409, "exception_resolved");
        assert_eq!(list(shop, "?status=resolved").await["items"], json!([resolved]));
        assert_eq!(
            kinds(&list(shop, "?status=open").await),
            ["unknown_order", "currency_mismatch"]
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_resolved_is_no_longer_counted() {
    shop(async |shop| {
        differ(shop).await;
        let orders = async || {
            let health = shop.admin("GET", "/admin/health", None).await.ok(200);
            health["checks"]["orders"].clone()
        };
        let before = orders().await;
        assert_eq!(
            (&before["status"], &before["exceptions_open"]),
            (&json!("degraded"), &json!(3))
        );
        for exception in list(shop, "").await["items"].as_array().unwrap() {
            let path = format!("/admin/exceptions/{}/resolve", exception["id"].as_str().unwrap());
            shop.admin("POST", &path, Some(&json!({"resolution": "seen"})))
                .await
                .ok(200);
        }
        let after = orders().await;
        assert_eq!(
            (&after["status"], &after["exceptions_open"]),
            (&json!("ok"), &json!(0))
        );
    })
    .await;
}

#[tokio::test]
async fn bad_resolutions_and_unknown_ids_are_refused() {
    shop(async |shop| {
        differ(shop).await;
        let id = list(shop, "").await["items"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let path = format!("/admin/exceptions/{id}/resolve");
        for body in [
            json!({}),
            json!({"resolution": ""}),
            json!({"resolution": " \n"}),
            json!({"resolution": null}),
            json!({"resolution": 7}),
            json!({"resolution": "x".repeat(2_001)}),
            json!({"resolution": "zero \u{0}"}),
            json!({"resolution": "ok", "status": "open"}),
        ] {
            shop.admin("POST", &path, Some(&body))
                .await
                .refused(422, "validation_failed");
        }
        let fine = json!({"resolution": "x".repeat(2_000)});
        for unknown in ["7", "00000000-0000-7000-8000-000000000000"] {
            let path = format!("/admin/exceptions/{unknown}/resolve");
            shop.admin("POST", &path, Some(&fine))
                .await
                .refused(404, "not_found");
        }
        shop.call("POST", &path, Some(&fine))
            .await
            .refused(401, "unauthenticated");
        shop.call("GET", "/admin/exceptions", None)
            .await
            .refused(401, "unauthenticated");
        assert_eq!(list(shop, "?status=resolved").await["items"], json!([]));
        shop.admin("POST", &path, Some(&fine)).await.ok(200);
    })
    .await;
}

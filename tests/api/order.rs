//! Placing and reading orders: the server's price, stock under lock.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Phone, Setup, Shop, shop, shop_with};

pub(crate) fn cart(lines: &[(&str, i64)]) -> Value {
    let items: Vec<Value> = lines
        .iter()
        .map(|(product_id, quantity)| json!({"product_id": product_id, "quantity": quantity}))
        .collect();
    json!({ "items": items })
}

/// Orders at one of the servers.
pub(crate) async fn order_at(
    shop: &Shop,
    replica: usize,
    phone: &Phone<'_>,
    key: &str,
    body: &Value,
) -> crate::harness::Answer {
    let request = shop.request_of(replica, "POST", "/v1/orders", Some(&phone.token), Some(body));
    shop.send(request.header("idempotency-key", key)).await
}

#[tokio::test]
async fn an_order_is_made_at_the_price_of_the_moment() {
    shop(async |shop| {
        shop.stock("tea", 6_800, Some(5)).await;
        shop.stock("cup", 1_250, None).await;
        let phone = shop.visitor().await;
        let mut body = cart(&[("tea", 2), ("cup", 3)]);
        body["note"] = json!("不要糖 🍵");
        let made = phone.order("k", &body).await.ok(201);
        let now = shop.clock.now();
        let at = |seconds: i64| json!(now + chrono::TimeDelta::seconds(seconds));
        let expected = json!({
            "id": made["id"],
            "out_trade_no": null,
            "status": "awaiting_payment",
            "total_fen": 17_350,
            "refunded_fen": 0,
            "refunding_fen": 0,
            "currency": "CNY",
            "items": [
                {"product_id": "tea", "title": "Tea tea", "unit_price_fen": 6_800, "quantity": 2},
                {"product_id": "cup", "title": "Tea cup", "unit_price_fen": 1_250, "quantity": 3},
            ],
            "note": "不要糖 🍵",
            "created_at": at(0),
            "expires_at": at(1_800),
            "paid_at": null,
            "closed_at": null,
            "shipped_at": null,
        });
        assert_eq!(made, expected);
        // Later changes of the catalogue are none of the order's business.
        shop.stock("tea", 1, Some(1)).await;
        shop.admin("DELETE", "/admin/products/cup", None).await.ok(204);
        let id = made["id"].as_str().unwrap();
        assert_eq!(phone.read_order(id).await, expected);
    })
    .await;
}

#[tokio::test]
async fn a_price_from_the_page_is_refused() {
    shop(async |shop| {
        shop.stock("tea", 6_800, None).await;
        let phone = shop.visitor().await;
        for body in [
            json!({"items": [{"product_id": "tea", "quantity": 1, "unit_price_fen": 1}]}),
            json!({"items": [{"product_id": "tea", "quantity": 1}], "total_fen": 1}),
        ] {
            let problem = phone.order("k", &body).await.refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["code"], "unknown");
        }
    })
    .await;
}

#[tokio::test]
async fn an_order_may_cost_what_an_amount_may_be_and_no_more() {
    shop(async |shop| {
        shop.stock("gold", 10_000_000_000, None).await;
        shop.stock("tea", 1, None).await;
        shop.stock("bulk", 1_000_100_011, None).await;
        let phone = shop.visitor().await;
        let made = phone.order("k1", &cart(&[("gold", 1)])).await.ok(201);
        assert_eq!(made["total_fen"], 10_000_000_000_i64);
        for lines in [
            &[("gold", 2)][..],
            &[("gold", 9_999)],
            &[("gold", 1), ("tea", 1)],
            &[("bulk", 9_999)],
        ] {
            let problem = phone
                .order("k2", &cart(lines))
                .await
                .refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["pointer"], "/items");
        }
        phone.order("k2", &cart(&[("tea", 9_999)])).await.ok(201);
    })
    .await;
}

#[tokio::test]
async fn too_little_stock_is_told_line_by_line_and_takes_nothing() {
    shop(async |shop| {
        shop.stock("tea", 1, Some(2)).await;
        shop.stock("cup", 1, Some(0)).await;
        shop.stock("pot", 1, Some(9)).await;
        let phone = shop.visitor().await;
        let problem = phone
            .order("k", &cart(&[("tea", 3), ("pot", 1), ("cup", 1)]))
            .await
            .refused(409, "stock_insufficient");
        let pointers: Vec<&str> = problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["pointer"].as_str().unwrap())
            .collect();
        assert_eq!(pointers, ["/items/0/quantity", "/items/2/quantity"]);
        for (id, left) in [("tea", 2), ("cup", 0), ("pot", 9)] {
            assert_eq!(shop.stock_left(id).await, Some(left));
        }
        // The refusal left nothing behind the key.
        phone.order("k", &cart(&[("tea", 2)])).await.ok(201);
        assert_eq!(shop.stock_left("tea").await, Some(0));
    })
    .await;
}

#[tokio::test]
async fn closing_gives_the_stock_back_once() {
    shop(async |shop| {
        shop.stock("tea", 1, Some(5)).await;
        shop.stock("cup", 1, None).await;
        let phone = shop.visitor().await;
        let made = phone.order("k", &cart(&[("cup", 1), ("tea", 3)])).await.ok(201);
        assert_eq!(shop.stock_left("tea").await, Some(2));
        let id = made["id"].as_str().unwrap();
        let closed = phone.close(id).await.ok(200);
        assert_eq!(closed["status"], "closed");
        assert_eq!(closed["closed_at"], json!(shop.clock.now()));
        phone.close(id).await.refused(409, "order_state_conflict");
        assert_eq!(shop.stock_left("tea").await, Some(5));
        assert_eq!(shop.stock_left("cup").await, None);
    })
    .await;
}

#[tokio::test]
async fn closing_minds_what_became_of_a_product_meanwhile() {
    shop(async |shop| {
        for id in ["gone", "endless", "counted"] {
            shop.stock(id, 1, if id == "counted" { None } else { Some(5) })
                .await;
        }
        let phone = shop.visitor().await;
        let made = phone
            .order("k", &cart(&[("gone", 1), ("endless", 1), ("counted", 1)]))
            .await
            .ok(201);
        shop.admin("DELETE", "/admin/products/gone", None).await.ok(204);
        shop.stock("endless", 1, None).await;
        shop.stock("counted", 1, Some(7)).await;
        phone.close(made["id"].as_str().unwrap()).await.ok(200);
        assert_eq!(shop.stock_left("endless").await, None);
        // It took none, so none goes back.
        assert_eq!(shop.stock_left("counted").await, Some(7));
    })
    .await;
}

#[tokio::test]
async fn fifty_buyers_at_two_servers_share_ten_pieces() {
    shop_with(Setup::default().replicas(2), async |shop| {
        shop.stock("tea", 100, Some(10)).await;
        let mut phones = Vec::new();
        for _ in 0..50 {
            phones.push(shop.visitor().await);
        }
        let body = cart(&[("tea", 1)]);
        let orders = phones
            .iter()
            .enumerate()
            .map(|(at, phone)| order_at(shop, at % 2, phone, "k", &body));
        let answers = join_all(orders).await;
        let sold = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(sold, 10);
        for answer in answers.iter().filter(|answer| answer.status != 201) {
            answer.refused(409, "stock_insufficient");
        }
        assert_eq!(shop.stock_left("tea").await, Some(0));
        assert_eq!(shop.count("select count(*) from orders").await, 10);
        assert_eq!(shop.count("select count(*) from idempotency_keys").await, 10);
    })
    .await;
}

#[tokio::test]
async fn orders_that_name_products_the_other_way_round_do_not_block_each_other() {
    shop_with(Setup::default().replicas(2), async |shop| {
        for id in ["a", "b", "c"] {
            shop.stock(id, 1, Some(1_000)).await;
        }
        let phone = shop.visitor().await;
        let forth = cart(&[("a", 1), ("b", 2), ("c", 3)]);
        let back = cart(&[("c", 3), ("b", 2), ("a", 1)]);
        let keys: Vec<String> = (0..40).map(|at| format!("k{at}")).collect();
        let orders = keys.iter().enumerate().map(|(at, key)| {
            let body = if at % 4 < 2 { &forth } else { &back };
            order_at(shop, at % 2, &phone, key, body)
        });
        let made: Vec<Value> = join_all(orders)
            .await
            .iter()
            .map(|answer| answer.ok(201))
            .collect();
        for (id, left) in [("a", 960), ("b", 920), ("c", 880)] {
            assert_eq!(shop.stock_left(id).await, Some(left));
        }
        // All of them back at once, while others are placed.
        let closing = made
            .iter()
            .map(|order| phone.close(order["id"].as_str().unwrap()));
        let more: Vec<String> = (0..20).map(|at| format!("m{at}")).collect();
        let placing = more.iter().map(|key| order_at(shop, 1, &phone, key, &back));
        let (closed, placed) = tokio::join!(join_all(closing), join_all(placing));
        for answer in closed {
            assert_eq!(answer.ok(200)["status"], "closed");
        }
        for answer in placed {
            answer.ok(201);
        }
        for (id, left) in [("a", 980), ("b", 960), ("c", 940)] {
            assert_eq!(shop.stock_left(id).await, Some(left));
        }
    })
    .await;
}

#[tokio::test]
async fn one_order_closed_from_many_sides_gives_its_stock_back_once() {
    shop_with(Setup::default().replicas(2), async |shop| {
        shop.stock("tea", 1, Some(10)).await;
        let phone = shop.visitor().await;
        let id = phone.buy("tea", 4).await;
        let path = format!("/v1/orders/{id}/close");
        let requests =
            (0..20).map(|at| shop.send(shop.request_of(at % 2, "POST", &path, Some(&phone.token), None)));
        let answers = join_all(requests).await;
        let closed = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(closed, 1, "{answers:?}");
        assert_eq!(shop.stock_left("tea").await, Some(10));
        assert_eq!(shop.count("select count(*) from events").await, 1);
    })
    .await;
}

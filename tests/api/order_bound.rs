//! How many orders of a user may await payment: each holds stock, and WeChat is asked about each.

use serde_json::{Value, json};

use crate::harness::{Answer, Phone, Setup, Shop, shop, shop_with};

/// The most that may.
const AWAITING_MAX: i64 = 200;
const AWAITING: &str = "select count(*) from orders where status = 'awaiting_payment'";

fn tea() -> Value {
    json!({"items": [{"product_id": "tea", "quantity": 1}]})
}

/// Somebody with so many orders that await payment, the first of them under the key `first`; gives its answer.
async fn waiting(shop: &Shop, count: i64) -> (Phone<'_>, Value) {
    shop.stock("tea", 100, Some(1_000)).await;
    let phone = shop.visitor().await;
    let first = phone.order("first", &tea()).await.ok(201);
    shop.plant_orders(count - 1, 1).await;
    assert_eq!(shop.count(AWAITING).await, count);
    (phone, first)
}

/// That an order was refused for now; gives the seconds to wait.
fn wait_of(answer: &Answer) -> u32 {
    answer.refused(429, "rate_limited");
    answer.header("retry-after").unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_user_with_200_open_orders_places_no_other_until_one_is_paid_closed_or_over() {
    shop(async |shop| {
        let (phone, first) = waiting(shop, AWAITING_MAX - 1).await;
        phone.order("last", &tea()).await.ok(201);
        assert_eq!(shop.stock_left("tea").await, Some(998));
        let before = shop.fingerprint().await;
        assert_eq!(wait_of(&phone.order("next", &tea()).await), 60);
        // Nothing was taken for it, and whoever repeats himself hears the same as before.
        assert_eq!(shop.fingerprint().await, before);
        let again = phone.order("first", &tea()).await;
        assert_eq!(
            (again.ok(201), again.header("idempotent-replayed")),
            (first.clone(), Some("true"))
        );
        // Others have orders of their own.
        shop.visitor().await.buy("tea", 1).await;

        let first = first["id"].as_str().unwrap();
        phone.pay(first).await;
        wait_of(&phone.order("next", &tea()).await);
        shop.deliver().await;
        let next = phone.order("next", &tea()).await;
        assert_eq!(next.header("idempotent-replayed"), None);
        wait_of(&phone.order("one-more", &tea()).await);
        phone.close(next.ok(201)["id"].as_str().unwrap()).await.ok(200);
        phone.order("one-more", &tea()).await.ok(201);
        assert_eq!(shop.count(AWAITING).await, AWAITING_MAX + 1);
    })
    .await;
}

#[tokio::test]
async fn the_wait_is_told_until_the_first_order_is_over() {
    shop(async |shop| {
        let (phone, _) = waiting(shop, AWAITING_MAX).await;
        shop.catch_up().await;
        shop.advance(1_790).await;
        let wait_s = wait_of(&phone.order("next", &tea()).await);
        assert!((1..=10).contains(&wait_s), "{wait_s}");
        shop.advance(30).await;
        // It is over, and not closed yet.
        assert_eq!(wait_of(&phone.order("next", &tea()).await), 1);
        shop.run_workers().await;
        phone.order("next", &tea()).await.ok(201);
    })
    .await;
}

#[tokio::test]
async fn a_note_of_an_order_that_cannot_be_placed_is_not_checked() {
    let setup = Setup::default().with("CONTENT_CHECKS", "order_note");
    shop_with(setup, async |shop| {
        let (phone, _) = waiting(shop, AWAITING_MAX).await;
        let mut noted = tea();
        noted["note"] = json!("soon");
        wait_of(&phone.order("next", &noted).await);
        assert!(shop.calls("msg_sec_check").await.is_empty());
        assert_eq!(
            shop.count("select count(*) from content_check_allowances").await,
            0
        );
    })
    .await;
}

//! WeChat Pay's keys: platform certificates, the public key, both during a migration, and a
//! certificate that is replaced while everything is under way.

use std::collections::BTreeSet;

use serde_json::json;
use weir::simulator::KeyMode;

use crate::harness::{Setup, Shop, shop, shop_with};

/// Pays, is told, asks and closes; tells which keys signed what was told.
async fn walk(shop: &Shop, orders: usize) -> BTreeSet<String> {
    shop.stock("tea", 100, None).await;
    let phone = shop.visitor().await;
    for _ in 0..orders {
        let order = phone.buy("tea", 1).await;
        phone.pay(&order).await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        assert_eq!(phone.status(&order).await, "paid");
    }
    let asked = phone.buy("tea", 1).await;
    phone.pay(&asked).await;
    assert_eq!(phone.sync(&asked).await["status"], "paid");
    let closed = phone.buy("tea", 1).await;
    phone.start_payment(&closed).await;
    assert_eq!(phone.close(&closed).await.ok(200)["status"], "closed");
    let serials: Vec<String> = sqlx::query_scalar("select wechat_serial from notifications")
        .fetch_all(&shop.db)
        .await
        .unwrap();
    serials.into_iter().collect()
}

#[tokio::test]
async fn with_certificates() {
    shop(async |shop| {
        let serials = walk(shop, 2).await;
        assert!(serials.iter().all(|serial| serial.len() == 40), "{serials:?}");
        assert_eq!(shop.calls("certificates").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn with_the_public_key() {
    shop_with(Setup::default().mode(KeyMode::PublicKey), async |shop| {
        let serials = walk(shop, 2).await;
        assert!(
            serials.iter().all(|serial| serial.starts_with("PUB_KEY_ID_")),
            "{serials:?}"
        );
        assert_eq!(shop.calls("certificates").await.len(), 0);
    })
    .await;
}

#[tokio::test]
async fn with_both_side_by_side() {
    shop_with(Setup::default().mode(KeyMode::Both), async |shop| {
        let serials = walk(shop, 8).await;
        assert_eq!(serials.len(), 2, "{serials:?}");
        // Each kind is believed under its own name and no other.
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        phone.pay(&order).await;
        let number = shop.number(&order).await;
        for key in ["certificate", "public_key"] {
            let forged = json!({"out_trade_no": number, "key": key, "signature": "other_key"});
            assert_eq!(shop.notify(forged).await, [401], "{key}");
        }
        assert_eq!(phone.status(&order).await, "awaiting_payment");
        for key in ["certificate", "public_key"] {
            assert_eq!(
                shop.notify(json!({"out_trade_no": number, "key": key})).await,
                [204],
                "{key}"
            );
        }
        assert_eq!(phone.status(&order).await, "paid");
    })
    .await;
}

#[tokio::test]
async fn a_server_that_learns_of_the_public_key_before_wechat_uses_it() {
    // The console is switched while the server already knows both.
    shop_with(Setup::default().mode(KeyMode::Both), async |shop| {
        walk(shop, 1).await;
        shop.control("POST", "/simulator/keys", &json!({"mode": "public_key"}))
            .await;
        walk(shop, 1).await;
        shop.control("POST", "/simulator/keys", &json!({"mode": "both"}))
            .await;
        walk(shop, 1).await;
    })
    .await;
}

#[tokio::test]
async fn a_certificate_is_replaced_in_flight() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let (first, second) = (phone.buy("tea", 1).await, phone.buy("tea", 1).await);
        phone.pay(&first).await;
        let number = shop.number(&first).await;
        let by_the_old = shop.message(json!({"out_trade_no": number})).await;
        shop.advance(60).await;
        // The answer to this very prepay is the first thing that the new key signs.
        shop.faults(json!([{"kind": "key_rotation", "api": "prepay", "times": 1}]))
            .await;
        phone.pay(&second).await;
        assert_eq!(shop.struck("prepay", "key_rotation").await, 1);
        assert_eq!(shop.calls("certificates").await.len(), 2);
        assert_eq!(
            shop.control("GET", "/simulator/keys", &json!(null)).await["certificate_serials"]
                .as_array()
                .unwrap()
                .len(),
            2
        );
        // The old key goes on to be believed beside it.
        assert_eq!(shop.post(&by_the_old).await.status, 204);
        assert_eq!(phone.status(&first).await, "paid");
        let answers: Vec<u64> = shop
            .deliver()
            .await
            .iter()
            .map(|one| one["status"].as_u64().unwrap())
            .collect();
        assert_eq!(answers, [204, 204]);
        assert_eq!(phone.status(&second).await, "paid");
        assert_eq!(shop.calls("certificates").await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn certificates_are_replaced_as_often_as_it_takes() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        phone.paid_order("tea", 1).await;
        for _ in 0..10 {
            shop.control("POST", "/simulator/keys/rotate", &json!({})).await;
        }
        shop.advance(60).await;
        phone.paid_order("tea", 1).await;
        assert_eq!(shop.calls("certificates").await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_replaced_certificate_that_cannot_be_fetched_leaves_everything_unknown_and_nothing_wrong() {
    shop(async |shop| {
        shop.announce("wechat_unavailable");
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let (first, second) = (phone.buy("tea", 1).await, phone.buy("tea", 1).await);
        phone.pay(&first).await;
        shop.advance(60).await;
        shop.faults(json!([{"kind": "server_error", "api": "certificates", "times": 1}]))
            .await;
        shop.control("POST", "/simulator/keys/rotate", &json!({})).await;
        phone
            .try_start_payment(&second)
            .await
            .refused(503, "wechat_unavailable");
        assert_eq!(shop.state(&second).await, "unknown");
        // Within the minute no other download is tried, and what is told is refused until then.
        assert_eq!(shop.deliver().await[0]["status"], 401);
        shop.advance(60).await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        assert_eq!(phone.status(&first).await, "paid");
        phone.pay(&second).await;
    })
    .await;
}

#[tokio::test]
async fn certificates_under_another_api_key_are_not_believed() {
    let setup = Setup::default().with("WXPAY_API_V3_KEY", "AnotherKeyOfThirtyTwoCharacters0");
    shop_with(setup, async |shop| {
        shop.announce("wechat_unavailable");
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        phone
            .try_start_payment(&order)
            .await
            .refused(503, "wechat_unavailable");
        assert_eq!(shop.calls("certificates").await.len(), 1);
        assert_eq!(shop.state(&order).await, "unknown");
    })
    .await;
}

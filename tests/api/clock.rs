//! A server's clock that is ahead for a while, and is then set right.
//!
//! WeChat Pay takes no call that is more than five minutes off, and what it says meanwhile is not believed. Nothing
//! of that may outlast the wrong time.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::json;

use crate::harness::{Receiver, Reply, Setup, Shop, shop, shop_with};

/// Sets the server's clock alone.
fn set_clock(shop: &Shop, by: TimeDelta) {
    shop.clock.advance(by);
}

/// The loops do what they can; those whose calls WeChat does not take fail.
async fn work(shop: &Shop) {
    let failed = shop.run_workers_of(0).await;
    assert!(failed.iter().all(|name| *name == "platform_keys"), "{failed:?}");
}

/// Minutes pass, and the loops do what is due in each.
async fn pass(shop: &Shop, minutes: usize) {
    for _ in 0..minutes {
        shop.advance(60).await;
        work(shop).await;
    }
}

/// How many refunds WeChat was asked for, whatever it said.
async fn numbers_sent(shop: &Shop) -> usize {
    let calls = shop.calls("refund").await;
    let numbers: BTreeSet<_> = calls
        .iter()
        .map(|call| call["out_refund_no"].as_str().unwrap())
        .collect();
    numbers.len()
}

#[tokio::test]
async fn what_a_clock_that_was_ahead_put_off_is_done_within_minutes() {
    for ahead in [TimeDelta::minutes(20), TimeDelta::hours(1), TimeDelta::days(3)] {
        shop(async |shop| {
            shop.stock("tea", 100, None).await;
            let phone = shop.visitor().await;
            let unwanted = phone.paid_order("tea", 1).await;
            shop.faults(json!([{"kind": "notification_lost", "api": "notification"}]))
                .await;
            let order = phone.buy("tea", 1).await;
            phone.pay(&order).await;
            let refund = shop.refund(&unwanted, 40).await;
            set_clock(shop, ahead);
            work(shop).await;
            let late = shop.refund(&unwanted, 30).await;
            // Both are sent, and refused: one of a payment in a minute.
            pass(shop, 2).await;
            assert_eq!(numbers_sent(shop).await, 2);
            assert_eq!(phone.status(&order).await, "awaiting_payment");
            assert_eq!(shop.refunds_at_wechat().await.len(), 0);
            set_clock(shop, -ahead);
            // A turn of the loops, and no wait longer than the ordinary ones.
            work(shop).await;
            pass(shop, 7).await;
            assert_eq!(phone.status(&order).await, "paid", "{ahead}");
            assert_eq!(shop.refunds_at_wechat().await.len(), 2, "{ahead}");
            for refund in [refund, late] {
                shop.end_refund(&refund, "SUCCESS").await;
            }
            pass(shop, 7).await;
            assert_eq!(phone.status(&unwanted).await, "partially_refunded");
            assert_eq!(shop.open_exceptions().await, []);
        })
        .await;
    }
}

#[tokio::test]
async fn a_certificate_that_is_new_when_the_clock_is_right_again_is_fetched() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        phone.pay(&order).await;
        let ahead = TimeDelta::hours(2);
        set_clock(shop, ahead);
        let downloads = shop.calls("certificates").await.len();
        // The loop fetches certificates at that time, and does not believe the answer.
        assert!(shop.run_workers_of(0).await.contains("platform_keys"));
        assert_eq!(shop.calls("certificates").await.len(), downloads + 1);
        set_clock(shop, -ahead);
        shop.control("POST", "/simulator/keys/rotate", &json!({})).await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        assert_eq!(phone.status(&order).await, "paid");
    })
    .await;
}

#[tokio::test]
async fn what_the_dead_left_and_what_a_page_asked_while_the_clock_was_ahead_holds_nobody_up() {
    shop(async |shop| {
        shop.announce("wechat_rejected");
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        shop.faults(json!([{"kind": "notification_lost", "api": "notification"}]))
            .await;
        let (asked, held) = (phone.buy("tea", 1).await, phone.buy("tea", 1).await);
        phone.pay(&asked).await;
        phone.pay(&held).await;
        let ahead = TimeDelta::hours(1);
        set_clock(shop, ahead);
        assert_eq!(phone.sync(&asked).await["status"], "awaiting_payment");
        let left = "update payment_attempts set lease_token = id, lease_until = $2 where order_id = $1::uuid";
        sqlx::query(left)
            .bind(&held)
            .bind(shop.clock.now() + TimeDelta::seconds(15))
            .execute(&shop.db)
            .await
            .unwrap();
        set_clock(shop, -ahead);
        assert_eq!(phone.sync(&asked).await["status"], "paid");
        work(shop).await;
        pass(shop, 3).await;
        assert_eq!(phone.status(&held).await, "paid");
    })
    .await;
}

#[tokio::test]
async fn what_else_was_put_off_is_done_soon_too() {
    let receiver = Receiver::start().await;
    let setup = receiver.told_by(Setup::default()).with("ORDER_TTL_S", "120");
    shop_with(setup, async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let closed = phone.buy("tea", 1).await;
        phone.close(&closed).await.ok(200);
        let order = phone.buy("tea", 1).await;
        phone.start_payment(&order).await;
        receiver.answer(|_, _| Reply::Status(500));
        let ahead = TimeDelta::hours(1);
        set_clock(shop, ahead);
        // An order past its time, as it seems, and an event that nobody takes.
        work(shop).await;
        assert_eq!((receiver.got().len(), shop.calls("close").await.len()), (1, 1));
        set_clock(shop, -ahead);
        receiver.answer(|_, _| Reply::Status(204));
        work(shop).await;
        pass(shop, 2).await;
        assert_eq!(receiver.got().len(), 2);
        pass(shop, 5).await;
        assert_eq!(phone.status(&order).await, "closed");
    })
    .await;
}

//! A server's clock that is ahead for a while, where the API of mini programs is called: access tokens, shipments,
//! messages; and WeChat's bills.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::harness::{Setup, Shop, shop, shop_with};
use crate::reconciliation::{begin, go_to, read, sell, trading_day};

/// Sets the server's clock alone, and has it work.
async fn set_clock(shop: &Shop, by: TimeDelta) {
    shop.clock.advance(by);
    work(shop).await;
}

/// The loops do what they can; those whose calls WeChat Pay does not take fail.
async fn work(shop: &Shop) {
    let failed = shop.run_workers_of(0).await;
    assert!(failed.iter().all(|name| *name == "platform_keys"), "{failed:?}");
}

/// How many seconds the access token lives that one of the owner's other services is given; nothing: it gets none.
async fn token(shop: &Shop) -> Option<i64> {
    let answer = shop.internal("GET", "/internal/access-token", None).await;
    let expires_at: DateTime<Utc> = answer.json()["expires_at"].as_str()?.parse().unwrap();
    // The clock goes on while it is asked for.
    let left = expires_at - shop.clock.now() + TimeDelta::seconds(5);
    Some(left.num_seconds() / 10 * 10)
}

#[tokio::test]
async fn a_token_that_was_not_to_be_had_while_the_clock_was_ahead_is_asked_for_soon() {
    for errcode in [-1, 45_009, 40_125] {
        shop(async |shop| {
            shop.announce("wechat_unavailable");
            shop.announce("wechat_rejected");
            shop.faults(json!([{"kind": "errcode", "api": "stable_token", "errcode": errcode}]))
                .await;
            let ahead = TimeDelta::days(400);
            set_clock(shop, ahead).await;
            assert!(token(shop).await.is_none(), "{errcode}");
            shop.faults(json!([])).await;
            set_clock(shop, -ahead).await;
            assert_eq!(token(shop).await, Some(7_200), "{errcode}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_token_that_was_got_while_the_clock_was_ahead_is_handed_out_no_longer_than_it_lives() {
    for ahead in [TimeDelta::minutes(30), TimeDelta::hours(3)] {
        // Fetched then, or known before and looked at then.
        for is_known in [false, true] {
            shop(async |shop| {
                if is_known {
                    assert_eq!(token(shop).await, Some(7_200));
                    shop.advance(6_000).await;
                }
                set_clock(shop, ahead).await;
                assert!(token(shop).await.is_some());
                set_clock(shop, -ahead).await;
                let left = if is_known { 1_200 } else { 7_200 };
                assert_eq!(token(shop).await, Some(left), "{ahead} {is_known}");
                // Nothing more is asked for.
                let asked = shop.calls("stable_token").await.len();
                work(shop).await;
                assert_eq!(shop.calls("stable_token").await.len(), asked);
            })
            .await;
        }
    }
}

#[tokio::test]
async fn whoever_died_fetching_a_token_while_the_clock_was_ahead_keeps_nobody_from_it() {
    shop(async |shop| {
        assert!(token(shop).await.is_some());
        let ahead = shop.clock.now() + TimeDelta::days(3);
        let left = "update access_tokens set lease_until = $1, expires_at = now() - interval '1 day'";
        sqlx::query(left).bind(ahead).execute(&shop.db).await.unwrap();
        work(shop).await;
        assert_eq!(token(shop).await, Some(7_200));
    })
    .await;
}

#[tokio::test]
async fn a_shipment_that_was_put_off_while_the_clock_was_ahead_is_told_within_minutes() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.paid_order("tea", 1).await;
        let busy = json!([{"kind": "errcode", "api": "upload_shipping", "errcode": -1}]);
        shop.faults(busy).await;
        shop.ship(&order, &json!({"kind": "virtual"})).await;
        let ahead = TimeDelta::days(3);
        set_clock(shop, ahead).await;
        assert_eq!(shop.shipping_calls().await, (1, 0));
        shop.faults(json!([])).await;
        set_clock(shop, -ahead).await;
        shop.advance(130).await;
        work(shop).await;
        assert_eq!(shop.shipment_of(&order).await["status"], "uploaded");
    })
    .await;
}

#[tokio::test]
async fn a_message_that_was_put_off_or_left_while_the_clock_was_ahead_goes_out_soon() {
    shop_with(Setup::default().paid_message(), async |shop| {
        shop.declare_template().await;
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        phone.allow(2).await;
        shop.faults(json!([{"kind": "errcode", "api": "subscribe_send", "errcode": 45_009}]))
            .await;
        phone.paid_order("tea", 1).await;
        let ahead = TimeDelta::days(3);
        set_clock(shop, ahead).await;
        assert_eq!(shop.message_states().await, ["pending"]);
        shop.faults(json!([])).await;
        set_clock(shop, -ahead).await;
        shop.advance(4_100).await;
        work(shop).await;
        assert_eq!(shop.inbox().await.len(), 1);

        // Whoever was to send the next one died.
        phone.paid_order("tea", 1).await;
        let left =
            "update subscribe_messages set state = 'sending', due_at = null, attempts = 1, lease_token = id,
            lease_until = $1 where state = 'pending'";
        let until = shop.clock.now() + ahead;
        sqlx::query(left).bind(until).execute(&shop.db).await.unwrap();
        work(shop).await;
        shop.advance(130).await;
        work(shop).await;
        assert_ne!(shop.message_states().await[1], "sending");
    })
    .await;
}

#[tokio::test]
async fn a_day_whose_bill_was_not_to_be_had_while_the_clock_was_ahead_is_compared_soon() {
    shop(async |shop| {
        let (phone, day) = trading_day(shop, 100).await;
        sell(&phone).await;
        go_to(shop, 1, 12).await;
        let ahead = TimeDelta::days(2);
        shop.clock.advance(ahead);
        let run: Value = begin(shop, day).await;
        work(shop).await;
        assert_eq!(read(shop, &run["id"]).await["status"], "failed");
        shop.clock.advance(-ahead);
        work(shop).await;
        work(shop).await;
        assert_eq!(read(shop, &run["id"]).await["status"], "balanced");
    })
    .await;
}

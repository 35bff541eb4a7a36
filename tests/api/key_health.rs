//! What the health page says of keys, notifications and clock while they move, and that nothing is
//! lost meanwhile: what is refused comes again.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use weir::simulator::KeyMode;

use crate::harness::{ADMIN_TOKEN, Answer, PUBLIC_KEY_ID, Phone, Setup, Shop, shop, shop_with, until};
use crate::recorder::paid;

/// One check of a server's health page.
async fn check_of(shop: &Shop, replica: usize, name: &str) -> Value {
    let request = shop.request_of(replica, "GET", "/admin/health", Some(ADMIN_TOKEN), None);
    Answer::of(request.send().await.unwrap()).await.json()["checks"][name].clone()
}

async fn check(shop: &Shop, name: &str) -> Value {
    check_of(shop, 0, name).await
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

/// Buys, pays and is told, by a key of this kind.
async fn told_by(shop: &Shop, phone: &Phone<'_>, key: &str) {
    let order = phone.buy("tea", 1).await;
    phone.pay(&order).await;
    let craft = json!({"out_trade_no": shop.number(&order).await, "key": key});
    assert_eq!(shop.notify(craft).await, [204], "{key}");
    assert_eq!(phone.status(&order).await, "paid");
}

#[tokio::test]
async fn each_key_is_shown_with_its_days_and_its_uses() {
    shop(async |shop| {
        let before = check(shop, "pay_keys").await;
        assert_eq!(
            (&before["keys"], &before["is_api_v3_key_working"]),
            (&json!([]), &Value::Null)
        );
        let (_, order) = paid(shop).await;
        let one = check(shop, "pay_keys").await;
        let answers = one["verified_by_certificate"].as_u64().unwrap();
        assert!(answers >= 1);
        shop.advance(10).await;
        let arrived_at = shop.clock.now();
        assert_eq!(shop.deliver().await[0]["status"], 204);
        shop.advance(10).await;
        let pay_keys = check(shop, "pay_keys").await;
        assert_eq!(pay_keys["status"], "ok");
        assert_eq!(pay_keys["verified_by_certificate"], answers + 1);
        assert_eq!(pay_keys["verified_by_public_key"], 0);
        assert_eq!(pay_keys["is_api_v3_key_working"], true);
        assert_eq!(pay_keys["safe_to_switch"], false);
        let key = &pay_keys["keys"][0];
        assert_eq!(key["kind"], "certificate");
        assert_eq!(key["serial"].as_str().unwrap().len(), 40);
        assert!(key["days_left"].as_i64().unwrap() > 365);
        assert_eq!(key["verified"], answers + 1);
        assert_eq!(time(&key["last_used_at"]), arrived_at);
        assert_eq!(time(&pay_keys["last_certificate_at"]), arrived_at);
        assert_eq!(shop.order_status(&order).await, "paid");
    })
    .await;
}

#[tokio::test]
async fn it_is_safe_to_switch_when_certificates_have_been_quiet() {
    shop_with(Setup::default().mode(KeyMode::Both), async |shop| {
        let safe = async || check(shop, "pay_keys").await["safe_to_switch"].clone();
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        assert_eq!(safe().await, false);
        told_by(shop, &phone, "certificate").await;
        told_by(shop, &phone, "public_key").await;
        let both = check(shop, "pay_keys").await;
        assert_eq!(both["keys"].as_array().unwrap().len(), 2);
        assert!(both["verified_by_certificate"].as_u64().unwrap() >= 1);
        assert!(both["verified_by_public_key"].as_u64().unwrap() >= 1);
        assert_eq!(safe().await, false);
        shop.advance(3 * 86_400 - 60).await;
        told_by(shop, &phone, "public_key").await;
        assert_eq!(safe().await, false);
        shop.advance(120).await;
        assert_eq!(safe().await, true);
        // Another server has seen none of it, and says the same.
        let other = shop.join(&Setup::default().mode(KeyMode::Both)).await;
        assert_eq!(check_of(shop, other, "pay_keys").await["safe_to_switch"], true);
        told_by(shop, &phone, "certificate").await;
        assert_eq!(safe().await, false);
        assert_eq!(check_of(shop, other, "pay_keys").await["safe_to_switch"], false);
    })
    .await;
}

#[tokio::test]
async fn without_the_public_key_it_is_never_safe_to_switch() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        shop.advance(4 * 86_400).await;
        assert_eq!(check(shop, "pay_keys").await["safe_to_switch"], false);
        assert_eq!(shop.order_status(&order).await, "paid");
    })
    .await;
}

#[tokio::test]
async fn a_public_key_that_signs_and_is_not_set_here_is_named() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        let before = check(shop, "pay_keys").await;
        assert_eq!(
            (&before["status"], &before["unknown_serials_24h"]),
            (&json!("ok"), &json!([]))
        );
        // What a stranger says is shown, and changes nothing.
        let craft = json!({"out_trade_no": shop.number(&order).await, "key": "unknown_serial"});
        assert_eq!(shop.notify(craft).await, [401]);
        until(async || shop.refused().await.len() == 1).await;
        let strange = check(shop, "pay_keys").await;
        assert_eq!(
            (&strange["status"], &strange["detail"]),
            (&json!("ok"), &before["detail"])
        );
        let stranger = strange["unknown_serials_24h"][0]["serial"].clone();

        shop.advance(60).await;
        shop.control("POST", "/simulator/keys", &json!({"mode": "public_key"}))
            .await;
        assert_eq!(shop.deliver().await[0]["status"], 401);
        let refused_at = shop.clock.now();
        shop.advance(60).await;
        let craft = json!({"out_trade_no": shop.number(&order).await});
        assert_eq!(shop.notify(craft).await, [401]);
        until(async || shop.refused().await.len() == 3).await;
        let switched = check(shop, "pay_keys").await;
        assert_eq!(switched["status"], "ok", "anybody can name a key");
        let detail = switched["detail"].as_str().unwrap();
        assert!(detail.contains("set WXPAY_PUBLIC_KEY_ID"), "{detail}");
        let unknown = switched["unknown_serials_24h"].as_array().unwrap();
        assert_eq!(
            (&unknown[0]["serial"], &unknown[0]["count"]),
            (&json!(PUBLIC_KEY_ID), &json!(2))
        );
        assert_eq!(
            (&unknown[1]["serial"], &unknown[1]["count"]),
            (&stranger, &json!(1))
        );
        assert!(time(&unknown[0]["newest_at"]) > refused_at);

        // Where it is set, it is told of no longer, and the notice that comes again is believed.
        let other = shop.join(&Setup::default().mode(KeyMode::PublicKey)).await;
        let set = check_of(shop, other, "pay_keys").await;
        assert!(!set["detail"].as_str().unwrap().contains("set WXPAY_"), "{set}");
        let message = shop
            .message(json!({"out_trade_no": shop.number(&order).await}))
            .await;
        assert_eq!(shop.post_at(other, &message).await.status, 204);
        assert_eq!(phone.status(&order).await, "paid");
    })
    .await;
}

#[tokio::test]
async fn of_many_unknown_keys_three_are_shown_and_a_public_key_first() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        let message = shop
            .message(json!({"out_trade_no": shop.number(&order).await}))
            .await;
        let names = [PUBLIC_KEY_ID, "A1", "B2", "C3", &"D".repeat(200)];
        for (sent, name) in names.into_iter().enumerate() {
            shop.advance(1).await;
            let strange = message.without("wechatpay-serial").and("wechatpay-serial", name);
            assert_eq!(shop.post(&strange).await.status, 401);
            until(async || shop.refused().await.len() == sent + 1).await;
        }
        let shown = async || {
            let check = check(shop, "pay_keys").await;
            let unknown = check["unknown_serials_24h"].as_array().unwrap().clone();
            let name = |one: &Value| one["serial"].as_str().unwrap().to_owned();
            unknown.iter().map(name).collect::<Vec<_>>()
        };
        assert_eq!(shown().await, [PUBLIC_KEY_ID, &"D".repeat(64), "C3"]);
        shop.advance(86_401).await;
        assert!(shown().await.is_empty());
        assert_eq!(shop.deliver().await[0]["status"], 204);
    })
    .await;
}

#[tokio::test]
async fn an_api_key_that_was_changed_is_named_until_it_is_set() {
    let mode = || Setup::default().mode(KeyMode::PublicKey);
    let wrong = mode().with("WXPAY_API_V3_KEY", "AnotherKeyOfThirtyTwoCharacters0");
    shop_with(wrong, async |shop| {
        let (_, order) = paid(shop).await;
        assert_eq!(check(shop, "pay_keys").await["status"], "ok");
        assert_eq!(shop.deliver().await[0]["status"], 401);
        until(async || shop.refused().await.len() == 1).await;
        let pay_keys = check(shop, "pay_keys").await;
        assert_eq!(
            (&pay_keys["status"], &pay_keys["is_api_v3_key_working"]),
            (&json!("degraded"), &json!(false))
        );
        assert!(
            pay_keys["detail"]
                .as_str()
                .unwrap()
                .contains("does not open WeChat's messages")
        );
        let notifications = check(shop, "notifications").await;
        assert_eq!(notifications["status"], "degraded");
        assert_eq!(
            notifications["refused_recorded_24h"],
            json!({"decrypt_failed": 1})
        );
        // WeChat delivers again, where the right key is set by now.
        let right = shop.join(&mode()).await;
        shop.advance(15).await;
        let message = shop
            .message(json!({"out_trade_no": shop.number(&order).await}))
            .await;
        assert_eq!(shop.post_at(right, &message).await.status, 204);
        assert_eq!(shop.order_status(&order).await, "paid");
        let pay_keys = check_of(shop, right, "pay_keys").await;
        assert_eq!(
            (&pay_keys["status"], &pay_keys["is_api_v3_key_working"]),
            (&json!("ok"), &json!(true))
        );
        assert_eq!(check_of(shop, right, "notifications").await["status"], "ok");
    })
    .await;
}

#[tokio::test]
async fn a_certificate_that_ends_is_announced_refused_and_replaced_without_loss() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let early = shop.visitor().await;
        let first = early.buy("tea", 1).await;
        early.start_payment(&first).await;
        early.close(&first).await.ok(200);
        let ends_at = time(&check(shop, "pay_keys").await["keys"][0]["not_after"]);
        let go_to = async |at: DateTime<Utc>| {
            // The simulated WeChat goes a year at most in one step.
            while shop.clock.now() < at - TimeDelta::seconds(1) {
                let left_s = at.signed_duration_since(shop.clock.now()).num_seconds();
                shop.advance(left_s.min(360 * 86_400)).await;
            }
        };
        go_to(ends_at - TimeDelta::days(31)).await;
        assert_eq!(check(shop, "pay_keys").await["status"], "ok");
        go_to(ends_at - TimeDelta::days(29)).await;
        let soon = check(shop, "pay_keys").await;
        assert_eq!(
            (&soon["status"], &soon["keys"][0]["days_left"]),
            (&json!("degraded"), &json!(29))
        );
        go_to(ends_at - TimeDelta::minutes(2)).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        phone.pay(&order).await;
        go_to(ends_at + TimeDelta::days(1)).await;
        let ended = check(shop, "pay_keys").await;
        assert_eq!(ended["status"], "degraded");
        assert!(ended["detail"].as_str().unwrap().contains("has ended"), "{ended}");
        assert_eq!(shop.deliver().await[0]["status"], 401);
        until(async || {
            shop.refused()
                .await
                .iter()
                .any(|one| one.verdict == "certificate_expired")
        })
        .await;
        shop.control("POST", "/simulator/keys/rotate", &json!({})).await;
        shop.advance(60).await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        assert_eq!(phone.status(&order).await, "paid");
        assert_eq!(check(shop, "pay_keys").await["status"], "ok");
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_is_off_is_named_with_its_seconds_and_mended_without_loss() {
    shop_with(Setup::default().real_time(), async |shop| {
        let (phone, order) = paid(shop).await;
        assert_eq!(check(shop, "clock").await["status"], "ok");
        shop.catch_up().await;
        shop.clock.advance(TimeDelta::seconds(600));
        shop.visitor().await;
        let clock = check(shop, "clock").await;
        assert_eq!(clock["status"], "degraded");
        let skew_s = clock["wechat_skew_s"].as_i64().unwrap();
        assert!((570..=601).contains(&skew_s), "{skew_s}");
        assert_eq!(
            time(&clock["wechat_seen_at"]).timestamp(),
            shop.clock.now().timestamp()
        );
        assert_eq!(shop.deliver().await[0]["status"], 401);
        until(async || shop.refused().await.len() == 1).await;
        assert_eq!(shop.refused().await[0].verdict, "clock_off");
        let notifications = check(shop, "notifications").await;
        assert_eq!(notifications["status"], "degraded");
        assert!(notifications["detail"].as_str().unwrap().contains("clock"));
        shop.catch_up().await;
        shop.visitor().await;
        assert_eq!(
            check(shop, "clock").await["wechat_skew_s"]
                .as_i64()
                .unwrap()
                .abs()
                / 30,
            0
        );
        shop.advance(60).await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        assert_eq!(phone.status(&order).await, "paid");
        assert_eq!(check(shop, "notifications").await["status"], "ok");
    })
    .await;
}

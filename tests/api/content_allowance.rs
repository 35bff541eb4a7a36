//! What one user has of the checks that the whole mini program shares.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Phone, Setup, Shop, shop_with};

fn both() -> Setup {
    Setup::default().with("CONTENT_CHECKS", "profile,order_note")
}

fn cart(product: &str, quantity: i64, note: &str) -> Value {
    json!({"items": [{"product_id": product, "quantity": quantity}], "note": note})
}

async fn rename(phone: &Phone<'_>, name: &str) -> crate::harness::Answer {
    phone
        .call("PATCH", "/v1/me", Some(&json!({ "nickname": name })))
        .await
}

async fn checks(shop: &Shop) -> usize {
    shop.calls("text_check").await.len()
}

/// All users have had so many.
async fn plant_used(shop: &Shop, used: i32) {
    sqlx::query("update content_check_allowances set used = $1")
        .bind(used)
        .execute(&shop.db)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_name_that_is_the_name_already_is_not_checked_again() {
    shop_with(both(), async |shop| {
        let phone = shop.visitor().await;
        for (name, asked) in [
            ("first", 1),
            ("first", 1),
            ("second", 2),
            ("first", 3),
            ("first", 3),
        ] {
            assert_eq!(rename(&phone, name).await.ok(200)["nickname"], name);
            assert_eq!(checks(shop).await, asked, "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_had_is_refused_without_a_question() {
    shop_with(both(), async |shop| {
        shop.stock("tea", 100, Some(3)).await;
        shop.stock("gold", 9_000_000_000, None).await;
        let phone = shop.visitor().await;
        let unknown = phone.order("a", &cart("none", 1, "no sugar")).await;
        let problem = unknown.refused(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], "/items/0/product_id");
        let short = phone.order("b", &cart("tea", 4, "no sugar")).await;
        let problem = short.refused(409, "stock_insufficient");
        assert_eq!(
            (&problem["errors"][0]["pointer"], &problem["errors"][0]["detail"]),
            (&json!("/items/0/quantity"), &json!("3 left"))
        );
        let dear = phone.order("c", &cart("gold", 9, "no sugar")).await;
        assert_eq!(
            dear.refused(422, "validation_failed")["errors"][0]["pointer"],
            "/items"
        );
        assert_eq!(checks(shop).await, 0);
        // Nor is it counted.
        assert_eq!(
            shop.count("select count(*) from content_check_allowances").await,
            0
        );
        // An order that took the last ones is answered as it was.
        let placed = phone.order("d", &cart("tea", 3, "no sugar")).await.ok(201);
        assert_eq!(
            phone.order("d", &cart("tea", 3, "no sugar")).await.ok(201),
            placed
        );
        assert_eq!(checks(shop).await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_user_has_a_hundred_checks_a_day_and_nobody_else_bears_it() {
    shop_with(both(), async |shop| {
        shop.stock("tea", 100, Some(9)).await;
        let (mut alice, bob) = (shop.visitor().await, shop.visitor().await);
        rename(&alice, "name 1").await.ok(200);
        plant_used(shop, 98).await;
        // Never more than there are left, also at the same moment.
        let names: Vec<String> = (2..8).map(|at| format!("name {at}")).collect();
        let answers = join_all(names.iter().map(|name| rename(&alice, name))).await;
        let passed = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!((passed, checks(shop).await), (2, 3));
        for refused in answers.iter().filter(|answer| answer.status != 200) {
            let problem = refused.refused(429, "rate_limited");
            assert_eq!(
                problem["detail"],
                "At most 100 names and notes of a user are checked a day."
            );
            let wait: i64 = refused.header("retry-after").unwrap().parse().unwrap();
            assert!((86_390..=86_401).contains(&wait), "{wait}");
        }
        // A note is no way past the check; an order without one is placed.
        let noted = alice.order("a", &cart("tea", 1, "no sugar")).await;
        noted.refused(429, "rate_limited");
        assert_eq!(
            (
                shop.count("select count(*) from orders").await,
                shop.stock_left("tea").await
            ),
            (0, Some(9))
        );
        alice.order("a", &cart("tea", 1, "")).await.ok(201);
        // What needs no check goes on, and so do others.
        let picture = json!({"avatar_url": "https://wx.qlogo.cn/y"});
        alice.call("PATCH", "/v1/me", Some(&picture)).await.ok(200);
        rename(&bob, "bob").await.ok(200);
        bob.order("b", &cart("tea", 1, "no sugar")).await.ok(201);
        assert_eq!(checks(shop).await, 5);
        shop.advance(24 * 3_600).await;
        alice.login().await;
        rename(&alice, "another day").await.ok(200);
        // Days that are over are forgotten.
        shop.advance(24 * 3_600).await;
        shop.run_workers().await;
        assert_eq!(
            shop.count("select count(*) from content_check_allowances").await,
            0
        );
    })
    .await;
}

#[tokio::test]
async fn one_user_waits_in_eight_places_and_leaves_the_others_free() {
    shop_with(both().patience(Duration::from_mins(2)), async |shop| {
        shop.announce("wechat_timeout");
        shop.stock("tea", 100, None).await;
        let (alice, bob) = (shop.visitor().await, shop.visitor().await);
        rename(&bob, "bob").await.ok(200);
        shop.faults(json!([{"kind": "delay", "api": "text_check", "ms": 100_000, "times": 8}]))
            .await;
        let crowd = join_all((0..8).map(|_| rename(&alice, "alice")));
        let others = async {
            shop.calls_until("text_check", 9).await;
            let problem = rename(&alice, "alice").await.refused(429, "rate_limited");
            assert_eq!(
                problem["detail"],
                "At most 8 names and notes of a user are checked at once."
            );
            let noted = alice.order("a", &cart("tea", 1, "no sugar")).await;
            noted.refused(429, "rate_limited");
            rename(&bob, "robert").await.ok(200);
        };
        let (waited, ()) = tokio::join!(crowd, others);
        for answer in waited {
            answer.refused(504, "wechat_timeout");
        }
        // Each place is given back.
        rename(&alice, "alice").await.ok(200);
    })
    .await;
}

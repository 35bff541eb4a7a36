//! The end of a server: what is in hand is finished, and nothing else is begun.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use crate::harness::{HandPlayed, Setup, shop, shop_with, until};

#[tokio::test]
async fn a_request_in_hand_is_answered_before_the_server_ends() {
    let wechat = HandPlayed::start().await;
    let setup = Setup::default()
        .replicas(2)
        .with("WECHAT_API_BASE_URL", wechat.url());
    shop_with(setup, async |shop| {
        let request = json!({"code": "0a1B2c3D"});
        let login = shop.send(shop.request_of(1, "POST", "/v1/login", None, Some(&request)));
        let (answer, is_orderly) = tokio::join!(login, async {
            let held = wechat.call().await;
            let said = r#"{"openid":"oAlice","session_key":"QUFBQUFBQUFBQUFBQUFBQQ=="}"#;
            // The stop is under way before WeChat answers.
            let (is_orderly, ()) = tokio::join!(biased; shop.stop(1), held.answer(200, said));
            is_orderly
        });
        assert!(is_orderly);
        let token = answer.ok(200)["token"].as_str().unwrap().to_owned();
        assert_eq!(answer.header("connection"), Some("close"));

        let refused = shop.http.get(shop.url_of(1, "/healthz")).send().await;
        assert!(refused.unwrap_err().is_connect());
        // What it did is there for the other one.
        let me = shop.request_of(0, "GET", "/v1/me", Some(&token), None);
        shop.send(me).await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn a_server_with_nothing_in_hand_ends_and_another_goes_on() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let phone = shop.visitor().await;
        assert!(shop.stop(1).await);
        phone.call("GET", "/v1/me", None).await.ok(200);
        let another = shop.join(&Setup::default()).await;
        let me = shop.request_of(another, "GET", "/v1/me", Some(&phone.token), None);
        shop.send(me).await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn a_loop_that_waits_for_wechat_does_not_hold_the_stop_up_and_loses_nothing() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        phone.pay(&order).await;
        shop.advance(5).await;
        shop.faults(json!([{"kind": "delay", "api": "query", "ms": 100_000}]))
            .await;
        let setup = Setup::default().loops().patience(Duration::from_mins(2));
        let second = shop.join(&setup).await;
        shop.calls_until("query", 1).await;
        let begun = Instant::now();
        assert!(shop.stop(second).await);
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
        // Whoever is left asks again as soon as the lease has ended.
        shop.faults(json!([])).await;
        shop.run_workers().await;
        assert_eq!(phone.status(&order).await, "awaiting_payment");
        shop.advance(15).await;
        shop.run_workers().await;
        assert_eq!(phone.status(&order).await, "paid");
    })
    .await;
}

#[tokio::test]
async fn a_stop_gives_its_connections_back_to_the_database() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let connections = async || {
            shop.count(
                "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'weir'",
            )
            .await
        };
        shop.stock("tea", 100, None).await;
        let at_one = connections().await;
        let hello = || shop.send(shop.request_of(1, "GET", "/v1/products", None, None));
        for answer in join_all((0..20).map(|_| hello())).await {
            answer.ok(200);
        }
        assert!(connections().await > at_one);
        // Whoever still holds the pool does not keep them open.
        let context = shop.context_of(1);
        assert!(shop.stop(1).await);
        until(async || connections().await <= at_one).await;
        assert_eq!(context.db.size(), 0);
    })
    .await;
}

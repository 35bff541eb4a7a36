//! Many who want the same image at the same moment, and those who leave or die.

use futures_util::future::{join, join_all};
use serde_json::json;

use super::hand::{TOKEN, by_hand};
use super::shown;
use crate::harness::{HandPlayed, INTERNAL_TOKEN, Server, Setup, Shop, held, shop, shop_with, until};
use crate::picture::picture;
use crate::reset::{on_the_wire, reset, send, until_noticed};

/// Somebody has the right to ask WeChat, and does nothing.
async fn plant_lease(shop: &Shop) {
    shown(&shop.code_as_service(&json!({"scene": "a"})).await);
    sqlx::query("update wxacodes set file_id = null, lease_token = gen_random_uuid(), lease_until = $1")
        .bind(shop.clock.now() + chrono::TimeDelta::seconds(75))
        .execute(&shop.db)
        .await
        .unwrap();
    sqlx::query("update files set state = 'removing', check_at = $1")
        .bind(shop.clock.now())
        .execute(&shop.db)
        .await
        .unwrap();
}

#[tokio::test]
async fn fifty_at_once_on_two_servers_make_one_call() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let (alice, bob) = (shop.visitor().await, shop.visitor().await);
        let body = json!({"scene": "a"});
        let asking = (0..50).map(|number| {
            let token = if number % 3 == 0 { &alice.token } else { &bob.token };
            let request = shop.request_of(number % 2, "POST", "/v1/wxacodes", Some(token), Some(&body));
            shop.send(request)
        });
        let answers = join_all(asking).await;
        for answer in &answers {
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert!(answer.body == answers[0].body);
        }
        shown(&answers[0]);
        assert_eq!(shop.codes_made().await, 1);
        // And it was counted once.
        assert_eq!(shop.count("select sum(used) from wxacode_allowances").await, 1);
        assert_eq!(shop.count("select count(*) from files").await, 1);
    })
    .await;
}

#[tokio::test]
async fn who_finds_another_server_asking_waits_for_it() {
    let wechat = HandPlayed::start().await;
    shop_with(by_hand(&wechat).replicas(2), async |shop| {
        let body = json!({"scene": "a"});
        let asking = |replica| shop.internal_of(replica, "POST", "/internal/wxacodes", Some(&body));
        let answering = async {
            wechat.call().await.answer(200, TOKEN).await;
            let call = wechat.call().await;
            // The other sets out before WeChat has answered.
            let answer = call.answer_as(200, "image/jpeg", picture("baseline.jpg"));
            join(asking(1), answer).await.0
        };
        let (first, second) = join(asking(0), answering).await;
        assert!(first.status == 200 && second.status == 200, "{}", second.text());
        assert!(first.body == second.body);
        assert!(!wechat.has_more().await);
    })
    .await;
}

#[tokio::test]
async fn who_waits_too_long_is_told_and_a_dead_one_is_followed() {
    shop(async |shop| {
        plant_lease(shop).await;
        let body = json!({"scene": "a"});
        let refused = shop.code_as_service(&body).await;
        refused.refused(409, "request_in_progress");
        assert_eq!(refused.header("retry-after"), Some("1"));
        assert_eq!(shop.codes_made().await, 1);
        // Its time is over while somebody waits.
        let (answer, ()) = join(shop.code_as_service(&body), shop.advance(76)).await;
        shown(&answer);
        assert_eq!(shop.codes_made().await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_killed_while_it_asks_keeps_nobody_from_asking() {
    let wechat = HandPlayed::start().await;
    let setup = by_hand(&wechat).real_time();
    shop_with(setup.clone(), async |shop| {
        let server = Server::start(shop, &shop.variables(&setup)).await;
        let request = shop
            .http
            .post(format!("http://{}/internal/wxacodes", server.address))
            .bearer_auth(INTERNAL_TOKEN)
            .header("content-type", "application/json")
            .body(r#"{"scene": "a"}"#);
        let killing = async {
            wechat.call().await.answer(200, TOKEN).await;
            let call = wechat.call().await;
            assert!(server.kill().await);
            drop(call);
        };
        let (answer, ()) = join(request.send(), killing).await;
        assert!(answer.is_err(), "nothing was answered");
        assert_eq!(
            shop.count("select count(*) from wxacodes where lease_token is not null")
                .await,
            1
        );
        // Its clock was the real one.
        shop.advance(90).await;
        let body = json!({"scene": "a"});
        let answering = async {
            wechat
                .call()
                .await
                .answer_as(200, "image/jpeg", picture("baseline.jpg"))
                .await;
        };
        let (answer, ()) = join(shop.code_as_service(&body), answering).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(
            shop.count("select count(*) from wxacodes where file_id is not null and lease_token is null")
                .await,
            1
        );
    })
    .await;
}

#[tokio::test]
async fn an_image_whose_client_resets_is_kept_all_the_same() {
    shop(async |shop| {
        let alice = shop.visitor().await;
        shop.faults(json!([held("delay", "wxacode")])).await;
        let headers = [
            ("authorization".to_owned(), format!("Bearer {}", alice.token)),
            ("content-type".to_owned(), "application/json".to_owned()),
        ];
        let bytes = on_the_wire(shop, "/v1/wxacodes", &headers, br#"{"scene":"a"}"#);
        let stream = send(shop, &bytes).await;
        shop.calls_until("wxacode", 1).await;
        reset(stream);
        until_noticed(shop).await;
        shop.let_go().await;
        until(async || {
            shop.count("select count(*) from wxacodes where file_id is not null")
                .await
                == 1
        })
        .await;
        shown(&alice.code_image(&json!({"scene": "a"})).await);
        assert_eq!(shop.codes_made().await, 1);
    })
    .await;
}

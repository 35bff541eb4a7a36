//! The end of a server: what is in hand is finished, and nothing else is begun.

use serde_json::json;

use crate::harness::{HandPlayed, Setup, shop_with};

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

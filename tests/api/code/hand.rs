//! What is on the wire, both ways, with WeChat played by hand.

use std::time::Duration;

use futures_util::future::join;
use serde_json::{Value, json};

use crate::harness::{Answer, HandPlayed, Setup, Shop, shop_with};
use crate::login::{KEY_A, granted, login_against};
use crate::picture::picture;

pub(super) const TOKEN: &str = r#"{"access_token":"61_hand","expires_in":7200}"#;

pub(super) fn by_hand(wechat: &HandPlayed) -> Setup {
    Setup::default()
        .with("WECHAT_API_BASE_URL", wechat.url())
        .with("WECHAT_TOKEN_ISSUER", "token")
}

/// Gives the server its access token, as long as it has none.
async fn with_token(shop: &Shop, wechat: &HandPlayed) {
    let giving = async { wechat.call().await.answer(200, TOKEN).await };
    let (answer, ()) = join(shop.internal("GET", "/internal/access-token", None), giving).await;
    answer.ok(200);
}

/// Asks for a code of this scene; WeChat answers with these bytes under any name.
async fn told(shop: &Shop, wechat: &HandPlayed, scene: &str, content_type: &str, bytes: &[u8]) -> Answer {
    let body = json!({ "scene": scene });
    let answering = async { wechat.call().await.answer_as(200, content_type, bytes).await };
    join(shop.code_as_service(&body), answering).await.0
}

#[tokio::test]
async fn every_parameter_reaches_wechat_under_its_name() {
    let wechat = HandPlayed::start().await;
    shop_with(by_hand(&wechat), async |shop| {
        with_token(shop, &wechat).await;
        let said = granted("oHand", KEY_A).to_string();
        let login = login_against(shop, &wechat, 200, &said).await.ok(200);
        let token = login["token"].as_str().unwrap();
        let least = json!({
            "scene": "a", "check_path": true, "env_version": "release", "width": 430, "auto_color": false,
            "line_color": {"r": 0, "g": 0, "b": 0}, "is_hyaline": false,
        });
        let most = json!({
            "scene": "b", "page": "pages/b", "check_path": false, "env_version": "develop", "width": 1280,
            "auto_color": false, "line_color": {"r": 1, "g": 2, "b": 255}, "is_hyaline": true,
        });
        let page = json!({
            "scene": "c", "page": "pages/c", "check_path": true, "env_version": "release", "width": 280,
            "auto_color": true, "is_hyaline": true,
        });
        for (path, body, wanted) in [
            ("/internal/wxacodes", json!({"scene": "a"}), &least),
            ("/internal/wxacodes", most.clone(), &most),
            (
                "/v1/wxacodes",
                json!({
                    "scene": "c", "page": "pages/c", "width": 280, "auto_color": true, "is_hyaline": true,
                    "line_color": {"r": 1, "g": 2, "b": 3},
                }),
                &page,
            ),
        ] {
            let token = if path.starts_with("/v1") {
                token
            } else {
                crate::harness::INTERNAL_TOKEN
            };
            let looking = async {
                let call = wechat.call().await;
                assert_eq!(call.target, "/wxa/getwxacodeunlimit?access_token=61_hand");
                assert_eq!(&serde_json::from_slice::<Value>(&call.body).unwrap(), wanted);
                call.answer_as(200, "image/jpeg", picture("baseline.jpg")).await;
            };
            let request = shop.request("POST", path, Some(token), Some(&body));
            let (answer, ()) = join(request.send(), looking).await;
            assert_eq!(answer.unwrap().status().as_u16(), 200);
        }
    })
    .await;
}

#[tokio::test]
async fn what_an_answer_is_follows_from_its_bytes() {
    let wechat = HandPlayed::start().await;
    shop_with(by_hand(&wechat), async |shop| {
        shop.announce("wechat_unavailable");
        with_token(shop, &wechat).await;
        for (scene, called, name, kind) in [
            ("a", "application/json", "baseline.jpg", "image/jpeg"),
            ("b", "image/jpeg", "plain.png", "image/png"),
            ("c", "text/plain", "plain.png", "image/png"),
        ] {
            let answer = told(shop, &wechat, scene, called, picture(name)).await;
            assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)));
            assert!(answer.body == picture(name));
        }
        let refusal = br#" {"errcode":41030,"errmsg":"invalid page"}"#;
        let problem = told(shop, &wechat, "d", "image/jpeg", refusal)
            .await
            .refused(422, "page_unknown");
        assert_eq!(problem["wechat_errcode"], 41_030);
        let whole = picture("baseline.jpg");
        let truncated = &whole[..whole.len() / 2];
        for (scene, bytes) in [
            ("e", &b""[..]),
            ("f", b"{}"),
            ("g", br#"{"errcode":0,"errmsg":"ok"}"#),
            ("h", b"<html>busy</html>"),
            ("i", b"\xff\xd8"),
            ("j", truncated),
            ("k", picture("animated.gif")),
        ] {
            let answer = told(shop, &wechat, scene, "image/jpeg", bytes).await;
            answer.refused(503, "wechat_unavailable");
        }
        assert_eq!(shop.count("select count(*) from wxacodes").await, 3);
        assert_eq!(shop.count("select count(*) from files").await, 3);
    })
    .await;
}

#[tokio::test]
async fn an_answer_without_bounds_is_not_read() {
    let wechat = HandPlayed::start().await;
    shop_with(by_hand(&wechat).patience(Duration::from_secs(3)), async |shop| {
        with_token(shop, &wechat).await;
        let body = json!({"scene": "a"});
        let answering = async { wechat.call().await.answer_of(1024 * 1024 + 1).await };
        let (answer, ()) = join(shop.code_as_service(&body), answering).await;
        answer.refused(503, "wechat_unavailable");
        let holding = async { wechat.call().await.hold().await };
        let (answer, ()) = join(shop.code_as_service(&body), holding).await;
        answer.refused(504, "wechat_timeout");
        let image = told(shop, &wechat, "a", "image/jpeg", picture("baseline.jpg")).await;
        assert_eq!(image.status, 200);
    })
    .await;
}

#[tokio::test]
async fn what_was_shown_is_shown_again_to_the_byte() {
    let wechat = HandPlayed::start().await;
    shop_with(by_hand(&wechat), async |shop| {
        with_token(shop, &wechat).await;
        let first = told(shop, &wechat, "a", "image/jpeg", picture("baseline.jpg")).await;
        let again = shop.code_as_service(&json!({"scene": "a"})).await;
        assert_eq!(again.status, 200);
        assert!(again.body == first.body && again.header("etag") == first.header("etag"));
        assert!(!wechat.has_more().await);
    })
    .await;
}

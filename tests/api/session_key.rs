//! The care for session keys: asked about and replaced at WeChat, by the operator.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

use crate::harness::{Answer, HandPlayed, Phone, Setup, Shop, shop, shop_with};
use crate::login::{KEY_A, granted, login_against};

/// Where the session key of the only user is.
async fn path(shop: &Shop) -> String {
    let id: uuid::Uuid = sqlx::query_scalar("select id from users")
        .fetch_one(&shop.db)
        .await
        .unwrap();
    format!("/admin/users/{id}/session-key")
}

async fn is_alive(shop: &Shop) -> Value {
    let state = shop.admin("GET", &path(shop).await, None).await.ok(200);
    assert_eq!(state["app_id"], crate::harness::APP);
    state["is_alive"].clone()
}

async fn reset(shop: &Shop) -> Answer {
    shop.admin("POST", &format!("{}/reset", path(shop).await), None)
        .await
}

/// A new session key at WeChat, of which the server does not hear.
async fn rotate(shop: &Shop, phone: &Phone<'_>) {
    let wish = json!({"user_id": phone.user_id, "rotate": true});
    shop.control("POST", "/simulator/login-codes", &wish).await;
    phone.keep_session_keys().await;
}

#[tokio::test]
async fn wechat_knows_whether_a_key_is_alive() {
    shop(async |shop| {
        let mut phone = shop.visitor().await;
        let before = shop.fingerprint().await;
        assert_eq!(is_alive(shop).await, json!(true));
        rotate(shop, &phone).await;
        assert_eq!(is_alive(shop).await, json!(false));
        assert_eq!(shop.fingerprint().await, before);
        phone.login().await;
        assert_eq!(is_alive(shop).await, json!(true));
    })
    .await;
}

#[tokio::test]
async fn a_replaced_key_opens_what_is_new_and_nothing_of_before() {
    shop(async |shop| {
        let mut phone = shop.visitor().await;
        phone.login_anew().await;
        let sealed = phone.sealed(json!({"kind": "phone"})).await;
        let answer = reset(shop).await;
        phone.keep_session_keys().await;
        // Looked at again, now that the new key is known to be secret.
        shop.look_at(&answer);
        assert_eq!(answer.ok(200)["is_alive"], true);
        assert_eq!(is_alive(shop).await, json!(true));
        phone.open(&sealed).await.refused(409, "session_key_stale");
        let older = phone.sealed(json!({"kind": "phone", "keys_back": 2})).await;
        phone.open(&older).await.refused(409, "session_key_stale");
        // The session went on, and no login was needed.
        phone
            .open(&phone.sealed(json!({"kind": "phone"})).await)
            .await
            .ok(200);
        phone.login().await;
        phone
            .open(&phone.sealed(json!({"kind": "phone"})).await)
            .await
            .ok(200);
    })
    .await;
}

#[tokio::test]
async fn a_key_that_wechat_does_not_take_is_not_replaced() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        rotate(shop, &phone).await;
        let before = shop.fingerprint().await;
        reset(shop).await.refused(409, "session_key_stale");
        shop.faults(json!([{"kind": "errcode", "errcode": 87007}])).await;
        reset(shop).await.refused(409, "session_key_stale");
        assert_eq!(is_alive(shop).await, json!(false));
        assert_eq!(shop.fingerprint().await, before);
    })
    .await;
}

#[tokio::test]
async fn trouble_at_wechat_is_told_and_changes_nothing() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        is_alive(shop).await;
        for code in ["wechat_unavailable", "wechat_rejected"] {
            shop.announce(code);
        }
        let before = shop.fingerprint().await;
        for (fault, status, code) in [
            (
                json!({"kind": "errcode", "errcode": -1}),
                503,
                "wechat_unavailable",
            ),
            (json!({"kind": "server_error"}), 503, "wechat_unavailable"),
            (json!({"kind": "errcode", "errcode": 45011}), 429, "rate_limited"),
            (
                json!({"kind": "errcode", "errcode": 40003}),
                502,
                "wechat_rejected",
            ),
        ] {
            shop.faults(json!([fault])).await;
            reset(shop).await.refused(status, code);
            let answer = shop.admin("GET", &path(shop).await, None).await;
            answer.refused(status, code);
        }
        shop.faults(json!([{"kind": "server_error", "status": 200, "api": "check_session"}]))
            .await;
        shop.admin("GET", &path(shop).await, None)
            .await
            .refused(503, "wechat_unavailable");
        // Busy, and a token that died: WeChat has done nothing, and is asked again.
        shop.faults(json!([
            {"kind": "errcode", "errcode": -1, "api": "check_session", "times": 2},
            {"kind": "errcode", "errcode": 40001, "api": "reset_session_key", "times": 1},
        ]))
        .await;
        assert_eq!(is_alive(shop).await, json!(true));
        assert_eq!(shop.fingerprint().await, before);
        reset(shop).await.ok(200);
        phone.keep_session_keys().await;
    })
    .await;
}

#[tokio::test]
async fn nobody_and_others_have_no_session_key() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let path = path(shop).await;
        for (method, path) in [("GET", path.clone()), ("POST", format!("{path}/reset"))] {
            let nobody = path.replace(&path["/admin/users/".len()..][..8], "00000000");
            shop.admin(method, &nobody, None).await.refused(404, "not_found");
            shop.admin(method, &path.replace("-key", "-keys"), None)
                .await
                .refused(404, "route_not_found");
            phone
                .call(method, &path, None)
                .await
                .refused(401, "unauthenticated");
            shop.call(method, &path, None)
                .await
                .refused(401, "unauthenticated");
        }
        assert_eq!(shop.calls("reset_session_key").await.len(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_login_while_wechat_resets_brings_the_newer_key_and_it_stays() {
    let wechat = HandPlayed::start().await;
    let setup = Setup::default().with("WECHAT_API_BASE_URL", wechat.url());
    shop_with(setup, async |shop| {
        let login = login_against(shop, &wechat, 200, &granted("oAlice", KEY_A).to_string()).await;
        let token = login.ok(200)["token"].as_str().unwrap().to_owned();
        let (of_reset, of_login) = (STANDARD.encode([1; 16]), STANDARD.encode([2; 16]));
        let (answer, ()) = tokio::join!(reset(shop), async {
            let fetched = json!({"access_token": "a".repeat(136), "expires_in": 7200});
            wechat.call().await.answer(200, &fetched.to_string()).await;
            let held = wechat.call().await;
            assert!(held.target.starts_with("/wxa/resetusersessionkey?"));
            assert!(!held.target.contains(KEY_A));
            let newer = granted("oAlice", &of_login).to_string();
            login_against(shop, &wechat, 200, &newer).await.ok(200);
            held.answer(200, &granted("oAlice", &of_reset).to_string()).await;
        });
        answer.ok(200);
        for (key, is_valid) in [(&of_login, true), (&of_reset, false)] {
            let signature = hex::encode(Sha1::digest(format!("{{}}{key}")));
            let body = json!({"rawData": "{}", "signature": signature});
            let request = shop.request("POST", "/v1/open-data/verify", Some(&token), Some(&body));
            assert_eq!(shop.send(request).await.ok(200), json!({"is_valid": is_valid}));
        }
    })
    .await;
}

#[tokio::test]
async fn an_answer_about_somebody_else_or_without_a_key_is_none() {
    let wechat = HandPlayed::start().await;
    let setup = Setup::default().with("WECHAT_API_BASE_URL", wechat.url());
    shop_with(setup, async |shop| {
        shop.announce("wechat_unavailable");
        let login = login_against(shop, &wechat, 200, &granted("oAlice", KEY_A).to_string()).await;
        login.ok(200);
        let before = shop.fingerprint().await;
        let fetched = json!({"access_token": "a".repeat(136), "expires_in": 7200}).to_string();
        let new = STANDARD.encode([1; 16]);
        let answers = [
            granted("oBob", &new),
            granted("oAlice", ""),
            granted("oAlice", "c2hvcnQ="),
            json!({"openid": "oAlice"}),
            json!({}),
        ];
        for (number, said) in answers.iter().enumerate() {
            let (answer, ()) = tokio::join!(reset(shop), async {
                if number == 0 {
                    wechat.call().await.answer(200, &fetched).await;
                }
                wechat.call().await.answer(200, &said.to_string()).await;
            });
            answer.refused(503, "wechat_unavailable");
        }
        assert_eq!(shop.fingerprint().await, before);
    })
    .await;
}

//! The race between data that was encrypted and a login that brings another session key.

use serde_json::{Value, json};

use crate::harness::{Phone, Setup, shop, shop_with};

/// Data under a session key that was replaced so many times, made now.
async fn under_key_back(phone: &Phone<'_>, keys_back: u32) -> Value {
    phone
        .sealed(json!({"kind": "phone", "keys_back": keys_back}))
        .await
}

#[tokio::test]
async fn what_was_encrypted_just_before_a_login_opens_for_ten_minutes() {
    shop(async |shop| {
        let mut phone = shop.visitor().await;
        let sealed = phone.sealed(json!({"kind": "user_info"})).await;
        phone.login_anew().await;
        let opened = phone.open(&sealed).await.ok(200);
        let verified = phone.call("POST", "/v1/open-data/verify", Some(&sealed)).await;
        assert_eq!(verified.ok(200), json!({"is_valid": true}));
        // The newest key goes first, and works beside it.
        let fresh = phone.sealed(json!({"kind": "user_info"})).await;
        assert_eq!(
            phone.open(&fresh).await.ok(200)["data"]["openId"],
            opened["data"]["openId"]
        );
        shop.advance(540).await;
        phone.open(&under_key_back(&phone, 1).await).await.ok(200);
        shop.advance(61).await;
        let late = under_key_back(&phone, 1).await;
        phone.open(&late).await.refused(409, "session_key_stale");
        let verified = phone.call("POST", "/v1/open-data/verify", Some(&sealed)).await;
        assert_eq!(verified.ok(200), json!({"is_valid": false}));
        phone.open(&under_key_back(&phone, 0).await).await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn a_login_with_the_same_key_takes_nothing_away() {
    shop(async |shop| {
        let mut phone = shop.visitor().await;
        phone.login_anew().await;
        for _ in 0..3 {
            // Younger than ten minutes: WeChat gives the same key again.
            phone.login().await;
        }
        phone.open(&under_key_back(&phone, 1).await).await.ok(200);
        phone.open(&under_key_back(&phone, 0).await).await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn of_two_logins_only_the_last_key_before_counts() {
    shop(async |shop| {
        let mut phone = shop.visitor().await;
        phone.login_anew().await;
        phone.login_anew().await;
        phone.open(&under_key_back(&phone, 1).await).await.ok(200);
        let oldest = under_key_back(&phone, 2).await;
        phone.open(&oldest).await.refused(409, "session_key_stale");
    })
    .await;
}

#[tokio::test]
async fn after_the_refusal_a_login_and_one_repetition_do() {
    shop(async |shop| {
        let mut phone = shop.visitor().await;
        // The page called wx.login and kept the code to itself.
        let wish = json!({"user_id": phone.user_id, "rotate": true});
        shop.control("POST", "/simulator/login-codes", &wish).await;
        phone.keep_session_keys().await;
        let sealed = phone.sealed(json!({"kind": "phone"})).await;
        phone.open(&sealed).await.refused(409, "session_key_stale");
        phone.login().await;
        phone.open(&sealed).await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn a_key_that_the_vault_cannot_open_is_no_key() {
    shop(async |shop| {
        let mut phone = shop.visitor().await;
        let sealed = phone.sealed(json!({"kind": "phone"})).await;
        // A server that was given other DATA_KEYS and not the one before.
        let other = "d2hvZXZlciByZWFkcyB0aGlzIGlzIG5vdCBhIGtleSE=";
        let replica = shop.join(&Setup::default().with("DATA_KEYS", other)).await;
        let request = shop.request_of(
            replica,
            "POST",
            "/v1/open-data",
            Some(&phone.token),
            Some(&sealed),
        );
        shop.send(request).await.refused(409, "session_key_stale");
        phone.open(&sealed).await.ok(200);
        phone.login_anew().await;
    })
    .await;
}

#[tokio::test]
async fn a_rotation_of_the_data_keys_leaves_session_keys_as_they_are() {
    let old = crate::harness::DATA_KEYS;
    shop_with(Setup::default(), async |shop| {
        let phone = shop.visitor().await;
        let sealed = phone.sealed(json!({"kind": "phone"})).await;
        let keys = format!("d2hvZXZlciByZWFkcyB0aGlzIGlzIG5vdCBhIGtleSE=,{old}");
        let replica = shop.join(&Setup::default().with("DATA_KEYS", keys)).await;
        let request = shop.request_of(
            replica,
            "POST",
            "/v1/open-data",
            Some(&phone.token),
            Some(&sealed),
        );
        shop.send(request).await.ok(200);
    })
    .await;
}

//! Tokens: ours, foreign, over, and from before a rotation.

use aws_lc_rs::hmac::{HMAC_SHA256, HMAC_SHA512};
use serde_json::{Value, json};

use crate::harness::{JWT_KEYS, Phone, Setup, Token, shop};
use crate::session::{NEWER_KEY, STRANGERS_KEY, me, orders};

/// Tokens that are none of ours, with what is wrong with each.
fn foreign_tokens(genuine: &str) -> Vec<(&'static str, String)> {
    let token = Token::read(genuine);
    let parts: Vec<&str> = genuine.split('.').collect();
    let ours = |token: &Token| token.signed(HMAC_SHA256, JWT_KEYS);
    let claim = |name: &str, value: Value| ours(&token.clone().with_claim(name, value));
    let header = |name: &str, value: Value| ours(&token.clone().with_header(name, value));
    let altered = if parts[2].starts_with('A') { "B" } else { "A" };
    vec![
        ("garbage", "garbage".to_owned()),
        ("two parts", format!("{}.{}", parts[0], parts[1])),
        ("four parts", format!("{genuine}.{}", parts[2])),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        (
            "altered signature",
            format!("{}.{}.{altered}{}", parts[0], parts[1], &parts[2][1..]),
        ),
        ("not base64", format!("{}.{}.{}", parts[0], "***", parts[2])),
        ("a stranger's key", token.signed(HMAC_SHA256, STRANGERS_KEY)),
        ("alg none", token.bare()),
        (
            "alg none, signed",
            ours(&token.clone().with_header("alg", json!("none"))),
        ),
        (
            "HS512",
            token
                .clone()
                .with_header("alg", json!("HS512"))
                .signed(HMAC_SHA512, JWT_KEYS),
        ),
        ("HS256, named RS256", header("alg", json!("RS256"))),
        ("an unknown algorithm", header("alg", json!("XX"))),
        ("another kid", header("kid", json!("000000000000"))),
        ("no kid", header("kid", Value::Null)),
        ("a kid of another type", header("kid", json!(7))),
        ("another audience", claim("aud", json!("wx9999999999999999"))),
        ("no audience", ours(&token.clone().without_claim("aud"))),
        ("another issuer", claim("iss", json!("someone"))),
        ("no issuer", ours(&token.clone().without_claim("iss"))),
        ("no end", ours(&token.clone().without_claim("exp"))),
        ("an end of another type", claim("exp", json!("tomorrow"))),
        ("an end beyond all numbers", claim("exp", json!(1e300))),
        ("a user of another type", claim("sub", json!(5))),
        ("a user that is no id", claim("sub", json!("alice"))),
        ("no session", ours(&token.clone().without_claim("sid"))),
        ("a session of another type", claim("sid", json!({"$gt": ""}))),
        (
            "claims that are no object",
            ours(&Token {
                claims: json!([]),
                ..token.clone()
            }),
        ),
        ("a huge token", "a".repeat(20_000)),
        ("a huge genuine token", claim("x", json!("x".repeat(20_000)))),
    ]
}

#[tokio::test]
async fn a_token_that_is_not_ours_is_no_credential() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        // What the table builds on is right: the same claims, signed as ours, are taken.
        let same = Token::read(&phone.token).signed(HMAC_SHA256, JWT_KEYS);
        me(shop, 0, &same).await.ok(200);
        for (what, token) in foreign_tokens(&phone.token) {
            for path in ["/v1/me", "/v1/orders"] {
                let answer = shop.send(shop.request("GET", path, Some(&token), None)).await;
                assert_eq!(
                    (answer.status, answer.code().as_str()),
                    (401, "unauthenticated"),
                    "{what}"
                );
                assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_that_is_over_or_names_no_session_has_expired() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let stranger = shop.visitor().await;
        let token = Token::read(&phone.token);
        let now = shop.clock.now().timestamp();
        let theirs = Token::read(&stranger.token).claims["sid"].clone();
        for (name, value) in [
            ("exp", json!(now)),
            ("exp", json!(0)),
            ("sid", json!("0190a5a0-0000-7000-8000-000000000001")),
            ("sid", theirs),
        ] {
            let forged = token
                .clone()
                .with_claim(name, value)
                .signed(HMAC_SHA256, JWT_KEYS);
            me(shop, 0, &forged).await.refused(401, "session_expired");
            orders(shop, 0, &forged).await.refused(401, "session_expired");
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_remembered_for_its_owner_is_not_believed_of_another() {
    shop(async |shop| {
        let owner = shop.visitor().await;
        let other = shop.visitor().await;
        orders(shop, 0, &owner.token).await.ok(200);
        let sid = Token::read(&owner.token).claims["sid"].clone();
        let mixed = Token::read(&other.token).with_claim("sid", sid);
        let mixed = mixed.signed(HMAC_SHA256, JWT_KEYS);
        orders(shop, 0, &mixed).await.refused(401, "session_expired");
    })
    .await;
}

#[tokio::test]
async fn the_header_holds_one_bearer_token() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let ask = || shop.request("GET", "/v1/me", None, None);
        let lines = |value: String| ask().header("authorization", value);
        let bearer = format!("Bearer {}", phone.token);
        for request in [
            ask(),
            lines(phone.token.clone()),
            lines(format!("Basic {}", phone.token)),
            lines("Bearer ".to_owned()),
            lines("Bearer".to_owned()),
            lines(bearer.clone()).header("authorization", bearer.clone()),
            lines(format!("{bearer} x")),
            shop.request("GET", &format!("/v1/me?access_token={}", phone.token), None, None),
            ask().header("cookie", format!("token={}", phone.token)),
        ] {
            let answer = shop.send(request).await;
            answer.refused(401, "unauthenticated");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
        shop.send(lines(format!("bearer {}", phone.token))).await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn a_token_of_the_operator_and_of_a_user_are_not_each_others() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        shop.admin("GET", "/v1/me", None)
            .await
            .refused(401, "unauthenticated");
        let answer = phone.call("GET", "/admin/health", None).await;
        answer.refused(401, "unauthenticated");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        let answer = phone.call("GET", "/metrics", None).await;
        answer.refused(401, "unauthenticated");
    })
    .await;
}

#[tokio::test]
async fn older_signing_keys_verify_until_they_are_dropped() {
    shop(async |shop| {
        let mut phone = shop.visitor().await;
        let old_token = phone.token.clone();
        let keys = |list: String| Setup::default().with("SESSION_JWT_KEYS", list);
        let both = shop.join(&keys(format!("{NEWER_KEY},{JWT_KEYS}"))).await;
        let newest = shop.join(&keys(NEWER_KEY.to_owned())).await;
        me(shop, both, &old_token).await.ok(200);

        let renew = shop.request_of(both, "POST", "/v1/session/renew", Some(&old_token), None);
        let renewed = shop.send(renew).await.ok(200);
        phone.take_token(&renewed);
        assert_ne!(
            Token::read(&phone.token).header["kid"],
            Token::read(&old_token).header["kid"]
        );
        me(shop, both, &phone.token).await.ok(200);
        me(shop, newest, &phone.token).await.ok(200);
        me(shop, newest, &old_token).await.refused(401, "unauthenticated");
        me(shop, 0, &phone.token).await.refused(401, "unauthenticated");
    })
    .await;
}

#[tokio::test]
async fn a_token_for_a_mini_program_that_is_no_longer_served_is_refused() {
    shop(async |shop| {
        let phone: Phone<'_> = shop.visitor().await;
        let elsewhere = Setup::default().with("WECHAT_APP_ID", crate::harness::OTHER_APP);
        let elsewhere = shop.join(&elsewhere).await;
        me(shop, elsewhere, &phone.token)
            .await
            .refused(401, "unauthenticated");
    })
    .await;
}

//! Sessions: their tokens, their end, here and on every replica.

use aws_lc_rs::hmac::{HMAC_SHA256, HMAC_SHA512};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::harness::{Answer, JWT_KEYS, Phone, Setup, Shop, Token, shop, shop_with};

/// 32 bytes each.
const STRANGERS_KEY: &str = "c3RyYW5nZXItc3RyYW5nZXItc3RyYW5nZXItc3RyYW4=";
const NEWER_KEY: &str = "m5Yz1Qy0Xk3cVt8uN2bR7wLpE9sGhJ4aKdF6oCiUxZQ=";

/// Asks a server who the bearer of a token is, by a route that believes its memory for a moment.
async fn orders(shop: &Shop, replica: usize, token: &str) -> Answer {
    shop.send(shop.request_of(replica, "GET", "/v1/orders", Some(token), None))
        .await
}

/// The same by a route that asks the database each time.
async fn me(shop: &Shop, replica: usize, token: &str) -> Answer {
    shop.send(shop.request_of(replica, "GET", "/v1/me", Some(token), None))
        .await
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_session_tells_its_state() {
    shop(async |shop| {
        let mut phone = shop.phone().await;
        let login = phone.login().await;
        let state = phone.call("GET", "/v1/session", None).await.ok(200);
        assert_eq!(state["user"], login["user"]);
        assert_eq!(state["session"]["expires_at"], login["expires_at"]);
        assert_eq!(time(&state["session"]["created_at"]), shop.clock.now());
        let claims = Token::read(&phone.token).claims;
        assert_eq!(claims["sid"], state["session"]["id"]);
        assert_eq!(claims["sub"], state["user"]["id"]);
        assert_eq!(claims["aud"], state["session"]["app_id"]);
        assert_eq!(claims["exp"], time(&login["expires_at"]).timestamp());
    })
    .await;
}

#[tokio::test]
async fn renewing_gives_another_token_for_the_same_session() {
    shop(async |shop| {
        let mut phone = shop.visitor().await;
        let before = phone.call("GET", "/v1/session", None).await.ok(200);
        let old_token = phone.token.clone();
        shop.advance(604_000).await;
        let renewed = phone.call("POST", "/v1/session/renew", None).await.ok(200);
        assert_eq!(renewed["token_type"], "Bearer");
        assert_eq!(
            time(&renewed["expires_at"]),
            shop.clock.now() + TimeDelta::seconds(604_800)
        );
        phone.take_token(&renewed);
        let after = phone.call("GET", "/v1/session", None).await.ok(200);
        assert_eq!(after["session"]["id"], before["session"]["id"]);
        assert_eq!(after["session"]["expires_at"], renewed["expires_at"]);
        assert_eq!(shop.count("select count(*) from sessions").await, 1);
        // The old token names the same session until its own end.
        me(shop, 0, &old_token).await.ok(200);
        shop.advance(801).await;
        me(shop, 0, &old_token).await.refused(401, "session_expired");
        me(shop, 0, &phone.token).await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn a_session_ends_by_itself() {
    shop_with(Setup::default().with("SESSION_TTL_S", "60"), async |shop| {
        let phone = shop.visitor().await;
        shop.advance(59).await;
        me(shop, 0, &phone.token).await.ok(200);
        orders(shop, 0, &phone.token).await.ok(200);
        shop.advance(1).await;
        for answer in [
            me(shop, 0, &phone.token).await,
            orders(shop, 0, &phone.token).await,
        ] {
            answer.refused(401, "session_expired");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
        phone
            .call("POST", "/v1/session/renew", None)
            .await
            .refused(401, "session_expired");
    })
    .await;
}

#[tokio::test]
async fn logging_out_here_ends_this_session_alone() {
    shop(async |shop| {
        let mut phone = shop.visitor().await;
        let other_token = phone.token.clone();
        phone.login().await;
        orders(shop, 0, &phone.token).await.ok(200);
        let answer = phone.call("DELETE", "/v1/session", None).await;
        assert_eq!((answer.status, answer.body.len()), (204, 0));
        orders(shop, 0, &phone.token)
            .await
            .refused(401, "session_expired");
        for (method, path) in [
            ("GET", "/v1/me"),
            ("GET", "/v1/session"),
            ("POST", "/v1/session/renew"),
            ("DELETE", "/v1/session"),
            ("DELETE", "/v1/sessions"),
        ] {
            phone
                .call(method, path, None)
                .await
                .refused(401, "session_expired");
        }
        orders(shop, 0, &other_token).await.ok(200);
        // Dead is dead, however late.
        shop.advance(3_600).await;
        me(shop, 0, &phone.token).await.refused(401, "session_expired");
    })
    .await;
}

#[tokio::test]
async fn logging_out_everywhere_ends_all_sessions_of_the_user_alone() {
    shop(async |shop| {
        let mut phone = shop.visitor().await;
        let other_token = phone.token.clone();
        phone.login().await;
        let stranger = shop.visitor().await;
        orders(shop, 0, &other_token).await.ok(200);
        phone.call("DELETE", "/v1/sessions", None).await.ok(204);
        for token in [&phone.token, &other_token] {
            orders(shop, 0, token).await.refused(401, "session_expired");
            me(shop, 0, token).await.refused(401, "session_expired");
        }
        orders(shop, 0, &stranger.token).await.ok(200);
        phone.login().await;
        orders(shop, 0, &phone.token).await.ok(200);
    })
    .await;
}

/// Whether a replica that has just seen the session alive knows of its end `after` it.
async fn knows_after(shop: &Shop, end: &str, after: TimeDelta) {
    let phone = shop.visitor().await;
    orders(shop, 1, &phone.token).await.ok(200);
    phone.call("DELETE", end, None).await.ok(204);
    me(shop, 1, &phone.token).await.refused(401, "session_expired");
    shop.clock.advance(after);
    orders(shop, 1, &phone.token)
        .await
        .refused(401, "session_expired");
}

#[tokio::test]
async fn every_replica_knows_of_an_end_within_a_second() {
    shop_with(Setup::default().replicas(2), async |shop| {
        knows_after(shop, "/v1/session", TimeDelta::seconds(1)).await;
        knows_after(shop, "/v1/sessions", TimeDelta::seconds(1)).await;
    })
    .await;
}

#[tokio::test]
async fn a_session_ended_here_is_not_found_alive_by_a_request_that_overtakes() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let phone = shop.visitor().await;
        let mut requests = Vec::new();
        for at in 0..20 {
            requests.push(shop.send(shop.request_of(at % 2, "GET", "/v1/orders", Some(&phone.token), None)));
        }
        let (answers, end) = tokio::join!(
            futures_util::future::join_all(requests),
            phone.call("DELETE", "/v1/session", None)
        );
        end.ok(204);
        for answer in answers {
            assert!([200, 401].contains(&answer.status), "{answer:?}");
        }
        shop.clock.advance(TimeDelta::seconds(1));
        for replica in 0..2 {
            orders(shop, replica, &phone.token)
                .await
                .refused(401, "session_expired");
        }
    })
    .await;
}

#[tokio::test]
async fn a_page_that_asks_who_it_is_costs_one_statement() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        for path in ["/v1/me", "/v1/session"] {
            let answer = phone.call("GET", path, None).await;
            let line = shop.log_line(&answer);
            assert_eq!(
                (&line["status"], &line["db_queries"]),
                (&json!(200), &json!(1)),
                "{line}"
            );
            assert_eq!(line["route"], path);
            assert_eq!(
                line["user.id"],
                answer.json()["id"]
                    .as_str()
                    .map_or_else(|| answer.json()["user"]["id"].clone(), |id| json!(id),)
            );
        }
        // A session that was seen alive a moment ago is believed.
        for queries in [2, 1] {
            let answer = phone.call("GET", "/v1/orders", None).await;
            assert_eq!(shop.log_line(&answer)["db_queries"], queries);
        }
    })
    .await;
}

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

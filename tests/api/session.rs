//! Sessions: their tokens, their end, here and on every replica.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::harness::{Answer, Setup, Shop, Token, shop, shop_with};

/// 32 bytes each.
pub(crate) const STRANGERS_KEY: &str = "c3RyYW5nZXItc3RyYW5nZXItc3RyYW5nZXItc3RyYW4=";
pub(crate) const NEWER_KEY: &str = "m5Yz1Qy0Xk3cVt8uN2bR7wLpE9sGhJ4aKdF6oCiUxZQ=";

/// Asks a server who the bearer of a token is, by a route that believes its memory for a moment.
pub(crate) async fn orders(shop: &Shop, replica: usize, token: &str) -> Answer {
    shop.send(shop.request_of(replica, "GET", "/v1/orders", Some(token), None))
        .await
}

/// The same by a route that asks the database each time.
pub(crate) async fn me(shop: &Shop, replica: usize, token: &str) -> Answer {
    shop.send(shop.request_of(replica, "GET", "/v1/me", Some(token), None))
        .await
}

pub(crate) fn time(value: &Value) -> DateTime<Utc> {
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
async fn a_session_that_is_over_stays_so_when_a_clock_that_was_set_back_comes_to_its_time_again() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let phone = shop.visitor().await;
        orders(shop, 1, &phone.token).await.ok(200);
        shop.clock.advance(TimeDelta::seconds(-30));
        phone.call("DELETE", "/v1/session", None).await.ok(204);
        for seconds in [0, 30] {
            shop.clock.advance(TimeDelta::seconds(seconds));
            orders(shop, 1, &phone.token)
                .await
                .refused(401, "session_expired");
        }
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
async fn that_a_session_is_over_is_told_before_what_else_is_wrong() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        assert_eq!(phone.call("DELETE", "/v1/sessions", None).await.status, 204);
        let document = "/v1/collections/notes/documents/none";
        let wrong = [
            ("POST", "/v1/orders", Some(json!({"items": []}))),
            ("POST", "/v1/orders/none/payment", None),
            ("GET", "/v1/orders/none", None),
            ("GET", "/v1/orders?limit=many", None),
            ("PATCH", "/v1/me", None),
            ("PATCH", "/v1/me", Some(json!({"unknown": 1}))),
            ("PUT", document, Some(json!([]))),
            ("DELETE", document, None),
            ("DELETE", "/v1/files/none", None),
        ];
        for (method, path, body) in wrong {
            let request = shop.request(method, path, Some(&phone.token), body.as_ref());
            let answer = shop.send(request.header("if-match", "none")).await;
            answer.refused(401, "session_expired");
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

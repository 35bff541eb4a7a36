//! Who fetches a token: one at a time, over threads and servers, and nobody too late.

use chrono::TimeDelta;
use futures_util::future::{join, join_all};
use serde_json::json;
use weir::domain::name::AppId;
use weir::service::mini::access_token::live;
use weir::store::access_token::{Claim, claim, token_place};

use crate::harness::{
    APP, APP_SECRET, Answer, HandPlayed, OTHER_APP, PATIENT, Setup, Shop, held, shop, shop_with, until,
};

/// Connections whose last statement looked at a token's row, as those do that wait for it.
const LAST_LOOKED_AT_THE_ROW: &str = "select count(*) from pg_stat_activity
    where datname = current_database() and query like '-- access_token.find%'";

/// `GET /internal/access-token` at one of the servers.
async fn read(shop: &Shop, replica: usize) -> Answer {
    shop.internal_of(replica, "GET", "/internal/access-token", None)
        .await
}

async fn token(shop: &Shop, replica: usize) -> String {
    let body = read(shop, replica).await.ok(200);
    body["access_token"].as_str().unwrap().to_owned()
}

/// Takes the lease and never gives it back, as a server does that is killed while it fetches.
async fn die_with_the_lease(shop: &Shop) {
    let (app_id, now) = (AppId::parse(APP).unwrap(), shop.clock.now());
    let hashes = shop.context_of(0).vault.hashes(APP_SECRET.as_bytes());
    let seen = "select coalesce(max(token_number), 0) from access_tokens";
    let seen = Some(shop.count(seen).await).filter(|number| *number > 0);
    let dying = Claim {
        app_id: &app_id,
        seen,
        secret_hashes: &hashes,
        now,
        until: now + TimeDelta::seconds(10),
    };
    let claimed = claim(&shop.connect(PATIENT), &dying).await.unwrap();
    assert!(claimed.is_some());
}

#[tokio::test]
async fn a_killed_holder_delays_until_its_lease_is_over_and_no_longer() {
    shop_with(Setup::default().replicas(2), async |shop| {
        die_with_the_lease(shop).await;
        let begun_at = shop.clock.now();
        let waiting = join_all([0, 1, 0, 1].map(|replica| read(shop, replica)));
        let passing = async {
            // Not before both servers have found that somebody else fetches.
            until(async || shop.count(LAST_LOOKED_AT_THE_ROW).await >= 2).await;
            for _ in 0..10 {
                assert_eq!(shop.calls("stable_token").await.len(), 0);
                shop.advance(1).await;
            }
        };
        let (answers, ()) = join(waiting, passing).await;
        for answer in &answers {
            answer.ok(200);
        }
        let fetches = shop.calls("stable_token").await;
        assert_eq!(fetches.len(), 1);
        let at: chrono::DateTime<chrono::Utc> = fetches[0]["at"].as_str().unwrap().parse().unwrap();
        assert!(at - begun_at >= TimeDelta::seconds(9), "{at} {begun_at}");
    })
    .await;
}

#[tokio::test]
async fn while_the_old_one_lives_nobody_waits_for_a_killed_holder() {
    shop(async |shop| {
        let first = token(shop, 0).await;
        shop.advance(6_700).await;
        die_with_the_lease(shop).await;
        shop.run_workers().await;
        assert_eq!(token(shop, 0).await, first);
        shop.advance(300).await;
        shop.run_workers().await;
        assert_ne!(token(shop, 0).await, first);
        assert_eq!(shop.calls("stable_token").await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn who_comes_back_after_its_lease_writes_nothing() {
    let wechat = HandPlayed::start().await;
    let setup = Setup::default()
        .replicas(2)
        .with("WECHAT_API_BASE_URL", wechat.url())
        .with("WECHAT_TOKEN_ISSUER", "token");
    shop_with(setup, async |shop| {
        let body = |token: &str| json!({"access_token": token, "expires_in": 7_200}).to_string();
        let racing = async {
            let late = wechat.call().await;
            shop.clock.advance(TimeDelta::seconds(10));
            let newer = async { wechat.call().await.answer(200, &body("61_newer")).await };
            let (second, ()) = join(token(shop, 1), newer).await;
            assert_eq!(second, "61_newer");
            late.answer(200, &body("60_late")).await;
        };
        let (first, ()) = join(token(shop, 0), racing).await;
        assert_eq!(first, "61_newer");
        assert_eq!(token(shop, 1).await, "61_newer");
        let outcomes: Vec<(i64, String)> =
            sqlx::query_as("select fence, outcome from access_token_refreshes order by fence")
                .fetch_all(&shop.db)
                .await
                .unwrap();
        assert_eq!(outcomes, [(1, "stale".to_owned()), (2, "new".to_owned())]);
        assert!(!wechat.has_more().await);
    })
    .await;
}

#[tokio::test]
async fn a_refusal_that_comes_while_somebody_fetches_is_not_forgotten() {
    shop(async |shop| {
        let first = token(shop, 0).await;
        // Its end is near, yet the issuer gives the same one again.
        shop.advance(6_700).await;
        shop.faults(json!([held("delay", "stable_token")])).await;
        let meanwhile = async {
            shop.calls_until("stable_token", 2).await;
            let refused = json!({"access_token": first});
            let reporting = shop.internal("POST", "/internal/access-token/report", Some(&refused));
            let letting_go = async {
                let known = "select count(*) from access_tokens where refused_at is not null";
                until(async || shop.count(known).await == 1).await;
                shop.let_go().await;
            };
            join(reporting, letting_go).await.0
        };
        let ((), answer) = join(shop.run_workers(), meanwhile).await;
        let body = answer.ok(200);
        assert_ne!(body["access_token"], first);
        assert_eq!(body["access_token"], token(shop, 0).await);
    })
    .await;
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_nobodys_token_with_it() {
    let wechat = HandPlayed::start().await;
    let setup = Setup::default()
        .with("WECHAT_API_BASE_URL", wechat.url())
        .with("WECHAT_TOKEN_ISSUER", "token");
    shop_with(setup, async |shop| {
        // As a handler is dropped whose client resets its connection.
        let (context, app_id) = (shop.context_of(0), AppId::parse(APP).unwrap());
        let held = tokio::select! {
            outcome = live(&context, &app_id) => panic!("{outcome:?}"),
            held = wechat.call() => held,
        };
        held.answer(200, r#"{"access_token":"61_kept","expires_in":7200}"#)
            .await;
        until(async || {
            shop.count("select count(*) from access_tokens where token is not null")
                .await
                == 1
        })
        .await;
        assert_eq!(token(shop, 0).await, "61_kept");
    })
    .await;
}

#[tokio::test]
async fn a_token_of_any_length_lies_sealed_in_its_own_row() {
    shop(async |shop| {
        for chars in [512_usize, 4_096] {
            shop.rule("access_token_chars", json!(chars)).await;
            shop.control("POST", "/simulator/access-tokens/displace", &json!({}))
                .await;
            shop.advance(5).await;
            sqlx::query("delete from access_tokens")
                .execute(&shop.db)
                .await
                .unwrap();
            let token = token(shop, 0).await;
            assert_eq!(token.len(), chars);
            let sealed: Vec<u8> = sqlx::query_scalar("select token from access_tokens")
                .fetch_one(&shop.db)
                .await
                .unwrap();
            let head = &token.as_bytes()[..8];
            assert!(!sealed.windows(8).any(|window| window == head));
        }
        // In the row of another mini program it is worth nothing.
        let sealed: Vec<u8> = sqlx::query_scalar("select token from access_tokens")
            .fetch_one(&shop.db)
            .await
            .unwrap();
        let open = |app_id: &str| {
            let place = token_place(&AppId::parse(app_id).unwrap());
            shop.context_of(0).vault.open(&place, &sealed)
        };
        assert_eq!(open(APP).unwrap().len(), 4_096);
        assert!(open(OTHER_APP).is_err());
        // One that does not open is none.
        sqlx::query("update access_tokens set token = '\\x01'")
            .execute(&shop.db)
            .await
            .unwrap();
        shop.advance(5).await;
        token(shop, 0).await;
        assert_eq!(shop.calls("stable_token").await.len(), 3);
    })
    .await;
}

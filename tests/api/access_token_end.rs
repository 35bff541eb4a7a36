//! How tokens end: in good time, by somebody else, by storms; and what the operator is told.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{APP, APP_SECRET, Answer, Setup, Shop, shop, shop_with};

async fn read(shop: &Shop) -> Answer {
    shop.internal("GET", "/internal/access-token", None).await
}

async fn token(shop: &Shop) -> String {
    read(shop).await.ok(200)["access_token"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// A call of the API that echoes.
async fn echo(shop: &Shop) -> Value {
    shop.internal("GET", "/internal/wechat/wxa/echo/a", None)
        .await
        .ok(200)
}

async fn report(shop: &Shop, token: &str) -> Answer {
    let body = json!({"access_token": token});
    shop.internal("POST", "/internal/access-token/report", Some(&body))
        .await
}

async fn fetches(shop: &Shop) -> usize {
    shop.calls("stable_token").await.len()
}

/// Pushes the clocks to noon in China, so that no day of WeChat's ends on the way.
async fn wait_for_noon(shop: &Shop) {
    let day_s = 86_400;
    let noon_s = 4 * 3_600;
    shop.advance((noon_s - shop.clock.now().timestamp()).rem_euclid(day_s))
        .await;
}

async fn displace(shop: &Shop) {
    shop.control("POST", "/simulator/access-tokens/displace", &json!({}))
        .await;
}

/// The check of the health page.
async fn check(shop: &Shop) -> Value {
    let health = shop.admin("GET", "/admin/health", None).await.ok(200);
    health["checks"]["access_tokens"].clone()
}

#[tokio::test]
async fn a_token_is_refreshed_in_the_background_before_it_dies() {
    shop(async |shop| {
        shop.run_workers().await;
        assert_eq!(fetches(shop).await, 0);
        let first = token(shop).await;
        for (seconds, asked, is_first) in [
            (6_590, 1, true),
            (10, 2, true),
            (280, 2, true),
            (40, 3, false),
            (6_000, 3, false),
        ] {
            shop.advance(seconds).await;
            shop.run_workers().await;
            assert_eq!(fetches(shop).await, asked, "{seconds}");
            assert_eq!(token(shop).await == first, is_first, "{seconds}");
            assert_eq!(echo(shop).await["errcode"], 0);
        }
        let page = check(shop).await;
        assert_eq!(
            (&page["status"], &page["tokens"][0]["is_live"]),
            (&json!("ok"), &json!(true))
        );
        let newest = &page["tokens"][0]["refreshes"][0];
        assert_eq!(
            (&newest["reason"], &newest["outcome"]),
            (&json!("due"), &json!("new"))
        );
        assert_eq!(newest["process"].as_str().unwrap().len(), 8);
    })
    .await;
}

#[tokio::test]
async fn a_quota_that_is_used_up_leaves_the_old_one_in_use() {
    shop(async |shop| {
        wait_for_noon(shop).await;
        let first = token(shop).await;
        shop.faults(json!([{"kind": "errcode", "api": "stable_token", "errcode": 45009}]))
            .await;
        shop.advance(6_600).await;
        for _ in 0..3 {
            shop.run_workers().await;
            assert_eq!(token(shop).await, first);
            shop.advance(100).await;
        }
        assert_eq!(fetches(shop).await, 2);
        let page = check(shop).await;
        assert_eq!(page["status"], "degraded");
        assert!(page["detail"].as_str().unwrap().contains("used up"), "{page}");
        shop.advance(300).await;
        let refusal = read(shop).await.refused(503, "wechat_unavailable");
        assert_eq!(refusal["wechat_errcode"], 45009);
        shop.faults(json!([])).await;
        shop.advance(1_200).await;
        assert_ne!(token(shop).await, first);
    })
    .await;
}

#[tokio::test]
async fn the_page_names_what_is_refused_and_the_address_that_wechat_saw() {
    shop(async |shop| {
        for (errcode, words) in [
            (40_164, "the address 203.0.113.9 is not among those allowed"),
            (40_125, "WECHAT_APP_SECRET"),
            (40_243, "frozen"),
            (50_007, "account is frozen"),
            (89_503, "administrator must confirm"),
        ] {
            sqlx::query("delete from access_tokens")
                .execute(&shop.db)
                .await
                .unwrap();
            shop.advance(5).await;
            shop.faults(json!([{"kind": "errcode", "api": "stable_token", "errcode": errcode}]))
                .await;
            let refusal = read(shop).await.refused(502, "wechat_rejected");
            assert_eq!(refusal["wechat_errcode"], errcode);
            let page = check(shop).await;
            assert_eq!(page["status"], "degraded");
            assert!(page["detail"].as_str().unwrap().contains(words), "{page}");
            assert_eq!(page["tokens"][0]["wechat_errcode"], errcode);
        }
        shop.faults(json!([])).await;
        shop.advance(60).await;
        shop.run_workers().await;
        token(shop).await;
        assert_eq!(check(shop).await["status"], "ok");
    })
    .await;
}

#[tokio::test]
async fn another_secret_ends_the_rest_after_a_wrong_one() {
    let wrong = Setup::default().with("WECHAT_APP_SECRET", "ffffeeeeddddccccbbbbaaaa99998888");
    shop_with(wrong, async |shop| {
        read(shop).await.refused(502, "wechat_rejected");
        read(shop).await.refused(502, "wechat_rejected");
        assert_eq!(fetches(shop).await, 1);
        let mended = shop.join(&Setup::default()).await;
        let answer = shop
            .internal_of(mended, "GET", "/internal/access-token", None)
            .await;
        answer.ok(200);
        assert_eq!(fetches(shop).await, 2);
    })
    .await;
}

#[tokio::test]
async fn somebody_else_who_ends_tokens_again_and_again_is_noticed() {
    shop(async |shop| {
        echo(shop).await;
        for (displaced, status) in [(1, "ok"), (2, "degraded")] {
            shop.advance(600).await;
            displace(shop).await;
            assert_eq!(echo(shop).await["errcode"], 0);
            assert_eq!(fetches(shop).await, 1 + displaced);
            let page = check(shop).await;
            assert_eq!(
                (&page["status"], &page["tokens"][0]["lost_24h"]),
                (&json!(status), &json!(displaced))
            );
        }
        assert!(
            check(shop).await["detail"]
                .as_str()
                .unwrap()
                .contains("somebody else")
        );
        shop.advance(86_401).await;
        echo(shop).await;
        assert_eq!(check(shop).await["status"], "ok");
    })
    .await;
}

#[tokio::test]
async fn another_token_is_demanded_only_for_one_that_wechat_insists_on() {
    shop(async |shop| {
        wait_for_noon(shop).await;
        let first = token(shop).await;
        // The issuer gives the very token that is said to be dead, and so another one is demanded.
        let second = report(shop, &first).await.ok(200)["access_token"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_ne!(second, first);
        assert_eq!(fetches(shop).await, 3);
        // Not again within thirty seconds: it stays, and further reports of it ask nobody.
        for asked in [4, 4, 4] {
            assert_eq!(
                report(shop, &second).await.ok(200)["access_token"],
                second.as_str()
            );
            assert_eq!(fetches(shop).await, asked);
        }
        let forced = "select count(*) from access_token_refreshes where is_forced";
        assert_eq!(shop.count(forced).await, 1);
        // A day of doubt: WeChat's bound is kept, and it never has to say so.
        for _ in 0..40 {
            shop.advance(30).await;
            let newest = token(shop).await;
            report(shop, &newest).await.ok(200);
        }
        assert_eq!(shop.count(forced).await, 20);
        let refused = "select count(*) from access_token_refreshes where outcome = 'failed'";
        assert_eq!(shop.count(refused).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_token_that_wechat_insists_on_stays_where_it_refuses_another() {
    shop(async |shop| {
        wait_for_noon(shop).await;
        // Another system of the owner has just demanded one.
        let demand = json!({
            "grant_type": "client_credential", "appid": APP, "secret": APP_SECRET, "force_refresh": true,
        });
        let theirs = shop.control("POST", "/cgi-bin/stable_token", &demand).await;
        let first = token(shop).await;
        assert_eq!(theirs["access_token"], *first);
        shop.advance(1).await;
        assert_eq!(report(shop, &first).await.ok(200)["access_token"], *first);
        assert_eq!(token(shop).await, first);
        assert_eq!(echo(shop).await["errcode"], 0);
        let demands: Vec<Value> = shop
            .calls("stable_token")
            .await
            .iter()
            .map(|call| call["error"].clone())
            .collect();
        assert_eq!(demands, [Value::Null, Value::Null, Value::Null, json!("45011")]);
        let page = check(shop).await;
        let newest = &page["tokens"][0]["refreshes"][0];
        assert_eq!(
            (&newest["outcome"], &newest["is_forced"], &newest["errcode"]),
            (&json!("same"), &json!(true), &json!(45011))
        );
        assert_eq!(page["status"], "ok");
    })
    .await;
}

#[tokio::test]
async fn a_storm_of_refusals_is_told_and_does_not_turn_into_one_of_ours() {
    shop(async |shop| {
        assert_eq!(echo(shop).await["errcode"], 0);
        shop.faults(json!([{"kind": "token_storm"}])).await;
        shop.control("DELETE", "/simulator/calls", &Value::Null).await;
        for calls in 1..=20 {
            assert_eq!(echo(shop).await["errcode"], 40001);
            // Each is made twice and no oftener.
            assert_eq!(shop.calls("echo").await.len(), 2 * calls);
        }
        assert_eq!(fetches(shop).await, 3);
        shop.faults(json!([])).await;
        assert_eq!(echo(shop).await["errcode"], 0);
        assert_eq!(fetches(shop).await, 3);
    })
    .await;
}

/// Forty calls at two servers, all of which succeed.
async fn forty_echoes(shop: &Shop) {
    let path = "/internal/wechat/wxa/echo/a";
    let answers = join_all((0..40).map(|number| shop.internal_of(number % 2, "GET", path, None))).await;
    for answer in answers {
        assert_eq!(answer.ok(200)["errcode"], 0);
    }
}

#[tokio::test]
async fn the_plain_issuer_is_asked_once_for_each_token() {
    let plain = Setup::default().with("WECHAT_TOKEN_ISSUER", "token").replicas(2);
    shop_with(plain, async |shop| {
        for fetches in [1, 2] {
            forty_echoes(shop).await;
            assert_eq!(shop.calls("token").await.len(), fetches);
            displace(shop).await;
            shop.advance(30).await;
        }
        forty_echoes(shop).await;
        shop.advance(6_600).await;
        shop.run_workers().await;
        forty_echoes(shop).await;
        assert_eq!((shop.calls("token").await.len(), fetches(shop).await), (4, 0));
    })
    .await;
}

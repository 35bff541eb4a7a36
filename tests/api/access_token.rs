//! Calls of the mini-program API with an access token: who fetches it, and what happens when it dies.

use futures_util::future::join_all;
use serde_json::{Value, json};
use weir::domain::access_token::Failure;
use weir::domain::name::AppId;
use weir::service::mini::{ApiCall, ApiReply, CallError, call};

use crate::harness::{APP, Setup, Shop, shop, shop_with};

fn app() -> AppId {
    AppId::parse(APP).unwrap()
}

/// A call of the API that echoes.
async fn echo(shop: &Shop, replica: usize) -> Result<ApiReply, CallError> {
    let context = shop.context_of(replica);
    let request = ApiCall::post("echo", "/wxa/echo/a", &json!({"a": 1})).unwrap();
    call(&context, &app(), &request.query("b", "2 3")).await
}

async fn echo_ok(shop: &Shop, replica: usize) -> Value {
    echo(shop, replica).await.unwrap().json().unwrap()
}

/// How often a token was fetched, and how often the API was called.
async fn counts(shop: &Shop) -> (usize, usize) {
    (
        shop.calls("stable_token").await.len(),
        shop.calls("echo").await.len(),
    )
}

async fn displace(shop: &Shop) {
    shop.control("POST", "/simulator/access-tokens/displace", &json!({}))
        .await;
}

#[tokio::test]
async fn a_call_brings_its_own_token() {
    shop(async |shop| {
        let answer = echo_ok(shop, 0).await;
        assert_eq!(answer["app_id"], APP);
        assert_eq!(
            (&answer["method"], &answer["path"]),
            (&json!("POST"), &json!("/wxa/echo/a"))
        );
        assert_eq!(answer["query"], json!([["b", "2 3"]]));
        assert_eq!(answer["content_type"], "application/json");
        assert_eq!(answer["body"], r#"{"a":1}"#);
        echo_ok(shop, 0).await;
        assert_eq!(counts(shop).await, (1, 2));
    })
    .await;
}

#[tokio::test]
async fn three_servers_and_a_thousand_calls_without_a_token_fetch_one() {
    shop_with(Setup::default().replicas(3), async |shop| {
        let calls = (0..1_000).map(|number| echo(shop, number % 3));
        let answers = join_all(calls).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1_000);
        assert_eq!(counts(shop).await, (1, 1_000));
    })
    .await;
}

#[tokio::test]
async fn a_displaced_token_under_load_costs_one_refresh_and_no_call() {
    shop_with(Setup::default().replicas(2), async |shop| {
        join_all((0..2).map(|replica| echo_ok(shop, replica))).await;
        displace(shop).await;
        let answers = join_all((0..300).map(|number| echo(shop, number % 2))).await;
        for answer in &answers {
            assert!(answer.is_ok(), "{answer:?}");
        }
        assert_eq!(shop.calls("stable_token").await.len(), 2);
        let forced = "select count(*) from access_token_refreshes where is_forced";
        assert_eq!(shop.count(forced).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_token_that_is_dead_on_arrival_costs_one_refresh_and_no_call() {
    shop(async |shop| {
        // Whoever else has the secret asks for one in the moment between our answer and its first use.
        shop.faults(json!([{"kind": "token_displaced", "api": "stable_token", "times": 1}]))
            .await;
        echo_ok(shop, 0).await;
        assert_eq!(shop.struck("stable_token", "token_displaced").await, 1);
        assert_eq!(counts(shop).await, (2, 2));
        echo_ok(shop, 0).await;
        assert_eq!(counts(shop).await, (2, 3));
        let forced = "select count(*) from access_token_refreshes where is_forced";
        assert_eq!(shop.count(forced).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_still_remembers_a_dead_token_leaves_the_new_one_alone() {
    shop_with(Setup::default().replicas(2), async |shop| {
        join_all((0..2).map(|replica| echo_ok(shop, replica))).await;
        displace(shop).await;
        for replica in 0..2 {
            echo_ok(shop, replica).await;
            assert_eq!(shop.calls("stable_token").await.len(), 2);
        }
        // Both had to find out that the old one is dead.
        assert_eq!(shop.calls("echo").await.len(), 6);
    })
    .await;
}

#[tokio::test]
async fn a_refusal_is_told_by_its_number_and_busy_is_repeated_only_where_that_is_said() {
    shop(async |shop| {
        echo_ok(shop, 0).await;
        for errcode in [-1, 40_097, 45_009, 45_011, 48_001] {
            let fault = json!([{"kind": "errcode", "api": "echo", "errcode": errcode, "times": 1}]);
            shop.faults(fault).await;
            let error = echo(shop, 0).await.unwrap_err();
            assert!(
                matches!(error, CallError::Refused { errcode: told } if told == errcode),
                "{error:?}"
            );
        }
        let context = shop.context_of(0);
        for (times, is_ok) in [(2, true), (3, false)] {
            let fault = json!([{"kind": "errcode", "api": "echo", "errcode": -1, "times": times}]);
            shop.faults(fault).await;
            let request = ApiCall::get("echo", "/wxa/echo/b").repeatable();
            assert_eq!(call(&context, &app(), &request).await.is_ok(), is_ok, "{times}");
        }
        assert_eq!(shop.calls("stable_token").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_wrong_setting_at_wechat_is_asked_about_after_a_rest_and_not_before() {
    shop(async |shop| {
        for errcode in [
            40_001, 40_013, 40_125, 40_164, 40_243, 50_004, 50_007, 89_503, 89_506, 89_507,
        ] {
            // Also what the server remembers is forgotten by then.
            shop.advance(5).await;
            sqlx::query("delete from access_tokens")
                .execute(&shop.db)
                .await
                .unwrap();
            shop.control("DELETE", "/simulator/calls", &Value::Null).await;
            shop.faults(json!([{"kind": "errcode", "api": "stable_token", "errcode": errcode}]))
                .await;
            for (seconds, fetches) in [(0, 1), (59, 1), (1, 2), (119, 2), (1, 3)] {
                shop.advance(seconds).await;
                for _ in 0..3 {
                    let error = echo(shop, 0).await.unwrap_err();
                    let CallError::NoToken {
                        failure,
                        errcode: told,
                        ..
                    } = error
                    else {
                        panic!("{error:?}")
                    };
                    assert_eq!((failure, told), (Failure::Refused, Some(errcode)));
                }
                shop.run_workers().await;
                assert_eq!(counts(shop).await, (fetches, 0), "{errcode} {seconds}");
            }
            shop.faults(json!([])).await;
            shop.advance(240).await;
            echo_ok(shop, 0).await;
        }
    })
    .await;
}

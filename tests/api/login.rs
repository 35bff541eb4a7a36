//! `POST /v1/login`: what WeChat says, and what a page is told of it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{APP, Answer, HandPlayed, OTHER_APP, Setup, Shop, shop, shop_with};

/// A session key as WeChat writes them, and what else a good answer holds.
pub(crate) fn granted(openid: &str, session_key: &str) -> Value {
    json!({"openid": openid, "session_key": session_key})
}

pub(crate) const KEY_A: &str = "QUFBQUFBQUFBQUFBQUFBQQ==";

/// Logs in with WeChat played by hand, which answers `status` and `body`.
pub(crate) async fn login_against(shop: &Shop, wechat: &HandPlayed, status: u16, body: &str) -> Answer {
    let request = json!({"code": "0a1B2c3D"});
    let (answer, ()) = tokio::join!(shop.call("POST", "/v1/login", Some(&request)), async {
        wechat.call().await.answer(status, body).await;
    });
    answer
}

#[tokio::test]
async fn every_refusal_of_wechat_has_its_code() {
    const TABLE: [(i64, u16, &str); 16] = [
        (40029, 400, "login_code_invalid"),
        (40163, 400, "login_code_invalid"),
        (42003, 400, "login_code_invalid"),
        (40226, 403, "login_blocked"),
        (50002, 403, "login_blocked"),
        (45011, 429, "rate_limited"),
        (40002, 502, "wechat_rejected"),
        (40013, 502, "wechat_rejected"),
        (40125, 502, "wechat_rejected"),
        (40243, 502, "wechat_rejected"),
        (41002, 502, "wechat_rejected"),
        (41004, 502, "wechat_rejected"),
        (41008, 502, "wechat_rejected"),
        (50007, 502, "wechat_rejected"),
        (1, 502, "wechat_rejected"),
        (9_999_999_999, 502, "wechat_rejected"),
    ];
    shop(async |shop| {
        shop.announce("wechat_rejected");
        let phone = shop.phone().await;
        for (at, (errcode, status, code)) in TABLE.into_iter().enumerate() {
            shop.faults(json!([{"kind": "errcode", "api": "login", "errcode": errcode, "times": 1}]))
                .await;
            let login_code = phone.code(APP).await;
            let answer = phone.try_login(&json!({"code": login_code})).await;
            let problem = answer.refused(status, code);
            assert_eq!(problem["wechat_errcode"], errcode, "{problem}");
            for words in ["rid", "invalid", "refused", "errmsg"] {
                let said = problem["detail"].as_str().unwrap_or_default();
                assert!(!said.contains(words), "WeChat's own words: {problem}");
            }
            assert_eq!(shop.calls("login").await.len(), at + 1, "{errcode} was repeated");
            if status == 429 {
                assert_eq!(answer.header("retry-after"), Some("60"));
            }
        }
        assert_eq!(shop.count("select count(*) from users").await, 0);
        assert_eq!(shop.count("select count(*) from sessions").await, 0);
    })
    .await;
}

#[tokio::test]
async fn wechats_own_words_are_told_to_nobody() {
    let wechat = HandPlayed::start().await;
    let setup = Setup::default().with("WECHAT_API_BASE_URL", wechat.url());
    shop_with(setup, async |shop| {
        shop.keep_secret(["high risk word".to_owned()]);
        let refusal = r#"{"errcode":40226,"errmsg":"high risk word, rid: 65a1b2c3-0a1b2c3d-4e5f6a7b"}"#;
        let answer = login_against(shop, &wechat, 200, refusal).await;
        answer.refused(403, "login_blocked");
        assert!(!answer.text().contains("65a1b2c3"));
    })
    .await;
}

#[tokio::test]
async fn a_code_is_good_once_for_five_minutes_and_in_its_own_mini_program() {
    shop(async |shop| {
        let phone = shop.phone().await;
        let used = phone.code(APP).await;
        let first = phone.try_login(&json!({"code": used})).await;
        shop.keep_secret([first.ok(200)["token"].as_str().unwrap().to_owned()]);
        let old = phone.code(APP).await;
        let foreign = phone.code(OTHER_APP).await;
        for (code, errcode) in [(used, 40163), (foreign, 40029), ("0unknown".to_owned(), 40029)] {
            let problem = phone
                .try_login(&json!({"code": code}))
                .await
                .refused(400, "login_code_invalid");
            assert_eq!(problem["wechat_errcode"], errcode);
        }
        shop.advance(300).await;
        let problem = phone
            .try_login(&json!({"code": old}))
            .await
            .refused(400, "login_code_invalid");
        assert_eq!(problem["wechat_errcode"], 42003);
    })
    .await;
}

#[tokio::test]
async fn who_is_blocked_at_wechat_is_blocked_here() {
    shop(async |shop| {
        let phone = shop.phone().await;
        let path = format!("/simulator/users/{}", phone.user_id);
        shop.control("PATCH", &path, &json!({"is_blocked": true})).await;
        let code = phone.code(APP).await;
        let problem = phone
            .try_login(&json!({"code": code}))
            .await
            .refused(403, "login_blocked");
        assert_eq!(problem["wechat_errcode"], 40226);
        assert_eq!(shop.count("select count(*) from users").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_wrong_secret_or_app_id_is_the_operators_to_mend() {
    let wrong_secret = Setup::default().with("WECHAT_APP_SECRET", "ffffeeeeddddccccbbbbaaaa99998888");
    let wrong_app = Setup::default().with("WECHAT_APP_ID", "wx3333333333333333");
    for (setup, errcode) in [(wrong_secret, 40125), (wrong_app, 40013)] {
        shop_with(setup, async |shop| {
            shop.announce("wechat_rejected");
            let phone = shop.phone().await;
            let code = phone.code(APP).await;
            let problem = phone
                .try_login(&json!({"code": code}))
                .await
                .refused(502, "wechat_rejected");
            assert_eq!(problem["wechat_errcode"], errcode);
            let health = shop.admin("GET", "/admin/health", None).await.ok(200);
            let check = &health["checks"]["access_tokens"];
            assert_eq!(
                (&check["status"], &check["wechat_errcode"]),
                (&json!("degraded"), &json!(errcode))
            );
        })
        .await;
    }
}

#[tokio::test]
async fn a_login_that_succeeds_clears_the_operators_warning() {
    shop(async |shop| {
        shop.announce("wechat_rejected");
        let mut phone = shop.phone().await;
        shop.faults(json!([{"kind": "errcode", "api": "login", "errcode": 40125, "times": 1}]))
            .await;
        let code = phone.code(APP).await;
        phone
            .try_login(&json!({"code": code}))
            .await
            .refused(502, "wechat_rejected");
        phone.login().await;
        let health = shop.admin("GET", "/admin/health", None).await.ok(200);
        assert_eq!(health["checks"]["access_tokens"]["status"], "ok");
    })
    .await;
}

#[tokio::test]
async fn a_busy_wechat_is_asked_twice_more_and_no_oftener() {
    shop(async |shop| {
        shop.announce("wechat_unavailable");
        let mut phone = shop.phone().await;
        shop.faults(json!([{"kind": "errcode", "api": "login", "errcode": -1, "times": 2}]))
            .await;
        phone.login().await;
        assert_eq!(shop.calls("login").await.len(), 3);

        shop.faults(json!([{"kind": "errcode", "api": "login", "errcode": -1}]))
            .await;
        let code = phone.code(APP).await;
        let refusal = phone.try_login(&json!({"code": code})).await;
        refusal.refused(503, "wechat_unavailable");
        assert_eq!(refusal.json()["wechat_errcode"], -1);
        assert_eq!(shop.calls("login").await.len(), 6);

        shop.faults(json!([])).await;
        let again = phone.try_login(&json!({"code": code})).await.ok(200);
        phone.take_token(&again);
    })
    .await;
}

#[tokio::test]
async fn a_busy_wechat_that_took_the_code_says_so_when_it_is_asked_again() {
    shop(async |shop| {
        let mut phone = shop.phone().await;
        shop.faults(
            json!([{"kind": "errcode", "api": "login", "errcode": -1, "is_accepted": true, "times": 1}]),
        )
        .await;
        let code = phone.code(APP).await;
        let refusal = phone.try_login(&json!({"code": code})).await;
        assert_eq!(
            refusal.refused(400, "login_code_invalid")["wechat_errcode"],
            40163
        );
        assert_eq!(shop.calls("login").await.len(), 2);
        phone.login().await;
    })
    .await;
}

#[tokio::test]
async fn a_code_that_wechat_may_have_taken_is_not_sent_again() {
    shop(async |shop| {
        shop.announce("wechat_unavailable");
        let phone = shop.phone().await;
        for (at, fault) in [
            "no_answer_after_accepting",
            "no_answer_before_accepting",
            "server_error",
        ]
        .into_iter()
        .enumerate()
        {
            shop.faults(json!([{"kind": fault, "api": "login"}])).await;
            let code = phone.code(APP).await;
            phone
                .try_login(&json!({"code": code}))
                .await
                .refused(503, "wechat_unavailable");
            assert_eq!(shop.calls("login").await.len(), at + 1, "{fault}");
        }
        assert_eq!(shop.count("select count(*) from users").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_wechat_that_does_not_answer_in_time_is_a_timeout_and_is_asked_once() {
    let wechat = HandPlayed::start().await;
    let setup = Setup::default()
        .with("WECHAT_API_BASE_URL", wechat.url())
        .patience(Duration::from_secs(3));
    shop_with(setup, async |shop| {
        shop.announce("wechat_timeout");
        let request = json!({"code": "0a1B2c3D"});
        let (answer, ()) = tokio::join!(shop.call("POST", "/v1/login", Some(&request)), async {
            wechat.call().await.hold().await;
        });
        answer.refused(504, "wechat_timeout");
        assert!(!wechat.has_more().await, "the code was sent again");
    })
    .await;
}

#[tokio::test]
async fn a_wechat_that_cannot_be_reached_is_unavailable() {
    // A port on which nobody listens.
    let setup = Setup::default().with("WECHAT_API_BASE_URL", "http://127.0.0.1:1");
    shop_with(setup, async |shop| {
        shop.announce("wechat_unavailable");
        shop.call("POST", "/v1/login", Some(&json!({"code": "0a1B2c3D"})))
            .await
            .refused(503, "wechat_unavailable");
    })
    .await;
}

//! What a login may look like, and what reaches WeChat of it.

use serde_json::json;

use crate::harness::{APP, HandPlayed, OTHER_APP, Setup, shop, shop_with};
use crate::login::{KEY_A, granted, login_against};

#[tokio::test]
async fn an_answer_that_is_not_what_wechat_promises_is_unavailable() {
    let wechat = HandPlayed::start().await;
    let setup = Setup::default().with("WECHAT_API_BASE_URL", wechat.url());
    shop_with(setup, async |shop| {
        shop.announce("wechat_unavailable");
        let good = granted("oAlice", KEY_A).to_string();
        let endless = format!(r#"{{"openid":"{}"}}"#, "o".repeat(2 << 20));
        for (status, body) in [
            (500, good.as_str()),
            (502, "<html>bad gateway</html>"),
            (200, "<html>maintenance</html>"),
            (200, ""),
            (200, "null"),
            (200, "[]"),
            (200, "{}"),
            (200, r#"{"errcode":0,"errmsg":"ok"}"#),
            (200, r#"{"openid":"oAlice"}"#),
            (200, r#"{"openid":"","session_key":"QUFBQUFBQUFBQUFBQUFBQQ=="}"#),
            (
                200,
                r#"{"openid":"o'Alice;--","session_key":"QUFBQUFBQUFBQUFBQUFBQQ=="}"#,
            ),
            (200, r#"{"openid":"oAlice","session_key":""}"#),
            (200, r#"{"openid":"oAlice","session_key":"c2hvcnQ="}"#),
            (200, r#"{"openid":"oAlice","session_key":7}"#),
            (200, endless.as_str()),
        ] {
            let answer = login_against(shop, &wechat, status, body).await;
            let shown = &body[..body.len().min(60)];
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (503, "wechat_unavailable"),
                "{status} {shown}"
            );
            assert!(!wechat.has_more().await, "{status} {shown}: sent again");
        }
        let request = json!({"code": "0a1B2c3D"});
        let (answer, ()) = tokio::join!(shop.call("POST", "/v1/login", Some(&request)), async {
            wechat.call().await.break_off().await;
        });
        answer.refused(503, "wechat_unavailable");
        assert_eq!(shop.count("select count(*) from users").await, 0);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_known_is_ignored_in_the_request_and_in_wechats_answer() {
    let wechat = HandPlayed::start().await;
    let setup = Setup::default().with("WECHAT_API_BASE_URL", wechat.url());
    shop_with(setup, async |shop| {
        let request = json!({"code": "0a1B2c3D", "errMsg": "login:ok", "openid": "oMallory", "x": {"y": []}});
        let mut said = granted("oAlice", KEY_A);
        said["errcode"] = json!(0);
        said["errmsg"] = json!("ok");
        said["is_limit"] = json!([{"deep": null}]);
        let (answer, ()) = tokio::join!(shop.call("POST", "/v1/login", Some(&request)), async {
            wechat.call().await.answer(200, &said.to_string()).await;
        });
        answer.ok(200);
        let openid: String = sqlx::query_scalar("select openid from users")
            .fetch_one(&shop.db)
            .await
            .unwrap();
        assert_eq!(openid, "oAlice", "what a page claims to be does not count");
    })
    .await;
}

#[tokio::test]
async fn wechat_is_asked_as_its_documentation_says() {
    let wechat = HandPlayed::start().await;
    let setup = Setup::default().with("WECHAT_API_BASE_URL", wechat.url());
    shop_with(setup, async |shop| {
        let request = json!({"code": "0a1-B2_c3.D~"});
        let (answer, target) = tokio::join!(shop.call("POST", "/v1/login", Some(&request)), async {
            let call = wechat.call().await;
            let target = call.target.clone();
            call.answer(200, &granted("oAlice", KEY_A).to_string()).await;
            target
        });
        answer.ok(200);
        let (path, query) = target.split_once('?').unwrap();
        assert_eq!(path, "/sns/jscode2session");
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        assert_eq!(
            pairs,
            [
                ("appid", APP),
                ("secret", crate::harness::APP_SECRET),
                ("js_code", "0a1-B2_c3.D~"),
                ("grant_type", "authorization_code"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    })
    .await;
}

#[tokio::test]
async fn a_code_that_cannot_be_one_never_reaches_wechat() {
    shop(async |shop| {
        let long = "a".repeat(257);
        for (code, status, name) in [
            (json!(""), 422, "validation_failed"),
            (json!(long), 400, "login_code_invalid"),
            (json!("a b"), 400, "login_code_invalid"),
            (json!("a&secret=b"), 400, "login_code_invalid"),
            (json!("a%20b"), 400, "login_code_invalid"),
            (json!("../x"), 400, "login_code_invalid"),
            (json!("a\nb"), 400, "login_code_invalid"),
            (json!("登录"), 400, "login_code_invalid"),
            (json!("🍵"), 400, "login_code_invalid"),
            (json!("'; drop table users; --"), 400, "login_code_invalid"),
            (json!("a\u{0}b"), 422, "validation_failed"),
            (json!(7), 422, "validation_failed"),
            (json!(null), 422, "validation_failed"),
            (json!(["a"]), 422, "validation_failed"),
        ] {
            shop.call("POST", "/v1/login", Some(&json!({"code": code})))
                .await
                .refused(status, name);
        }
        shop.call("POST", "/v1/login", Some(&json!({})))
            .await
            .refused(422, "validation_failed");
        assert!(shop.calls("login").await.is_empty());

        let longest = "a".repeat(256);
        shop.call("POST", "/v1/login", Some(&json!({"code": longest})))
            .await
            .refused(400, "login_code_invalid");
        assert_eq!(shop.calls("login").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_mini_program_that_is_not_served_is_refused_without_a_call() {
    shop(async |shop| {
        let phone = shop.phone().await;
        let code = phone.code(OTHER_APP).await;
        for app_id in [
            json!(OTHER_APP),
            json!(""),
            json!("wx'"),
            json!("x".repeat(33)),
            json!(1),
        ] {
            let problem = phone
                .try_login(&json!({"code": code, "app_id": app_id}))
                .await
                .refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["pointer"], "/app_id", "{problem}");
        }
        assert!(shop.calls("login").await.is_empty());
        // No app, said in so many words, is the default one.
        let code = phone.code(APP).await;
        let body = phone
            .try_login(&json!({"code": code, "app_id": null}))
            .await
            .ok(200);
        shop.keep_secret([body["token"].as_str().unwrap().to_owned()]);
    })
    .await;
}

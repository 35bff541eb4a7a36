//! Access tokens: two issuers, expiry, displacement, quotas, and the API that uses them.

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use crate::harness::{APP, SECRET, Stage};

impl Stage {
    pub(crate) async fn plain_token(&self) -> Value {
        let path = format!("/cgi-bin/token?grant_type=client_credential&appid={APP}&secret={SECRET}");
        self.get(&path).await.json()
    }

    pub(crate) async fn stable_token(&self, force_refresh: bool) -> Value {
        let body = json!({
            "grant_type": "client_credential",
            "appid": APP,
            "secret": SECRET,
            "force_refresh": force_refresh,
        });
        self.send("POST", "/cgi-bin/stable_token", &body).await.json()
    }

    /// What an API says that is called with a token: 0 when it works.
    async fn errcode_with(&self, token: &Value) -> i64 {
        let user = self.user().await;
        let code = self.code(&user).await;
        let session = self.redeem(&code).await;
        let key = hmac::Key::new(
            hmac::HMAC_SHA256,
            session["session_key"].as_str().unwrap().as_bytes(),
        );
        let signature = hex::encode(hmac::sign(&key, b""));
        let path = format!(
            "/wxa/checksession?access_token={}&openid={}&signature={signature}&sig_method=hmac_sha256",
            token["access_token"].as_str().unwrap(),
            session["openid"].as_str().unwrap(),
        );
        self.get(&path).await.json()["errcode"].as_i64().unwrap()
    }
}

#[tokio::test]
async fn plain_token_lives_two_hours_or_five_minutes_past_the_next() {
    let stage = Stage::new().await;
    let first = stage.plain_token().await;
    assert_eq!(first["expires_in"], 7200);
    assert_eq!(stage.errcode_with(&first).await, 0);
    let second = stage.plain_token().await;
    assert_ne!(second["access_token"], first["access_token"]);
    assert_eq!(stage.errcode_with(&first).await, 0);
    stage.advance(300).await;
    assert_eq!(stage.errcode_with(&first).await, 40001);
    assert_eq!(stage.errcode_with(&second).await, 0);
    stage.advance(6_900).await;
    assert_eq!(stage.errcode_with(&second).await, 42001);
}

#[tokio::test]
async fn stable_token_stays_until_shortly_before_its_end() {
    let stage = Stage::new().await;
    let first = stage.stable_token(false).await;
    stage.advance(100).await;
    let again = stage.stable_token(false).await;
    assert_eq!(again["access_token"], first["access_token"]);
    assert!((7_000..=7_100).contains(&again["expires_in"].as_i64().unwrap()));
    stage.advance(6_850).await;
    let next = stage.stable_token(false).await;
    assert_ne!(next["access_token"], first["access_token"]);
    assert_eq!(stage.errcode_with(&first).await, 0);
    assert_eq!(stage.errcode_with(&next).await, 0);
    // The plain issuer does not know of any of this.
    stage.plain_token().await;
    assert_eq!(stage.errcode_with(&next).await, 0);
}

#[tokio::test]
async fn forced_renewal_kills_at_once_and_is_rationed() {
    let stage = Stage::new().await;
    let first = stage.stable_token(false).await;
    let second = stage.stable_token(true).await;
    assert_eq!(stage.errcode_with(&first).await, 40001);
    assert_eq!(stage.errcode_with(&second).await, 0);
    assert_eq!(stage.stable_token(true).await["errcode"], 45011);
    // 20 a day; a day in China may end on the way, so as many as two days allow.
    let mut refusals = Vec::new();
    for _ in 0..45 {
        stage.advance(30).await;
        refusals.extend(stage.stable_token(true).await.get("errcode").cloned());
    }
    assert!(
        !refusals.is_empty() && refusals.iter().all(|errcode| *errcode == 45009),
        "{refusals:?}"
    );
}

#[tokio::test]
async fn displaced_tokens_are_dead_at_once() {
    let stage = Stage::new().await;
    let (plain, stable) = (stage.plain_token().await, stage.stable_token(false).await);
    stage
        .post("/simulator/access-tokens/displace", json!({ "app_id": APP }))
        .await;
    assert_eq!(stage.errcode_with(&plain).await, 40001);
    assert_eq!(stage.errcode_with(&stable).await, 40001);
    let fresh = stage.stable_token(false).await;
    assert_eq!(stage.errcode_with(&fresh).await, 0);
}

#[tokio::test]
async fn bad_requests_for_tokens_have_their_errcodes() {
    let stage = Stage::new().await;
    for (query, errcode) in [
        (format!("grant_type=client_credential&secret={SECRET}"), 41002),
        (format!("grant_type=client_credential&appid={APP}"), 41004),
        (
            format!("grant_type=client_credential&appid=wx0&secret={SECRET}"),
            40013,
        ),
        (
            format!("grant_type=client_credential&appid={APP}&secret=no"),
            40125,
        ),
        (
            format!("grant_type=authorization_code&appid={APP}&secret={SECRET}"),
            40002,
        ),
    ] {
        let refusal = stage.get(&format!("/cgi-bin/token?{query}")).await;
        assert_eq!(
            (refusal.status, refusal.json()["errcode"].as_i64()),
            (200, Some(errcode)),
            "{query}"
        );
    }
    assert_eq!(stage.get("/cgi-bin/stable_token").await.json()["errcode"], 43002);
    let broken = stage.send("POST", "/cgi-bin/stable_token", &json!("text")).await;
    assert_eq!(broken.json()["errcode"], 47001);
    assert_eq!(stage.errcode_with(&json!({ "access_token": "" })).await, 41001);
    assert_eq!(
        stage.errcode_with(&json!({ "access_token": "made-up" })).await,
        40001
    );
    assert_eq!(stage.get("/cgi-bin/nothing").await.json()["errcode"], 40066);
}

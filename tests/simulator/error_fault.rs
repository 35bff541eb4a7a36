//! Errors in place of answers, before and after the effect.

use serde_json::{Value, json};

use crate::harness::Stage;
use crate::merchant::JSAPI;

#[tokio::test]
async fn errors_come_in_the_form_of_each_api() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let code = stage.code(&user).await;
    stage
        .faults(json!([{ "kind": "errcode", "errcode": 45011, "api": "login", "times": 2 }]))
        .await;
    assert_eq!(stage.redeem(&code).await["errcode"], 45011);
    assert_eq!(stage.redeem(&code).await["errcode"], 45011);
    assert!(stage.redeem(&code).await.get("openid").is_some());
    stage.faults(json!([{ "kind": "errcode" }])).await;
    assert_eq!(stage.plain_token().await["errcode"], -1);
    assert_eq!(stage.stable_token(false).await["errcode"], -1);

    stage
        .faults(json!([{ "kind": "pay_error", "status": 429, "code": "FREQUENCY_LIMITED", "after": 1 }]))
        .await;
    assert_eq!(stage.pay_get("/v3/certificates").await.status, 200);
    let limited = stage.query("order-1").await;
    assert_eq!(
        (limited.status, &limited.json()["code"]),
        (429, &json!("FREQUENCY_LIMITED"))
    );
    assert!(limited.header("wechatpay-signature").is_none());

    stage
        .faults(json!([{ "kind": "server_error", "status": 502 }]))
        .await;
    for path in ["/v3/certificates", "/sns/jscode2session", "/cgi-bin/token"] {
        let broken = stage.get(path).await;
        assert_eq!(broken.status, 502);
        assert!(serde_json::from_slice::<Value>(&broken.body).is_err());
    }
    for (body, answer) in [
        ("html", "<html><body><h1>upstream trouble</h1></body></html>"),
        ("empty", ""),
        ("half", r#"{"errcode":0,"errm"#),
        ("errcode_text", r#"{"errcode":"-1","errmsg":"refused"}"#),
    ] {
        stage
            .faults(json!([{ "kind": "server_error", "status": 200, "body": body }]))
            .await;
        let broken = stage.get("/cgi-bin/token").await;
        assert_eq!((broken.status, &*broken.body), (200, answer.as_bytes()));
    }
}

#[tokio::test]
async fn an_error_may_hide_that_the_effect_happened() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    for (number, kind, status) in [("order-1", "server_error", 502), ("order-2", "pay_error", 429)] {
        for is_accepted in [false, true] {
            let fault = json!({ "kind": kind, "status": status, "is_accepted": is_accepted, "times": 1 });
            stage.faults(json!([fault])).await;
            let answer = stage.pay_post(JSAPI, &stage.order(&user, number)).await;
            assert_eq!(answer.status, status);
            assert!(answer.header("wechatpay-signature").is_none());
            let there = stage
                .list(&format!("/simulator/transactions?out_trade_no={number}"))
                .await;
            assert_eq!(there.len(), usize::from(is_accepted), "{kind}");
        }
    }
    let code = stage.code(&user).await;
    stage
        .faults(json!([{ "kind": "errcode", "api": "login", "is_accepted": true, "times": 1 }]))
        .await;
    assert_eq!(stage.redeem(&code).await["errcode"], -1);
    assert_eq!(stage.redeem(&code).await["errcode"], 40163);
    // What the API itself refuses had no effect that could be hidden.
    stage
        .faults(
            json!([{ "kind": "pay_error", "is_accepted": true }, { "kind": "errcode", "is_accepted": true }]),
        )
        .await;
    assert_eq!(stage.query("order-3").await.json()["code"], "ORDER_NOT_EXIST");
    assert_eq!(stage.redeem("nonsense").await["errcode"], 40029);
    let fault = json!({ "faults": [{ "kind": "delay", "is_accepted": true }] });
    assert_eq!(stage.send("PUT", "/simulator/faults", &fault).await.status, 400);
}

//! What the simulated `WeChat Pay` demands of a request before it looks at the body.

use serde_json::json;

use crate::harness::{STRANGER_KEY, Stage};
use crate::merchant::{JSAPI, Request};

async fn request(stage: &Stage) -> Request {
    let user = stage.user().await;
    Request::new(stage, "POST", JSAPI, &stage.order(&user, "order-1").to_string()).await
}

async fn refusal(stage: &Stage, request: Request) -> (u16, String) {
    let answer = request.send(stage).await;
    assert!(answer.header("wechatpay-signature").is_none());
    assert!(answer.header("request-id").is_some());
    (answer.status, answer.json()["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn signature_must_hold_over_the_exact_bytes() {
    let stage = Stage::new().await;
    let good = request(&stage).await;
    let spoilt: Vec<(&str, Request)> = vec![
        (
            "key",
            Request {
                key: STRANGER_KEY,
                ..request(&stage).await
            },
        ),
        (
            "body",
            Request {
                sent_body: Some(format!("{} ", good.body)),
                ..request(&stage).await
            },
        ),
        (
            "serial",
            Request {
                serial: "00".repeat(20),
                ..request(&stage).await
            },
        ),
        (
            "nonce",
            Request {
                nonce: "n".repeat(33),
                ..request(&stage).await
            },
        ),
        (
            "old",
            Request {
                timestamp: good.timestamp - 301,
                ..request(&stage).await
            },
        ),
        (
            "future",
            Request {
                timestamp: good.timestamp + 303,
                ..request(&stage).await
            },
        ),
        (
            "scheme",
            Request {
                authorization: Some("Bearer x".to_owned()),
                ..request(&stage).await
            },
        ),
    ];
    for (name, spoilt) in spoilt {
        assert_eq!(
            refusal(&stage, spoilt).await,
            (401, "SIGN_ERROR".to_owned()),
            "{name}"
        );
    }
    let foreign = Request {
        mch_id: "1900000002".to_owned(),
        ..request(&stage).await
    };
    assert_eq!(refusal(&stage, foreign).await, (400, "MCH_NOT_EXISTS".to_owned()));
    let edge = Request {
        timestamp: good.timestamp - 295,
        ..request(&stage).await
    };
    assert_eq!(edge.send(&stage).await.status, 200);
}

#[tokio::test]
async fn body_names_the_merchant_that_signs() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let mut order = stage.order(&user, "order-1");
    order["mchid"] = json!("1900000002");
    let refused = stage.pay_post(JSAPI, &order).await;
    assert_eq!(
        (refused.status, &refused.json()["code"]),
        (400, &json!("PARAM_ERROR"))
    );
    assert_eq!(refused.json()["detail"]["field"], "/mchid");
}

#[tokio::test]
async fn headers_must_be_there_once() {
    let stage = Stage::new().await;
    let good = request(&stage).await;
    let mut twice = request(&stage).await;
    twice
        .headers
        .push(("authorization", "WECHATPAY2-SHA256-RSA2048 x".to_owned()));
    assert_eq!(refusal(&stage, twice).await, (401, "SIGN_ERROR".to_owned()));
    let bare = good.build(&stage).build().unwrap();
    for (name, value, code) in [
        ("accept", Some("text/html"), "INVALID_REQUEST"),
        ("user-agent", Some(""), "INVALID_REQUEST"),
        ("content-type", Some("text/plain"), "PARAM_ERROR"),
        ("wechatpay-serial", Some("PUB_KEY_ID_01"), "PARAM_ERROR"),
        ("authorization", None, "SIGN_ERROR"),
    ] {
        let mut changed = bare.try_clone().unwrap();
        changed.headers_mut().remove(name);
        if let Some(value) = value {
            changed.headers_mut().insert(name, value.parse().unwrap());
        }
        let answer = crate::harness::Answer::of(stage.http.execute(changed).await.unwrap()).await;
        assert_eq!(answer.json()["code"], code, "{name}");
    }
}

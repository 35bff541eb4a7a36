//! `wx.request`: the phone's way to the server.

use serde_json::json;
use url::Url;
use weir::simulator::Options;

use crate::harness::{Answer, Stage, options};
use crate::receiver::Receiver;

#[tokio::test]
async fn request_reaches_the_server_and_its_answer_the_page() {
    let server = Receiver::start();
    let server_url = Some(Url::parse(&server.url).unwrap());
    let stage = Stage::with(Options {
        server_url,
        ..options()
    })
    .await;
    server.answer(&[201]);
    let request = stage
        .http
        .post(stage.url("/phone/request/v1/orders%2F1?a=1&b=%20"))
        .header("authorization", "Bearer t")
        .header("content-type", "application/json")
        .header("idempotency-key", "k")
        .header("cookie", "c=1")
        .header("x-forwarded-for", "1.2.3.4")
        .body("{}");
    let answer = Answer::of(request.send().await.unwrap()).await;
    assert_eq!((answer.status, answer.header("x-request-id")), (201, Some("r-1")));
    let received = server.take().remove(0);
    assert_eq!(
        (received.method.as_str(), received.target.as_str()),
        ("POST", "/v1/orders%2F1?a=1&b=%20")
    );
    assert_eq!(received.body, b"{}");
    for (name, value) in [
        ("authorization", Some("Bearer t")),
        ("content-type", Some("application/json")),
        ("idempotency-key", Some("k")),
        ("cookie", None),
        ("x-forwarded-for", None),
    ] {
        assert_eq!(received.headers.get(name).map(String::as_str), value, "{name}");
    }
    // Whatever path is asked for, only this server is spoken to.
    stage.get("/phone/request//example.com/x").await;
    assert_eq!(server.take()[0].target, "//example.com/x");
}

#[tokio::test]
async fn unreachable_server_is_a_failure_of_the_request() {
    let server_url = Some(Url::parse("http://127.0.0.1:9").unwrap());
    let stage = Stage::with(Options {
        server_url,
        ..options()
    })
    .await;
    let lost = stage.send("POST", "/phone/request/v1/login", &json!({})).await;
    assert_eq!((lost.status, lost.header("x-phone-error").is_some()), (502, true));
    let alone = Stage::new().await;
    assert!(
        alone
            .get("/phone/request/v1/me")
            .await
            .header("x-phone-error")
            .is_some()
    );
}

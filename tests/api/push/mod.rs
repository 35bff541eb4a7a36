//! Message push: what WeChat tells by itself is taken once, whoever else knocks.

mod handshake;
mod health;
mod kept;
mod once;
mod refused;
mod simulated;
mod told;

use serde_json::{Value, json};

use crate::harness::{Answer, Shop};

/// An event that anybody may get.
fn event(name: &str, trace_id: &str) -> Value {
    json!({"MsgType": "event", "Event": name, "trace_id": trace_id})
}

/// Asserts that a push was answered as everything is that is not believed, and gives why it was not.
fn verdict(shop: &Shop, answer: &Answer) -> String {
    assert_eq!((answer.status, answer.body.len()), (403, 0), "{}", answer.text());
    assert_eq!(answer.header("content-type"), None);
    let id = answer.header("x-request-id").unwrap();
    let lines = shop.lines_with("a push was refused");
    let line = lines.iter().find(|line| line["request.id"] == id).unwrap();
    line["push.verdict"].as_str().unwrap().to_owned()
}

/// How many messages are kept, and how many events of them are to be told.
async fn kept(shop: &Shop) -> (i64, i64) {
    (
        shop.count("select count(*) from push_messages").await,
        shop.count("select count(*) from event_deliveries where push_message_id is not null")
            .await,
    )
}

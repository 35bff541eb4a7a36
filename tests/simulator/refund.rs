//! Refunds: what is accepted, what is refused, how one ends and who hears of it.

use std::num::NonZeroU32;

use serde_json::{Value, json};
use weir::simulator::{Delivery, Options};

use crate::harness::{Answer, MCH_ID, Stage, options};
use crate::merchant::Request;

pub(crate) const REFUNDS: &str = "/v3/refund/domestic/refunds";

impl Stage {
    /// A good refund of an order of 100 fen.
    pub(crate) fn refund_of(&self, out_trade_no: &str, out_refund_no: &str, fen: i64) -> Value {
        json!({
            "out_trade_no": out_trade_no,
            "out_refund_no": out_refund_no,
            "reason": "茶凉了",
            "notify_url": self.receiver.notify_url(),
            "amount": { "refund": fen, "total": 100, "currency": "CNY" },
        })
    }

    pub(crate) async fn refund(&self, out_trade_no: &str, out_refund_no: &str, fen: i64) -> Answer {
        self.pay_post(REFUNDS, &self.refund_of(out_trade_no, out_refund_no, fen))
            .await
    }

    async fn refund_query(&self, out_refund_no: &str) -> Answer {
        self.pay_get(&format!("{REFUNDS}/{out_refund_no}")).await
    }

    /// Ends a refund by the control API.
    pub(crate) async fn decide(&self, out_refund_no: &str, body: Value) -> Answer {
        let path = format!("/simulator/refunds/{out_refund_no}");
        self.send("POST", &path, &body).await
    }

    pub(crate) async fn rules(&self, changes: Value) {
        let mut rules = self.get("/simulator/rules").await.json();
        for (name, value) in changes.as_object().unwrap() {
            rules[name] = value.clone();
        }
        let answer = self.send("PUT", "/simulator/rules", &rules).await;
        assert_eq!((answer.status, answer.json()), (200, rules));
    }
}

fn refusal(answer: &Answer) -> (u16, String) {
    assert!(answer.header("wechatpay-signature").is_none());
    let code = answer.json()["code"].as_str().unwrap().to_owned();
    (answer.status, code)
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn refund_is_processed_ended_and_told() {
    let stage = Stage::new().await;
    let transaction_id = stage.paid_order("order-1").await["transaction_id"].clone();
    stage.deliver().await;
    stage.receiver.take();
    let made = stage.refund("order-1", "r_-|*@1", 40).await;
    assert_eq!(made.status, 200, "{made:?}");
    assert!(made.is_genuine(&stage).await);
    let first = made.json();
    assert_eq!(first["status"], "PROCESSING");
    assert_eq!(first["transaction_id"], transaction_id);
    assert_eq!(first["out_trade_no"], "order-1");
    assert_eq!(first["channel"], "ORIGINAL");
    assert_eq!(first["amount"]["refund"], 40);
    assert_eq!(first["amount"]["total"], 100);
    assert!(first.get("success_time").is_none());
    assert!(first["refund_id"].as_str().unwrap().len() <= 32);
    assert_eq!(stage.query("order-1").await.json()["trade_state"], "REFUND");
    assert_eq!(stage.trade_state("order-1").await, "REFUND");
    assert_eq!(stage.deliver().await.len(), 0);

    let ended = stage.decide("r_-%7C*@1", json!({ "status": "SUCCESS" })).await;
    assert_eq!(ended.json()["status"], "SUCCESS");
    let found = stage.refund_query("r_-%7C*@1").await;
    assert!(found.is_genuine(&stage).await);
    let found = found.json();
    assert_eq!(found["status"], "SUCCESS");
    assert!(found["success_time"].as_str().unwrap().ends_with("+08:00"));
    assert_eq!(found["refund_id"], first["refund_id"]);

    let sent = stage.deliver().await;
    assert_eq!((sent.len(), &sent[0]["out_refund_no"]), (1, &json!("r_-|*@1")));
    let received = stage.receiver.take().remove(0);
    assert!(received.is_genuine(&stage).await);
    let (envelope, notice) = received.opened();
    assert_eq!(envelope["event_type"], "REFUND.SUCCESS");
    assert_eq!(envelope["resource"]["original_type"], "refund");
    let expected = json!({
        "mchid": MCH_ID,
        "out_trade_no": "order-1",
        "transaction_id": transaction_id,
        "out_refund_no": "r_-|*@1",
        "refund_id": first["refund_id"],
        "refund_status": "SUCCESS",
        "success_time": found["success_time"],
        "user_received_account": first["user_received_account"],
        "amount": { "total": 100, "refund": 40, "payer_total": 100, "payer_refund": 40 },
    });
    assert_eq!(notice, expected);
}

#[tokio::test]
async fn closed_and_abnormal_are_told_and_abnormal_goes_on() {
    let stage = Stage::new().await;
    stage.paid_order("order-1").await;
    stage.deliver().await;
    stage.receiver.take();
    stage.rules(json!({ "one_refund_a_minute": false })).await;
    for (number, status) in [("r1", "CLOSED"), ("r2", "ABNORMAL")] {
        assert_eq!(stage.refund("order-1", number, 100).await.status, 200);
        let early = stage.decide(number, json!({ "status": "PROCESSING" })).await;
        assert_eq!(early.status, 409);
        assert_eq!(
            stage.decide(number, json!({ "status": status })).await.status,
            200
        );
        assert_eq!(stage.deliver_statuses().await, [204]);
        let (envelope, notice) = stage.receiver.take().remove(0).opened();
        assert_eq!(envelope["event_type"], format!("REFUND.{status}"));
        assert_eq!(notice["refund_status"], status);
        assert!(notice.get("success_time").is_none());
    }
    // What was closed never moves again; its number stays used, its money can be refunded anew.
    assert_eq!(
        stage.decide("r1", json!({ "status": "SUCCESS" })).await.status,
        409
    );
    assert_eq!(
        stage.refund("order-1", "r1", 100).await.json()["status"],
        "CLOSED"
    );
    assert_eq!(
        stage.decide("r2", json!({ "status": "SUCCESS" })).await.status,
        200
    );
    assert_eq!(stage.decide("r2", json!({})).await.status, 409);
    assert_eq!(stage.refund_query("r2").await.json()["status"], "SUCCESS");
    assert_eq!(stage.decide("none", json!({})).await.status, 404);
    let known = stage.list("/simulator/refunds?out_trade_no=order-1").await;
    assert_eq!((&known[0]["status"], known.len()), (&json!("CLOSED"), 2));
}

#[tokio::test]
async fn same_number_wants_the_same_parameters() {
    let stage = Stage::new().await;
    stage.paid_order("order-1").await;
    let first = stage.refund("order-1", "r1", 40).await.json();
    assert_eq!(stage.refund("order-1", "r1", 40).await.json(), first);
    assert_eq!(stage.list("/simulator/refunds").await.len(), 1);
    let refused = stage.refund("order-1", "r1", 41).await;
    assert_eq!(refusal(&refused), is(400, "INVALID_REQUEST"));
    let mut other = stage.refund_of("order-1", "r1", 40);
    other["reason"] = json!("another");
    assert_eq!(stage.pay_post(REFUNDS, &other).await.status, 400);
    let unknown = stage.refund_query("r2").await;
    assert_eq!(refusal(&unknown), is(404, "RESOURCE_NOT_EXISTS"));
}

/// Puts a value at a JSON pointer; null removes the field.
fn with(refund: &Value, pointer: &str, value: Value) -> Value {
    let mut refund = refund.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = refund.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if value.is_null() {
        parent.remove(name);
    } else {
        parent.insert(name.to_owned(), value);
    }
    refund
}

#[tokio::test]
async fn each_field_is_held_to_its_rule() {
    let stage = Stage::new().await;
    stage.paid_order("order-1").await;
    stage.paid_order("order-2").await;
    let good = stage.refund_of("order-1", "r1", 40);
    let from = |fen: i64| json!([{ "account": "AVAILABLE", "amount": fen }]);
    for (pointer, value) in [
        ("/out_refund_no", json!("")),
        ("/out_refund_no", json!("x".repeat(65))),
        ("/out_refund_no", json!("r 1")),
        ("/out_refund_no", json!("r/1")),
        ("/out_refund_no", json!("茶")),
        ("/out_refund_no", Value::Null),
        ("/out_trade_no", Value::Null),
        ("/out_trade_no", json!("short")),
        ("/transaction_id", json!("x".repeat(33))),
        ("/reason", json!("x".repeat(81))),
        ("/reason", json!("🍵")),
        ("/reason", json!("")),
        ("/notify_url", json!("https://shop.example/notify?a=1")),
        ("/notify_url", json!("http://shop.example/notify")),
        ("/funds_account", json!("SAVINGS")),
        ("/amount/refund", json!(0)),
        ("/amount/refund", json!(-40)),
        ("/amount/refund", json!("40")),
        ("/amount/refund", json!(1.5)),
        ("/amount/total", Value::Null),
        ("/amount/currency", Value::Null),
        ("/amount/currency", json!("USD")),
        ("/amount/from", from(39)),
        ("/amount/from", json!([])),
        ("/goods_detail", json!([{ "merchant_goods_id": "1" }])),
        ("/surprise", json!(1)),
    ] {
        let refused = stage
            .pay_post(REFUNDS, &with(&good, pointer, value.clone()))
            .await;
        assert_eq!(refusal(&refused), is(400, "PARAM_ERROR"), "{pointer} {value}");
    }
    let strange = with(&good, "/transaction_id", json!("4200000000"));
    let refused = stage.pay_post(REFUNDS, &strange).await;
    assert_eq!(refusal(&refused), is(404, "RESOURCE_NOT_EXISTS"));
    assert_eq!(stage.list("/simulator/refunds").await.len(), 0);

    let transaction_id = stage.query("order-1").await.json()["transaction_id"].clone();
    let both = with(&good, "/transaction_id", transaction_id.clone());
    let torn = with(&both, "/out_trade_no", json!("order-2"));
    let refused = stage.pay_post(REFUNDS, &torn).await;
    assert_eq!(refusal(&refused), is(400, "PARAM_ERROR"));
    assert_eq!(stage.pay_post(REFUNDS, &both).await.status, 200);
    let bad_signature = Request {
        nonce: "another-nonce".to_owned(),
        sent_body: Some(good.to_string()),
        ..Request::new(&stage, "POST", REFUNDS, "{}").await
    };
    let refused = bad_signature.send(&stage).await;
    assert_eq!(refusal(&refused), is(401, "SIGN_ERROR"));
}

#[tokio::test]
async fn only_what_was_paid_can_be_refunded() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    stage.prepay(&user, "order-open").await;
    stage.paid_order("order-1").await;
    stage.rules(json!({ "one_refund_a_minute": false })).await;
    let unpaid = stage.refund("order-open", "r0", 40).await;
    assert_eq!(refusal(&unpaid), is(400, "INVALID_REQUEST"));
    let unknown = stage.refund("order-none", "r0", 40).await;
    assert_eq!(refusal(&unknown), is(404, "RESOURCE_NOT_EXISTS"));
    let wrong_total = with(&stage.refund_of("order-1", "r0", 40), "/amount/total", json!(101));
    let refused = stage.pay_post(REFUNDS, &wrong_total).await;
    assert_eq!(refusal(&refused), is(400, "INVALID_REQUEST"));
    assert_eq!(
        refusal(&stage.refund("order-1", "r0", 101).await),
        is(400, "INVALID_REQUEST")
    );
    assert_eq!(stage.refund("order-1", "r1", 60).await.status, 200);
    assert_eq!(
        refusal(&stage.refund("order-1", "r2", 41).await),
        is(400, "INVALID_REQUEST")
    );
    assert_eq!(stage.refund("order-1", "r2", 40).await.status, 200);
    assert_eq!(
        refusal(&stage.refund("order-1", "r3", 1).await),
        is(400, "INVALID_REQUEST")
    );
    // A closed one gives its part free again.
    stage.decide("r2", json!({ "status": "CLOSED" })).await;
    assert_eq!(stage.refund("order-1", "r3", 40).await.status, 200);
}

#[tokio::test]
async fn refunds_have_their_times() {
    let stage = Stage::new().await;
    stage.paid_order("order-1").await;
    assert_eq!(stage.refund("order-1", "r1", 1).await.status, 200);
    let soon = stage.refund("order-1", "r2", 1).await;
    assert_eq!(refusal(&soon), is(429, "FREQUENCY_LIMITED"));
    stage.advance(60).await;
    assert_eq!(stage.refund("order-1", "r2", 1).await.status, 200);
    stage.rules(json!({ "one_refund_a_minute": false })).await;
    for number in 3..=50 {
        let made = stage.refund("order-1", &format!("r{number}"), 1).await;
        assert_eq!(made.status, 200, "{number}");
    }
    let many = stage.refund("order-1", "r51", 1).await;
    assert_eq!(refusal(&many), is(400, "INVALID_REQUEST"));

    stage.paid_order("order-2").await;
    stage.advance(365 * 86_400 - 600).await;
    assert_eq!(stage.refund("order-2", "late", 1).await.status, 200);
    stage.advance(1_200).await;
    let late = stage.refund("order-2", "too-late", 1).await;
    assert_eq!(refusal(&late), is(400, "INVALID_REQUEST"));
}

#[tokio::test]
async fn balance_is_what_refunds_are_taken_from() {
    let stage = Stage::new().await;
    stage.paid_order("order-1").await;
    stage
        .rules(json!({ "one_refund_a_minute": false, "balance_fen": 50 }))
        .await;
    assert_eq!(stage.refund("order-1", "r1", 40).await.status, 200);
    let poor = stage.refund("order-1", "r2", 11).await;
    assert_eq!(refusal(&poor), is(403, "NOT_ENOUGH"));
    assert_eq!(stage.get("/simulator/rules").await.json()["balance_fen"], 10);
    stage.rules(json!({ "balance_fen": 11 })).await;
    assert_eq!(stage.refund("order-1", "r2", 11).await.status, 200);
    let negative = json!({ "refund_takes_s": null, "one_refund_a_minute": true, "balance_fen": -1 });
    assert_eq!(stage.send("PUT", "/simulator/rules", &negative).await.status, 400);
}

#[tokio::test]
async fn refund_ends_by_itself_when_its_time_has_come() {
    let stage = Stage::new().await;
    stage.rules(json!({ "refund_takes_s": 600 })).await;
    for number in ["order-1", "order-2", "order-3"] {
        stage.paid_order(number).await;
    }
    stage
        .faults(json!([
            { "kind": "refund_abnormal", "after": 1, "times": 1 },
            { "kind": "refund_closed", "after": 2, "times": 1 },
        ]))
        .await;
    stage.deliver().await;
    stage.receiver.take();
    for number in 1..=3 {
        let made = stage
            .refund(&format!("order-{number}"), &format!("r{number}"), 100)
            .await;
        assert_eq!(made.json()["status"], "PROCESSING");
    }
    stage.advance(540).await;
    assert_eq!(stage.refund_query("r1").await.json()["status"], "PROCESSING");
    stage.advance(61).await;
    for (number, status) in [("r1", "SUCCESS"), ("r2", "ABNORMAL"), ("r3", "CLOSED")] {
        assert_eq!(stage.refund_query(number).await.json()["status"], status);
    }
    assert_eq!(stage.deliver_statuses().await, [204, 204, 204]);
}

#[tokio::test]
async fn automatic_refund_needs_nobody() {
    let speed = NonZeroU32::new(1_000).unwrap();
    let stage = Stage::with(Options {
        delivery: Delivery::Automatic { speed },
        ..options()
    })
    .await;
    stage.paid_order("order-1").await;
    stage.receiver.wait_for(1).await;
    stage.refund("order-1", "r1", 100).await;
    stage.advance(5).await;
    stage.receiver.wait_for(2).await;
    let (_, notice) = stage.receiver.take().remove(1).opened();
    assert_eq!(notice["refund_status"], "SUCCESS");
}

#[tokio::test]
async fn nobody_is_told_without_an_address() {
    let stage = Stage::new().await;
    stage.paid_order("order-1").await;
    stage.deliver().await;
    let quiet = with(&stage.refund_of("order-1", "r1", 100), "/notify_url", Value::Null);
    assert_eq!(stage.pay_post(REFUNDS, &quiet).await.status, 200);
    stage.decide("r1", json!({})).await;
    let known = stage.get("/simulator/notifications").await.json();
    assert_eq!(known["pending"], json!([]));
    assert_eq!(stage.deliver().await.len(), 0);
    assert_eq!(stage.list("/simulator/refunds").await[0]["status"], "SUCCESS");
}

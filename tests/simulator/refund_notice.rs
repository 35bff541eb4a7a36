//! Notices of refunds: their repetition, what faults do to them, and ones made by hand. And the
//! faults of the refund calls.

use serde_json::{Value, json};

use crate::harness::Stage;
use crate::merchant::Request;
use crate::refund::REFUNDS;

impl Stage {
    /// An order is paid and told, its refund has ended and is not told yet.
    async fn refunded(&self) {
        self.paid_order("order-1").await;
        self.deliver().await;
        self.receiver.take();
        assert_eq!(self.refund("order-1", "r1", 40).await.status, 200);
        self.decide("r1", json!({ "status": "SUCCESS" })).await;
    }
}

#[tokio::test]
async fn refused_notice_comes_again() {
    let stage = Stage::new().await;
    stage.refunded().await;
    stage.receiver.answer(&[500, 500]);
    for (wait, status) in [(0, 500), (15, 500), (15, 204), (600, 0)] {
        stage.advance(wait).await;
        let expected: Vec<Value> = Some(json!(status)).filter(|_| status > 0).into_iter().collect();
        assert_eq!(stage.deliver_statuses().await, expected);
    }
    let received = stage.receiver.take();
    assert!(received.iter().all(|one| one.opened().1["out_refund_no"] == "r1"));
}

#[tokio::test]
async fn faults_of_notifications_strike_notices_of_refunds() {
    for (kind, sent, genuine) in [
        ("notification_lost", 0, 0),
        ("notification_doubled", 2, 2),
        ("notification_stale", 1, 0),
        ("notification_future", 1, 0),
        ("probe_signature", 2, 1),
        ("wrong_answer_signature", 1, 0),
    ] {
        let stage = Stage::new().await;
        stage.refunded().await;
        stage
            .faults(json!([{ "kind": kind, "api": "notification", "times": 1 }]))
            .await;
        stage.deliver().await;
        let received = stage.receiver.take();
        assert_eq!(received.len(), sent, "{kind}");
        let mut good = 0;
        for one in &received {
            good += usize::from(one.is_genuine(&stage).await);
        }
        assert_eq!(good, genuine, "{kind}");
    }
    let stage = Stage::new().await;
    stage.refunded().await;
    stage
        .faults(json!([{ "kind": "notification_late", "ms": 300_000, "times": 1 }]))
        .await;
    assert_eq!(stage.deliver().await.len(), 0);
    stage.advance(301).await;
    assert_eq!(stage.deliver_statuses().await, [204]);
}

#[tokio::test]
async fn refund_may_be_told_before_its_payment() {
    let stage = Stage::new().await;
    stage.paid_order("order-1").await;
    stage.refund("order-1", "r1", 40).await;
    stage.decide("r1", json!({ "status": "SUCCESS" })).await;
    stage
        .faults(json!([{ "kind": "notification_reordered", "times": 1 }]))
        .await;
    assert_eq!(stage.deliver_statuses().await, [204, 204]);
    let received = stage.receiver.take();
    assert_eq!(received[0].opened().1["refund_status"], "SUCCESS");
    // The payment is told as it was when it happened.
    assert_eq!(received[1].opened().1["trade_state"], "SUCCESS");
}

#[tokio::test]
async fn crafted_notice_is_what_was_asked_for() {
    let stage = Stage::new().await;
    stage.paid_order("order-1").await;
    stage.paid_order("order-2").await;
    stage.deliver().await;
    stage.receiver.take();
    stage.refund("order-1", "r1", 40).await;
    let wish = json!({
        "out_trade_no": "order-1",
        "out_refund_no": "r1",
        "overrides": { "amount": { "refund": 41 }, "user_received_account": null },
    });
    stage.post("/simulator/notifications", wish).await;
    let received = stage.receiver.take().remove(0);
    assert!(received.is_genuine(&stage).await);
    let (envelope, notice) = received.opened();
    assert_eq!(
        (&envelope["event_type"], &envelope["summary"]),
        (&json!("REFUND.SUCCESS"), &json!("退款成功"))
    );
    assert_eq!(envelope["resource"]["original_type"], "refund");
    assert_eq!(
        (&notice["amount"]["refund"], &notice["refund_status"]),
        (&json!(41), &json!("SUCCESS"))
    );
    assert!(notice.get("user_received_account").is_none());
    // It was only a tale.
    assert_eq!(stage.list("/simulator/refunds").await[0]["status"], "PROCESSING");
    let foreign = json!({ "out_trade_no": "order-2", "out_refund_no": "r1" });
    let refused = stage.send("POST", "/simulator/notifications", &foreign).await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn faults_of_the_refund_calls() {
    let stage = Stage::new().await;
    stage.paid_order("order-1").await;
    stage
        .faults(json!([
            { "kind": "pay_error", "api": "refund", "status": 403, "code": "NOT_ENOUGH", "times": 1 },
            { "kind": "server_error", "api": "refund", "after": 1, "times": 1 },
            { "kind": "no_answer_after_accepting", "api": "refund", "after": 2, "times": 1 },
            { "kind": "wrong_answer_signature", "api": "refund", "after": 3, "times": 1 },
            { "kind": "pay_error", "api": "refund_query", "status": 429, "code": "FREQUENCY_LIMITED", "times": 1 },
        ]))
        .await;
    let poor = stage.refund("order-1", "r1", 40).await;
    assert_eq!((poor.status, &poor.json()["code"]), (403, &json!("NOT_ENOUGH")));
    assert_eq!(stage.refund("order-1", "r1", 40).await.status, 500);
    assert_eq!(stage.list("/simulator/refunds").await.len(), 0);
    let body = stage.refund_of("order-1", "r1", 40).to_string();
    let request = Request::new(&stage, "POST", REFUNDS, &body).await;
    assert!(request.build(&stage).send().await.is_err());
    assert_eq!(stage.list("/simulator/refunds").await.len(), 1);
    let doubtful = stage.refund("order-1", "r1", 40).await;
    assert_eq!(doubtful.status, 200);
    assert!(!doubtful.is_genuine(&stage).await);
    let query = format!("{REFUNDS}/r1");
    assert_eq!(stage.pay_get(&query).await.status, 429);
    assert_eq!(stage.pay_get(&query).await.json()["status"], "PROCESSING");
    let calls = stage.list("/simulator/calls").await;
    let last = calls.last().unwrap();
    assert_eq!(
        (&last["api"], &last["out_refund_no"], &last["out_trade_no"]),
        (&json!("refund_query"), &json!("r1"), &json!("order-1"))
    );
    let of_refund = |call: &&Value| call["api"] == "refund" && call["out_refund_no"] == "r1";
    assert_eq!(calls.iter().filter(of_refund).count(), 4);
    for (kind, api) in [
        ("refund_closed", "prepay"),
        ("refund_abnormal", "refund_query"),
        ("notification_lost", "refund"),
    ] {
        let nonsense = json!({ "faults": [{ "kind": kind, "api": api }] });
        assert_eq!(
            stage.send("PUT", "/simulator/faults", &nonsense).await.status,
            400
        );
    }
}

//! Each fault at least once, and the faults of a seed.

use std::time::{Duration, Instant};

use futures_util::future::join;
use serde_json::{Value, json};

use crate::harness::{Answer, Stage};
use crate::merchant::{JSAPI, Request};

#[tokio::test]
async fn delay_and_slow_body_bring_the_whole_answer() {
    let stage = Stage::new().await;
    for kind in ["delay", "slow_body"] {
        stage
            .faults(json!([{ "kind": kind, "ms": 50, "times": 1 }]))
            .await;
        let started = Instant::now();
        let answer = stage.pay_get("/v3/certificates").await;
        assert!(started.elapsed().as_millis() >= 50, "{kind}");
        assert_eq!(answer.json()["data"].as_array().unwrap().len(), 1);
        assert!(answer.is_genuine(&stage).await);
    }
}

/// Waits until a call about an order has arrived, and clears the faults.
async fn clear_once_seen(stage: &Stage, out_trade_no: &str) {
    let is_seen = async || {
        let calls = stage.list("/simulator/calls").await;
        calls.iter().any(|call| call["out_trade_no"] == out_trade_no)
    };
    while !is_seen().await {}
    stage.faults(json!([])).await;
}

#[tokio::test]
async fn the_wait_of_a_held_call_ends_with_the_next_change_of_the_faults() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    for (kind, out_trade_no, is_answered) in [
        ("no_answer_before_accepting", "order-1", false),
        ("no_answer_after_accepting", "order-2", false),
        ("delay", "order-3", true),
    ] {
        for is_held in [true, false] {
            let ms = if is_held { 120_000 } else { 500 };
            let fault = json!({ "kind": kind, "api": "prepay", "ms": ms, "is_held": is_held, "times": 1 });
            stage.faults(json!([fault])).await;
            let number = format!("{out_trade_no}-{is_held}");
            let order = stage.order(&user, &number).to_string();
            let request = Request::new(&stage, "POST", JSAPI, &order).await;
            let started = Instant::now();
            let (outcome, ()) = join(request.build(&stage).send(), clear_once_seen(&stage, &number)).await;
            let waited = started.elapsed();
            assert_eq!(outcome.is_ok(), is_answered, "{kind}");
            if is_held {
                assert!(waited < Duration::from_secs(100), "{kind} was not let go");
            } else {
                assert!(waited >= Duration::from_millis(500), "{kind} was let go");
            }
        }
    }
    for kind in ["slow_body", "server_error", "notification_reordered"] {
        let fault = json!({ "faults": [{ "kind": kind, "ms": 1, "is_held": true }] });
        let refused = stage.send("PUT", "/simulator/faults", &fault).await;
        assert_eq!(refused.status, 400, "{kind}");
    }
}

#[tokio::test]
async fn unanswered_call_is_accepted_or_not() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    for (kind, out_trade_no, orders) in [
        ("no_answer_before_accepting", "order-1", 0),
        ("no_answer_after_accepting", "order-2", 1),
    ] {
        stage
            .faults(json!([{ "kind": kind, "api": "prepay", "times": 1 }]))
            .await;
        let order = stage.order(&user, out_trade_no).to_string();
        let request = Request::new(&stage, "POST", JSAPI, &order).await;
        let lost = request.build(&stage).send().await.unwrap_err();
        assert!(lost.is_request() && !lost.is_timeout(), "{lost:?}");
        assert_eq!(
            stage.list("/simulator/transactions").await.len(),
            orders,
            "{kind}"
        );
        let calls = stage.list("/simulator/calls").await;
        let call = calls.last().unwrap();
        assert_eq!((&call["status"], &call["faults"]), (&Value::Null, &json!([kind])));
        assert_eq!(call["out_trade_no"], out_trade_no);
    }
    // The fault is used up, and the order that was accepted is found again.
    stage.prepay(&user, "order-2").await;
}

#[tokio::test]
async fn answers_are_signed_badly_on_demand() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    for (kind, is_signed) in [
        ("wrong_answer_signature", true),
        ("probe_signature", true),
        ("stale_answer", true),
        ("missing_answer_signature", false),
    ] {
        stage
            .faults(json!([{ "kind": kind, "api": "prepay", "times": 1 }]))
            .await;
        let answer = stage.pay_post(JSAPI, &stage.order(&user, "order-1")).await;
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.header("wechatpay-signature").is_some(),
            is_signed,
            "{kind}"
        );
        assert!(!answer.is_genuine(&stage).await, "{kind}");
    }
    let answer: Answer = stage.pay_post(JSAPI, &stage.order(&user, "order-1")).await;
    assert!(answer.is_genuine(&stage).await);
}

#[tokio::test]
async fn keys_rotate_and_tokens_die_mid_flight() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let before = stage.certificates().await;
    stage
        .faults(json!([{ "kind": "key_rotation", "api": "prepay", "times": 1 }]))
        .await;
    let answer = stage.pay_post(JSAPI, &stage.order(&user, "order-1")).await;
    assert_ne!(answer.header("wechatpay-serial"), Some(before[0].0.as_str()));
    assert!(answer.is_genuine(&stage).await);

    stage
        .faults(json!([{ "kind": "token_displaced", "times": 1 }]))
        .await;
    let (dead, alive) = (stage.stable_token(false).await, stage.stable_token(false).await);
    assert_ne!(dead["access_token"], alive["access_token"]);
    let check = async |token: &Value| {
        let path = format!(
            "/wxa/checksession?access_token={}",
            token["access_token"].as_str().unwrap()
        );
        stage.get(&path).await.json()["errcode"].clone()
    };
    assert_eq!(check(&dead).await, 40001);
    assert_eq!(check(&alive).await, 87008);
}

#[tokio::test]
async fn lost_notification_comes_by_the_ladder() {
    let stage = Stage::new().await;
    stage.paid_order("order-1").await;
    stage
        .faults(json!([{ "kind": "notification_lost", "times": 1 }]))
        .await;
    let lost = stage.deliver().await;
    assert_eq!(
        (&lost[0]["sent_at"], &lost[0]["status"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(lost[0]["faults"], json!(["notification_lost"]));
    assert!(stage.receiver.take().is_empty());
    stage.advance(15).await;
    assert_eq!(stage.deliver_statuses().await, [204]);
}

#[tokio::test]
async fn late_notification_waits_for_its_time() {
    let stage = Stage::new().await;
    stage.paid_order("order-1").await;
    stage
        .faults(json!([{ "kind": "notification_late", "ms": 120_000 }]))
        .await;
    assert_eq!(stage.deliver().await.len(), 0);
    stage.advance(110).await;
    assert_eq!(stage.deliver().await.len(), 0);
    stage.advance(10).await;
    assert_eq!(stage.deliver_statuses().await, [204]);
    assert!(stage.receiver.take()[0].is_genuine(&stage).await);
}

#[tokio::test]
async fn doubled_notification_arrives_twice_with_one_id() {
    let stage = Stage::new().await;
    stage.paid_order("order-1").await;
    stage.faults(json!([{ "kind": "notification_doubled" }])).await;
    assert_eq!(stage.deliver_statuses().await, [204, 204]);
    let received = stage.receiver.take();
    assert_eq!(received[0].opened().0["id"], received[1].opened().0["id"]);
    assert!(received[0].is_genuine(&stage).await && received[1].is_genuine(&stage).await);
    assert_eq!(stage.deliver().await.len(), 0);
}

#[tokio::test]
async fn reordered_notification_lets_another_pass() {
    let stage = Stage::new().await;
    stage.paid_order("order-1").await;
    stage.paid_order("order-2").await;
    stage
        .faults(json!([{ "kind": "notification_reordered", "times": 1 }]))
        .await;
    let sent = stage.deliver().await;
    let order: Vec<&Value> = sent.iter().map(|delivery| &delivery["out_trade_no"]).collect();
    assert_eq!(order, ["order-2", "order-1"]);
    // So it is as long as the fault is there, too: one is held, and lets the next pass.
    stage.faults(json!([{ "kind": "notification_reordered" }])).await;
    stage.paid_order("order-4").await;
    stage.paid_order("order-5").await;
    let sent = stage.deliver().await;
    let order: Vec<&Value> = sent.iter().map(|delivery| &delivery["out_trade_no"]).collect();
    assert_eq!(order, ["order-5", "order-4"]);
    // With nothing to let pass it comes after a while all the same.
    stage.paid_order("order-3").await;
    assert_eq!(stage.deliver().await.len(), 0);
    stage.advance(5).await;
    assert_eq!(stage.deliver_statuses().await, [204]);
}

#[tokio::test]
async fn badly_stamped_and_badly_signed_notifications_are_followed_by_good_ones() {
    let stage = Stage::new().await;
    for (number, kind) in [
        "notification_stale",
        "notification_future",
        "wrong_answer_signature",
    ]
    .into_iter()
    .enumerate()
    {
        stage.paid_order(&format!("order-{number}")).await;
        stage
            .faults(json!([{ "kind": kind, "api": "notification", "times": 1 }]))
            .await;
        stage.receiver.answer(&[401]);
        assert_eq!(stage.deliver_statuses().await, [401]);
        assert!(!stage.receiver.take()[0].is_genuine(&stage).await, "{kind}");
        stage.advance(15).await;
        assert_eq!(stage.deliver_statuses().await, [204]);
        assert!(stage.receiver.take()[0].is_genuine(&stage).await, "{kind}");
    }
}

#[tokio::test]
async fn probe_goes_ahead_of_the_genuine_notification() {
    let stage = Stage::new().await;
    stage.paid_order("order-1").await;
    stage
        .faults(json!([{ "kind": "probe_signature", "api": "notification" }]))
        .await;
    stage.receiver.answer(&[401]);
    let sent = stage.deliver().await;
    assert_eq!(
        (&sent[0]["kind"], &sent[0]["status"]),
        (&json!("probe"), &json!(401))
    );
    assert_eq!(
        (&sent[1]["kind"], &sent[1]["status"]),
        (&json!("scheduled"), &json!(204))
    );
    let received = stage.receiver.take();
    assert!(received[0].headers["wechatpay-signature"].starts_with("WECHATPAY/SIGNTEST/"));
    assert!(received[1].is_genuine(&stage).await);
}

#[tokio::test]
async fn key_rotates_before_a_notification() {
    let stage = Stage::new().await;
    let before = stage.certificates().await;
    stage.paid_order("order-1").await;
    stage
        .faults(json!([{ "kind": "key_rotation", "api": "notification", "times": 1 }]))
        .await;
    stage.deliver().await;
    let received = stage.receiver.take().remove(0);
    assert_ne!(received.headers["wechatpay-serial"], before[0].0);
    assert!(received.is_genuine(&stage).await);
}

/// What a story of 60 calls looks like: for each call the kinds that struck it.
async fn story(seed: u64) -> Vec<Value> {
    let stage = Stage::new().await;
    let random = json!({
        "seed": seed,
        "probability": 0.5,
        "kinds": ["errcode", "server_error", "pay_error", "wrong_answer_signature", "no_answer_before_accepting"],
    });
    let set = stage
        .send("PUT", "/simulator/faults", &json!({ "random": random }))
        .await;
    assert_eq!(set.json()["random"]["seed"], seed);
    for _ in 0..30 {
        // What comes back does not matter here, nor whether anything does.
        drop(stage.http.get(stage.url("/sns/jscode2session")).send().await);
        let request = Request::new(&stage, "GET", "/v3/certificates", "").await;
        drop(request.build(&stage).send().await);
    }
    stage
        .list("/simulator/calls")
        .await
        .into_iter()
        .map(|call| call["faults"].clone())
        .collect()
}

#[tokio::test]
async fn same_seed_tells_the_same_story() {
    let (first, again, other) = (story(1).await, story(1).await, story(2).await);
    assert_eq!(first.len(), 60);
    assert_eq!(first, again);
    assert_ne!(first, other);
    let struck = first
        .iter()
        .filter(|faults| !faults.as_array().unwrap().is_empty())
        .count();
    assert!((15..=45).contains(&struck), "{struck}");
}

#[tokio::test]
async fn faults_are_shown_counted_and_cleared() {
    let stage = Stage::new().await;
    stage
        .faults(json!([{ "kind": "delay", "ms": 1 }, { "kind": "errcode", "api": "login", "times": 3 }]))
        .await;
    stage.redeem("x").await;
    let shown = stage.get("/simulator/faults").await.json();
    assert_eq!(shown["faults"][1]["applied"], 1);
    assert_eq!(shown["faults"][1]["times"], 3);
    assert_eq!(
        stage.send("DELETE", "/simulator/faults", &json!({})).await.status,
        204
    );
    assert_eq!(
        stage.get("/simulator/faults").await.json(),
        json!({ "faults": [], "random": null })
    );
    for bad in [
        json!({ "faults": [{ "kind": "earthquake" }] }),
        json!({ "faults": [{ "kind": "errcode", "api": "prepay" }] }),
        json!({ "faults": [{ "kind": "delay", "ms": 120_001 }] }),
        json!({ "faults": [{ "kind": "pay_error", "status": 200 }] }),
        json!({ "faults": [{ "kind": "delay", "seconds": 1 }] }),
        json!({ "faults": [{ "kind": "delay", "times": 0 }] }),
        json!({ "random": { "seed": 1, "probability": 1.5 } }),
    ] {
        let refused = stage.send("PUT", "/simulator/faults", &bad).await;
        assert_eq!(
            (refused.status, &refused.json()["code"]),
            (400, &json!("invalid_request")),
            "{bad}"
        );
    }
}

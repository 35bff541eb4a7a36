//! Same seed, same story: refunds that end badly and bills that are wrong.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::Stage;

impl Stage {
    async fn random(&self, random: Value) {
        let answer = self
            .send("PUT", "/simulator/faults", &json!({ "random": random }))
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// The kinds that struck each call of an API.
    async fn struck(&self, api: &str) -> Vec<Value> {
        self.list("/simulator/calls")
            .await
            .into_iter()
            .filter(|call| call["api"] == api)
            .map(|call| call["faults"].clone())
            .collect()
    }
}

/// How twelve refunds end.
async fn refunds(seed: u64) -> (Vec<Value>, Vec<Value>) {
    let stage = Stage::new().await;
    stage
        .rules(json!({ "one_refund_a_minute": false, "refund_takes_s": 60 }))
        .await;
    stage.paid_order("order-1").await;
    let kinds = ["refund_closed", "refund_abnormal", "pay_error"];
    stage
        .random(json!({ "seed": seed, "probability": 0.6, "kinds": kinds }))
        .await;
    for number in 0..12 {
        stage.refund("order-1", &format!("r{number}"), 1).await;
    }
    stage.advance(60).await;
    let ends = stage.list("/simulator/refunds").await;
    let ends = ends.iter().map(|refund| refund["status"].clone()).collect();
    (stage.struck("refund").await, ends)
}

#[tokio::test]
async fn same_seed_ends_refunds_alike() {
    let (first, again, other) = (refunds(1).await, refunds(1).await, refunds(2).await);
    assert_eq!(first.0.len(), 12);
    assert_eq!(first, again);
    assert_ne!(first, other);
    for kind in ["refund_closed", "refund_abnormal", "pay_error"] {
        let stories = first.0.iter().chain(&other.0);
        assert!(stories.into_iter().any(|kinds| *kinds == json!([kind])), "{kind}");
    }
    assert!(first.1.contains(&json!("SUCCESS")));
}

#[tokio::test]
async fn what_a_seed_draws_is_trouble_or_a_rate_limit() {
    let stage = Stage::new().await;
    stage.paid_order("order-1").await;
    let kinds = ["pay_error"];
    stage
        .random(json!({ "seed": 1, "probability": 1.0, "kinds": kinds }))
        .await;
    let mut refusals = BTreeSet::new();
    for _ in 0..20 {
        let answer = stage.query("order-1").await;
        let code = answer.json()["code"].as_str().unwrap().to_owned();
        refusals.insert((answer.status, code));
    }
    let limited = (429, "FREQUENCY_LIMITED".to_owned());
    assert_eq!(
        refusals,
        BTreeSet::from([limited, (500, "SYSTEM_ERROR".to_owned())])
    );
}

/// What is wrong with each of thirty bills.
async fn bills(seed: u64) -> Vec<Value> {
    let stage = Stage::new().await;
    let (_, day) = stage.billed_day().await;
    let kinds = [
        "bill_row_missing",
        "bill_row_extra",
        "bill_amount_changed",
        "bill_state_changed",
        "bill_refund_missing",
        "bill_fee_changed",
        "bill_hash_wrong",
        "bill_truncated",
        "bill_not_ready",
        "bill_columns_reordered",
    ];
    stage
        .random(json!({ "seed": seed, "probability": 0.7, "kinds": kinds }))
        .await;
    for path in ["tradebill", "fundflowbill"] {
        for _ in 0..15 {
            stage.pay_get(&format!("/v3/bill/{path}?bill_date={day}")).await;
        }
    }
    let mut story = stage.struck("trade_bill").await;
    story.extend(stage.struck("fund_flow_bill").await);
    story
}

#[tokio::test]
async fn same_seed_spoils_bills_alike() {
    let (first, again, other) = (bills(1).await, bills(1).await, bills(2).await);
    assert_eq!(first.len(), 30);
    assert_eq!(first, again);
    assert_ne!(first, other);
    // The two bills have stories of their own.
    assert_ne!(first[..15], first[15..]);
    let struck = first.iter().filter(|kinds| **kinds != json!([])).count();
    assert!((10..=29).contains(&struck), "{struck}");
}

//! Faulty bills: each fault alone, and bills of many rows.

use std::io::Read;

use serde_json::{Value, json};

use crate::bookkeeper::{Bill, china_date, sha1_of};
use crate::harness::Stage;

impl Stage {
    /// The bill that a fault makes.
    async fn faulty(&self, path: &str, day: &str, fault: Value) -> Bill {
        self.faults(json!([fault])).await;
        let bill = self.bill(&format!("/v3/bill/{path}?bill_date={day}")).await;
        self.faults(json!([])).await;
        bill
    }
}

#[tokio::test]
async fn faulty_trade_bill_adds_up_all_the_same() {
    let stage = Stage::new().await;
    let (_, day) = stage.billed_day().await;
    let faulty = async |fault: Value| {
        let bill = stage.faulty("tradebill", &day, fault).await;
        assert_eq!(bill.hash, sha1_of(bill.text.as_bytes()));
        bill
    };
    let bill = faulty(json!({ "kind": "bill_row_missing" })).await;
    assert_eq!((bill.rows().len(), bill.value(0, "交易状态")), (1, "REFUND"));
    assert_eq!(bill.sums()[0..2], ["1", "0.00"]);
    let bill = faulty(json!({ "kind": "bill_refund_missing" })).await;
    assert_eq!((bill.rows().len(), bill.value(0, "交易状态")), (1, "SUCCESS"));
    assert_eq!(bill.sums()[2], "0.00");
    let bill = faulty(json!({ "kind": "bill_row_extra" })).await;
    assert_eq!((bill.rows().len(), bill.sums()[0]), (3, "3"));
    assert!(bill.value(2, "商户订单号").starts_with("synthetic"));
    assert!(bill.value(2, "交易时间").starts_with(&day));
    let bill = faulty(json!({ "kind": "bill_amount_changed" })).await;
    assert_eq!((bill.value(0, "订单金额"), bill.sums()[1]), ("100.01", "100.01"));
    let bill = faulty(json!({ "kind": "bill_amount_changed", "out_refund_no": "r1" })).await;
    assert_eq!((bill.value(1, "退款金额"), bill.sums()[2]), ("25.01", "25.01"));
    assert_eq!(bill.value(0, "订单金额"), "100.00");
    let bill = faulty(json!({ "kind": "bill_state_changed" })).await;
    assert_eq!(bill.value(0, "交易状态"), "REVOKED");
    let bill = faulty(json!({ "kind": "bill_state_changed", "out_refund_no": "r1" })).await;
    assert_eq!(bill.value(1, "退款状态"), "CHANGE");
    let bill = faulty(json!({ "kind": "bill_fee_changed" })).await;
    assert_eq!((bill.value(0, "手续费"), bill.sums()[4]), ("0.61000", "0.46000"));
    let bill = faulty(json!({ "kind": "bill_row_extra", "out_trade_no": "lost" })).await;
    assert_eq!(
        (bill.value(2, "商户订单号"), bill.value(2, "公众账号ID")),
        ("lost", bill.value(0, "公众账号ID"))
    );
    let bill = faulty(json!({ "kind": "bill_refund_extra" })).await;
    assert_eq!((bill.rows().len(), bill.sums()[2]), (3, "26.00"));
    assert_eq!(
        (bill.value(2, "交易状态"), bill.value(2, "退款状态")),
        ("REFUND", "SUCCESS")
    );
    assert_eq!(bill.value(2, "微信订单号"), bill.value(0, "微信订单号"));
    assert_ne!(bill.value(2, "商户退款单号"), bill.value(1, "商户退款单号"));
    let bill = faulty(json!({ "kind": "bill_coupon" })).await;
    assert_eq!(
        (bill.value(0, "订单金额"), bill.value(0, "应结订单金额")),
        ("100.00", "99.99")
    );
    assert_eq!(bill.value(0, "代金券金额"), "0.01");
    assert_eq!((bill.sums()[1], bill.sums()[5]), ("99.99", "100.00"));
    let bill = faulty(json!({ "kind": "bill_coupon", "out_refund_no": "r1" })).await;
    assert_eq!(
        (bill.value(1, "申请退款金额"), bill.value(1, "退款金额")),
        ("25.00", "24.99")
    );
    assert_eq!((bill.sums()[2], bill.sums()[6]), ("24.99", "25.00"));
    // A fault for an order that is not in the bill changes nothing.
    let good = stage.trade_bill(&day).await;
    let bill = faulty(json!({ "kind": "bill_row_missing", "out_trade_no": "order-9" })).await;
    assert_eq!(bill.text, good.text);
}

#[tokio::test]
async fn columns_move_and_grow() {
    let stage = Stage::new().await;
    let (_, day) = stage.billed_day().await;
    let good = stage.trade_bill(&day).await;
    for kind in ["bill_columns_reordered", "bill_column_extra"] {
        let bill = stage.faulty("tradebill", &day, json!({ "kind": kind })).await;
        assert_ne!(bill.lines()[0], good.lines()[0], "{kind}");
        for column in good.lines()[0].split(',') {
            for row in 0..2 {
                assert_eq!(
                    bill.value(row, column),
                    good.value(row, column),
                    "{kind} {column}"
                );
            }
        }
        assert_eq!(bill.sums(), good.sums());
    }
    let extra = stage
        .faulty("tradebill", &day, json!({ "kind": "bill_column_extra" }))
        .await;
    assert_eq!(extra.rows()[0].len(), good.rows()[0].len() + 1);
}

#[tokio::test]
async fn faulty_fund_flow_bill() {
    let stage = Stage::new().await;
    let (_, day) = stage.billed_day().await;
    for (kind, sums) in [
        ("bill_row_missing", ["1", "0", "0.00", "1", "24.85"]),
        ("bill_refund_missing", ["2", "1", "100.00", "1", "0.60"]),
        ("bill_amount_changed", ["3", "1", "100.01", "2", "25.45"]),
        ("bill_fee_changed", ["3", "1", "100.00", "2", "25.46"]),
        ("bill_coupon", ["3", "1", "99.99", "2", "25.45"]),
        ("bill_refund_extra", ["4", "1", "100.00", "3", "26.44"]),
        ("bill_movement_extra", ["5", "2", "200.00", "3", "26.05"]),
        ("bill_summary_wrong", ["4", "1", "100.00", "2", "25.45"]),
    ] {
        let bill = stage.faulty("fundflowbill", &day, json!({ "kind": kind })).await;
        assert_eq!(bill.sums(), sums, "{kind}");
    }
    let bill = stage
        .faulty("fundflowbill", &day, json!({ "kind": "bill_row_extra" }))
        .await;
    assert_eq!(bill.sums()[0], "5");
}

#[tokio::test]
async fn bill_that_cannot_be_believed() {
    let stage = Stage::new().await;
    let (_, day) = stage.billed_day().await;
    let good = stage.trade_bill(&day).await;
    let bill = stage
        .faulty("tradebill", &day, json!({ "kind": "bill_hash_wrong" }))
        .await;
    assert_eq!(bill.text, good.text);
    assert_ne!(bill.hash, good.hash);
    let bill = stage
        .faulty("tradebill", &day, json!({ "kind": "bill_summary_wrong" }))
        .await;
    assert_eq!((bill.sums()[0], bill.rows().len()), ("3", 2));
    assert_eq!(bill.hash, sha1_of(bill.text.as_bytes()));

    let target = format!("/v3/bill/tradebill?bill_date={day}");
    stage
        .faults(json!([{ "kind": "bill_truncated" }, { "kind": "bill_not_ready", "after": 2, "times": 1 }]))
        .await;
    let named = stage.pay_get(&target).await;
    assert_eq!(named.json()["hash_value"], good.hash);
    let half = stage.fetch(&named).await.body;
    assert_eq!(half.len(), good.text.len() / 2);
    assert!(good.text.as_bytes().starts_with(&half));
    let named = stage.pay_get(&format!("{target}&tar_type=GZIP")).await;
    let packed = stage.fetch(&named).await.body;
    let mut unpacked = Vec::new();
    let unpacking = flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut unpacked);
    assert!(unpacking.is_err() && unpacked.len() < good.text.len());
    let early = stage.pay_get(&target).await;
    assert_eq!(
        (early.status, &early.json()["code"]),
        (400, &json!("STATEMENT_CREATING"))
    );
}

#[tokio::test]
async fn many_rows_come_in_pieces() {
    let stage = Stage::new().await;
    let (_, day) = stage.billed_day().await;
    let fault = json!({ "kind": "bill_synthetic_rows", "rows": 20_000 });
    let bill = stage.faulty("tradebill", &day, fault.clone()).await;
    assert_eq!(bill.hash, sha1_of(bill.text.as_bytes()));
    assert_eq!((bill.rows().len(), bill.sums()[0]), (20_002, "20002"));
    // 2 to 10,000 fen in turn, 3 to 10,000 and once more 1 and 2: the known rows come first.
    assert_eq!(bill.sums()[5], "1000200.00");
    let flow = stage.faulty("fundflowbill", &day, fault).await;
    assert_eq!(flow.sums()[1], "20001");
    // A day without an order has a bill all the same when it is made up.
    stage
        .faults(json!([{ "kind": "bill_synthetic_rows", "rows": 3, "times": 1 }]))
        .await;
    let quiet = china_date(stage.clock().await, -3);
    assert_eq!(stage.trade_bill(&quiet).await.rows().len(), 3);
    let nonsense = json!({ "faults": [{ "kind": "bill_synthetic_rows", "rows": 10_000_001 }] });
    assert_eq!(
        stage.send("PUT", "/simulator/faults", &nonsense).await.status,
        400
    );
}

#[tokio::test]
async fn faults_of_every_call_strike_bills_too() {
    let stage = Stage::new().await;
    let (_, day) = stage.billed_day().await;
    let target = format!("/v3/bill/tradebill?bill_date={day}");
    let named = stage.pay_get(&target).await;
    stage
        .faults(json!([
            { "kind": "pay_error", "api": "trade_bill", "status": 429, "code": "FREQUENCY_LIMITED", "times": 1 },
            { "kind": "wrong_answer_signature", "api": "trade_bill", "after": 1, "times": 1 },
            { "kind": "pay_error", "api": "bill_download", "status": 403, "code": "NO_AUTH", "times": 1 },
            { "kind": "slow_body", "api": "bill_download", "ms": 50, "after": 1, "times": 1 },
        ]))
        .await;
    assert_eq!(stage.pay_get(&target).await.status, 429);
    let doubtful = stage.pay_get(&target).await;
    assert_eq!(doubtful.status, 200);
    assert!(!doubtful.is_genuine(&stage).await);
    assert_eq!(stage.fetch(&named).await.json()["code"], "NO_AUTH");
    let started = std::time::Instant::now();
    let slow = stage.fetch(&named).await;
    assert!(started.elapsed().as_millis() >= 50);
    assert_eq!(sha1_of(&slow.body), named.json()["hash_value"]);
    for (kind, api) in [
        ("bill_state_changed", "fund_flow_bill"),
        ("bill_movement_extra", "trade_bill"),
        ("bill_row_missing", "query"),
        ("wrong_answer_signature", "bill_download"),
        ("stale_answer", "bill_download"),
    ] {
        let nonsense = json!({ "faults": [{ "kind": kind, "api": api }] });
        assert_eq!(
            stage.send("PUT", "/simulator/faults", &nonsense).await.status,
            400,
            "{kind}"
        );
    }
}

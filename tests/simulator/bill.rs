//! Bills: which there are, what stands in them, how they are fetched.

use std::collections::BTreeSet;
use std::io::Read;

use serde_json::{Value, json};

use crate::bookkeeper::{china_date, sha1_of};
use crate::harness::{APP, MCH_ID, Stage};
use crate::merchant::Request;

const ALL: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,\
                   货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,\
                   商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注";
const SUCCESS: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,\
                       付款银行,货币种类,应结订单金额,代金券金额,商品名称,商户数据包,手续费,费率,订单金额,费率备注";
const REFUND: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,\
                      付款银行,货币种类,应结订单金额,代金券金额,退款申请时间,退款成功时间,微信退款单号,商户退款单号,\
                      退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,\
                      费率备注";
const SUMS: &str =
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额";
const FLOW: &str = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),\
                    资金变更提交申请人,备注,业务凭证号";
const FLOW_SUMS: &str = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额";

#[tokio::test]
async fn trade_bill_has_every_payment_and_refund_of_the_day() {
    let stage = Stage::new().await;
    let (user, day) = stage.billed_day().await;
    let bill = stage.trade_bill(&day).await;
    assert_eq!(bill.hash, sha1_of(bill.text.as_bytes()));
    let lines = bill.lines();
    assert_eq!((lines.len(), lines[0], lines[3]), (5, ALL, SUMS));
    let transaction_id = stage.query("order-1").await.json()["transaction_id"].clone();
    let transaction_id = transaction_id.as_str().unwrap();
    let refund = stage.list("/simulator/refunds").await.remove(0);
    let openid = user["openids"][APP].as_str().unwrap();
    let rows = bill.rows();
    assert!(rows[0][0].starts_with(&format!("{day} 01:")));
    assert_eq!(rows[0][0].len(), 19);
    let common = [APP, MCH_ID, "0", "", transaction_id, "order-1", openid, "JSAPI"];
    assert_eq!(rows[0][1..9], common);
    let paid = [
        "SUCCESS", "OTHERS", "CNY", "100.00", "0.00", "0", "0", "0.00", "0.00", "", "",
    ];
    assert_eq!(rows[0][9..20], paid);
    let text = ["tea, green", "table 4", "0.60000", "0.60%", "100.00", "0.00", ""];
    assert_eq!(rows[0][20..], text);
    assert_eq!(rows[1][1..9], common);
    let (refund_id, none) = (refund["refund_id"].as_str().unwrap(), "0.00");
    let refunded = [
        "REFUND", "OTHERS", "CNY", none, none, refund_id, "r1", "25.00", none, "ORIGINAL", "SUCCESS",
    ];
    assert_eq!(rows[1][9..20], refunded);
    let text = ["tea, green", "table 4", "-0.15000", "0.60%", "0.00", "25.00", ""];
    assert_eq!(rows[1][20..], text);
    assert_eq!(
        bill.sums(),
        ["2", "100.00", "25.00", "0.00", "0.45000", "100.00", "25.00"]
    );
    // Nothing else happened that day, and nothing at all the day before.
    assert_eq!(stage.trade_bill(&day).await.text, bill.text);
}

#[tokio::test]
async fn each_type_has_its_own_rows_and_columns() {
    let stage = Stage::new().await;
    let (_, day) = stage.billed_day().await;
    let of_type = async |name: &str| {
        stage
            .bill(&format!("/v3/bill/tradebill?bill_date={day}&bill_type={name}"))
            .await
    };
    assert_eq!(of_type("ALL").await.text, stage.trade_bill(&day).await.text);
    let paid = of_type("SUCCESS").await;
    assert_eq!((paid.lines()[0], paid.rows().len()), (SUCCESS, 1));
    assert_eq!(paid.value(0, "订单金额"), "100.00");
    assert_eq!(
        paid.sums(),
        ["1", "100.00", "0.00", "0.00", "0.60000", "100.00", "0.00"]
    );
    let refunded = of_type("REFUND").await;
    assert_eq!((refunded.lines()[0], refunded.rows().len()), (REFUND, 1));
    for column in ["交易时间", "退款申请时间", "退款成功时间"] {
        assert!(refunded.value(0, column).starts_with(&day), "{column}");
    }
    assert_eq!(
        refunded.sums(),
        ["1", "0.00", "25.00", "0.00", "-0.15000", "0.00", "25.00"]
    );
}

#[tokio::test]
async fn fund_flow_bill_tells_every_movement() {
    let stage = Stage::new().await;
    let (_, day) = stage.billed_day().await;
    let bill = stage.flow_bill(&day).await;
    assert_eq!(bill.hash, sha1_of(bill.text.as_bytes()));
    let lines = bill.lines();
    assert_eq!((lines[0], lines[4]), (FLOW, FLOW_SUMS));
    let of_row = |row: usize| {
        [
            "业务类型",
            "收支类型",
            "收支金额(元)",
            "账户结余(元)",
            "业务凭证号",
        ]
        .map(|column| bill.value(row, column))
    };
    assert_eq!(of_row(0), ["交易", "收入", "100.00", "100100.00", "order-1"]);
    assert_eq!(
        of_row(1),
        ["扣除交易手续费", "支出", "0.60", "100099.40", "order-1"]
    );
    // The refund goes out less the fee that comes back.
    assert_eq!(of_row(2), ["退款", "支出", "24.85", "100074.55", "r1"]);
    assert_eq!(bill.value(2, "备注"), "退款总金额25.00元;含手续费0.15元");
    let transaction_id = stage.query("order-1").await.json()["transaction_id"].clone();
    assert_eq!(bill.value(0, "微信支付业务单号"), transaction_id);
    assert_eq!(bill.value(1, "微信支付业务单号"), transaction_id);
    let refund = stage.list("/simulator/refunds").await.remove(0);
    assert_eq!(bill.value(2, "微信支付业务单号"), refund["refund_id"]);
    assert_eq!(bill.sums(), ["3", "1", "100.00", "2", "25.45"]);
    // Each movement has a number of its own.
    let numbers: BTreeSet<_> = (0..3).map(|row| bill.value(row, "资金流水单号")).collect();
    assert_eq!(numbers.len(), 3);
    assert!(!numbers.contains(transaction_id.as_str().unwrap()));

    // The next day begins with what this one left.
    stage.paid_order("order-2").await;
    let next = stage.next_day_at(10, 0).await;
    let bill = stage.flow_bill(&next).await;
    assert_eq!(bill.value(0, "账户结余(元)"), "100075.55");
    for account in ["OPERATION", "FEES"] {
        let target = format!("/v3/bill/fundflowbill?bill_date={next}&account_type={account}");
        let none = stage.pay_get(&target).await;
        assert_eq!(none.json()["code"], "NO_STATEMENT_EXIST");
    }
}

#[tokio::test]
async fn refund_stands_in_the_bill_of_the_day_it_succeeded() {
    let stage = Stage::new().await;
    stage.next_day_at(23, 58).await;
    for (order, refund) in [
        ("order-1", "r1"),
        ("order-2", "r2"),
        ("order-3", "r3"),
        ("order-4", "r4"),
    ] {
        stage.paid_order(order).await;
        stage.refund(order, refund, 40).await;
    }
    stage.decide("r2", json!({ "status": "CLOSED" })).await;
    stage.decide("r3", json!({ "status": "ABNORMAL" })).await;
    let day = stage.next_day_at(0, 30).await;
    stage.decide("r1", json!({ "status": "SUCCESS" })).await;
    stage.advance(9 * 3600 + 1800).await;
    // Too late for the bill of the day before.
    stage.decide("r4", json!({ "status": "SUCCESS" })).await;
    let bill = stage.trade_bill(&day).await;
    let refunds: Vec<(&str, &str)> = (0..bill.rows().len())
        .filter(|row| bill.value(*row, "交易状态") == "REFUND")
        .map(|row| (bill.value(row, "商户退款单号"), bill.value(row, "退款状态")))
        .collect();
    assert_eq!(refunds, [("r2", "FAIL"), ("r3", "CHANGE"), ("r4", "PROCESSING")]);
    let flow = stage.flow_bill(&day).await;
    assert_eq!(flow.sums(), ["8", "4", "4.00", "4", "0.04"]);
    let next = stage.next_day_at(10, 0).await;
    let bill = stage.trade_bill(&next).await;
    let refunds: Vec<&str> = (0..bill.rows().len())
        .map(|row| bill.value(row, "商户退款单号"))
        .collect();
    assert_eq!(refunds, ["r1", "r4"]);
}

#[tokio::test]
async fn compressed_bill_is_hashed_plain() {
    let stage = Stage::new().await;
    let (_, day) = stage.billed_day().await;
    let plain = stage.trade_bill(&day).await;
    let named = stage
        .pay_get(&format!("/v3/bill/tradebill?bill_date={day}&tar_type=GZIP"))
        .await;
    assert_eq!(named.json()["hash_value"], plain.hash);
    let fetched = stage.fetch(&named).await;
    assert!(fetched.header("content-encoding").is_none());
    let mut text = String::new();
    flate2::read::GzDecoder::new(fetched.body.as_slice())
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, plain.text);
}

#[tokio::test]
async fn bill_has_its_time() {
    let stage = Stage::new().await;
    stage.next_day_at(12, 0).await;
    stage.paid_order("order-1").await;
    let code = async |day: &str| {
        let refused = stage
            .pay_get(&format!("/v3/bill/tradebill?bill_date={day}"))
            .await;
        assert_eq!(refused.status, 400, "{day}");
        refused.json()["code"].as_str().unwrap().to_owned()
    };
    let now = stage.clock().await;
    for days in [0, 1] {
        assert_eq!(code(&china_date(now, days)).await, "INVALID_REQUEST");
    }
    assert_eq!(code(&china_date(now, -1)).await, "NO_STATEMENT_EXIST");
    assert_eq!(code(&china_date(now, -93)).await, "INVALID_REQUEST");
    for nonsense in ["", "2026-1-1", "20260101", "2026-02-30", "yesterday"] {
        assert_eq!(code(nonsense).await, "PARAM_ERROR");
    }
    let day = stage.next_day_at(9, 59).await;
    assert_eq!(code(&day).await, "STATEMENT_CREATING");
    stage.advance(120).await;
    assert_eq!(stage.trade_bill(&day).await.rows().len(), 1);
    stage.advance(88 * 86_400).await;
    assert_eq!(stage.trade_bill(&day).await.rows().len(), 1);
    stage.advance(5 * 86_400).await;
    assert_eq!(code(&day).await, "INVALID_REQUEST");
}

#[tokio::test]
async fn bad_questions_are_refused() {
    let stage = Stage::new().await;
    let (_, day) = stage.billed_day().await;
    for target in [
        "tradebill".to_owned(),
        format!("tradebill?bill_date={day}&bill_date={day}"),
        format!("tradebill?bill_date={day}&bill_type=EVERYTHING"),
        format!("tradebill?bill_date={day}&account_type=BASIC"),
        format!("tradebill?bill_date={day}&tar_type=ZIP"),
        format!("tradebill?bill_date={day}&surprise=1"),
        format!("fundflowbill?bill_date={day}&account_type=SAVINGS"),
        format!("fundflowbill?bill_date={day}&bill_type=ALL"),
    ] {
        let refused = stage.pay_get(&format!("/v3/bill/{target}")).await;
        assert_eq!(
            (refused.status, &refused.json()["code"]),
            (400, &json!("PARAM_ERROR")),
            "{target}"
        );
    }
    for path in ["tradebill", "fundflowbill"] {
        let unsigned = stage.get(&format!("/v3/bill/{path}?bill_date={day}")).await;
        assert_eq!(unsigned.status, 401);
    }
}

#[tokio::test]
async fn download_wants_a_fresh_token_and_a_signature() {
    let stage = Stage::new().await;
    let (_, day) = stage.billed_day().await;
    let named = stage
        .pay_get(&format!("/v3/bill/tradebill?bill_date={day}"))
        .await;
    let url = named.json()["download_url"].as_str().unwrap().to_owned();
    let target = url.strip_prefix(&stage.url("")).unwrap().to_owned();
    assert!(target.starts_with("/v3/billdownload/file?token="));
    assert_eq!(stage.get(&target).await.status, 401);
    let stranger = Request {
        key: crate::harness::STRANGER_KEY,
        ..Request::new(&stage, "GET", &target, "").await
    };
    assert_eq!(stranger.send(&stage).await.status, 401);
    stage.advance(200).await;
    // As often as one likes, and whatever the client accepts.
    for _ in 0..2 {
        assert_eq!(stage.pay_get(&target).await.status, 200);
    }
    stage.advance(101).await;
    let foreign = target.replace("token=", "token=x");
    for token in [target.as_str(), foreign.as_str()] {
        let refused = stage.pay_get(token).await;
        assert_eq!(
            (refused.status, &refused.json()["code"]),
            (403, &json!("NO_AUTH"))
        );
    }
    for nonsense in ["/v3/billdownload/file", "/v3/billdownload/file?tok=1"] {
        assert_eq!(stage.pay_get(nonsense).await.status, 400);
    }
    let calls = stage.list("/simulator/calls").await;
    let text = Value::from(calls).to_string();
    assert!(text.contains("bill_download") && !text.contains("token="));
}

//! Giving money back: what is sent, and which outcomes are believed.

use serde_json::{Value, json};
use weir::domain::fen::Fen;
use weir::domain::name::{OutRefundNo, TransactionId};
use weir::domain::refund::{RefundEvent, ReportedRefund};
use weir::wechat::pay::{PayError, RefundRequest, UnknownReason};

use crate::merchant::{VECTORS, check_authorization, client, ok, reason, refusal, signed};
use crate::script::{Act, Host};

/// What the vectors ask to be refunded.
fn vector() -> &'static Value {
    let vectors = VECTORS["vectors"].as_array().unwrap();
    let name = "pay_v3_request_sign.refund";
    vectors.iter().find(|vector| vector["name"] == name).unwrap()
}

fn number() -> OutRefundNo {
    OutRefundNo::parse("R20260101000001").unwrap()
}

fn answer(status: &str, changed: &Value) -> String {
    let mut answer = json!({
        "refund_id": "50000000382019052709732678859", "out_refund_no": "R20260101000001",
        "transaction_id": "4200000000202601010000000001", "out_trade_no": "T20260101000001",
        "channel": "ORIGINAL", "user_received_account": "支付用户零钱", "status": status,
        "create_time": "2026-01-01T09:00:00+08:00", "success_time": "2026-01-01T09:00:05+08:00",
        "amount": {"total": 100, "refund": 30, "payer_total": 100, "payer_refund": 30, "currency": "CNY"},
    });
    let fields = answer.as_object_mut().unwrap();
    fields.extend(changed.as_object().unwrap().clone());
    answer.to_string()
}

async fn refund(first: &Host, second: &Host, reason: Option<&str>) -> Result<ReportedRefund, PayError> {
    let request = RefundRequest {
        transaction_id: &TransactionId::parse("4200000000202601010000000001").unwrap(),
        out_refund_no: &number(),
        reason,
        notify_url: "https://pay.example.com/wxpay/refund-notify",
        amount_fen: Fen::new(30).unwrap(),
        total_fen: Fen::new(100).unwrap(),
    };
    client(first, second).refund(&request).await
}

#[tokio::test]
async fn a_refund_is_sent_to_the_byte_as_the_vectors_have_it() {
    let act = ok(&answer("PROCESSING", &json!({})));
    let (first, second) = (Host::playing([act]).await, Host::playing([]).await);
    let report = refund(&first, &second, Some("商品已售完")).await.unwrap();
    assert_eq!(
        (report.event, report.success_at),
        (RefundEvent::FoundProcessing, None)
    );
    let request = &first.requests()[0];
    check_authorization(request);
    assert!(request.starts_with("POST /v3/refund/domestic/refunds HTTP/1.1\r\n"));
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, vector()["inputs"]["body"].as_str().unwrap());
}

#[tokio::test]
async fn a_refund_without_a_reason_sends_none_and_always_says_where_the_notice_goes() {
    let act = ok(&answer("PROCESSING", &json!({})));
    let (first, second) = (Host::playing([act]).await, Host::playing([]).await);
    refund(&first, &second, None).await.unwrap();
    let request = &first.requests()[0];
    let body: Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert!(body.get("reason").is_none());
    assert_eq!(body["notify_url"], "https://pay.example.com/wxpay/refund-notify");
}

#[tokio::test]
async fn a_refund_is_asked_for_by_our_number() {
    for (status, event) in [
        ("PROCESSING", RefundEvent::FoundProcessing),
        ("SUCCESS", RefundEvent::FoundSucceeded),
        ("CLOSED", RefundEvent::FoundClosed),
        ("ABNORMAL", RefundEvent::FoundAbnormal),
    ] {
        let act = ok(&answer(status, &json!({})));
        let (first, second) = (Host::playing([act]).await, Host::playing([]).await);
        let report = client(&first, &second).query_refund(&number()).await.unwrap();
        assert_eq!(report.event, event);
        let request = &first.requests()[0];
        check_authorization(request);
        assert!(request.starts_with("GET /v3/refund/domestic/refunds/R20260101000001 HTTP/1.1\r\n"));
    }
    let odd = OutRefundNo::parse("R|1*@_-").unwrap();
    let act = ok(&answer("SUCCESS", &json!({"out_refund_no": "R|1*@_-"})));
    let (first, second) = (Host::playing([act]).await, Host::playing([]).await);
    client(&first, &second).query_refund(&odd).await.unwrap();
    check_authorization(&first.requests()[0]);
    assert!(first.requests()[0].starts_with("GET /v3/refund/domestic/refunds/R%7C1%2A%40_- HTTP/1.1\r\n"));
}

#[tokio::test]
async fn an_answer_about_another_refund_or_none_is_unknown() {
    for (changed, field) in [
        (json!({"out_refund_no": "R2"}), "out_refund_no"),
        (json!({"status": "NEW"}), "status"),
        (json!({"refund_id": ""}), "refund_id"),
        (
            json!({"amount": {"total": 100, "currency": "CNY"}}),
            "amount.refund",
        ),
        (json!({"success_time": "yesterday"}), "success_time"),
    ] {
        let act = ok(&answer("SUCCESS", &changed));
        let (first, second) = (Host::playing([act]).await, Host::playing([]).await);
        let outcome = refund(&first, &second, None).await;
        assert_eq!(reason(outcome), UnknownReason::Malformed(field));
    }
}

#[tokio::test]
async fn nothing_but_a_verified_answer_or_a_refusal_is_an_outcome() {
    let late = crate::merchant::now() - chrono::TimeDelta::seconds(301);
    let body = answer("SUCCESS", &json!({}));
    for act in [
        Act::answer(200, &body),
        signed(
            200,
            &body,
            "platform",
            crate::merchant::PUBLIC_KEY_ID,
            crate::merchant::now(),
        ),
        signed(200, &body, "platform_next", crate::merchant::PUBLIC_KEY_ID, late),
        Act::Hang,
        Act::Drop,
        refusal(500, "SYSTEM_ERROR"),
        refusal(429, "FREQUENCY_LIMITED"),
        refusal(202, "PROCESSING"),
    ] {
        // Where the first host breaks off, the second refuses, which does not undo it.
        let (first, second) = (
            Host::playing([act]).await,
            Host::playing([refusal(403, "NOT_ENOUGH")]).await,
        );
        reason(refund(&first, &second, None).await);
    }
    let (first, second) = (
        Host::playing([refusal(403, "NOT_ENOUGH")]).await,
        Host::playing([]).await,
    );
    assert!(refund(&first, &second, None).await.unwrap_err().is_not_enough());
    let (first, second) = (
        Host::playing([refusal(404, "RESOURCE_NOT_EXISTS")]).await,
        Host::playing([]).await,
    );
    let error = client(&first, &second).query_refund(&number()).await.unwrap_err();
    assert!(error.is_not_found());
}

//! A refund as it stands in answers and, under other names, in notifications.

use serde_json::{Value, json};

use crate::simulator::clock::china_text;
use crate::simulator::refund::{Refund, RefundStatus};

/// Where the money goes back to.
const ACCOUNT: &str = "支付用户零钱";

/// The refund in `WeChat Pay`'s form, as answers have it.
pub(super) fn wire(refund: &Refund) -> Value {
    let mut wire = json!({
        "refund_id": refund.refund_id,
        "out_refund_no": refund.out_refund_no,
        "transaction_id": refund.transaction_id,
        "out_trade_no": refund.out_trade_no,
        "channel": "ORIGINAL",
        "user_received_account": ACCOUNT,
        "create_time": china_text(refund.created_at),
        "status": refund.status.code(),
        "funds_account": "AVAILABLE",
        "amount": {
            "total": refund.total_fen,
            "refund": refund.amount_fen,
            "from": refund.request.pointer("/amount/from").cloned().unwrap_or_else(|| json!([])),
            "payer_total": refund.payer_total_fen(),
            "payer_refund": refund.payer_refund_fen(),
            "settlement_refund": refund.payer_refund_fen(),
            "settlement_total": refund.payer_total_fen(),
            "discount_refund": refund.coupon_fen,
            "currency": "CNY",
            "refund_fee": 0,
        },
        "promotion_detail": [],
    });
    add_success_time(&mut wire, refund, refund.status);
    wire
}

/// What a notification of this status tells, before it is encrypted. The status has another name
/// than in answers.
pub(in crate::simulator) fn notice(mch_id: &str, refund: &Refund, status: RefundStatus) -> Value {
    let mut notice = json!({
        "mchid": mch_id,
        "out_trade_no": refund.out_trade_no,
        "transaction_id": refund.transaction_id,
        "out_refund_no": refund.out_refund_no,
        "refund_id": refund.refund_id,
        "refund_status": status.code(),
        "user_received_account": ACCOUNT,
        "amount": {
            "total": refund.total_fen,
            "refund": refund.amount_fen,
            "payer_total": refund.payer_total_fen(),
            "payer_refund": refund.payer_refund_fen(),
        },
    });
    add_success_time(&mut notice, refund, status);
    notice
}

fn add_success_time(form: &mut Value, refund: &Refund, status: RefundStatus) {
    let success_at = refund.decided_at.filter(|_| status == RefundStatus::Success);
    if let (Some(at), Some(form)) = (success_at, form.as_object_mut()) {
        form.insert("success_time".to_owned(), json!(china_text(at)));
    }
}

//! What a notification says, and to which address it goes.

use serde_json::Value;

use crate::simulator::pay::{refund_form, transaction};
use crate::simulator::record::{About, Order};
use crate::simulator::refund::RefundStatus;
use crate::simulator::world::World;

/// A notification before it is encrypted.
pub(super) struct Story {
    pub(super) event_type: &'static str,
    pub(super) original_type: &'static str,
    /// For people, in Chinese: what is signed is not all ASCII.
    pub(super) summary: &'static str,
    /// None: nobody is told.
    pub(super) url: Option<String>,
    pub(super) plaintext: Value,
}

/// A payment, as it is told however long it takes: a refund begun meanwhile does not show.
pub(super) fn of_payment(mch_id: &str, order: &Order) -> Story {
    Story {
        event_type: "TRANSACTION.SUCCESS",
        original_type: "transaction",
        summary: "支付成功",
        url: Some(order.notify_url.clone()),
        plaintext: transaction::notice(mch_id, order),
    }
}

/// What there is to tell; none: the order or the refund is gone.
pub(super) fn of(world: &World, mch_id: &str, out_trade_no: &str, about: &About) -> Option<Story> {
    let About::Refund {
        out_refund_no,
        status,
    } = about
    else {
        return world.order(out_trade_no).map(|order| of_payment(mch_id, order));
    };
    let (event_type, summary) = match status {
        RefundStatus::Abnormal => ("REFUND.ABNORMAL", "退款异常"),
        RefundStatus::Closed => ("REFUND.CLOSED", "退款关闭"),
        RefundStatus::Processing | RefundStatus::Success => ("REFUND.SUCCESS", "退款成功"),
    };
    world.refunds.get(out_refund_no).map(|refund| Story {
        event_type,
        original_type: "refund",
        summary,
        url: refund.notify_url.clone(),
        plaintext: refund_form::notice(mch_id, refund, *status),
    })
}

//! The decision about money that WeChat says has landed. There is no other way to "paid".

use chrono::{DateTime, Utc};

use super::attempt::AttemptState;
use super::exception::ExceptionKind;
use super::name::{AppId, MchId, OpenId, OutTradeNo, TransactionId};
use super::order::{self, OrderEvent, OrderMove, OrderStatus};

/// A payment as WeChat reports it, believed because the report was verified or asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LandedPayment {
    /// The mini program it was paid in.
    pub app_id: AppId,
    /// The merchant it was paid to.
    pub mch_id: MchId,
    /// Our number of the attempt.
    pub out_trade_no: OutTradeNo,
    /// WeChat's number of the payment.
    pub transaction_id: TransactionId,
    /// The order's amount at WeChat, in fen, before coupons.
    pub total_fen: i64,
    /// The currency, `CNY`.
    pub currency: String,
    /// Who paid; WeChat may leave it out.
    pub payer: Option<OpenId>,
    /// When, by WeChat's clock.
    pub success_at: DateTime<Utc>,
    /// Whether a refund of it has begun, be it one of ours or not.
    pub is_refund_begun: bool,
}

/// What we expect of an attempt, from our own books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// The mini program of the order.
    pub app_id: AppId,
    /// The merchant of the attempt.
    pub mch_id: MchId,
    /// The order's total, in fen.
    pub total_fen: i64,
    /// The order's currency.
    pub currency: String,
    /// Where the attempt stands.
    pub state: AttemptState,
    /// The payment that already landed through it.
    pub transaction_id: Option<TransactionId>,
    /// Where its order stands.
    pub order_status: OrderStatus,
}

/// What a landed payment means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It pays the order.
    Settle,
    /// It is known already; nothing changes.
    Duplicate,
    /// It is ours, and the order does not want it: record it, return it.
    Surplus(ExceptionKind),
    /// It contradicts our books: nothing moves, a human looks.
    Mismatch(ExceptionKind),
}

/// Decides what a landed payment means for the attempt that its number names.
pub fn decide(expected: &Expectation, landed: &LandedPayment) -> Settlement {
    if let Some(kind) = mismatch(expected, landed) {
        return Settlement::Mismatch(kind);
    }
    match expected.state {
        AttemptState::Settled | AttemptState::Surplus => {
            if expected.transaction_id.as_ref() == Some(&landed.transaction_id) {
                Settlement::Duplicate
            } else {
                Settlement::Mismatch(ExceptionKind::SecondTransaction)
            }
        }
        AttemptState::Created
        | AttemptState::Unknown
        | AttemptState::Prepaid
        | AttemptState::Closed
        | AttemptState::Failed => match order::decide(expected.order_status, OrderEvent::PaymentLanded) {
            OrderMove::Pay => Settlement::Settle,
            OrderMove::StayWithSurplus
            | OrderMove::Stay
            | OrderMove::CloseAndReturnStock
            | OrderMove::RefundInPart
            | OrderMove::RefundInFull => Settlement::Surplus(match expected.order_status {
                OrderStatus::Closed => ExceptionKind::PaidAfterClose,
                OrderStatus::AwaitingPayment
                | OrderStatus::Paid
                | OrderStatus::PartiallyRefunded
                | OrderStatus::Refunded => ExceptionKind::DoublePayment,
            }),
        },
    }
}

fn mismatch(expected: &Expectation, landed: &LandedPayment) -> Option<ExceptionKind> {
    if expected.mch_id != landed.mch_id {
        Some(ExceptionKind::MerchantMismatch)
    } else if expected.app_id != landed.app_id {
        Some(ExceptionKind::AppMismatch)
    } else if expected.currency != landed.currency {
        Some(ExceptionKind::CurrencyMismatch)
    } else if expected.total_fen != landed.total_fen {
        Some(ExceptionKind::AmountMismatch)
    } else {
        None
    }
}

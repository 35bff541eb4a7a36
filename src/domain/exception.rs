//! The named differences. Each is a row that stays open until a human says what became of it.

/// The kind of a difference, and its name in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum ExceptionKind {
    /// Money for an order number that we never gave out.
    UnknownOrder,
    /// Another amount than the order's.
    AmountMismatch,
    /// Paid in another mini program than the order's.
    AppMismatch,
    /// Paid to another merchant than the order's.
    MerchantMismatch,
    /// Paid in another currency than the order's.
    CurrencyMismatch,
    /// A second payment number for an attempt that already has one.
    SecondTransaction,
    /// A payment number that stands in the books already, for another attempt.
    TransactionReused,
    /// A second attempt of an order was paid too.
    DoublePayment,
    /// Money landed after the order had been closed.
    PaidAfterClose,
    /// A verified notification or answer says something that is not a payment we can read.
    UnreadablePayment,
    /// A refund did not come about.
    RefundClosed,
    /// WeChat cannot deliver a refund's money.
    RefundAbnormal,
    /// WeChat does not take a refund yet.
    RefundWaiting,
    /// WeChat reports one of our refunds with other figures than ours.
    RefundMismatch,
    /// WeChat says of a refund what cannot be after what it said before.
    RefundContradiction,
    /// WeChat reports a refund whose number we never gave out, or of a payment that we had not heard of.
    UnknownRefund,
    /// A verified notification or answer says something that is not a refund we can read.
    UnreadableRefund,
    /// WeChat does not take what it is told of an order's shipment.
    ShipmentRefused,
    /// An event that its receiver did not take within three days, or refused for good.
    EventUndelivered,
    /// WeChat's bill has a payment that the books lack.
    ReconciliationMissingHere,
    /// The books have a payment that WeChat's bill lacks.
    ReconciliationMissingThere,
    /// A payment has another amount in WeChat's bill.
    ReconciliationAmount,
    /// A payment has another state or number in WeChat's bill.
    ReconciliationState,
    /// WeChat's bill and the books differ about a refund.
    ReconciliationRefund,
    /// The account did not move by what the trade bill says.
    ReconciliationFee,
    /// Another system takes payments for the same merchant.
    ReconciliationForeign,
    /// A day has more differences than are listed.
    ReconciliationOverflow,
    /// A day could not be compared with WeChat's bills.
    ReconciliationIncomplete,
}

/// The part of the shop that an exception is about, as the health page names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    /// Money for orders.
    Orders,
    /// What WeChat told us and we cannot read.
    Notifications,
    /// Money that goes back.
    Refunds,
    /// Telling WeChat what was sent.
    Shipments,
    /// Telling others.
    Events,
}

impl ExceptionKind {
    /// Every kind.
    pub const ALL: [Self; 28] = [
        Self::UnknownOrder,
        Self::AmountMismatch,
        Self::AppMismatch,
        Self::MerchantMismatch,
        Self::CurrencyMismatch,
        Self::SecondTransaction,
        Self::TransactionReused,
        Self::DoublePayment,
        Self::PaidAfterClose,
        Self::UnreadablePayment,
        Self::RefundClosed,
        Self::RefundAbnormal,
        Self::RefundWaiting,
        Self::RefundMismatch,
        Self::RefundContradiction,
        Self::UnknownRefund,
        Self::UnreadableRefund,
        Self::ShipmentRefused,
        Self::EventUndelivered,
        Self::ReconciliationMissingHere,
        Self::ReconciliationMissingThere,
        Self::ReconciliationAmount,
        Self::ReconciliationState,
        Self::ReconciliationRefund,
        Self::ReconciliationFee,
        Self::ReconciliationForeign,
        Self::ReconciliationOverflow,
        Self::ReconciliationIncomplete,
    ];

    /// Whether its money is in the books, as a payment that its order does not want.
    pub fn is_surplus(self) -> bool {
        matches!(self, Self::DoublePayment | Self::PaidAfterClose)
    }

    /// The kind as the API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownOrder => "unknown_order",
            Self::AmountMismatch => "amount_mismatch",
            Self::AppMismatch => "app_mismatch",
            Self::MerchantMismatch => "merchant_mismatch",
            Self::CurrencyMismatch => "currency_mismatch",
            Self::SecondTransaction => "second_transaction",
            Self::TransactionReused => "transaction_reused",
            Self::DoublePayment => "double_payment",
            Self::PaidAfterClose => "paid_after_close",
            Self::UnreadablePayment => "unreadable_payment",
            Self::RefundClosed => "refund_closed",
            Self::RefundAbnormal => "refund_abnormal",
            Self::RefundWaiting => "refund_waiting",
            Self::RefundMismatch => "refund_mismatch",
            Self::RefundContradiction => "refund_contradiction",
            Self::UnknownRefund => "unknown_refund",
            Self::UnreadableRefund => "unreadable_refund",
            Self::ShipmentRefused => "shipment_refused",
            Self::EventUndelivered => "event_undelivered",
            Self::ReconciliationMissingHere => "reconciliation_missing_here",
            Self::ReconciliationMissingThere => "reconciliation_missing_there",
            Self::ReconciliationAmount => "reconciliation_amount",
            Self::ReconciliationState => "reconciliation_state",
            Self::ReconciliationRefund => "reconciliation_refund",
            Self::ReconciliationFee => "reconciliation_fee",
            Self::ReconciliationForeign => "reconciliation_foreign",
            Self::ReconciliationOverflow => "reconciliation_overflow",
            Self::ReconciliationIncomplete => "reconciliation_incomplete",
        }
    }

    /// What it is about.
    pub fn concern(self) -> Concern {
        match self {
            Self::UnknownOrder
            | Self::AmountMismatch
            | Self::AppMismatch
            | Self::MerchantMismatch
            | Self::CurrencyMismatch
            | Self::SecondTransaction
            | Self::TransactionReused
            | Self::DoublePayment
            | Self::PaidAfterClose
            | Self::ReconciliationMissingHere
            | Self::ReconciliationMissingThere
            | Self::ReconciliationAmount
            | Self::ReconciliationState
            | Self::ReconciliationRefund
            | Self::ReconciliationFee
            | Self::ReconciliationForeign
            | Self::ReconciliationOverflow
            | Self::ReconciliationIncomplete => Concern::Orders,
            Self::UnreadablePayment | Self::UnreadableRefund => Concern::Notifications,
            Self::RefundClosed
            | Self::RefundAbnormal
            | Self::RefundWaiting
            | Self::RefundMismatch
            | Self::RefundContradiction
            | Self::UnknownRefund => Concern::Refunds,
            Self::ShipmentRefused => Concern::Shipments,
            Self::EventUndelivered => Concern::Events,
        }
    }

    /// The kind of that spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// What it means, in words for the person who has to look into it.
    #[expect(clippy::too_many_lines, reason = "a table: one sentence for each kind")]
    pub fn explanation(self) -> &'static str {
        match self {
            Self::UnknownOrder => {
                "WeChat reports a payment for an order number that this server never gave out. Another system may use the same merchant, so it is not returned by itself; if it is yours, refund it in the merchant platform."
            }
            Self::AmountMismatch => {
                "WeChat reports another amount than the order's total. The order stays unpaid and the money is not returned by itself; find out why, and refund it in the merchant platform."
            }
            Self::AppMismatch => {
                "The payment was made in another mini program than the order's. The order stays unpaid and the money is not returned by itself; find out why, and refund it in the merchant platform."
            }
            Self::MerchantMismatch => {
                "The payment went to another merchant than the order's. The order stays unpaid; the money is not with us to return."
            }
            Self::CurrencyMismatch => {
                "The payment was made in another currency than the order's. The order stays unpaid and the money is not returned by itself; find out why, and refund it in the merchant platform."
            }
            Self::SecondTransaction => {
                "WeChat reports a second payment number for an attempt that is already paid. The order stays as it is, and nothing is returned by itself; ask WeChat's support which of the two is real."
            }
            Self::TransactionReused => {
                "WeChat reports a payment number that already paid something else here. Neither order moves."
            }
            Self::DoublePayment => {
                "A second attempt of an order was paid as well. The order stays paid once; the second payment is ours to return and goes back in full by itself. It is resolved when the payer has the money."
            }
            Self::PaidAfterClose => {
                "Money landed after the order had been closed. The order stays closed; the money is ours to return and goes back in full by itself. It is resolved when the payer has it."
            }
            Self::UnreadablePayment => {
                "WeChat signed something that does not read as a payment: a notification, which is recorded, or the answer about a number of ours. Nothing was changed; look the payment up in the merchant platform."
            }
            Self::RefundClosed => {
                "The refund did not come about: WeChat closed or refused it, and the evidence has its code. Nothing went back and the sum is free again. Make a new refund, which gets a new number; for a payment that the order did not want, name its `transaction_id`."
            }
            Self::RefundAbnormal => {
                "The payer's card or account takes no money. Steer it elsewhere in the merchant platform (transactions, refunds, abnormal refund). The server keeps asking, and resolves this when the money has arrived."
            }
            Self::RefundWaiting => {
                "WeChat does not take the refund yet: the merchant's balance is too small, a key or permission of the merchant is refused, it does not know the payment (yet), or the settings name another merchant than the refund's (`OTHER_MERCHANT`); the evidence has its code. Mend that and leave this open: the server repeats the same refund by itself, and resolves this when the money has arrived. To resolve it by hand calls the refund off, unless WeChat knows it by then: do so before you give the money back another way, and look at the refund."
            }
            Self::RefundMismatch => {
                "WeChat reports one of our refunds with another payment, merchant, amount or currency, or with a number of its own that is another refund's; the evidence names the field. The refund stays as it is. Compare with the merchant platform."
            }
            Self::RefundContradiction => {
                "WeChat says of a refund what cannot be after what it said before, such as closed after succeeded, or is at one that was refused or called off. Nothing was changed. Compare with the merchant platform before making another refund."
            }
            Self::UnknownRefund => {
                "WeChat reports a refund that the books lack: under a number that this server never gave out, or of a payment of which it heard only after the refund had begun. It was made in the merchant platform or by another system; or a restore lost it, and then it is asked for again under its old key alone. The books do not count it; keep it in mind before sending anything for the payment, or refunding it here."
            }
            Self::UnreadableRefund => {
                "WeChat signed something that does not read as a refund: a notice, which is recorded, or the answer about a number of ours. Nothing was changed; look the refund up in the merchant platform."
            }
            Self::ShipmentRefused => {
                "WeChat does not take what it is told of an order's shipment, and may keep its money back; the evidence has its number and what that means. Post the shipment again as it should be (`POST /admin/orders/{id}/shipment`), or enter it in WeChat's console and resolve this. It is resolved by itself when WeChat takes a later one."
            }
            Self::EventUndelivered => {
                "An event could not be delivered to `EVENTS_WEBHOOK_URL`; if it is of an order, later events of that order wait behind it. Send it again, or resolve this to give it up and let the later ones go."
            }
            Self::ReconciliationMissingHere => {
                "The bill of a day has a payment that the books lack. The number is one of ours, or looks like one."
            }
            Self::ReconciliationMissingThere => {
                "The books have a payment of a day that the bill of that day lacks."
            }
            Self::ReconciliationAmount => {
                "A payment has another amount or currency in the bill than in the books."
            }
            Self::ReconciliationState => {
                "A payment has another state, number or mini program in the bill than in the books."
            }
            Self::ReconciliationRefund => {
                "The bill and the books differ about a refund: one of them lacks it, or its amount or its state differs."
            }
            Self::ReconciliationFee => {
                "The merchant's account moved by another amount than the trade bill says: the fund-flow bill lacks the payment, the fee differs, or a payment or refund of another day moved it."
            }
            Self::ReconciliationForeign => {
                "The bill has payments that another system took for the same merchant. They are counted and not compared; this is said once for each mini program."
            }
            Self::ReconciliationOverflow => {
                "A day has so many differences that only the first are listed: after a restore, or with another database, or another merchant's bill."
            }
            Self::ReconciliationIncomplete => {
                "The bills of a day could not be fetched or read in twenty tries. It is tried again a day later."
            }
        }
    }
}

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
    /// An event that its receiver did not take within three days, or refused for good.
    EventUndelivered,
}

/// The part of the shop that an exception is about, as the health page names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    /// Money for orders.
    Orders,
    /// What WeChat told us and we cannot read.
    Notifications,
    /// Telling others.
    Events,
}

impl ExceptionKind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
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
        Self::EventUndelivered,
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
            Self::EventUndelivered => "event_undelivered",
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
            | Self::PaidAfterClose => Concern::Orders,
            Self::UnreadablePayment => Concern::Notifications,
            Self::EventUndelivered => Concern::Events,
        }
    }

    /// The kind of that spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// What it means, in words for the person who has to look into it.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::UnknownOrder => {
                "WeChat reports a payment for an order number that this server never gave out. Another system may use the same merchant."
            }
            Self::AmountMismatch => {
                "WeChat reports another amount than the order's total. The order stays unpaid."
            }
            Self::AppMismatch => {
                "The payment was made in another mini program than the order's. The order stays unpaid."
            }
            Self::MerchantMismatch => {
                "The payment went to another merchant than the order's. The order stays unpaid."
            }
            Self::CurrencyMismatch => {
                "The payment was made in another currency than the order's. The order stays unpaid."
            }
            Self::SecondTransaction => {
                "WeChat reports a second payment number for an attempt that is already paid. The order stays as it is."
            }
            Self::TransactionReused => {
                "WeChat reports a payment number that already paid something else here. Neither order moves."
            }
            Self::DoublePayment => {
                "A second attempt of an order was paid as well. The order stays paid once; the second payment must be returned."
            }
            Self::PaidAfterClose => {
                "Money landed after the order had been closed. The order stays closed; the money must be returned."
            }
            Self::UnreadablePayment => {
                "WeChat signed something that does not read as a payment. Nothing was changed; look at the recorded delivery."
            }
            Self::EventUndelivered => {
                "An event could not be delivered to `EVENTS_WEBHOOK_URL`; later events of its order wait behind it. Send it again, or resolve this to give it up and let the later ones go."
            }
        }
    }
}

//! The order: what was bought, for how much, and where it stands.
//!
//! An order is not its payment: see [`super::attempt`]. Statuses change here and nowhere else.

use super::fen::{Fen, FenOutOfRange};
use super::name::ProductId;

/// The most different products in one order.
pub const ITEMS_MAX: usize = 50;
/// The largest quantity of one product in one order.
pub const QUANTITY_MAX: i32 = 9_999;
/// The most orders of a user that await payment at the same time, but for those placed at the same moment. Each holds
/// stock, and is one that WeChat is asked about until its time is over.
pub const AWAITING_MAX: i64 = 200;
/// The longest note on an order, in characters.
pub const NOTE_CHARS_MAX: usize = 500;

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum OrderStatus {
    /// Waits for the money; holds its stock.
    AwaitingPayment,
    /// Paid in full.
    Paid,
    /// Given up before it was paid; its stock is back.
    Closed,
    /// Paid, and a part of the money returned.
    PartiallyRefunded,
    /// Paid, and all of the money returned.
    Refunded,
}

impl OrderStatus {
    /// Every status, in the order of an order's life.
    pub const ALL: [Self; 5] = [
        Self::AwaitingPayment,
        Self::Paid,
        Self::Closed,
        Self::PartiallyRefunded,
        Self::Refunded,
    ];

    /// The status as the API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AwaitingPayment => "awaiting_payment",
            Self::Paid => "paid",
            Self::Closed => "closed",
            Self::PartiallyRefunded => "partially_refunded",
            Self::Refunded => "refunded",
        }
    }

    /// The status of that spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// What can happen to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderEvent {
    /// Money for it landed at WeChat, believed and equal to the order's total.
    PaymentLanded,
    /// No attempt of it can be paid any more: WeChat closed them, or there was none.
    AttemptsClosed,
    /// A refund of its payment succeeded; less than all of it has gone back by now.
    RefundedInPart,
    /// A refund of its payment succeeded; all of it has gone back now.
    RefundedInFull,
}

impl OrderEvent {
    /// Every event.
    pub const ALL: [Self; 4] = [
        Self::PaymentLanded,
        Self::AttemptsClosed,
        Self::RefundedInPart,
        Self::RefundedInFull,
    ];
}

/// What an event does to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderMove {
    /// The order is paid from now on.
    Pay,
    /// The order is closed from now on and gives its stock back.
    CloseAndReturnStock,
    /// A part of the money has gone back.
    RefundInPart,
    /// All of the money has gone back.
    RefundInFull,
    /// Nothing: the order stays as it is, and that is right.
    Stay,
    /// The order stays as it is; the money is not wanted by it and must be returned.
    StayWithSurplus,
}

/// The order machine, whole.
#[expect(clippy::match_same_arms, reason = "each arm is one reason, not one result")]
pub fn decide(status: OrderStatus, event: OrderEvent) -> OrderMove {
    use {OrderEvent as E, OrderMove as M, OrderStatus as S};
    match (status, event) {
        (S::AwaitingPayment, E::PaymentLanded) => M::Pay,
        (S::AwaitingPayment, E::AttemptsClosed) => M::CloseAndReturnStock,
        (S::Paid | S::Closed | S::PartiallyRefunded | S::Refunded, E::PaymentLanded) => M::StayWithSurplus,
        (S::Paid | S::Closed | S::PartiallyRefunded | S::Refunded, E::AttemptsClosed) => M::Stay,
        (S::Paid | S::PartiallyRefunded, E::RefundedInPart) => M::RefundInPart,
        (S::Paid | S::PartiallyRefunded, E::RefundedInFull) => M::RefundInFull,
        // Nothing was paid, or nothing is left: no refund of its payment can succeed.
        (S::AwaitingPayment | S::Closed | S::Refunded, E::RefundedInPart | E::RefundedInFull) => M::Stay,
    }
}

/// One line of an order, with the price of the moment it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderItem {
    /// The product.
    pub product_id: ProductId,
    /// Its title then.
    pub title: String,
    /// Its price then.
    pub unit_price_fen: Fen,
    /// 1 to [`QUANTITY_MAX`].
    pub quantity: i32,
}

/// The sum of an order's lines.
///
/// # Errors
/// When a line or the sum is over what an order may cost.
pub fn total(items: &[OrderItem]) -> Result<Fen, FenOutOfRange> {
    items.iter().try_fold(Fen::ZERO, |sum, item| {
        sum.plus(item.unit_price_fen.times(item.quantity)?)
    })
}

/// What the payer reads in WeChat: the title of the first line that WeChat Pay can show, and how
/// many lines more there are; at most 40 characters, which is safe however WeChat counts.
pub fn description(items: &[OrderItem]) -> String {
    let title = items
        .iter()
        .map(|item| super::text::for_wechat_pay(&item.title, 30))
        .find(|title| !title.is_empty())
        .unwrap_or_else(|| "商品".to_owned());
    match items.len().saturating_sub(1) {
        0 => title,
        more => format!("{title} +{more}"),
    }
}

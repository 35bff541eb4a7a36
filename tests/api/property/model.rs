//! A shop in memory. It knows what people did and what WeChat holds; of the real shop it takes over
//! only what that may have learned by now, and says everything else itself.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

pub(super) const PRICE_FEN: i64 = 100;
pub(super) const STOCK: i64 = 12;
/// How long WeChat takes refunds after the payment, and the gap between two of one payment.
const REFUND_WINDOW: TimeDelta = TimeDelta::days(365);
const SUBMIT_GAP: TimeDelta = TimeDelta::seconds(61);

/// Where an order stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Unpaid,
    /// By the payment with this number of ours.
    Paid(String),
    Closed,
}

/// Where a refund stands, as the operator is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Processing,
    Succeeded,
    Closed,
    Abnormal,
}

impl Progress {
    pub(super) const ALL: [Self; 4] = [Self::Processing, Self::Succeeded, Self::Closed, Self::Abnormal];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Succeeded => "succeeded",
            Self::Closed => "closed",
            Self::Abnormal => "abnormal",
        }
    }

    /// What WeChat calls it.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Processing => "PROCESSING",
            Self::Succeeded => "SUCCESS",
            Self::Closed => "CLOSED",
            Self::Abnormal => "ABNORMAL",
        }
    }
}

/// Money that moved at the cashier.
pub(super) struct Payment {
    pub(super) transaction_id: String,
    /// Our number of it.
    pub(super) number: String,
    pub(super) paid_at: DateTime<Utc>,
}

pub(super) struct Refund {
    pub(super) id: String,
    /// Our number of it.
    pub(super) number: String,
    /// Key and body of the operator's request; none for one by policy.
    pub(super) request: Option<(String, Value)>,
    pub(super) transaction_id: String,
    pub(super) amount_fen: i64,
    pub(super) is_restocking: bool,
    pub(super) submit_at: DateTime<Utc>,
    pub(super) progress: Progress,
    /// Whether WeChat ever called it abnormal.
    pub(super) was_abnormal: bool,
    /// Whether the operator wanted it no more, before WeChat had it.
    pub(super) is_called_off: bool,
}

pub(super) struct Order {
    pub(super) id: String,
    /// Whose it is.
    pub(super) owner: usize,
    /// The idempotency key that made it.
    pub(super) key: String,
    pub(super) quantity: i64,
    pub(super) made_at: DateTime<Utc>,
    pub(super) expires_at: DateTime<Utc>,
    pub(super) standing: Standing,
    /// Open sheets of the cashier, each with the number it is for.
    pub(super) sheets: Vec<(String, String)>,
    pub(super) payments: Vec<Payment>,
    pub(super) refunds: Vec<Refund>,
    /// How often the operator said that something was sent, and whether that was ever all.
    pub(super) shipments: u32,
    pub(super) is_shipped: bool,
}

impl Order {
    pub(super) fn total_fen(&self) -> i64 {
        self.quantity * PRICE_FEN
    }

    /// The payment that paid it.
    pub(super) fn wanted(&self) -> Option<&Payment> {
        let Standing::Paid(number) = &self.standing else {
            return None;
        };
        self.payments.iter().find(|payment| payment.number == *number)
    }

    /// The refunds of the payment that paid it.
    fn wanted_refunds(&self) -> impl Iterator<Item = &Refund> {
        let wanted = self.wanted().map(|payment| payment.transaction_id.as_str());
        let is_wanted = move |refund: &&Refund| Some(refund.transaction_id.as_str()) == wanted;
        self.refunds.iter().filter(is_wanted)
    }

    fn sum(&self, progress: &[Progress]) -> i64 {
        self.wanted_refunds()
            .filter(|refund| progress.contains(&refund.progress))
            .map(|refund| refund.amount_fen)
            .sum()
    }

    pub(super) fn refunded_fen(&self) -> i64 {
        self.sum(&[Progress::Succeeded])
    }

    pub(super) fn refunding_fen(&self) -> i64 {
        self.sum(&[Progress::Processing, Progress::Abnormal])
    }

    /// What a refund may still ask for.
    pub(super) fn left_fen(&self) -> i64 {
        self.total_fen() - self.refunded_fen() - self.refunding_fen()
    }

    pub(super) fn status(&self) -> &'static str {
        match &self.standing {
            Standing::Unpaid => "awaiting_payment",
            Standing::Closed => "closed",
            Standing::Paid(_) if self.refunded_fen() == 0 => "paid",
            Standing::Paid(_) if self.refunded_fen() < self.total_fen() => "partially_refunded",
            Standing::Paid(_) => "refunded",
        }
    }

    /// Whether what was ordered is not for sale.
    fn holds_stock(&self) -> bool {
        let is_back = |refund: &Refund| refund.is_restocking && refund.progress == Progress::Succeeded;
        self.standing != Standing::Closed && !self.refunds.iter().any(is_back)
    }

    /// The events that others are told of, in their order.
    pub(super) fn events(&self) -> Vec<&'static str> {
        match &self.standing {
            Standing::Unpaid => Vec::new(),
            Standing::Closed => vec!["order.closed"],
            Standing::Paid(_) => {
                let is_done = |refund: &&Refund| refund.progress == Progress::Succeeded;
                let count = self.wanted_refunds().filter(is_done).count();
                let mut events = vec!["order.paid"];
                events.extend(vec!["order.partially_refunded"; count]);
                if self.status() == "refunded" {
                    *events.last_mut().unwrap() = "order.refunded";
                }
                events
            }
        }
    }

    /// What the operator is told who wants this much back: status and code. Two where the clocks of
    /// server and WeChat, which differ by moments, would have to be known.
    pub(super) fn refund_answers(&self, amount_fen: i64, now: DateTime<Utc>) -> Vec<(u16, &'static str)> {
        let Some(payment) = self.wanted() else {
            return vec![(409, "order_state_conflict")];
        };
        if amount_fen > self.left_fen() {
            return vec![(422, "refund_exceeds_paid")];
        }
        let age = self.submit_at(now).signed_duration_since(payment.paid_at) - REFUND_WINDOW;
        let (taken, late) = ((202, ""), (409, "refund_window_passed"));
        match age.num_hours() {
            0 => vec![taken, late],
            hours if hours > 0 => vec![late],
            _ => vec![taken],
        }
    }

    /// From when the next refund may be sent.
    pub(super) fn submit_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.wanted_refunds()
            .map(|refund| refund.submit_at + SUBMIT_GAP)
            .fold(now, DateTime::max)
    }
}

/// The whole shop.
#[derive(Default)]
pub(super) struct Model {
    pub(super) orders: Vec<Order>,
}

impl Model {
    pub(super) fn stock(&self) -> i64 {
        let held = self.orders.iter().filter(|order| order.holds_stock());
        STOCK - held.map(|order| order.quantity).sum::<i64>()
    }

    /// An order of a person, whichever that comes to; none if there is none.
    pub(super) fn pick(&self, who: usize, which: usize) -> Option<usize> {
        let own: Vec<usize> = (0..self.orders.len())
            .filter(|index| self.orders[*index].owner == who)
            .collect();
        own.get(which.checked_rem(own.len())?).copied()
    }

    pub(super) fn order_of(&self, id: &str) -> usize {
        let found = self.orders.iter().position(|order| order.id == id);
        found.unwrap_or_else(|| panic!("nobody made order {id}"))
    }

    pub(super) fn refund_mut(&mut self, number: &str) -> Option<&mut Refund> {
        let mut refunds = self.orders.iter_mut().flat_map(|order| &mut order.refunds);
        refunds.find(|refund| refund.number == number)
    }
}

/// What the real shop shows of an order.
pub(super) struct SeenOrder {
    pub(super) owner: usize,
    pub(super) status: String,
    pub(super) total_fen: i64,
    pub(super) refunded_fen: i64,
    pub(super) refunding_fen: i64,
    /// Our number at WeChat.
    pub(super) number: Option<String>,
    pub(super) is_shipped: bool,
}

/// What it has written down of a refund.
pub(super) struct SeenRefund {
    pub(super) id: String,
    pub(super) order_id: String,
    pub(super) number: String,
    pub(super) transaction_id: String,
    pub(super) amount_fen: i64,
    pub(super) is_by_policy: bool,
    pub(super) progress: Progress,
    pub(super) submit_at: DateTime<Utc>,
}

/// All that is seen after a step, and what WeChat holds to be true of refunds, by number.
pub(super) struct Seen {
    pub(super) orders: BTreeMap<String, SeenOrder>,
    pub(super) stock: i64,
    pub(super) refunds: Vec<SeenRefund>,
    pub(super) truths: BTreeMap<String, Progress>,
}

//! Refunds, and how they are found again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Where a refund stands, in `WeChat`'s words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum RefundStatus {
    Processing,
    Success,
    /// It did not happen and never will.
    Closed,
    /// The payer's card or account cannot take the money.
    Abnormal,
}

impl RefundStatus {
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Processing => "PROCESSING",
            Self::Success => "SUCCESS",
            Self::Closed => "CLOSED",
            Self::Abnormal => "ABNORMAL",
        }
    }

    /// Whether it may become the other one: an abnormal refund still comes to an end.
    pub(super) const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Processing => !matches!(next, Self::Processing),
            Self::Abnormal => matches!(next, Self::Success | Self::Closed),
            Self::Success | Self::Closed => false,
        }
    }
}

/// A refund at `WeChat Pay`.
#[derive(Clone, Serialize, Deserialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the id is called what WeChat Pay calls it"
)]
pub(super) struct Refund {
    /// Counts up from 1.
    pub(super) number: u64,
    pub(super) refund_id: String,
    pub(super) out_refund_no: String,
    pub(super) out_trade_no: String,
    pub(super) transaction_id: String,
    /// The whole request; the same number may only come with the same again.
    pub(super) request: Value,
    pub(super) amount_fen: i64,
    pub(super) total_fen: i64,
    /// What a coupon of the merchant had paid of the order.
    #[serde(default)]
    pub(super) order_coupon_fen: i64,
    /// What of this refund had been paid by it, and goes back to nobody.
    #[serde(default)]
    pub(super) coupon_fen: i64,
    pub(super) reason: Option<String>,
    pub(super) notify_url: Option<String>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) status: RefundStatus,
    /// When it was decided; none as long as it is in process.
    pub(super) decided_at: Option<DateTime<Utc>>,
    /// When it is decided by itself; none: when told, or decided already.
    pub(super) decide_at: Option<DateTime<Utc>>,
    /// What it becomes by itself.
    pub(super) ends_as: RefundStatus,
}

impl Refund {
    /// What the payer paid of the order: without the coupon.
    pub(super) const fn payer_total_fen(&self) -> i64 {
        self.total_fen.saturating_sub(self.order_coupon_fen)
    }

    /// What the payer gets back.
    pub(super) const fn payer_refund_fen(&self) -> i64 {
        self.amount_fen.saturating_sub(self.coupon_fen)
    }
}

/// All refunds.
#[derive(Default)]
pub(super) struct Refunds {
    by_number: BTreeMap<u64, Refund>,
    numbers: HashMap<String, u64>,
    by_order: HashMap<String, Vec<u64>>,
    due: BTreeSet<(DateTime<Utc>, u64)>,
}

impl Refunds {
    /// Takes it in, new or changed.
    pub(super) fn apply(&mut self, refund: Refund) {
        let number = refund.number;
        if let Some(decide_at) = refund.decide_at {
            self.due.insert((decide_at, number));
        }
        if self
            .numbers
            .insert(refund.out_refund_no.clone(), number)
            .is_none()
        {
            let of_order = self.by_order.entry(refund.out_trade_no.clone()).or_default();
            of_order.push(number);
        }
        let decide_at = refund.decide_at;
        if let Some(old) = self.by_number.insert(number, refund)
            && let Some(old_at) = old.decide_at
            && Some(old_at) != decide_at
        {
            self.due.remove(&(old_at, number));
        }
    }

    pub(super) fn get(&self, out_refund_no: &str) -> Option<&Refund> {
        self.numbers
            .get(out_refund_no)
            .and_then(|number| self.by_number.get(number))
    }

    /// Oldest first.
    pub(super) fn all(&self) -> impl Iterator<Item = &Refund> {
        self.by_number.values()
    }

    /// Those of an order, oldest first.
    pub(super) fn of_order(&self, out_trade_no: &str) -> impl Iterator<Item = &Refund> {
        self.by_order
            .get(out_trade_no)
            .into_iter()
            .flatten()
            .filter_map(|number| self.by_number.get(number))
    }

    /// The number of the next one.
    pub(super) fn next_number(&self) -> u64 {
        self.by_number
            .last_key_value()
            .map_or(1, |(last, _)| last.saturating_add(1))
    }

    /// The first that is to be decided by now.
    pub(super) fn due(&self, now: DateTime<Utc>) -> Option<&Refund> {
        let (_, number) = self.due.first().filter(|(at, _)| *at <= now)?;
        self.by_number.get(number)
    }

    /// When the next one is to be decided.
    pub(super) fn next_due_at(&self) -> Option<DateTime<Utc>> {
        self.due.first().map(|(at, _)| *at)
    }
}

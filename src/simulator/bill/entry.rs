//! What stands in the bills of a day.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::money::fee;
use crate::simulator::clock::CHINA_OFFSET_S;
use crate::simulator::record::{Order, Payment};
use crate::simulator::refund::{Refund, RefundStatus};
use crate::simulator::world::World;

/// A bill is made at nine o'clock of the next day, and tells what was known then.
const MADE_AFTER: TimeDelta = TimeDelta::hours(24 + 9);
/// What the merchant had before the first payment.
const FIRST_BALANCE_FEN: i64 = 10_000_000;

/// A payment or a refund.
#[derive(Clone)]
pub(super) struct Entry {
    /// When the money moved; of a refund that did not succeed, when it was accepted.
    pub(super) at: DateTime<Utc>,
    pub(super) app_id: String,
    pub(super) openid: String,
    pub(super) description: String,
    pub(super) attach: String,
    pub(super) transaction_id: String,
    pub(super) out_trade_no: String,
    /// `SUCCESS` or `REFUND`, unless a fault says otherwise.
    pub(super) state: &'static str,
    /// Of the order, or of the refund.
    pub(super) amount_fen: i64,
    /// What of it was never the merchant's money, but a coupon of its own.
    pub(super) coupon_fen: i64,
    pub(super) fee_fen: i64,
    pub(super) paid_at: DateTime<Utc>,
    pub(super) refund: Option<RefundPart>,
}

/// What the row of a refund tells besides.
#[derive(Clone)]
pub(super) struct RefundPart {
    pub(super) refund_id: String,
    pub(super) out_refund_no: String,
    pub(super) created_at: DateTime<Utc>,
    pub(super) succeeded_at: Option<DateTime<Utc>>,
    pub(super) state: &'static str,
}

/// Midnight in China, when a day begins.
pub(super) fn begins_at(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(chrono::NaiveTime::MIN).and_utc() - TimeDelta::seconds(i64::from(CHINA_OFFSET_S))
}

/// All entries of the day that begins then, oldest first, and what the merchant had before.
pub(super) fn of_day(world: &World, begins_at: DateTime<Utc>) -> (Vec<Entry>, i64) {
    let ends_at = begins_at + TimeDelta::days(1);
    let mut balance_fen = FIRST_BALANCE_FEN;
    let mut entries = Vec::new();
    for entry in of_world(world, begins_at).filter(|entry| entry.at < ends_at) {
        if entry.at >= begins_at {
            entries.push(entry);
        } else if entry.moves_money() {
            balance_fen = balance_fen.saturating_add(entry.net_fen());
        }
    }
    entries.sort_by_key(|entry| entry.at);
    (entries, balance_fen)
}

/// All there are of any day, as they were known when the bill of the day that begins then was made.
pub(super) fn of_world(world: &World, begins_at: DateTime<Utc>) -> impl Iterator<Item = Entry> {
    let made_at = begins_at + MADE_AFTER;
    world.payments().flat_map(move |(order, payment)| {
        let refunds = world.refunds.of_order(&order.out_trade_no);
        std::iter::once(Entry::payment(order, payment))
            .chain(refunds.map(move |refund| Entry::refund(order, payment, refund, made_at)))
    })
}

impl Entry {
    fn payment(order: &Order, payment: &Payment) -> Self {
        Self {
            at: payment.paid_at,
            app_id: order.app_id.clone(),
            openid: order.openid.clone(),
            description: order.description.clone(),
            attach: order.attach.clone().unwrap_or_default(),
            transaction_id: payment.transaction_id.clone(),
            out_trade_no: order.out_trade_no.clone(),
            state: "SUCCESS",
            amount_fen: order.total_fen,
            coupon_fen: payment.coupon_fen,
            fee_fen: fee(order.total_fen.saturating_sub(payment.coupon_fen)),
            paid_at: payment.paid_at,
            refund: None,
        }
    }

    /// A refund as it was known when the bill was made.
    fn refund(order: &Order, payment: &Payment, refund: &Refund, made_at: DateTime<Utc>) -> Self {
        let known = refund.decided_at.filter(|at| *at < made_at);
        let status = known.map_or(RefundStatus::Processing, |_| refund.status);
        let succeeded_at = known.filter(|_| status == RefundStatus::Success);
        Self {
            at: succeeded_at.unwrap_or(refund.created_at),
            state: "REFUND",
            amount_fen: refund.amount_fen,
            coupon_fen: refund.coupon_fen,
            fee_fen: if succeeded_at.is_some() {
                fee(refund.payer_refund_fen())
            } else {
                0
            },
            refund: Some(RefundPart {
                refund_id: refund.refund_id.clone(),
                out_refund_no: refund.out_refund_no.clone(),
                created_at: refund.created_at,
                succeeded_at,
                state: match status {
                    RefundStatus::Processing => "PROCESSING",
                    RefundStatus::Success => "SUCCESS",
                    RefundStatus::Closed => "FAIL",
                    RefundStatus::Abnormal => "CHANGE",
                },
            }),
            ..Self::payment(order, payment)
        }
    }

    /// A payment of nobody, for tests of volume; the same for the same place.
    pub(super) fn synthetic(begins_at: DateTime<Utc>, index: u64) -> Self {
        let second = i64::try_from(index % 86_400).unwrap_or(0);
        let at = begins_at + TimeDelta::seconds(second);
        let amount_fen = i64::try_from(index % 10_000).unwrap_or(0).saturating_add(1);
        Self {
            at,
            app_id: "wx0000000000000000".to_owned(),
            openid: "osynthetic".to_owned(),
            description: "synthetic, for volume".to_owned(),
            attach: String::new(),
            transaction_id: format!("4200000000{index:018}"),
            out_trade_no: format!("synthetic{index:018}"),
            state: "SUCCESS",
            amount_fen,
            coupon_fen: 0,
            fee_fen: fee(amount_fen),
            paid_at: at,
            refund: None,
        }
    }

    /// A refund of this payment that the merchant platform made, with numbers of its own.
    pub(super) fn refunded_by_hand(&self, fen: i64) -> Self {
        Self {
            state: "REFUND",
            amount_fen: fen,
            coupon_fen: 0,
            fee_fen: fee(fen),
            refund: Some(RefundPart {
                refund_id: format!("50{}", self.transaction_id),
                out_refund_no: format!("byhand{}", self.transaction_id),
                created_at: self.at,
                succeeded_at: Some(self.at),
                state: "SUCCESS",
            }),
            ..self.clone()
        }
    }

    /// What of its amount is the merchant's.
    pub(super) const fn settled_fen(&self) -> i64 {
        self.amount_fen.saturating_sub(self.coupon_fen)
    }

    /// Whether it changed what the merchant has.
    pub(super) fn moves_money(&self) -> bool {
        self.refund
            .as_ref()
            .is_none_or(|refund| refund.succeeded_at.is_some())
    }

    /// By how much it changed what the merchant has.
    pub(super) const fn net_fen(&self) -> i64 {
        let net = self.settled_fen().saturating_sub(self.fee_fen);
        if self.refund.is_some() {
            net.saturating_neg()
        } else {
            net
        }
    }
}

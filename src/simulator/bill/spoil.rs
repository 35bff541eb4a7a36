//! Faults in bills: what a bookkeeper must notice.

use chrono::{DateTime, Utc};

use super::column::Column;
use super::entry::{self, Entry};
use crate::simulator::fault::{Fault, FaultKind, Struck};
use crate::simulator::world::World;

/// What the merchant platform refunds, in fen.
const REFUND_BY_HAND_FEN: i64 = 100;

/// Adds the movement of another day that a fault wants.
pub(super) fn movements(entries: &mut Vec<Entry>, world: &World, begins_at: DateTime<Utc>, struck: &Struck) {
    let Some(fault) = struck.find(FaultKind::BillMovementExtra) else {
        return;
    };
    let mut known = entry::of_world(world, begins_at);
    if let Some(mut moved) = known.find(|entry| concerns(fault, entry)) {
        moved.at = begins_at;
        entries.insert(0, moved);
    }
}

/// Changes the entries as the faults say.
pub(super) fn entries(entries: &mut Vec<Entry>, begins_at: DateTime<Utc>, struck: &Struck) {
    if let Some(place) = find(entries, struck, FaultKind::BillAmountChanged, |_| true)
        && let Some(entry) = entries.get_mut(place)
    {
        entry.amount_fen = entry.amount_fen.saturating_add(1);
    }
    if let Some(place) = find(entries, struck, FaultKind::BillFeeChanged, |_| true)
        && let Some(entry) = entries.get_mut(place)
    {
        entry.fee_fen = entry.fee_fen.saturating_add(1);
    }
    if let Some(place) = find(entries, struck, FaultKind::BillCoupon, |_| true)
        && let Some(entry) = entries.get_mut(place)
    {
        entry.coupon_fen = 1;
    }
    if let Some(place) = find(entries, struck, FaultKind::BillStateChanged, |_| true)
        && let Some(entry) = entries.get_mut(place)
    {
        match &mut entry.refund {
            Some(refund) => refund.state = "CHANGE",
            None => entry.state = "REVOKED",
        }
    }
    let is_refund = |entry: &Entry| entry.refund.is_some();
    if let Some(place) = find(entries, struck, FaultKind::BillRefundMissing, is_refund) {
        entries.remove(place);
    }
    let is_payment = |entry: &Entry| entry.refund.is_none();
    if let Some(place) = find(entries, struck, FaultKind::BillRowMissing, is_payment) {
        entries.remove(place);
    }
    if let Some(place) = find(entries, struck, FaultKind::BillRefundExtra, is_payment)
        && let Some(by_hand) = entries
            .get(place)
            .map(|paid| paid.refunded_by_hand(REFUND_BY_HAND_FEN))
    {
        entries.push(by_hand);
    }
    if let Some(fault) = struck.find(FaultKind::BillRowExtra) {
        let mut extra = Entry::synthetic(begins_at, 86_399);
        if let Some(number) = &fault.out_trade_no {
            extra.out_trade_no.clone_from(number);
            if let Some(first) = entries.first() {
                extra.app_id.clone_from(&first.app_id);
            }
        }
        entries.push(extra);
    }
}

/// The first entry that a fault concerns.
fn find(
    entries: &[Entry],
    struck: &Struck,
    kind: FaultKind,
    is_meant: impl Fn(&Entry) -> bool,
) -> Option<usize> {
    let fault = struck.find(kind)?;
    entries
        .iter()
        .position(|entry| is_meant(entry) && concerns(fault, entry))
}

fn concerns(fault: &Fault, entry: &Entry) -> bool {
    let refund_number = entry.refund.as_ref().map(|refund| &refund.out_refund_no);
    let is_of_order = fault
        .out_trade_no
        .as_ref()
        .is_none_or(|number| *number == entry.out_trade_no);
    let is_of_refund = fault
        .out_refund_no
        .as_ref()
        .is_none_or(|number| Some(number) == refund_number);
    is_of_order && is_of_refund
}

/// The columns, in another order or with one more where a fault says so.
pub(super) fn columns(usual: &[Column], struck: &Struck) -> Vec<Column> {
    let mut columns = usual.to_vec();
    if struck.has(FaultKind::BillColumnsReordered) && !columns.is_empty() {
        let places = 5 % columns.len();
        columns.rotate_left(places);
    }
    if struck.has(FaultKind::BillColumnExtra) && !columns.is_empty() {
        columns.insert(1, Column::Unheard);
    }
    columns
}

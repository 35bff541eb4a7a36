//! What WeChat's answers mean for a shipment.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Parcel, ShipmentKind};
use crate::domain::name::{Carrier, TrackingNo};

/// The waits between tries, in seconds; the last one is repeated.
const GAPS_S: [i64; 8] = [10, 30, 60, 180, 600, 1_800, 3_600, 7_200];
/// WeChat may not know a payment yet for so long after it.
const UNKNOWN_AFTER_PAYMENT: TimeDelta = TimeDelta::hours(1);
/// However old the payment is, so long WeChat is asked again before it is believed not to know it.
const UNKNOWN_AT_LEAST: TimeDelta = TimeDelta::minutes(10);
/// WeChat says that the order was corrected once already.
pub const CHANCE_USED: i64 = 10_060_003;

/// What WeChat's answer to the call means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// WeChat has it.
    Done,
    /// WeChat counts the order as sent. That settles a first telling; whether it holds a correction or one more parcel
    /// has to be asked.
    Shipped,
    /// WeChat does not know the payment, or not yet.
    Unknown,
    /// How WeChat holds the order decides.
    Ask,
    /// Nothing happened; the same call may succeed later.
    Later,
    /// Trouble of WeChat's own. Nobody says that it came before the effect: WeChat has to be asked.
    Trouble,
    /// WeChat does not take it as it is.
    Refused,
}

/// WeChat's numbers, told apart.
pub fn verdict(errcode: i64) -> Verdict {
    match errcode {
        // Nothing changed.
        10_060_023 => Verdict::Done,
        10_060_002 => Verdict::Shipped,
        10_060_001 => Verdict::Unknown,
        // The chance to correct is used; the order's state does not allow it.
        CHANCE_USED | 10_060_004 => Verdict::Ask,
        -1 | 10_060_012 | 10_060_019 => Verdict::Trouble,
        // A token that is dead even though it is new, and calls that are used up.
        40_001 | 40_014 | 42_001 | 45_009 | 45_011 => Verdict::Later,
        _ => Verdict::Refused,
    }
}

/// When it is told again after so many tries.
pub fn gap_after(tries: i32) -> TimeDelta {
    let position = usize::try_from(tries.saturating_sub(1)).unwrap_or(0);
    let longest = GAPS_S.last().copied().unwrap_or(0);
    TimeDelta::seconds(GAPS_S.get(position).copied().unwrap_or(longest))
}

/// Whether it is time to believe WeChat that it does not know the payment.
pub fn is_unknown_for_good(paid_at: DateTime<Utc>, created_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now >= (paid_at + UNKNOWN_AFTER_PAYMENT).max(created_at + UNKNOWN_AT_LEAST)
}

/// What one call told WeChat, to be found again.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    /// How.
    pub kind: ShipmentKind,
    /// What.
    pub parcels: &'a [Parcel],
    /// Whether it is one of several parcels.
    pub is_split: bool,
    /// Whether that was all of the order.
    pub is_complete: bool,
    /// Whether it took the chance to correct.
    pub is_again: bool,
}

/// How WeChat holds an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// 1 to be sent, 2 sent, 3 received, 4 finished, 5 refunded, 6 the money waits to be settled.
    pub order_state: i64,
    /// What it was told, if anything.
    pub shipping: Option<HeldShipping>,
}

/// What WeChat was told of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldShipping {
    /// How, by WeChat's number.
    pub logistics_type: i64,
    /// 1 in one parcel, 2 in several.
    pub delivery_mode: i64,
    /// Whether all of the order has been sent.
    pub is_finished: bool,
    /// How often it was: 2 after a correction.
    pub finish_count: i64,
    /// What was sent.
    pub parcels: Vec<HeldParcel>,
}

/// A parcel as WeChat tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldParcel {
    /// The carrier's number of it; empty: none.
    pub tracking_no: String,
    /// The carrier; empty: none.
    pub carrier: String,
    /// What is in it; empty where WeChat does not tell.
    pub description: String,
}

/// What is found when WeChat is asked how it holds the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It has what was told.
    Ours,
    /// It waits to be told.
    Open,
    /// The money went back.
    Refunded,
    /// It was told something else, and may be corrected once.
    Other,
    /// It was told something else, and that stays so.
    Closed,
}

/// Compares what was told with how WeChat holds the order.
pub fn finding(sent: Sent<'_>, held: &Held) -> Finding {
    let is_ours = held
        .shipping
        .as_ref()
        .is_some_and(|shipping| is_held(sent, shipping));
    let count = held.shipping.as_ref().map_or(0, |shipping| shipping.finish_count);
    match held.order_state {
        5 => Finding::Refunded,
        _ if is_ours => Finding::Ours,
        1 => Finding::Open,
        2 if count < 2 => Finding::Other,
        _ => Finding::Closed,
    }
}

fn is_held(sent: Sent<'_>, shipping: &HeldShipping) -> bool {
    let mode = if sent.is_split { 2 } else { 1 };
    // A correction that is the same but for a word can be told by the count alone.
    let is_counted = !(sent.is_again && sent.is_complete) || shipping.finish_count >= 2;
    let is_there = |parcel: &Parcel| shipping.parcels.iter().any(|held| is_same(parcel, held));
    shipping.logistics_type == sent.kind.logistics_type()
        && shipping.delivery_mode == mode
        && (shipping.is_finished || !sent.is_complete)
        && is_counted
        && sent.parcels.iter().all(is_there)
}

fn is_same(parcel: &Parcel, held: &HeldParcel) -> bool {
    let tracking_no = parcel.tracking_no.as_ref().map_or("", TrackingNo::as_str);
    let carrier = parcel.carrier.as_ref().map_or("", Carrier::as_str);
    held.tracking_no == tracking_no
        && held.carrier == carrier
        && (held.description.is_empty() || held.description == parcel.description)
}

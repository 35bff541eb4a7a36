//! Order shipping management: what was told of the goods of each order, and how far its money has come.

mod tell;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::record::{Order, Record};
use super::refund::RefundStatus;
use super::world::World;

pub(super) use tell::{remind_of_access, remind_of_shipping, tell, tell_controlled};

/// How long after the shipment the receipt counts as confirmed by itself.
const EXPRESS_CONFIRMED_AFTER: TimeDelta = TimeDelta::days(10);
/// The same of everything that no carrier brings.
const OTHERS_CONFIRMED_AFTER: TimeDelta = TimeDelta::days(2);
/// How long after the receipt the money is free.
const SETTLED_AFTER: TimeDelta = TimeDelta::hours(1);
/// Orders that are older are reminded of.
const REMINDED_AFTER: TimeDelta = TimeDelta::hours(48);
/// By a carrier.
pub(super) const EXPRESS: i64 = 1;

/// A parcel as it was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) struct Parcel {
    pub(super) tracking_no: String,
    pub(super) express_company: String,
    pub(super) item_desc: String,
    /// Masked; of whoever was named.
    pub(super) receiver_contact: Option<String>,
    pub(super) consignor_contact: Option<String>,
    pub(super) upload_time: DateTime<Utc>,
}

impl Parcel {
    fn says_the_same(&self, other: &Self) -> bool {
        let said = |parcel: &Self| Self {
            upload_time: DateTime::UNIX_EPOCH,
            ..parcel.clone()
        };
        said(self) == said(other)
    }
}

/// What was told of an order.
#[derive(Clone, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Shipping {
    pub(super) out_trade_no: String,
    pub(super) logistics_type: i64,
    pub(super) delivery_mode: i64,
    pub(super) parcels: Vec<Parcel>,
    /// Whether all was sent.
    pub(super) is_finished: bool,
    /// How often it was.
    pub(super) finish_count: u32,
    /// Whether the one chance to ship again is used.
    pub(super) is_again_used: bool,
    /// Of the newest call.
    pub(super) upload_time: DateTime<Utc>,
    pub(super) shipped_at: Option<DateTime<Utc>>,
    /// Whether the buyer was reminded to confirm the receipt.
    pub(super) is_receipt_reminded: bool,
    pub(super) confirmed_at: Option<DateTime<Utc>>,
    pub(super) is_confirmed_by_payer: bool,
    pub(super) settled_at: Option<DateTime<Utc>>,
}

/// One call, as far as it was found good by itself.
pub(super) struct Told {
    pub(super) logistics_type: i64,
    pub(super) delivery_mode: i64,
    pub(super) parcels: Vec<Parcel>,
    pub(super) is_complete: bool,
    pub(super) upload_time: DateTime<Utc>,
}

/// Why a call is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotTaken {
    /// Its time is not later than that of the call before.
    NotLater,
    NothingChanged,
    /// Shipped again once already.
    AgainUsed,
}

impl Shipping {
    /// What the call makes of what was told before, if anything was.
    pub(super) fn after(
        before: Option<&Self>,
        out_trade_no: &str,
        told: Told,
        now: DateTime<Utc>,
    ) -> Result<Self, NotTaken> {
        let Some(before) = before else {
            let is_finished = told.is_complete;
            return Ok(Self {
                out_trade_no: out_trade_no.to_owned(),
                logistics_type: told.logistics_type,
                delivery_mode: told.delivery_mode,
                parcels: told.parcels,
                is_finished,
                finish_count: u32::from(is_finished),
                is_again_used: false,
                upload_time: told.upload_time,
                shipped_at: is_finished.then_some(now),
                is_receipt_reminded: false,
                confirmed_at: None,
                is_confirmed_by_payer: false,
                settled_at: None,
            });
        };
        if told.upload_time <= before.upload_time {
            return Err(NotTaken::NotLater);
        }
        let is_way_same =
            (told.logistics_type, told.delivery_mode) == (before.logistics_type, before.delivery_mode);
        let is_known = |parcel: &Parcel| before.parcels.iter().any(|known| known.says_the_same(parcel));
        let is_list_same = told.parcels.len() == before.parcels.len() && told.parcels.iter().all(is_known);
        if is_way_same && is_list_same && told.is_complete == before.is_finished {
            return Err(NotTaken::NothingChanged);
        }
        let is_going_on = is_way_same && !before.is_finished;
        if !is_going_on && before.is_again_used {
            return Err(NotTaken::AgainUsed);
        }
        let mut after = before.clone();
        if is_going_on {
            let new = told.parcels.into_iter().filter(|parcel| !is_known(parcel));
            after.parcels.extend(new);
        } else {
            after.is_again_used = true;
            after.parcels = told.parcels;
            (after.logistics_type, after.delivery_mode) = (told.logistics_type, told.delivery_mode);
        }
        after.upload_time = told.upload_time;
        after.is_finished = told.is_complete;
        after.finish_count = before.finish_count.saturating_add(u32::from(told.is_complete));
        after.shipped_at = told.is_complete.then_some(now).or(before.shipped_at);
        Ok(after)
    }

    /// When something happens to it by itself.
    fn due_at(&self) -> Option<DateTime<Utc>> {
        match (self.settled_at, self.confirmed_at, self.shipped_at) {
            (None, Some(confirmed_at), _) => Some(confirmed_at + SETTLED_AFTER),
            (None, None, Some(shipped_at)) if self.is_finished => {
                let wait = if self.logistics_type == EXPRESS {
                    EXPRESS_CONFIRMED_AFTER
                } else {
                    OTHERS_CONFIRMED_AFTER
                };
                Some(shipped_at + wait)
            }
            _ => None,
        }
    }
}

/// Everything that was told, and of whom it is wanted.
#[derive(Default)]
pub(super) struct Shippings {
    by_order: BTreeMap<String, Shipping>,
    due: BTreeSet<(DateTime<Utc>, String)>,
    managed: BTreeSet<String>,
}

impl Shippings {
    /// Takes it in, new or changed.
    pub(super) fn apply(&mut self, shipping: Shipping) {
        let number = shipping.out_trade_no.clone();
        let due_at = shipping.due_at();
        if let Some(old_at) = self
            .by_order
            .insert(number.clone(), shipping)
            .and_then(|old| old.due_at())
        {
            self.due.remove(&(old_at, number.clone()));
        }
        self.due.extend(due_at.map(|at| (at, number)));
    }

    /// Has the money of a mini program kept back, or not any more.
    pub(super) fn manage(&mut self, app_id: String, is_managed: bool) {
        if is_managed {
            self.managed.insert(app_id);
        } else {
            self.managed.remove(&app_id);
        }
    }

    pub(super) fn is_managed(&self, app_id: &str) -> bool {
        self.managed.contains(app_id)
    }

    pub(super) fn get(&self, out_trade_no: &str) -> Option<&Shipping> {
        self.by_order.get(out_trade_no)
    }

    /// Everything worth keeping.
    pub(super) fn records(&self) -> impl Iterator<Item = Record> {
        let managed = self
            .managed
            .iter()
            .cloned()
            .map(|app_id| Record::ShippingManaged {
                app_id,
                is_managed: true,
            });
        managed.chain(self.by_order.values().cloned().map(Record::Shipping))
    }

    fn take_due(&mut self, now: DateTime<Utc>) -> Option<Shipping> {
        let first = self.due.first().filter(|(at, _)| *at <= now)?.clone();
        self.due.remove(&first);
        self.by_order.get(&first.1).cloned()
    }
}

/// Where an order stands, in WeChat's numbers: 1 to be sent, 2 sent, 3 received, 4 finished, 5 refunded, 6 the
/// money waits to be settled.
pub(super) fn order_state(world: &World, order: &Order) -> i64 {
    let shipping = world.shippings.get(&order.out_trade_no);
    if is_refunded(world, order) {
        return 5;
    }
    match shipping {
        Some(shipping) if shipping.settled_at.is_some() => 4,
        Some(shipping) if shipping.confirmed_at.is_some() && shipping.is_confirmed_by_payer => 3,
        Some(shipping) if shipping.confirmed_at.is_some() => 6,
        Some(shipping) if shipping.is_finished => 2,
        Some(_) | None => 1,
    }
}

fn is_refunded(world: &World, order: &Order) -> bool {
    let refunds = world.refunds.of_order(&order.out_trade_no);
    let returned = refunds
        .filter(|refund| refund.status == RefundStatus::Success)
        .map(|refund| refund.amount_fen)
        .try_fold(0, i64::checked_add);
    returned == Some(order.total_fen)
}

/// Does what happens by itself as time goes by: receipts are confirmed, money is set free.
pub(super) fn let_time_pass(world: &mut World, now: DateTime<Utc>) {
    while let Some(shipping) = world.shippings.take_due(now) {
        let Some(order) = world.order(&shipping.out_trade_no).cloned() else {
            continue;
        };
        let at = shipping.due_at().unwrap_or(now);
        // Money that went back is waited for no longer.
        if is_refunded(world, &order) {
            continue;
        }
        if shipping.confirmed_at.is_some() {
            settle(world, &order, shipping, at);
        } else {
            confirm(world, shipping, false, at);
        }
    }
}

/// The goods were received.
pub(super) fn confirm(
    world: &mut World,
    shipping: Shipping,
    is_by_payer: bool,
    at: DateTime<Utc>,
) -> Shipping {
    let confirmed = Shipping {
        confirmed_at: Some(at),
        is_confirmed_by_payer: is_by_payer,
        ..shipping
    };
    world.put(Record::Shipping(confirmed.clone()));
    confirmed
}

fn settle(world: &mut World, order: &Order, shipping: Shipping, at: DateTime<Utc>) {
    let settled = Shipping {
        settled_at: Some(at),
        ..shipping
    };
    tell(world, order, &settled, at);
    world.put(Record::Shipping(settled));
}

/// Orders of a mini program that should have been sent by now, oldest first.
pub(super) fn overdue(world: &World, app_id: &str, now: DateTime<Utc>) -> Vec<Order> {
    let mut waiting: Vec<Order> = world
        .payments()
        .filter(|(order, payment)| order.app_id == app_id && payment.paid_at + REMINDED_AFTER <= now)
        .filter(|(order, _)| order_state(world, order) == 1)
        .map(|(order, _)| order.clone())
        .collect();
    waiting.sort_by_key(|order| order.number);
    waiting
}

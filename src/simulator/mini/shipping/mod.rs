//! Order shipping management under `/wxa/sec/order/`.

mod form;
pub(in crate::simulator) mod managed;
pub(in crate::simulator) mod order;
pub(in crate::simulator) mod receipt;
pub(in crate::simulator) mod upload;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::answer::{BODY_INVALID, POST_REQUIRED};
use super::token;
use crate::simulator::call::Call;
use crate::simulator::record::Order;
use crate::simulator::state::Shared;
use crate::simulator::world::World;

/// No such order, or not yet.
const ORDER_UNKNOWN: i64 = 10_060_001;
const STATE_WRONG: i64 = 10_060_004;
const PARAMETER_WRONG: i64 = 10_060_014;

/// Which mini program calls, and what it says.
fn asked<T: DeserializeOwned>(shared: &Shared, call: &Call) -> Result<(String, T), i64> {
    if call.method != "POST" {
        return Err(POST_REQUIRED);
    }
    let app_id = token::owner(shared, call)?;
    let body = serde_json::from_slice(&call.body).map_err(|_| BODY_INVALID)?;
    Ok((app_id, body))
}

/// The names of an order in questions about it.
#[derive(Deserialize)]
struct OrderNames {
    transaction_id: Option<String>,
    merchant_id: Option<String>,
    merchant_trade_no: Option<String>,
}

impl OrderNames {
    /// The paid order that is meant.
    fn find(&self, shared: &Shared, world: &World, app_id: &str, now: DateTime<Utc>) -> Result<Order, i64> {
        let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let order = match (
            filled(&self.transaction_id),
            filled(&self.merchant_id),
            filled(&self.merchant_trade_no),
        ) {
            (Some(id), _, _) => world.order_by_transaction_id(&id),
            (None, Some(merchant), Some(number)) if merchant == shared.merchant.mch_id => {
                world.order(&number)
            }
            (None, Some(_), Some(_)) => None,
            (None, _, _) => return Err(PARAMETER_WRONG),
        };
        known(world, order, app_id, now)
    }
}

/// The order, if it is this mini program's, is paid, and has got about by now.
fn known(world: &World, order: Option<&Order>, app_id: &str, now: DateTime<Utc>) -> Result<Order, i64> {
    let takes = TimeDelta::seconds(i64::from(world.rules().shipping_order_known_after_s));
    let is_known = |order: &&Order| {
        let paid_at = order.payment.as_ref().map(|payment| payment.paid_at);
        order.app_id == app_id && paid_at.is_some_and(|paid_at| paid_at + takes <= now)
    };
    order.filter(is_known).cloned().ok_or(ORDER_UNKNOWN)
}

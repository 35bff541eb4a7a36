//! `POST /wxa/sec/order/get_order` and `POST /wxa/sec/order/get_order_list`

use serde::Deserialize;
use serde_json::{Value, json};

use super::{OrderNames, PARAMETER_WRONG, asked, form, known};
use crate::simulator::call::{Call, Reply};
use crate::simulator::fault::Api;
use crate::simulator::mini::answer::{accepted, refused};
use crate::simulator::record::Order;
use crate::simulator::shipping::order_state;
use crate::simulator::state::Shared;

/// How many orders a page has.
const PAGE: usize = 100;

/// Answers `POST /wxa/sec/order/get_order`.
pub(in crate::simulator) fn handle_one(shared: &Shared, call: &Call) -> Reply {
    one(shared, call).unwrap_or_else(|errcode| refused(shared, Api::ShippingOrder, errcode))
}

fn one(shared: &Shared, call: &Call) -> Result<Reply, i64> {
    let (app_id, names): (String, OrderNames) = asked(shared, call)?;
    let mch_id = &shared.merchant.mch_id;
    let order = shared.step(|world, now| {
        let order = names.find(shared, world, &app_id, now)?;
        Ok::<_, i64>(form::wire(world, mch_id, &order))
    })?;
    let body = json!({ "errcode": 0, "errmsg": "ok", "order": order });
    Ok(accepted(Api::ShippingOrder, &body))
}

#[derive(Deserialize)]
struct ListRequest {
    pay_time_range: Option<TimeRange>,
    order_state: Option<i64>,
    openid: Option<String>,
    last_index: Option<String>,
    page_size: Option<usize>,
}

#[derive(Deserialize)]
struct TimeRange {
    begin_time: Option<i64>,
    end_time: Option<i64>,
}

impl TimeRange {
    fn holds(&self, at: i64) -> bool {
        self.begin_time.is_none_or(|begin| begin <= at) && self.end_time.is_none_or(|end| at <= end)
    }
}

/// Answers `POST /wxa/sec/order/get_order_list`.
pub(in crate::simulator) fn handle_list(shared: &Shared, call: &Call) -> Reply {
    list(shared, call).unwrap_or_else(|errcode| refused(shared, Api::ShippingOrderList, errcode))
}

fn list(shared: &Shared, call: &Call) -> Result<Reply, i64> {
    let (app_id, wanted): (String, ListRequest) = asked(shared, call)?;
    let size = wanted.page_size.unwrap_or(PAGE);
    let after: u64 = match wanted.last_index.as_deref() {
        None | Some("") => 0,
        Some(text) => text.parse().map_err(|_| PARAMETER_WRONG)?,
    };
    if !(1..=PAGE).contains(&size) {
        return Err(PARAMETER_WRONG);
    }
    let mch_id = &shared.merchant.mch_id;
    let (orders, last, has_more) = shared.step(|world, now| {
        let is_wanted = |order: &Order| {
            let paid_at = order
                .payment
                .as_ref()
                .map_or(0, |payment| payment.paid_at.timestamp());
            order.number > after
                && known(world, Some(order), &app_id, now).is_ok()
                && wanted
                    .pay_time_range
                    .as_ref()
                    .is_none_or(|range| range.holds(paid_at))
                && wanted
                    .openid
                    .as_ref()
                    .is_none_or(|openid| *openid == order.openid)
                && wanted
                    .order_state
                    .is_none_or(|state| state == order_state(world, order))
        };
        let mut found: Vec<Order> = world.orders().into_iter().filter(is_wanted).collect();
        let has_more = found.len() > size;
        found.truncate(size);
        let last = found.last().map_or(after, |order| order.number);
        let orders: Vec<Value> = found
            .iter()
            .map(|order| form::wire(world, mch_id, order))
            .collect();
        (orders, last, has_more)
    });
    let body = json!({
        "errcode": 0,
        "errmsg": "ok",
        "order_list": orders,
        "last_index": last.to_string(),
        "has_more": has_more,
    });
    Ok(accepted(Api::ShippingOrderList, &body))
}

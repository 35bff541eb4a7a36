//! `POST /v3/refund/domestic/refunds`.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::answer::{Refusal, accepted};
use super::schema::{Field, Rule, parse};
use super::{authorization, notify_url, refund_form};
use crate::simulator::call::{Call, Reply};
use crate::simulator::clock::china_text;
use crate::simulator::record::{Order, Payment, Record};
use crate::simulator::refund::{Refund, RefundStatus};
use crate::simulator::rule::Rules;
use crate::simulator::state::Shared;
use crate::simulator::world::World;

/// How long after the payment an order can be refunded.
const REFUNDABLE_FOR: TimeDelta = TimeDelta::days(365);
/// How long after one refund of an order the next is taken.
const PAUSE: TimeDelta = TimeDelta::minutes(1);
/// How many refunds of a part an order can have.
const PARTS_MAX: usize = 50;

const BODY: &[Field] = &[
    Field::optional("transaction_id", Rule::Text(1, 32)),
    Field::optional("out_trade_no", Rule::Name(6, 32, "_-|*")),
    Field::required("out_refund_no", Rule::Name(1, 64, "_-|*@")),
    Field::optional("reason", Rule::Text(1, 80)),
    Field::optional("notify_url", Rule::Text(1, 256)),
    Field::optional("funds_account", Rule::Choice(&["AVAILABLE", "UNSETTLED"])),
    Field::required("amount", Rule::Object(AMOUNT)),
    Field::optional("goods_detail", Rule::List(&Rule::Object(GOODS))),
];
const AMOUNT: &[Field] = &[
    Field::required("refund", Rule::Integer(1)),
    Field::required("total", Rule::Integer(1)),
    Field::required("currency", Rule::Choice(&["CNY"])),
    Field::optional("from", Rule::List(&Rule::Object(FROM))),
];
const FROM: &[Field] = &[
    Field::required("account", Rule::Choice(&["AVAILABLE", "UNAVAILABLE"])),
    Field::required("amount", Rule::Integer(1)),
];
const GOODS: &[Field] = &[
    Field::required("merchant_goods_id", Rule::Text(1, 32)),
    Field::optional("wechatpay_goods_id", Rule::Text(1, 32)),
    Field::optional("goods_name", Rule::Text(1, 256)),
    Field::required("unit_price", Rule::Integer(0)),
    Field::required("refund_amount", Rule::Integer(0)),
    Field::required("refund_quantity", Rule::Integer(1)),
];

/// What the simulator needs of the body, which the table has checked before.
#[derive(Deserialize)]
struct Wanted {
    transaction_id: Option<String>,
    out_trade_no: Option<String>,
    out_refund_no: String,
    reason: Option<String>,
    notify_url: Option<String>,
    amount: Amount,
}

#[derive(Deserialize)]
struct Amount {
    refund: i64,
    total: i64,
    #[serde(default)]
    from: Vec<From>,
}

#[derive(Deserialize)]
struct From {
    amount: i64,
}

/// Answers the refund call.
pub(in crate::simulator) fn handle(shared: &Shared, call: &Call) -> Reply {
    refund(shared, call).unwrap_or_else(Refusal::into_reply)
}

/// Lets the refund that a call just made, or found again, end this way by itself.
pub(in crate::simulator) fn doom(shared: &Shared, call: &Call, status: RefundStatus) {
    let number = super::refund_number_in(&call.body);
    shared.step(|world, _| {
        let made = number.and_then(|number| world.refunds.get(&number).cloned());
        if let Some(made) = made.filter(|made| made.status == RefundStatus::Processing) {
            world.put(Record::Refund(Refund {
                ends_as: status,
                ..made
            }));
        }
    });
}

fn refund(shared: &Shared, call: &Call) -> Result<Reply, Refusal> {
    let signer = authorization::check(shared, call)?;
    let request = parse(&call.body, BODY)?;
    let wanted: Wanted =
        serde_json::from_value(request.clone()).map_err(|_| Refusal::field("", "malformed"))?;
    if wanted.transaction_id.is_none() && wanted.out_trade_no.is_none() {
        return Err(Refusal::field(
            "/out_trade_no",
            "this or transaction_id is needed",
        ));
    }
    if let Some(address) = &wanted.notify_url {
        notify_url::check(address)?;
    }
    let sources = &wanted.amount.from;
    let sum = sources
        .iter()
        .map(|from| from.amount)
        .try_fold(0, i64::checked_add);
    if !sources.is_empty() && sum != Some(wanted.amount.refund) {
        return Err(Refusal::field("/amount/from", "does not add up to the refund"));
    }
    let made = shared.step(|world, now| place(world, wanted, request, now))?;
    shared.wake.notify_one();
    let mut reply = accepted(&refund_form::wire(&made), signer);
    reply.out_trade_no = Some(made.out_trade_no);
    Ok(reply)
}

/// Makes the refund, or finds it again.
fn place(world: &mut World, wanted: Wanted, request: Value, now: DateTime<Utc>) -> Result<Refund, Refusal> {
    if let Some(known) = world.refunds.get(&wanted.out_refund_no) {
        if known.request == request {
            return Ok(known.clone());
        }
        return Err(Refusal::invalid_request(
            "this refund number was used with other parameters",
        ));
    }
    let (order, payment) = paid_order(world, &wanted)?;
    let before_fen = check_amounts(world, &order, &wanted.amount)?;
    check_times(world, &order, &payment, now)?;
    let coupon_fen = coupon_part(
        payment.coupon_fen,
        order.total_fen,
        before_fen,
        wanted.amount.refund,
    );
    let rules = take_from_balance(world, wanted.amount.refund.saturating_sub(coupon_fen))?;
    let takes = rules.refund_takes_s.map(|s| TimeDelta::seconds(i64::from(s)));
    let day: String = china_text(now)
        .chars()
        .filter(char::is_ascii_digit)
        .take(8)
        .collect();
    let made = Refund {
        number: world.refunds.next_number(),
        refund_id: format!("503{}{day}{}", world.entropy.digits(6), world.entropy.digits(11)),
        out_refund_no: wanted.out_refund_no,
        out_trade_no: order.out_trade_no.clone(),
        transaction_id: payment.transaction_id,
        request,
        amount_fen: wanted.amount.refund,
        total_fen: order.total_fen,
        order_coupon_fen: payment.coupon_fen,
        coupon_fen,
        reason: wanted.reason,
        notify_url: wanted.notify_url,
        created_at: now,
        status: RefundStatus::Processing,
        decided_at: None,
        decide_at: takes.and_then(|takes| now.checked_add_signed(takes)),
        ends_as: RefundStatus::Success,
    };
    world.put(Record::Refund(made.clone()));
    if order.refund_started_at.is_none() {
        world.put(Record::Order(Order {
            refund_started_at: Some(now),
            ..order
        }));
    }
    Ok(made)
}

/// The order that a refund is for, by either number; by both when they name the same.
fn paid_order(world: &World, wanted: &Wanted) -> Result<(Order, Payment), Refusal> {
    let by_id = wanted
        .transaction_id
        .as_ref()
        .map(|id| {
            world
                .order_by_transaction_id(id)
                .ok_or_else(Refusal::unknown_resource)
        })
        .transpose()?;
    let by_number = wanted
        .out_trade_no
        .as_ref()
        .map(|number| world.order(number).ok_or_else(Refusal::unknown_resource))
        .transpose()?;
    let order = match (by_id, by_number) {
        (Some(one), Some(other)) if one.number != other.number => {
            return Err(Refusal::field("/out_trade_no", "not the order of transaction_id"));
        }
        (Some(order), _) | (None, Some(order)) => order,
        (None, None) => return Err(Refusal::unknown_resource()),
    };
    match &order.payment {
        Some(payment) => Ok((order.clone(), payment.clone())),
        None => Err(Refusal::invalid_request("the order is not paid")),
    }
}

/// Checks the sums of a refund, and returns what went back of the order before it.
fn check_amounts(world: &World, order: &Order, amount: &Amount) -> Result<i64, Refusal> {
    if amount.total != order.total_fen {
        return Err(Refusal::invalid_request("amount.total is not that of the order"));
    }
    let before_fen: i64 = world
        .refunds
        .of_order(&order.out_trade_no)
        .filter(|refund| refund.status != RefundStatus::Closed)
        .map(|refund| refund.amount_fen)
        .sum();
    if amount.refund > order.total_fen.saturating_sub(before_fen) {
        return Err(Refusal::invalid_request("more than was paid would be refunded"));
    }
    Ok(before_fen)
}

/// The part of a coupon in a refund, by share of the order; the parts of all of it add up to the coupon.
fn coupon_part(coupon_fen: i64, total_fen: i64, before_fen: i64, refund_fen: i64) -> i64 {
    let part_of = |fen: i64| {
        let part = i128::from(coupon_fen).saturating_mul(i128::from(fen)) / i128::from(total_fen.max(1));
        i64::try_from(part).unwrap_or(coupon_fen)
    };
    part_of(before_fen.saturating_add(refund_fen)).saturating_sub(part_of(before_fen))
}

fn check_times(world: &World, order: &Order, payment: &Payment, now: DateTime<Utc>) -> Result<(), Refusal> {
    if now > payment.paid_at + REFUNDABLE_FOR {
        return Err(Refusal::invalid_request(
            "the order was paid more than 365 days ago",
        ));
    }
    if world.refunds.of_order(&order.out_trade_no).count() >= PARTS_MAX {
        return Err(Refusal::invalid_request("the order was refunded 50 times"));
    }
    let newest = world.refunds.of_order(&order.out_trade_no).last();
    if world.rules().one_refund_a_minute && newest.is_some_and(|newest| now < newest.created_at + PAUSE) {
        return Err(Refusal::too_often());
    }
    Ok(())
}

/// Takes a refund from what the merchant has, if that is limited, and returns the rules in force.
fn take_from_balance(world: &mut World, amount_fen: i64) -> Result<Rules, Refusal> {
    let rules = world.rules().clone();
    let Some(balance_fen) = rules.balance_fen else {
        return Ok(rules);
    };
    let left = balance_fen.checked_sub(amount_fen).filter(|left| *left >= 0);
    let balance_fen = Some(left.ok_or_else(Refusal::not_enough)?);
    let rules = Rules { balance_fen, ..rules };
    world.put(Record::Rules(rules.clone()));
    Ok(rules)
}

//! `POST /v3/pay/transactions/jsapi`: an order, and a prepay id for it.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Refusal, accepted};
use super::schema::{Field, Rule, parse};
use super::{authorization, notify_url};
use crate::simulator::call::{Call, Reply};
use crate::simulator::clock::china_text;
use crate::simulator::record::{Order, Prepay, Record, TradeState};
use crate::simulator::state::Shared;
use crate::simulator::world::World;

/// How long a prepay id opens the cashier.
pub(in crate::simulator) const PREPAY_LIFE: TimeDelta = TimeDelta::hours(2);
const EXPIRES_AFTER_AT_LEAST: TimeDelta = TimeDelta::minutes(1);
const EXPIRES_AFTER_AT_MOST: TimeDelta = TimeDelta::days(7);
/// The `detail` object as a whole.
const DETAIL_BYTES_MAX: usize = 6144;

const BODY: &[Field] = &[
    Field::required("appid", Rule::Text(1, 32)),
    Field::required("mchid", Rule::Text(1, 32)),
    Field::required("description", Rule::Text(1, 127)),
    Field::required("out_trade_no", Rule::Name(6, 32, "_-|*")),
    Field::optional("time_expire", Rule::Text(1, 64)),
    Field::optional("attach", Rule::Text(1, 128)),
    Field::required("notify_url", Rule::Text(1, 255)),
    Field::optional("goods_tag", Rule::Text(1, 32)),
    Field::optional("support_fapiao", Rule::Boolean),
    Field::optional("limit_pay", Rule::List(&LIMIT_PAY)),
    Field::required("amount", Rule::Object(AMOUNT)),
    Field::required("payer", Rule::Object(PAYER)),
    Field::optional("detail", Rule::Object(DETAIL)),
    Field::optional("scene_info", Rule::Object(SCENE)),
    Field::optional("settle_info", Rule::Object(SETTLE)),
];
const LIMIT_PAY: Rule = Rule::Choice(&["no_balance", "no_credit", "no_debit", "balance_only"]);
const AMOUNT: &[Field] = &[
    Field::required("total", Rule::Integer(1)),
    Field::optional("currency", Rule::Choice(&["CNY"])),
];
const PAYER: &[Field] = &[Field::required("openid", Rule::Text(1, 128))];
const DETAIL: &[Field] = &[
    Field::optional("cost_price", Rule::Integer(0)),
    Field::optional("invoice_id", Rule::Text(1, 32)),
    Field::optional("goods_detail", Rule::List(&Rule::Object(GOODS))),
];
const GOODS: &[Field] = &[
    Field::required("merchant_goods_id", Rule::Text(1, 32)),
    Field::optional("wechatpay_goods_id", Rule::Text(1, 32)),
    Field::optional("goods_name", Rule::Text(1, 256)),
    Field::required("quantity", Rule::Integer(1)),
    Field::required("unit_price", Rule::Integer(0)),
];
const SCENE: &[Field] = &[
    Field::required("payer_client_ip", Rule::Text(1, 45)),
    Field::optional("device_id", Rule::Text(1, 32)),
    Field::optional("store_info", Rule::Object(STORE)),
];
const STORE: &[Field] = &[
    Field::required("id", Rule::Text(1, 32)),
    Field::optional("name", Rule::Text(1, 256)),
    Field::optional("area_code", Rule::Text(1, 32)),
    Field::optional("address", Rule::Text(1, 512)),
];
const SETTLE: &[Field] = &[Field::optional("profit_sharing", Rule::Boolean)];

/// What the simulator needs of the body, which the table has checked before.
#[derive(Deserialize)]
struct Wanted {
    appid: String,
    mchid: String,
    description: String,
    out_trade_no: String,
    time_expire: Option<String>,
    attach: Option<String>,
    notify_url: String,
    amount: Amount,
    payer: Payer,
}

#[derive(Deserialize)]
struct Amount {
    total: i64,
}

#[derive(Deserialize)]
struct Payer {
    openid: String,
}

/// Answers `POST /v3/pay/transactions/jsapi`.
pub(in crate::simulator) fn handle(shared: &Shared, call: &Call) -> Reply {
    order(shared, call).unwrap_or_else(Refusal::into_reply)
}

fn order(shared: &Shared, call: &Call) -> Result<Reply, Refusal> {
    let signer = authorization::check(shared, call)?;
    let request = parse(&call.body, BODY)?;
    let wanted: Wanted =
        serde_json::from_value(request.clone()).map_err(|_| Refusal::field("", "malformed"))?;
    if wanted.mchid != shared.merchant.mch_id {
        return Err(Refusal::field("/mchid", "not the mchid of Authorization"));
    }
    notify_url::check(&wanted.notify_url)?;
    let detail_bytes = request.get("detail").map_or(0, |detail| detail.to_string().len());
    if detail_bytes > DETAIL_BYTES_MAX {
        return Err(Refusal::field("/detail", "longer than 6144 bytes"));
    }
    if shared.app(Some(&wanted.appid)).is_none() {
        return Err(Refusal::app_not_bound());
    }
    let prepay_id = shared.step(|world, now| place(world, wanted, request, now))?;
    Ok(accepted(&json!({ "prepay_id": prepay_id }), signer))
}

/// Makes the order, or finds it again, and gives it a fresh prepay id.
fn place(world: &mut World, wanted: Wanted, request: Value, now: DateTime<Utc>) -> Result<String, Refusal> {
    let mut order = match world.order(&wanted.out_trade_no) {
        Some(known) => match known.state(now) {
            TradeState::Success | TradeState::Refund => return Err(Refusal::paid_when_ordering()),
            TradeState::Closed => return Err(Refusal::closed()),
            TradeState::NotPaid if known.request != request => return Err(Refusal::number_used()),
            TradeState::NotPaid => known.clone(),
        },
        None => new_order(world, wanted, request, now)?,
    };
    let prepay_id = format!("wx{}{}", china_digits(now), world.entropy.hex::<10>());
    order.prepays.push(Prepay {
        prepay_id: prepay_id.clone(),
        created_at: now,
    });
    world.put(Record::Order(order));
    Ok(prepay_id)
}

fn new_order(world: &World, wanted: Wanted, request: Value, now: DateTime<Utc>) -> Result<Order, Refusal> {
    if world
        .user_by_openid(&wanted.appid, &wanted.payer.openid)
        .is_none()
    {
        return Err(Refusal::openid_not_of_app());
    }
    Ok(Order {
        number: u64::try_from(world.order_count())
            .unwrap_or(u64::MAX)
            .saturating_add(1),
        expires_at: expiry(wanted.time_expire.as_deref(), now)?,
        app_id: wanted.appid,
        out_trade_no: wanted.out_trade_no,
        request,
        description: wanted.description,
        attach: wanted.attach,
        notify_url: wanted.notify_url,
        total_fen: wanted.amount.total,
        openid: wanted.payer.openid,
        created_at: now,
        closed_at: None,
        payment: None,
        refund_started_at: None,
        prepays: Vec::new(),
    })
}

fn expiry(time_expire: Option<&str>, now: DateTime<Utc>) -> Result<DateTime<Utc>, Refusal> {
    let Some(text) = time_expire else {
        return Ok(now + EXPIRES_AFTER_AT_MOST);
    };
    let at = DateTime::parse_from_rfc3339(text)
        .map_err(|_| Refusal::field("/time_expire", "not RFC 3339 with an offset"))?
        .with_timezone(&Utc);
    if at <= now {
        Err(Refusal::field("/time_expire", "not ahead"))
    } else if at > now + EXPIRES_AFTER_AT_MOST {
        Err(Refusal::field("/time_expire", "more than seven days ahead"))
    } else {
        // What is too short is stretched, as WeChat Pay does.
        Ok(at.max(now + EXPIRES_AFTER_AT_LEAST))
    }
}

/// Date and time in China as 14 digits, as prepay ids and transaction ids begin.
fn china_digits(at: DateTime<Utc>) -> String {
    china_text(at)
        .chars()
        .filter(char::is_ascii_digit)
        .take(14)
        .collect()
}

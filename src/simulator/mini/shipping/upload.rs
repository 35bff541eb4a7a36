//! `POST /wxa/sec/order/upload_shipping_info`

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{PARAMETER_WRONG, STATE_WRONG, asked, known};
use crate::simulator::call::{Call, Reply};
use crate::simulator::fault::Api;
use crate::simulator::mini::answer::{accepted, refused};
use crate::simulator::record::Record;
use crate::simulator::shipping::{EXPRESS, NotTaken, Parcel, Shipping, Told, order_state, tell};
use crate::simulator::state::Shared;
use crate::simulator::world::World;

const UNIFIED: i64 = 1;
const SPLIT: i64 = 2;
const PARCELS_MAX: usize = 15;
const NAME_CHARS_MAX: usize = 128;
const DESCRIPTION_CHARS_MAX: usize = 120;
/// The carrier that wants a contact.
const CARRIER_WITH_CONTACT: &str = "SF";

/// How an order is named.
enum Key {
    Transaction(String),
    Number { merchant: String, number: String },
}

/// Answers `POST /wxa/sec/order/upload_shipping_info`.
pub(in crate::simulator) fn handle(shared: &Shared, call: &Call) -> Reply {
    upload(shared, call).unwrap_or_else(|errcode| refused(shared, Api::UploadShipping, errcode))
}

fn upload(shared: &Shared, call: &Call) -> Result<Reply, i64> {
    let (app_id, body): (String, Value) = asked(shared, call)?;
    let key = key(body.get("order_key"))?;
    let told = told(&body)?;
    let payer = text(body.pointer("/payer/openid"))
        .filter(|openid| (1..=NAME_CHARS_MAX).contains(&openid.chars().count()))
        .ok_or(PARAMETER_WRONG)?;
    shared.step(|world, now| take(shared, world, (&app_id, &key, &payer), told, now))?;
    shared.wake.notify_one();
    Ok(accepted(
        Api::UploadShipping,
        &json!({ "errcode": 0, "errmsg": "ok" }),
    ))
}

fn take(
    shared: &Shared,
    world: &mut World,
    (app_id, key, payer): (&str, &Key, &str),
    told: Told,
    now: DateTime<Utc>,
) -> Result<(), i64> {
    let order = match key {
        Key::Transaction(id) => world.order_by_transaction_id(id),
        Key::Number { merchant, number } if *merchant == shared.merchant.mch_id => world.order(number),
        Key::Number { .. } => None,
    };
    let order = known(world, order, app_id, now)?;
    if order.openid != payer {
        return Err(10_060_031);
    }
    if !matches!(order_state(world, &order), 1 | 2) {
        return Err(STATE_WRONG);
    }
    let before = world.shippings.get(&order.out_trade_no);
    let after = Shipping::after(before, &order.out_trade_no, told, now).map_err(|why| match why {
        NotTaken::NotLater => PARAMETER_WRONG,
        NotTaken::NothingChanged => 10_060_023,
        NotTaken::AgainUsed => 10_060_003,
    })?;
    if after.is_finished {
        tell(world, &order, &after, now);
    }
    world.put(Record::Shipping(after));
    Ok(())
}

fn text(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).map(str::to_owned)
}

fn filled(value: Option<&Value>, errcode: i64) -> Result<String, i64> {
    text(value).filter(|text| !text.is_empty()).ok_or(errcode)
}

fn key(key: Option<&Value>) -> Result<Key, i64> {
    let key = key.ok_or(PARAMETER_WRONG)?;
    match key.get("order_number_type").and_then(Value::as_i64) {
        Some(1) => Ok(Key::Number {
            merchant: filled(key.get("mchid"), 268_485_196)?,
            number: filled(key.get("out_trade_no"), 268_485_197)?,
        }),
        Some(2) => Ok(Key::Transaction(filled(key.get("transaction_id"), 268_485_195)?)),
        _ => Err(268_485_194),
    }
}

fn told(body: &Value) -> Result<Told, i64> {
    let number = |name: &str| body.get(name).and_then(Value::as_i64);
    let logistics_type = number("logistics_type")
        .filter(|kind| (1..=4).contains(kind))
        .ok_or(10_060_005)?;
    // A number, whatever names some examples show.
    let delivery_mode = number("delivery_mode")
        .filter(|mode| [UNIFIED, SPLIT].contains(mode))
        .ok_or(268_485_224)?;
    if delivery_mode == SPLIT && logistics_type != EXPRESS {
        return Err(10_060_006);
    }
    let is_all = body.get("is_all_delivered").and_then(Value::as_bool);
    if delivery_mode == SPLIT && is_all.is_none() {
        return Err(10_060_007);
    }
    let upload_time = body
        .get("upload_time")
        .and_then(Value::as_str)
        .and_then(time)
        .ok_or(268_485_216)?;
    let list = body
        .get("shipping_list")
        .and_then(Value::as_array)
        .filter(|list| !list.is_empty())
        .ok_or(PARAMETER_WRONG)?;
    if list.len() > PARCELS_MAX {
        return Err(10_060_024);
    }
    if delivery_mode == UNIFIED && list.len() != 1 {
        return Err(268_485_228);
    }
    let parcels = list.iter().map(|one| parcel(one, logistics_type, upload_time));
    Ok(Told {
        logistics_type,
        delivery_mode,
        parcels: parcels.collect::<Result<_, _>>()?,
        is_complete: delivery_mode == UNIFIED || is_all == Some(true),
        upload_time,
    })
}

/// RFC 3339 with milliseconds and an offset.
fn time(text: &str) -> Option<DateTime<Utc>> {
    let (_, fraction) = text.split_once('.')?;
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
    let at = DateTime::parse_from_rfc3339(text).ok()?;
    (digits == 3).then(|| at.with_timezone(&Utc))
}

fn parcel(one: &Value, logistics_type: i64, upload_time: DateTime<Utc>) -> Result<Parcel, i64> {
    let item_desc = text(one.get("item_desc")).ok_or(10_060_020)?;
    if item_desc.is_empty() {
        return Err(10_060_008);
    }
    if item_desc.chars().count() > DESCRIPTION_CHARS_MAX {
        return Err(10_060_009);
    }
    let tracking_no = text(one.get("tracking_no")).unwrap_or_default();
    let express_company = text(one.get("express_company")).unwrap_or_default();
    if logistics_type == EXPRESS && tracking_no.is_empty() {
        return Err(268_485_226);
    }
    if logistics_type == EXPRESS && express_company.is_empty() {
        return Err(268_485_227);
    }
    if express_company.chars().count() > NAME_CHARS_MAX {
        return Err(10_060_025);
    }
    if tracking_no.chars().count() > NAME_CHARS_MAX {
        return Err(10_060_026);
    }
    let receiver_contact = text(one.pointer("/contact/receiver_contact"));
    let consignor_contact = text(one.pointer("/contact/consignor_contact"));
    let given = [&receiver_contact, &consignor_contact];
    let is_missing = given.iter().all(|contact| contact.is_none());
    if (express_company == CARRIER_WITH_CONTACT && is_missing)
        || !given.into_iter().flatten().all(|contact| is_masked(contact))
    {
        return Err(PARAMETER_WRONG);
    }
    Ok(Parcel {
        tracking_no,
        express_company,
        item_desc,
        receiver_contact,
        consignor_contact,
        upload_time,
    })
}

/// Whether something is hidden and the last four digits are not.
fn is_masked(contact: &str) -> bool {
    let tail: Vec<char> = contact.chars().rev().take(4).collect();
    contact.contains('*') && tail.len() == 4 && tail.iter().all(char::is_ascii_digit)
}

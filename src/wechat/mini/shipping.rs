//! Order shipping management: `upload_shipping_info`, `get_order`, `is_trade_managed`. Source:
//! mini-program APIs, section 5.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use super::api::{ApiCall, ApiError, ApiReply};
use crate::domain::china;
use crate::domain::name::{AppId, Carrier, OpenId, TrackingNo, TransactionId};
use crate::domain::shipment::{Held, HeldParcel, HeldShipping, Parcel, ShipmentKind};
use crate::wechat::wire::{list, loose};

/// WeChat's way to name a payment by its own number.
const BY_TRANSACTION: u8 = 2;

/// What WeChat is told of goods that were sent.
#[derive(Clone, Copy, Debug)]
pub struct Upload<'a> {
    /// The payment whose goods they are.
    pub transaction_id: &'a TransactionId,
    /// Who paid.
    pub payer: &'a OpenId,
    /// How they were sent.
    pub kind: ShipmentKind,
    /// What was sent.
    pub parcels: &'a [Parcel],
    /// Whether it is one of several parcels.
    pub is_split: bool,
    /// Whether that was all of the order.
    pub is_complete: bool,
    /// Later than that of every call for the order before.
    pub upload_at: DateTime<Utc>,
}

#[derive(Serialize)]
struct UploadWire<'a> {
    order_key: OrderKey<'a>,
    logistics_type: i64,
    delivery_mode: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_all_delivered: Option<bool>,
    shipping_list: Vec<ParcelWire<'a>>,
    upload_time: String,
    payer: Payer<'a>,
}

#[derive(Serialize)]
struct OrderKey<'a> {
    order_number_type: u8,
    transaction_id: &'a str,
}

#[derive(Serialize)]
struct ParcelWire<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking_no: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    express_company: Option<&'a str>,
    item_desc: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<Contact<'a>>,
}

#[derive(Serialize)]
struct Contact<'a> {
    receiver_contact: &'a str,
}

#[derive(Serialize)]
struct Payer<'a> {
    openid: &'a str,
}

impl Upload<'_> {
    /// The call. It is not made again by itself: a second one takes the only chance to correct.
    ///
    /// # Errors
    /// When its body cannot be written as JSON.
    pub fn call(&self) -> Result<ApiCall, serde_json::Error> {
        let body = UploadWire {
            order_key: OrderKey {
                order_number_type: BY_TRANSACTION,
                transaction_id: self.transaction_id.as_str(),
            },
            logistics_type: self.kind.logistics_type(),
            delivery_mode: if self.is_split { 2 } else { 1 },
            is_all_delivered: self.is_split.then_some(self.is_complete),
            shipping_list: self.parcels.iter().map(parcel).collect(),
            upload_time: china_time(self.upload_at),
            payer: Payer {
                openid: self.payer.as_str(),
            },
        };
        ApiCall::post(
            "upload_shipping_info",
            "/wxa/sec/order/upload_shipping_info",
            &body,
        )
    }
}

fn parcel(parcel: &Parcel) -> ParcelWire<'_> {
    let contact = parcel.receiver_contact.as_deref();
    ParcelWire {
        tracking_no: parcel.tracking_no.as_ref().map(TrackingNo::as_str),
        express_company: parcel.carrier.as_ref().map(Carrier::as_str),
        item_desc: &parcel.description,
        contact: contact.map(|receiver_contact| Contact { receiver_contact }),
    }
}

/// RFC 3339 with milliseconds and China's offset, as WeChat's examples have it.
fn china_time(at: DateTime<Utc>) -> String {
    china::local(at).to_rfc3339_opts(SecondsFormat::Millis, false)
}

#[derive(Serialize)]
struct ByTransaction<'a> {
    transaction_id: &'a str,
}

/// The question how WeChat holds the order of a payment.
///
/// # Errors
/// When its body cannot be written as JSON.
pub fn order_call(transaction_id: &TransactionId) -> Result<ApiCall, serde_json::Error> {
    let body = ByTransaction {
        transaction_id: transaction_id.as_str(),
    };
    Ok(ApiCall::post("get_shipping_order", "/wxa/sec/order/get_order", &body)?.repeatable())
}

#[derive(Deserialize)]
struct OrderReply {
    order: OrderWire,
}

#[derive(Deserialize)]
struct OrderWire {
    transaction_id: String,
    #[serde(default, deserialize_with = "loose")]
    order_state: Option<i64>,
    #[serde(default)]
    shipping: Option<ShippingWire>,
}

#[derive(Deserialize)]
struct ShippingWire {
    #[serde(default, deserialize_with = "loose")]
    logistics_type: i64,
    #[serde(default, deserialize_with = "loose")]
    delivery_mode: i64,
    #[serde(default, deserialize_with = "loose")]
    finish_shipping: bool,
    #[serde(default, deserialize_with = "loose")]
    finish_shipping_count: i64,
    #[serde(default, deserialize_with = "loose")]
    goods_desc: String,
    #[serde(default, deserialize_with = "list")]
    shipping_list: Vec<HeldWire>,
}

#[derive(Deserialize)]
struct HeldWire {
    #[serde(default, deserialize_with = "loose")]
    tracking_no: String,
    #[serde(default, deserialize_with = "loose")]
    express_company: String,
    #[serde(default, deserialize_with = "loose")]
    goods_desc: String,
}

/// How WeChat holds the order.
///
/// # Errors
/// [`ApiError::Unavailable`] when it does not say, or speaks of another payment.
pub fn read_order(reply: &ApiReply, transaction_id: &TransactionId) -> Result<Held, ApiError> {
    let order = reply.json::<OrderReply>()?.order;
    if order.transaction_id != transaction_id.as_str() {
        return Err(ApiError::Unavailable);
    }
    Ok(Held {
        order_state: order.order_state.ok_or(ApiError::Unavailable)?,
        shipping: order.shipping.map(held),
    })
}

fn held(shipping: ShippingWire) -> HeldShipping {
    let whole = shipping.goods_desc;
    let parcels = shipping.shipping_list.into_iter().map(|parcel| HeldParcel {
        tracking_no: parcel.tracking_no,
        carrier: parcel.express_company,
        description: if parcel.goods_desc.is_empty() {
            whole.clone()
        } else {
            parcel.goods_desc
        },
    });
    HeldShipping {
        logistics_type: shipping.logistics_type,
        delivery_mode: shipping.delivery_mode,
        is_finished: shipping.finish_shipping,
        finish_count: shipping.finish_shipping_count,
        parcels: parcels.collect(),
    }
}

#[derive(Serialize)]
struct ByApp<'a> {
    appid: &'a str,
}

/// The question whether WeChat keeps the money of a mini program until goods were sent.
///
/// # Errors
/// When its body cannot be written as JSON.
pub fn managed_call(app_id: &AppId) -> Result<ApiCall, serde_json::Error> {
    let body = ByApp {
        appid: app_id.as_str(),
    };
    Ok(ApiCall::post("is_trade_managed", "/wxa/sec/order/is_trade_managed", &body)?.repeatable())
}

#[derive(Deserialize)]
struct ManagedReply {
    #[serde(default, deserialize_with = "loose")]
    is_trade_managed: Option<bool>,
}

/// Whether it does.
///
/// # Errors
/// [`ApiError::Unavailable`] when it does not say.
pub fn read_managed(reply: &ApiReply) -> Result<bool, ApiError> {
    let told = reply.json::<ManagedReply>()?.is_trade_managed;
    told.ok_or(ApiError::Unavailable)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_order_is_read_however_its_numbers_and_gaps_are_written() {
        let id = TransactionId::parse("4200001").unwrap();
        let read = |order| read_order(&ApiReply::of(&json!({"errcode": 0, "order": order})), &id);
        let plain = json!({"transaction_id": "4200001", "order_state": 2, "shipping": {
            "logistics_type": 1, "delivery_mode": 2, "finish_shipping": true, "finish_shipping_count": 1,
            "shipping_list": [{"tracking_no": "77", "goods_desc": "tea"}],
        }});
        let loose = json!({"transaction_id": "4200001", "order_state": "2", "shipping": {
            "logistics_type": "1", "delivery_mode": "2", "finish_shipping": "true", "finish_shipping_count": "1",
            "goods_desc": null,
            "shipping_list": [{"tracking_no": 77, "express_company": null, "goods_desc": "tea"}],
        }});
        let held = read(plain).unwrap();
        assert_eq!(held.shipping.as_ref().unwrap().parcels[0].tracking_no, "77");
        assert_eq!(read(loose), Ok(held));
        let empty =
            read(json!({"transaction_id": "4200001", "order_state": 1, "shipping": {"shipping_list": null}}));
        assert_eq!(empty.unwrap().shipping.unwrap().parcels, []);
        assert_eq!(
            read(json!({"transaction_id": "4200001", "order_state": null})),
            Err(ApiError::Unavailable)
        );
    }

    #[test]
    fn whether_money_is_kept_is_told_or_unknown() {
        let read = |body| read_managed(&ApiReply::of(&body));
        assert_eq!(read(json!({"is_trade_managed": "true"})), Ok(true));
        assert_eq!(
            read(json!({"is_trade_managed": null})),
            Err(ApiError::Unavailable)
        );
    }

    #[test]
    fn times_have_milliseconds_and_an_offset() {
        let at = DateTime::parse_from_rfc3339("2022-12-15T05:29:35.120999Z").unwrap();
        assert_eq!(china_time(at.to_utc()), "2022-12-15T13:29:35.120+08:00");
    }
}

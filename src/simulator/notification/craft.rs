//! Notifications made by hand: whatever a test wants to see refused, or accepted only once.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use utoipa::ToSchema;

use super::attempt::{Answer, post};
use super::content::{self, Story};
use super::message::{Content, Spoiling, envelope, headers};
use crate::simulator::certificate;
use crate::simulator::clock::china_text;
use crate::simulator::error::Error;
use crate::simulator::key::Signer;
use crate::simulator::log::{Delivery, DeliveryKind};
use crate::simulator::record::{About, Order};
use crate::simulator::refund::RefundStatus;
use crate::simulator::state::Shared;

/// How the signature is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::simulator) enum Signature {
    #[default]
    Valid,
    /// Begins with `WECHATPAY/SIGNTEST/`.
    Probe,
    /// Well formed, over other bytes.
    Wrong,
    /// No signature header.
    Missing,
    NotBase64,
    /// Made with the merchant's private key, if the simulator has it.
    MerchantKey,
    /// Made with a key of the platform other than the one that the serial names.
    OtherKey,
}

/// Which key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::simulator) enum Key {
    Certificate,
    #[serde(rename = "public_key")]
    Public,
    /// The serial names a certificate that nobody knows.
    UnknownSerial,
}

/// What happens to the body between signing and sending.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::simulator) enum Body {
    #[default]
    Intact,
    /// Same JSON, other bytes, after signing.
    Reserialised,
    /// Cut in half after signing.
    Truncated,
    /// Text that is no JSON, rightly signed.
    NotJson,
}

/// Which key encrypts the resource.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::simulator) enum EncryptWith {
    #[default]
    RightKey,
    WrongKey,
}

/// A notification made by hand about an order that the simulator knows, paid or not.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::simulator) struct Crafted {
    pub(in crate::simulator) out_trade_no: String,
    /// A refund of that order, to be told of in place of the payment; one in process is told of as
    /// if it had succeeded.
    pub(in crate::simulator) out_refund_no: Option<String>,
    /// `TRANSACTION.SUCCESS`, or what fits the refund, when absent.
    event_type: Option<String>,
    /// `transaction` or `refund` when absent.
    original_type: Option<String>,
    /// Id of the notification; a new one when absent. All copies share it.
    id: Option<String>,
    /// Merged deeply into the transaction or refund that is encrypted, e.g. `{"amount":{"total":1}}`; a
    /// null removes the field.
    overrides: Option<Value>,
    /// Added to the timestamp header, in seconds.
    #[serde(default)]
    timestamp_offset_s: i32,
    #[serde(default)]
    signature: Signature,
    /// What the mode says when absent.
    key: Option<Key>,
    /// How many are sent, 1 to 100; one when absent.
    copies: Option<u8>,
    /// All copies at once instead of one after the other.
    #[serde(default)]
    parallel: bool,
    #[serde(default)]
    body: Body,
    #[serde(default)]
    encrypt_with: EncryptWith,
    /// Headers added to the request or put in place of its own; a null removes one.
    #[serde(default)]
    headers: BTreeMap<String, Option<String>>,
    /// Another address than the order's.
    notify_url: Option<String>,
    /// `false`: nothing is sent, the finished requests come back in `messages`.
    send: Option<bool>,
}

/// What the server answered to one copy.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::simulator) struct CraftedAnswer {
    /// Null when no answer came within five seconds.
    status: Option<u16>,
    body: String,
    ms: u64,
}

/// A finished request.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::simulator) struct Message {
    url: String,
    headers: BTreeMap<String, String>,
    body: String,
}

/// What became of it.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(in crate::simulator) struct CraftedOutcome {
    /// One for each copy that was sent.
    answers: Vec<CraftedAnswer>,
    /// One for each copy that was not sent because of `"send": false`.
    messages: Vec<Message>,
}

/// Makes the copies and sends them, unless they are only asked for.
pub(in crate::simulator) async fn craft(
    shared: &Shared,
    order: &Order,
    wish: &Crafted,
) -> Result<CraftedOutcome, Error> {
    let copies = wish.copies.unwrap_or(1).clamp(1, 100);
    let id = wish
        .id
        .clone()
        .unwrap_or_else(|| shared.step(|world, _| world.entropy.uuid()));
    let messages: Vec<Message> = (0..copies)
        .map(|_| make(shared, order, wish, &id))
        .collect::<Result<_, _>>()?;
    if wish.send == Some(false) {
        return Ok(CraftedOutcome {
            messages,
            ..CraftedOutcome::default()
        });
    }
    let sending = messages
        .into_iter()
        .map(|message| deliver(shared, order, wish.out_refund_no.clone(), &id, message));
    let answers = if wish.parallel {
        futures_util::future::join_all(sending).await
    } else {
        let mut answers = Vec::new();
        for one in sending {
            answers.push(one.await);
        }
        answers
    };
    Ok(CraftedOutcome {
        answers,
        ..CraftedOutcome::default()
    })
}

async fn deliver(
    shared: &Shared,
    order: &Order,
    out_refund_no: Option<String>,
    id: &str,
    message: Message,
) -> CraftedAnswer {
    let sent_at = shared.clock.now();
    let Answer {
        status,
        body,
        duration_ms,
    } = post(shared, &message.url, &message.headers, message.body.into_bytes()).await;
    let delivery = Delivery {
        sequence: 0,
        id: id.to_owned(),
        out_trade_no: order.out_trade_no.clone(),
        out_refund_no,
        kind: DeliveryKind::Crafted,
        attempt: 0,
        due_at: sent_at,
        sent_at: Some(sent_at),
        status,
        body: body.clone(),
        duration_ms,
        faults: Vec::new(),
    };
    shared.log.delivery(delivery, shared.clock.now());
    CraftedAnswer {
        status,
        body,
        ms: duration_ms,
    }
}

/// One copy: same id and content, but a timestamp, nonce and signature of its own.
fn make(shared: &Shared, order: &Order, wish: &Crafted, id: &str) -> Result<Message, Error> {
    let (sealed_with, nonce, now) =
        shared.step(|world, now| (world.entropy.text(12), world.entropy.text(32), now));
    let story = story(shared, order, wish)?;
    let mut plaintext = story.plaintext;
    if order.payment.is_none() {
        let total = order.total_fen;
        let paid = json!({
            "transaction_id": format!("4200000000{:018}", order.number),
            "trade_state": "SUCCESS",
            "trade_type": "JSAPI",
            "bank_type": "OTHERS",
            "success_time": china_text(now),
            "payer": { "openid": order.openid },
            "amount": { "total": total, "payer_total": total, "currency": "CNY", "payer_currency": "CNY" },
        });
        merge(&mut plaintext, paid);
    }
    if let Some(overrides) = &wish.overrides {
        merge(&mut plaintext, overrides.clone());
    }
    let key = match wish.encrypt_with {
        EncryptWith::RightKey => shared.merchant.api_v3_key.expose_secret().to_owned(),
        EncryptWith::WrongKey => shared.merchant.api_v3_key.expose_secret().chars().rev().collect(),
    };
    let content = Content {
        id,
        event_type: wish.event_type.as_deref().unwrap_or(story.event_type),
        original_type: wish.original_type.as_deref().unwrap_or(story.original_type),
        summary: story.summary,
        created_at: now,
        plaintext: &plaintext,
    };
    let body = match wish.body {
        Body::NotJson => b"this is no JSON".to_vec(),
        Body::Intact | Body::Reserialised | Body::Truncated => envelope(&content, &key, &sealed_with)?,
    };
    let (signer, serial) = signer(shared, wish)?;
    let spoiling = match wish.signature {
        Signature::Valid | Signature::MerchantKey | Signature::OtherKey => Spoiling::None,
        Signature::Probe => Spoiling::Probe,
        Signature::Wrong => Spoiling::Wrong,
        Signature::Missing => Spoiling::Missing,
        Signature::NotBase64 => Spoiling::NotBase64,
    };
    let signed_at = now + TimeDelta::seconds(i64::from(wish.timestamp_offset_s));
    let mut headers = headers(&signer, signed_at, nonce, &body, spoiling)?;
    headers.insert("Wechatpay-Serial".to_owned(), serial);
    for (name, value) in &wish.headers {
        headers.retain(|known, _| !known.eq_ignore_ascii_case(name));
        if let Some(value) = value {
            headers.insert(name.clone(), value.clone());
        }
    }
    Ok(Message {
        url: wish
            .notify_url
            .clone()
            .or(story.url)
            .ok_or(Error::Setting("this refund was made without a notify_url"))?,
        headers,
        body: changed(wish.body, &body),
    })
}

/// What it tells before anything is overridden.
fn story(shared: &Shared, order: &Order, wish: &Crafted) -> Result<Story, Error> {
    let mch_id = &shared.merchant.mch_id;
    let Some(out_refund_no) = &wish.out_refund_no else {
        return Ok(content::of_payment(mch_id, order));
    };
    shared
        .step(|world, _| {
            let refund = world
                .refunds
                .of_order(&order.out_trade_no)
                .find(|refund| refund.out_refund_no == *out_refund_no)?;
            let status = match refund.status {
                RefundStatus::Processing => RefundStatus::Success,
                decided => decided,
            };
            let about = About::Refund {
                out_refund_no: out_refund_no.clone(),
                status,
            };
            content::of(world, mch_id, &order.out_trade_no, &about)
        })
        .ok_or(Error::Setting("the order has no such refund"))
}

/// Who signs, and which serial the header names.
fn signer(shared: &Shared, wish: &Crafted) -> Result<(Arc<Signer>, String), Error> {
    let (by_mode, certificate, public, unknown) = shared.step(|world, _| {
        let keys = &world.keys;
        let turn = world.entropy.drawn();
        let (by_mode, certificate, public) = (
            keys.notification_signer(turn),
            keys.certificate_signer(),
            Arc::clone(&keys.public),
        );
        (
            by_mode,
            certificate,
            public,
            certificate::serial_from(world.entropy.bytes()),
        )
    });
    let named = match wish.key {
        None => by_mode,
        Some(Key::Certificate) => Arc::clone(&certificate),
        Some(Key::Public) => Arc::clone(&public),
        Some(Key::UnknownSerial) => return Ok((certificate, unknown)),
    };
    let serial = named.serial().to_owned();
    let signer = match wish.signature {
        Signature::MerchantKey => shared.merchant.signer.clone().ok_or(Error::Setting(
            "the simulator was not given the merchant's private key",
        ))?,
        Signature::OtherKey if serial == public.serial() => certificate,
        Signature::OtherKey => public,
        _ => named,
    };
    Ok((signer, serial))
}

/// The body as it is sent.
fn changed(change: Body, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body).into_owned();
    match change {
        Body::Intact | Body::NotJson => text,
        Body::Reserialised => serde_json::from_str::<Value>(&text)
            .and_then(|value| serde_json::to_string_pretty(&value))
            .unwrap_or(text),
        Body::Truncated => text.chars().take(text.len() / 2).collect(),
    }
}

/// Puts one JSON value over another, member by member; a null removes the member.
fn merge(target: &mut Value, over: Value) {
    match (target, over) {
        (Value::Object(target), Value::Object(over)) => {
            for (name, value) in over {
                if value.is_null() {
                    target.remove(&name);
                } else {
                    merge(target.entry(name).or_insert(Value::Null), value);
                }
            }
        }
        (target, over) => *target = over,
    }
}

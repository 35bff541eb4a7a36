//! What the simulator remembers: the things of its world, each kept whole whenever it changes.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::entropy::Entropy;
use super::key::KeyMode;
use super::landing::{CodesUsed, Landing, Published};
use super::mini::token::AppTokens;
use super::push::{PushSettings, Waiting};
use super::refund::{Refund, RefundStatus};
use super::rule::Rules;
use super::shipping::Shipping;
use super::subscribe::{Message, Permission, Template};
use super::voucher::{CloudId, PhoneCode};

/// How many session keys are remembered that were replaced.
const EARLIER_KEYS_MAX: usize = 3;

/// One thing that changed.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Record {
    /// How many draws of randomness were made.
    Drawn(u64),
    /// How far the clock was moved, in seconds.
    ClockOffset(i64),
    Mode(KeyMode),
    Certificate(CertificateRecord),
    User(User),
    LoginCode(LoginCode),
    PhoneCode(PhoneCode),
    CloudId(CloudId),
    Tokens(AppTokens),
    Order(Order),
    Refund(Refund),
    Shipping(Shipping),
    ShippingManaged {
        app_id: String,
        is_managed: bool,
    },
    Notification(Notification),
    Rules(Rules),
    SubscribeTemplate(Template),
    SubscribePermission(Permission),
    SubscribeMessage(Message),
    Landing(Landing),
    Published(Published),
    CodesUsed(CodesUsed),
    PushSettings(PushSettings),
    Push(Waiting),
}

/// A platform certificate and its private key.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct CertificateRecord {
    pub(super) serial: String,
    pub(super) private_pem: String,
    pub(super) certificate_pem: String,
    pub(super) effective_at: DateTime<Utc>,
    pub(super) expires_at: DateTime<Utc>,
}

/// A person who owns a phone.
#[derive(Clone, Serialize, Deserialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the id is called what the control API calls it"
)]
pub(super) struct User {
    pub(super) user_id: String,
    /// Counts up from 1.
    pub(super) number: u64,
    pub(super) nickname: String,
    pub(super) is_blocked: bool,
    pub(super) unionid: String,
    /// The number that was given by hand; see [`User::phone_number`].
    #[serde(default)]
    pub(super) own_phone_number: Option<PhoneNumber>,
    /// By app id.
    pub(super) identities: BTreeMap<String, Identity>,
}

impl User {
    /// The number of this person's phone: the one given by hand, else one made of the person's own number.
    pub(super) fn phone_number(&self) -> PhoneNumber {
        self.own_phone_number.clone().unwrap_or_else(|| PhoneNumber {
            pure: format!("199{:08}", self.number),
            country_code: "86".to_owned(),
        })
    }
}

/// A phone number.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct PhoneNumber {
    /// Without the country code, digits.
    pub(super) pure: String,
    /// Digits.
    pub(super) country_code: String,
}

impl PhoneNumber {
    /// With the country code if it is a foreign one, as `WeChat` writes it.
    pub(super) fn whole(&self) -> String {
        if self.country_code == "86" {
            self.pure.clone()
        } else {
            format!("+{}{}", self.country_code, self.pure)
        }
    }
}

/// A person in one mini program.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Identity {
    pub(super) openid: String,
    /// Base64 of 16 bytes.
    pub(super) session_key: String,
    pub(super) session_key_at: DateTime<Utc>,
    /// When the person last opened the mini program: its pages call `wx.login`.
    #[serde(default)]
    pub(super) used_at: Option<DateTime<Utc>>,
    /// The keys before it, the last one first.
    #[serde(default)]
    pub(super) earlier_session_keys: Vec<String>,
}

impl Identity {
    /// Puts a new session key in the place of the present one.
    pub(super) fn replace_key(&mut self, session_key: String, now: DateTime<Utc>) {
        let old = std::mem::replace(&mut self.session_key, session_key);
        self.session_key_at = now;
        self.earlier_session_keys.insert(0, old);
        self.earlier_session_keys.truncate(EARLIER_KEYS_MAX);
    }

    /// The present session key (0), or one before it.
    pub(super) fn key_back(&self, keys_back: usize) -> Option<&str> {
        match keys_back.checked_sub(1) {
            None => Some(&self.session_key),
            Some(place) => self.earlier_session_keys.get(place).map(String::as_str),
        }
    }
}

/// What `wx.login` gave to a page.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct LoginCode {
    pub(super) code: String,
    pub(super) app_id: String,
    pub(super) user_id: String,
    pub(super) created_at: DateTime<Utc>,
    pub(super) is_used: bool,
}

/// An order at `WeChat Pay`.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Order {
    /// Counts up from 1.
    pub(super) number: u64,
    pub(super) app_id: String,
    pub(super) out_trade_no: String,
    /// The whole request; the same number may only come with the same again.
    pub(super) request: Value,
    pub(super) description: String,
    pub(super) attach: Option<String>,
    pub(super) notify_url: String,
    pub(super) total_fen: i64,
    pub(super) openid: String,
    pub(super) created_at: DateTime<Utc>,
    pub(super) expires_at: DateTime<Utc>,
    pub(super) closed_at: Option<DateTime<Utc>>,
    pub(super) payment: Option<Payment>,
    /// When the first refund was accepted, whatever became of it.
    #[serde(default)]
    pub(super) refund_started_at: Option<DateTime<Utc>>,
    pub(super) prepays: Vec<Prepay>,
}

/// Money that moved.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Payment {
    pub(super) transaction_id: String,
    pub(super) paid_at: DateTime<Utc>,
    /// What a coupon of the merchant paid of it.
    #[serde(default)]
    pub(super) coupon_fen: i64,
}

/// One prepay id of an order.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Prepay {
    pub(super) prepay_id: String,
    pub(super) created_at: DateTime<Utc>,
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TradeState {
    NotPaid,
    Success,
    /// Paid, and a refund was started.
    Refund,
    Closed,
}

impl TradeState {
    /// `WeChat`'s word for it.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::NotPaid => "NOTPAY",
            Self::Success => "SUCCESS",
            Self::Refund => "REFUND",
            Self::Closed => "CLOSED",
        }
    }

    /// What it says for people, in Chinese as `WeChat` does.
    pub(super) const fn description(self) -> &'static str {
        match self {
            Self::NotPaid => "订单未支付",
            Self::Success => "支付成功",
            Self::Refund => "转入退款",
            Self::Closed => "订单已关闭",
        }
    }
}

impl Order {
    /// Where it stands: past its time limit an unpaid order counts as closed.
    pub(super) fn state(&self, now: DateTime<Utc>) -> TradeState {
        if self.refund_started_at.is_some() {
            TradeState::Refund
        } else if self.payment.is_some() {
            TradeState::Success
        } else if self.closed_at.is_some() || now >= self.expires_at {
            TradeState::Closed
        } else {
            TradeState::NotPaid
        }
    }
}

/// What a notification tells of.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum About {
    #[default]
    Payment,
    Refund {
        out_refund_no: String,
        /// As it was decided; it may have moved on since.
        status: RefundStatus,
    },
}

impl About {
    /// The refund that it tells of.
    pub(super) fn out_refund_no(&self) -> Option<String> {
        match self {
            Self::Payment => None,
            Self::Refund { out_refund_no, .. } => Some(out_refund_no.clone()),
        }
    }
}

/// A notification that still wants a 2xx, or was just done with.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Notification {
    /// The same for all attempts.
    pub(super) id: String,
    /// Counts up over all notifications.
    pub(super) number: u64,
    pub(super) out_trade_no: String,
    #[serde(default)]
    pub(super) about: About,
    pub(super) created_at: DateTime<Utc>,
    /// Attempts made so far.
    pub(super) attempts: u32,
    /// When the next attempt is due; none: delivered or given up.
    pub(super) due_at: Option<DateTime<Utc>>,
    /// Whether a fault has put it off already; it is not put off twice.
    pub(super) was_put_off: bool,
    /// Whether it waits for another notification to go by.
    pub(super) is_held: bool,
}

impl Notification {
    /// A new one, due at once.
    pub(super) fn new(entropy: &mut Entropy, out_trade_no: &str, about: About, now: DateTime<Utc>) -> Self {
        Self {
            id: entropy.uuid(),
            number: entropy.drawn(),
            out_trade_no: out_trade_no.to_owned(),
            about,
            created_at: now,
            attempts: 0,
            due_at: Some(now),
            was_put_off: false,
            is_held: false,
        }
    }
}

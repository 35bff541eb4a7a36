//! A shipment: goods of a paid order that were sent, and what WeChat is told of it.
//!
//! What is told in one call is one row, written before the call. WeChat takes each shipment once, and
//! one correction of it; so an outcome that is not known is asked about and never simply repeated.
//! Source: mini-program APIs, section 5.

mod answer;
mod plan;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::name::{Carrier, TrackingNo};
use super::text;

pub use self::answer::{
    CHANCE_USED, Finding, Held, HeldParcel, HeldShipping, Sent, Verdict, finding, gap_after,
    is_unknown_for_good, verdict,
};
pub use self::plan::{Earlier, Plan, ShipmentRefusal, Told, is_begun, is_lacking, is_missing, plan};

/// The most parcels in one call.
pub const PARCELS_MAX: usize = 15;
/// The longest description of what a parcel holds, in characters.
pub const DESCRIPTION_CHARS_MAX: usize = 120;
/// The most calls for one order. The database holds the same bound.
pub const SHIPMENTS_MAX: i32 = 50;
/// The shortest wait after WeChat called us too frequent, or the day's calls used up.
pub const PATIENT_GAP: TimeDelta = TimeDelta::minutes(1);
/// How long WeChat's word holds whether it wants to be told of a mini program's shipments.
pub const ANSWER_HOLDS: TimeDelta = TimeDelta::days(1);
/// How long a contact may be, as it is given.
const CONTACT_CHARS: std::ops::RangeInclusive<usize> = 7..=32;
/// The carrier that WeChat wants a contact for.
const CARRIER_WITH_CONTACT: &str = "SF";

/// How the goods get to the buyer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ShipmentKind {
    /// By a carrier.
    Express,
    /// Within the city.
    Local,
    /// Nothing is carried.
    Virtual,
    /// The buyer fetches them.
    Pickup,
}

impl ShipmentKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Express, Self::Local, Self::Virtual, Self::Pickup];

    /// The kind as the API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Express => "express",
            Self::Local => "local",
            Self::Virtual => "virtual",
            Self::Pickup => "pickup",
        }
    }

    /// The kind of that spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// WeChat's number of it.
    pub fn logistics_type(self) -> i64 {
        match self {
            Self::Express => 1,
            Self::Local => 2,
            Self::Virtual => 3,
            Self::Pickup => 4,
        }
    }

    /// Whether somebody carries it, who may have a name and a number for it.
    pub fn is_carried(self) -> bool {
        matches!(self, Self::Express | Self::Local)
    }
}

/// Where the telling stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ShipmentStatus {
    /// Written down; WeChat has not said yet that it has it.
    Created,
    /// WeChat has it.
    Uploaded,
    /// WeChat does not take it, and a human has to look.
    Refused,
    /// WeChat wants none any more: the money went back.
    Needless,
    /// The operator said something else before WeChat had said that it has it.
    Replaced,
}

impl ShipmentStatus {
    /// Every status.
    pub const ALL: [Self; 5] = [
        Self::Created,
        Self::Uploaded,
        Self::Refused,
        Self::Needless,
        Self::Replaced,
    ];

    /// The status as the database spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Uploaded => "uploaded",
            Self::Refused => "refused",
            Self::Needless => "needless",
            Self::Replaced => "replaced",
        }
    }

    /// The status as the API spells it.
    pub fn shown(self) -> &'static str {
        match self {
            Self::Created => "processing",
            Self::Uploaded | Self::Refused | Self::Needless | Self::Replaced => self.as_str(),
        }
    }

    /// The status of that spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// What was sent together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    /// The carrier's number of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking_no: Option<TrackingNo>,
    /// Who carries it, by WeChat's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier: Option<Carrier>,
    /// What is in it, as the buyer reads it.
    pub description: String,
    /// How the receiver is reached, masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receiver_contact: Option<String>,
}

/// Whether WeChat wants to know how the receiver is reached when this one carries.
pub fn wants_contact(carrier: &Carrier) -> bool {
    carrier.as_str().eq_ignore_ascii_case(CARRIER_WITH_CONTACT)
}

/// A telephone number with its middle hidden and its last four digits clear, as WeChat wants it. One
/// that is masked already stays as it is. None: it is neither.
pub fn masked_contact(text: &str) -> Option<String> {
    if !CONTACT_CHARS.contains(&text.len()) {
        return None;
    }
    let bare: String = text
        .chars()
        .filter(|letter| !matches!(letter, ' ' | '-' | '(' | ')'))
        .collect();
    let (head, tail) = bare.split_at_checked(bare.len().checked_sub(4)?)?;
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(tail) {
        return None;
    }
    let digits = head.strip_prefix('+').unwrap_or(head);
    if digits.contains('*') {
        let is_masked =
            digits.ends_with('*') && digits.bytes().all(|byte| byte == b'*' || byte.is_ascii_digit());
        return is_masked.then_some(bare);
    }
    if !is_number(digits) || digits.len() < 3 {
        return None;
    }
    // Of a short number the first three and the last four would be all of it.
    let shown = head.get(..3).filter(|_| bare.len() >= 11).unwrap_or_default();
    Some(format!("{shown}****{tail}"))
}

/// What an order holds, by title and quantity, as the buyer reads it, in as many characters as WeChat takes.
pub fn description<'a>(lines: impl Iterator<Item = (&'a str, i32)>) -> String {
    let lines: Vec<String> = lines
        .map(|(title, quantity)| (text::for_wechat_pay(title, DESCRIPTION_CHARS_MAX), quantity))
        .filter(|(title, _)| !title.is_empty())
        .map(|(title, quantity)| format!("{title} ×{quantity}"))
        .collect();
    let whole = lines.join("; ");
    if whole.is_empty() {
        return "商品".to_owned();
    }
    if whole.chars().nth(DESCRIPTION_CHARS_MAX).is_none() {
        return whole;
    }
    let cut: String = whole
        .chars()
        .take(DESCRIPTION_CHARS_MAX.saturating_sub(1))
        .collect();
    format!("{}…", cut.trim_end())
}

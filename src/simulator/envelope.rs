//! Open data as `WeChat` hands it to a page: JSON in AES-128-CBC under the session key, and a signed
//! text. Made with another library than the one that a server of this crate opens it with.
//!
//! Source: the documentation of open data and of signature checks for mini programs.

use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::iv::FixedLength;
use base64::prelude::{BASE64_STANDARD, Engine};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::clock::china_day;
use super::record::{Identity, User};

const BLOCK_BYTES: usize = 16;
/// How many days of steps a page gets.
const DAYS: i64 = 31;
/// The names that `rawData` has of a profile.
const OPEN_NAMES: [&str; 7] = [
    "nickName",
    "gender",
    "language",
    "city",
    "province",
    "country",
    "avatarUrl",
];

/// What a page asks `WeChat` for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// `wx.getUserInfo` of old: with openid, and with unionid where the app is bound.
    UserInfo,
    /// `wx.getUserProfile`
    Profile,
    /// The phone number button.
    Phone,
    /// `wx.getWeRunData`
    Werun,
    /// `wx.getShareInfo`
    ShareGroup,
    /// Nothing but what is given as `data`.
    Other,
}

impl Kind {
    /// Whether a page gets `rawData` and `signature` too.
    pub(super) const fn is_signed(self) -> bool {
        matches!(self, Self::UserInfo | Self::Profile)
    }
}

/// A padding that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Padding {
    /// The last byte is 0.
    Zero,
    /// The last byte says more than a block.
    TooLong,
    /// The last byte says four, and one of the four is another.
    Uneven,
}

/// Members of a JSON object, in the order in which they are written.
pub(super) type Members = Vec<(String, Value)>;

/// What `WeChat` says of a person to a page; the watermark comes last.
pub(super) fn payload(
    kind: Kind,
    user: &User,
    identity: &Identity,
    is_bound: bool,
    now: DateTime<Utc>,
) -> Members {
    match kind {
        Kind::UserInfo => {
            let mut members = vec![member("openId", json!(identity.openid))];
            members.extend(profile(user));
            members.extend(is_bound.then(|| member("unionId", json!(user.unionid))));
            members
        }
        Kind::Profile => profile(user),
        Kind::Phone => {
            let number = user.phone_number();
            vec![
                member("phoneNumber", json!(number.whole())),
                member("purePhoneNumber", json!(number.pure)),
                member("countryCode", json!(number.country_code)),
            ]
        }
        Kind::Werun => vec![member("stepInfoList", steps(user.number, now))],
        Kind::ShareGroup => vec![member("openGId", json!(format!("tG{:026}", user.number)))],
        Kind::Other => Vec::new(),
    }
}

/// The watermark of data made `age_s` seconds ago.
pub(super) fn watermark(app_id: &str, age_s: i64, now: DateTime<Utc>) -> Value {
    let made_at = now - TimeDelta::try_seconds(age_s).unwrap_or_default();
    json!({ "timestamp": made_at.timestamp(), "appid": app_id })
}

/// Puts members in place of those with the same name, or before the end.
pub(super) fn overlay(members: &mut Members, over: Map<String, Value>) {
    for (name, value) in over {
        match members.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => members.push((name, value)),
        }
    }
}

/// The object as text, its members in their order and without any space.
pub(super) fn text(members: &Members) -> String {
    let parts: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("{}:{value}", json!(name)))
        .collect();
    format!("{{{}}}", parts.join(","))
}

/// The members that are not secret, as text.
pub(super) fn raw_data(members: &Members) -> String {
    let is_open = |(name, _): &&(String, Value)| OPEN_NAMES.contains(&name.as_str());
    text(&members.iter().filter(is_open).cloned().collect())
}

/// Encrypts a text under a session key: base64. None when the key is none.
pub(super) fn encrypt(
    session_key: &str,
    iv: [u8; BLOCK_BYTES],
    text: &str,
    padding: Option<Padding>,
) -> Option<String> {
    let key = BASE64_STANDARD.decode(session_key).ok()?;
    let key = EncryptingKey::cbc(UnboundCipherKey::new(&AES_128, &key).ok()?).ok()?;
    let mut bytes = padded(text.as_bytes(), padding);
    let context = EncryptionContext::Iv128(FixedLength::from(iv));
    key.less_safe_encrypt(&mut bytes, context).ok()?;
    Some(BASE64_STANDARD.encode(bytes))
}

/// The signature of a text: hexadecimal SHA-1 of it and the session key behind it.
pub(super) fn signature(raw_data: &str, session_key: &str) -> String {
    let signed = format!("{raw_data}{session_key}");
    hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, signed.as_bytes()))
}

/// The bytes with their padding, or with one that is none.
fn padded(text: &[u8], padding: Option<Padding>) -> Vec<u8> {
    // Uneven needs room for four bytes.
    let room = match padding {
        Some(Padding::Uneven) => 4,
        _ => 1,
    };
    let length = (text.len() + room).next_multiple_of(BLOCK_BYTES) - text.len();
    let byte = match padding {
        None => u8::try_from(length).unwrap_or(0),
        Some(Padding::Zero) => 0,
        Some(Padding::TooLong) => 17,
        Some(Padding::Uneven) => 4,
    };
    let mut bytes = text.to_vec();
    bytes.resize(text.len() + length, byte);
    if padding == Some(Padding::Uneven)
        && let Some(third) = bytes.iter_mut().rev().nth(2)
    {
        *third = 3;
    }
    bytes
}

fn profile(user: &User) -> Members {
    vec![
        member("nickName", json!(user.nickname)),
        member("gender", json!(0)),
        member("language", json!("zh_CN")),
        member("city", json!("")),
        member("province", json!("")),
        member("country", json!("")),
        member(
            "avatarUrl",
            json!(format!(
                "https://thirdwx.qlogo.cn/mmopen/vi_32/{}/132",
                user.user_id
            )),
        ),
    ]
}

/// A month of steps up to today, no two days the same.
fn steps(person: u64, now: DateTime<Utc>) -> Value {
    let today = china_day(now);
    let days = (today - DAYS + 1..=today).map(|day| {
        let number = day
            .unsigned_abs()
            .wrapping_mul(7919)
            .wrapping_add(person * 104_729);
        json!({ "timestamp": day * 86_400 - 28_800, "step": number % 20_000 })
    });
    Value::Array(days.collect())
}

fn member(name: &str, value: Value) -> (String, Value) {
    (name.to_owned(), value)
}

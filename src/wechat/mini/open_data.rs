//! Encrypted open data and signed `rawData`, from what a page hands over to what it says.
//!
//! The bytes are the page's, so the way through is the same for all that fail: each key is tried, the
//! text is read whether or not its padding was right, the signature is checked whether or not the
//! text made sense, and only then is anything decided. Source: open-data, sections 1 to 3.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::domain::name::UnionId;
use crate::domain::open_data::{self, Claims, Expected, Payload, Refusal};
use crate::domain::phone_number::PhoneNumber;
use crate::wechat::crypto::open_data::{BLOCK_BYTES, decrypt, is_signature_of};
use crate::wechat::secret::SessionKey;
use crate::wechat::wire::{Text, loose};

/// The longest encrypted data that is taken, in bytes behind the base64. A month of steps, the longest
/// that WeChat describes, takes under 2,000.
pub const ENCRYPTED_BYTES_MAX: usize = 8_192;
/// The longest `rawData` that is taken, in bytes.
pub const RAW_DATA_BYTES_MAX: usize = 4_096;
/// The longest `signature` that is compared, in bytes. Every other length but one is wrong.
pub const SIGNATURE_BYTES_MAX: usize = 256;

/// A field that is malformed before any key is touched, and what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct FormError {
    /// The field, as `wx.*` calls it.
    pub field: &'static str,
    /// What it would have to be.
    pub problem: &'static str,
}

/// What a page handed over to be opened; well formed, and nothing more.
pub struct Sealed {
    data: Vec<u8>,
    iv: [u8; BLOCK_BYTES],
    signed: Option<Signed>,
}

/// A text with the signature that came with it.
pub struct Signed {
    raw_data: String,
    signature: String,
}

/// What came out, believed.
pub struct Opened {
    /// The text as WeChat wrote it, an object in JSON.
    pub json: String,
    /// What it is.
    pub payload: Payload,
    /// Which of the keys opened it, counted from 0.
    pub key_index: usize,
}

impl Signed {
    /// Takes both texts as they came. Whether the signature has the form of one is not looked at: a wrong
    /// one is a wrong one.
    ///
    /// # Errors
    /// What is too long.
    pub fn parse(raw_data: String, signature: String) -> Result<Self, FormError> {
        if raw_data.len() > RAW_DATA_BYTES_MAX {
            return Err(form("rawData", "has at most 4,096 bytes"));
        }
        if signature.len() > SIGNATURE_BYTES_MAX {
            return Err(form("signature", "has 40 hexadecimal digits"));
        }
        Ok(Self { raw_data, signature })
    }

    /// Whether one of the keys signed it. Each is tried.
    pub fn is_valid(&self, keys: &[SessionKey]) -> bool {
        keys.iter().fold(false, |found, key| found | self.is_by(key))
    }

    fn is_by(&self, key: &SessionKey) -> bool {
        is_signature_of(self.signature.as_bytes(), &self.raw_data, key.expose_text()).into()
    }
}

impl Sealed {
    /// Takes encrypted data and its initialisation vector, both in base64. A space stands for the plus sign
    /// that a form made of it.
    ///
    /// # Errors
    /// What is no base64, or has the wrong length.
    pub fn parse(encrypted_data: &str, iv: &str, signed: Option<Signed>) -> Result<Self, FormError> {
        // Four characters for every three bytes begun.
        if encrypted_data.len() > ENCRYPTED_BYTES_MAX.div_ceil(3) * 4 {
            return Err(form("encryptedData", "has at most 8,192 bytes"));
        }
        let data = from_base64(encrypted_data).ok_or(form("encryptedData", "is not base64"))?;
        if data.is_empty() || data.len() % BLOCK_BYTES != 0 || data.len() > ENCRYPTED_BYTES_MAX {
            return Err(form("encryptedData", "has 16 to 8,192 bytes, a multiple of 16"));
        }
        let wrong_iv = form("iv", "is the base64 of 16 bytes");
        let iv = (iv.len() <= 64)
            .then(|| from_base64(iv))
            .flatten()
            .ok_or(wrong_iv)?;
        let iv = iv.try_into().map_err(|_| wrong_iv)?;
        Ok(Self { data, iv, signed })
    }

    /// Opens it with the first of `keys` that fits.
    ///
    /// # Errors
    /// Why it is not believed. All keys were tried then.
    pub fn open(&self, keys: &[SessionKey], expected: &Expected<'_>) -> Result<Opened, Refusal> {
        let mut refusal = Refusal::NoKey;
        for (key_index, key) in keys.iter().enumerate() {
            match self.open_with(key, expected) {
                Ok((json, payload)) => {
                    return Ok(Opened {
                        json,
                        payload,
                        key_index,
                    });
                }
                // A key that came further tells more.
                Err(reason) if reason != Refusal::NoKey => refusal = reason,
                Err(_) => {}
            }
        }
        Err(refusal)
    }

    fn open_with(&self, key: &SessionKey, expected: &Expected<'_>) -> Result<(String, Payload), Refusal> {
        let decrypted = decrypt(key.expose_bytes(), &self.iv, &self.data);
        let read = read(decrypted.text(), expected);
        let is_signed = self.signed.as_ref().is_none_or(|signed| signed.is_by(key));
        if !decrypted.is_padded() {
            return Err(Refusal::NoKey);
        }
        let opened = read?;
        if is_signed {
            Ok(opened)
        } else {
            Err(Refusal::Signature)
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow)]
    watermark: Option<Watermark<'a>>,
    #[serde(borrow)]
    open_id: Option<Text<'a>>,
    #[serde(borrow)]
    union_id: Option<Text<'a>>,
    #[serde(borrow)]
    nick_name: Option<Text<'a>>,
    #[serde(borrow)]
    avatar_url: Option<Text<'a>>,
    #[serde(default, deserialize_with = "loose")]
    phone_number: Option<String>,
    #[serde(default, deserialize_with = "loose")]
    pure_phone_number: Option<String>,
    #[serde(default, deserialize_with = "loose")]
    country_code: Option<String>,
    step_info_list: Option<Vec<Steps>>,
    #[serde(borrow, rename = "openGId")]
    open_gid: Option<Text<'a>>,
    #[serde(borrow)]
    opengid: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Watermark<'a> {
    #[serde(borrow)]
    appid: Text<'a>,
    timestamp: i64,
}

#[derive(Deserialize)]
struct Steps {
    #[serde(rename = "timestamp")]
    _day_s: u64,
    #[serde(rename = "step")]
    _count: u64,
}

/// Reads a text, and judges what it says.
fn read(text: &[u8], expected: &Expected<'_>) -> Result<(String, Payload), Refusal> {
    // An array would pass for an object, its items taken as the fields in their order.
    let is_object = text.trim_ascii_start().first() == Some(&b'{');
    let text = std::str::from_utf8(text).map_err(|_| Refusal::NoKey)?;
    let wire: Wire<'_> = serde_json::from_str(text).map_err(|_| Refusal::NoKey)?;
    if !is_object {
        return Err(Refusal::NoKey);
    }
    let watermark = wire.watermark.as_ref().ok_or(Refusal::App)?;
    let claims = Claims {
        app_id: watermark.appid.as_str(),
        timestamp_s: watermark.timestamp,
        openid: wire.open_id.as_ref().map(Text::as_str),
    };
    open_data::judge(&claims, expected)?;
    let payload = payload(&wire).ok_or(Refusal::Shape)?;
    Ok((text.to_owned(), payload))
}

/// What a payload is, by the fields that it alone has; none if one of those is there without the
/// others.
fn payload(wire: &Wire<'_>) -> Option<Payload> {
    if wire.phone_number.is_some() || wire.pure_phone_number.is_some() || wire.country_code.is_some() {
        let (whole, pure) = (wire.phone_number.clone()?, wire.pure_phone_number.clone()?);
        let number = PhoneNumber::parse(whole, pure, wire.country_code.clone()?);
        return number.ok().map(Payload::Phone);
    }
    if wire.nick_name.is_some() || wire.avatar_url.is_some() || wire.union_id.is_some() {
        return profile(wire);
    }
    let payload = if wire.step_info_list.is_some() {
        Payload::Steps
    } else if wire.open_gid.is_some() || wire.opengid.is_some() {
        Payload::Group
    } else {
        Payload::Other
    };
    Some(payload)
}

fn profile(wire: &Wire<'_>) -> Option<Payload> {
    let is_whole = wire.nick_name.is_some() && wire.avatar_url.is_some();
    let unionid = match &wire.union_id {
        // Told without the openid, it could be said of anybody.
        Some(text) => {
            wire.open_id.as_ref()?;
            Some(UnionId::parse(text.as_str()).ok()?)
        }
        None => None,
    };
    is_whole.then_some(Payload::Profile { unionid })
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let restored = if text.contains(' ') {
        Cow::Owned(text.replace(' ', "+"))
    } else {
        Cow::Borrowed(text)
    };
    STANDARD.decode(restored.as_bytes()).ok()
}

const fn form(field: &'static str, problem: &'static str) -> FormError {
    FormError { field, problem }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Sealed({} bytes)", self.data.len())
    }
}

impl std::fmt::Debug for Signed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Signed({} bytes)", self.raw_data.len())
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Opened({})", self.payload.word())
    }
}

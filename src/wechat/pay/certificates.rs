//! Platform certificates: downloaded, decrypted, checked, and only then believed.
//!
//! The first list cannot be verified by a known key. That it decrypts with the APIv3 key, which only
//! WeChat Pay and the merchant know, and that the answer's signature fits a key of the list, gives
//! the trust. Source: pay-v3, section 4.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use x509_parser::certificate::X509Certificate;
use x509_parser::pem::Pem;

use super::client::{Call, Client};
use super::error::{PayError, UnknownReason};
use super::keys::{KeyRing, PlatformKey};
use super::message::Refusal;
use super::notification::Resource;
use super::transaction::Malformed;
use crate::domain::name::KeySerial;
use crate::wechat::crypto::{KeyError, ResourceKey, VerifyingKey};
use crate::wechat::send::{Answer, Outcome, count};
use crate::wechat::wire::Text;

/// The most certificates of one list that are looked at.
const LIST_MAX: usize = 8;
const API: &str = "pay_certificates";
const NOT_OPENED: Malformed = Malformed("certificate: it does not open with the APIv3 key");

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow)]
    data: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    serial_no: Text<'a>,
    #[serde(borrow)]
    encrypt_certificate: Resource<'a>,
}

/// The keys of a certificate list, decrypted and each checked against its serial; what has expired
/// is left out, and what is of another kind than ours: `WeChat` Pay has SM2 beside RSA.
///
/// # Errors
/// When the list is no list, an entry does not open with the APIv3 key, a certificate is not the one
/// its entry names, or nothing usable is left.
pub fn read(key: &ResourceKey, body: &[u8], now: DateTime<Utc>) -> Result<Vec<PlatformKey>, Malformed> {
    let list: List<'_> = serde_json::from_slice(body).map_err(|_| Malformed("certificate list"))?;
    let mut keys = Vec::new();
    for entry in list.data.iter().take(LIST_MAX) {
        let serial = entry.serial_no.as_str();
        let read = match entry.encrypt_certificate.open(key) {
            Ok(pem) => platform_key(serial, &pem)?,
            Err(Refusal::UnsupportedAlgorithm) => None,
            Err(_) => return Err(NOT_OPENED),
        };
        if read.is_none() {
            tracing::warn!(
                serial,
                "a certificate of WeChat Pay is of a kind that is not used here"
            );
        }
        keys.extend(read);
    }
    keys.retain(|key| !key.is_expired(now));
    if keys.is_empty() {
        Err(Malformed("certificate that can be used and is not expired"))
    } else {
        Ok(keys)
    }
}

/// Nothing for a key of another kind.
fn platform_key(serial: &str, pem: &[u8]) -> Result<Option<PlatformKey>, Malformed> {
    let wrong = Malformed("certificate");
    let pem = Pem::iter_from_buffer(pem)
        .next()
        .and_then(Result::ok)
        .ok_or(wrong)?;
    let certificate = pem.parse_x509().map_err(|_| wrong)?;
    let is_named_rightly = hex::encode_upper(certificate.tbs_certificate.raw_serial())
        .trim_start_matches('0')
        == serial.to_ascii_uppercase().trim_start_matches('0');
    if !is_named_rightly {
        return Err(wrong);
    }
    let key = match VerifyingKey::from_der(certificate.public_key().raw) {
        Ok(key) => key,
        Err(KeyError::NotRsa) => return Ok(None),
        Err(_) => return Err(wrong),
    };
    let (not_before, not_after) = validity(&certificate).ok_or(wrong)?;
    let serial = KeySerial::parse(serial).map_err(|_| wrong)?;
    Ok(Some(PlatformKey::certificate(serial, key, not_before, not_after)))
}

fn validity(certificate: &X509Certificate<'_>) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let validity = certificate.validity();
    let not_before = DateTime::from_timestamp(validity.not_before.timestamp(), 0)?;
    let not_after = DateTime::from_timestamp(validity.not_after.timestamp(), 0)?;
    Some((not_before, not_after))
}

impl Client {
    /// Downloads the platform certificates and learns their keys, old ones staying until they
    /// expire. Gives the number of certificates; 0 in public-key mode, where WeChat Pay has none.
    ///
    /// # Errors
    /// See [`PayError`]; the keys that were known stay known.
    pub async fn refresh_platform_keys(&self) -> Result<usize, PayError> {
        let mut last_try = self.refresh_gate().lock().await;
        *last_try = Some(self.now());
        self.download().await
    }

    /// Makes sure, if it can be, that the key called `serial` is known: one download for all who ask
    /// at the same time, at most one a minute, none for a name that no certificate can have. Tells
    /// whether the key is known now.
    pub async fn refresh_if_unknown(&self, serial: &str) -> bool {
        let can_be_certificate =
            (8..=64).contains(&serial.len()) && serial.bytes().all(|byte| byte.is_ascii_hexdigit());
        if self.ring().knows(serial) || !can_be_certificate {
            return self.ring().knows(serial);
        }
        let mut last_try = self.refresh_gate().lock().await;
        let now = self.now();
        // A try that lies ahead was made by a clock that has been set back since.
        let age = last_try.map(|last| now.signed_duration_since(last));
        let is_too_soon = age.is_some_and(|age| age >= TimeDelta::zero() && age < Self::REFRESH_GAP);
        if !is_too_soon && !self.ring().knows(serial) {
            *last_try = Some(now);
            // A failure is logged where it happens, and the answer here is then "still unknown".
            drop(self.download().await);
        }
        self.ring().knows(serial)
    }

    async fn download(&self) -> Result<usize, PayError> {
        let call = Call::get(API, "/v3/certificates".to_owned())
            .where_absence_is_right(self.merchant().public_key.is_some());
        let answer = match self.send_signed(&call).await {
            Err(error) if call.is_right(&error) => {
                self.standing().forget(API);
                return Ok(0);
            }
            answer => answer.map_err(|error| error.logged(API)),
        };
        let learned = answer.and_then(|answer| self.learn_from(&answer));
        self.standing().note(API, learned.as_ref().err(), self.now());
        learned
    }

    fn learn_from(&self, answer: &Answer) -> Result<usize, PayError> {
        let learned = self.learn(answer).map_err(|reason| {
            count(API, Outcome::Untrusted);
            answer.unknown(reason).logged(API)
        })?;
        count(API, Outcome::Ok);
        tracing::info!(
            certificates = learned,
            "learned WeChat Pay's platform certificates"
        );
        Ok(learned)
    }

    fn learn(&self, answer: &Answer) -> Result<usize, UnknownReason> {
        let now = self.now();
        let message = answer.signed().map_err(UnknownReason::BadSignature)?;
        let read = read(&self.merchant().resource_key, &answer.body, now);
        if let Err(NOT_OPENED) | Ok(_) = read {
            self.opening().note(read.is_ok());
        }
        let keys = read.map_err(|malformed| UnknownReason::Malformed(malformed.0))?;
        if self.ring().knows(message.serial()) {
            self.ring()
                .verify(&message, now)
                .map_err(UnknownReason::BadSignature)?;
        } else {
            let candidates = KeyRing::new(None);
            candidates.learn(&keys, now);
            candidates
                .verify(&message, now)
                .map_err(UnknownReason::BadSignature)?;
        }
        self.ring().learn(&keys, now);
        Ok(keys.len())
    }
}

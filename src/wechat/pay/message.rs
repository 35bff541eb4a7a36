//! Checking what WeChat Pay signed: answers and notifications alike.
//!
//! In this order: every header there once, time within five minutes, key known, signature over the
//! raw bytes. Nothing is parsed before that. Source: pay-v3, section 3.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::keys::{KeyRing, Uses};
use crate::wechat::crypto::VerifyError;

/// How far a message's time may lie from now, either way, in seconds; inclusive.
pub const TIME_WINDOW_S: i64 = 300;

/// What WeChat Pay puts before the base64 of a signature that must not verify.
const PROBE_PREFIX: &[u8] = b"WECHATPAY/SIGNTEST/";

/// A message as it arrived, nothing believed yet.
#[derive(Clone, Copy)]
pub struct SignedMessage<'a> {
    timestamp: &'a [u8],
    nonce: &'a [u8],
    signature: &'a [u8],
    serial: &'a str,
    body: &'a [u8],
}

/// Something whose signature was checked. Only [`KeyRing::verify`] makes one.
#[derive(Clone, Debug)]
pub struct Verified<T>(T);

/// Why a message is not believed, or cannot be read. For records and metrics; the outside is told
/// no difference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A header is missing.
    #[error("header {0} is missing")]
    HeaderMissing(&'static str),
    /// A header is there more than once.
    #[error("header {0} is there more than once")]
    HeaderRepeated(&'static str),
    /// A header holds what it cannot hold.
    #[error("header {0} is malformed")]
    HeaderMalformed(&'static str),
    /// Older than the window.
    #[error("{age_s} s old")]
    Stale {
        /// Its age, in seconds.
        age_s: i64,
    },
    /// From further ahead than the window.
    #[error("{ahead_s} s ahead of this machine's clock")]
    Future {
        /// How far, in seconds.
        ahead_s: i64,
    },
    /// Signed with a key that is not known here.
    #[error("signed with an unknown key")]
    UnknownSerial,
    /// Signed with a certificate that has ended.
    #[error("signed with an expired certificate")]
    CertificateExpired,
    /// The signature is no base64.
    #[error("the signature is not base64")]
    SignatureNotBase64,
    /// The signature does not fit.
    #[error("the signature is wrong")]
    SignatureWrong,
    /// The signature does not fit and calls itself a probe.
    #[error("a probe of WeChat Pay, which must be refused")]
    Probe,
    /// Verified, and not the JSON of a notification.
    #[error("not the JSON of a notification")]
    NotJson,
    /// Encrypted in another way than `AEAD_AES_256_GCM`.
    #[error("encrypted with an unsupported algorithm")]
    UnsupportedAlgorithm,
    /// Does not open with the APIv3 key.
    #[error("does not open with the APIv3 key")]
    DecryptFailed,
    /// Opened, calls itself a refund, and does not read as one.
    #[error("refund notification {id} lacks a usable {field}")]
    RefundUnreadable {
        /// WeChat's id of the notification.
        id: String,
        /// The first field that is missing or makes no sense.
        field: &'static str,
    },
    /// Opened, calls itself a payment, and does not read as one.
    #[error("notification {id} lacks a usable {field}")]
    PlaintextUnreadable {
        /// WeChat's id of the notification.
        id: String,
        /// The first field that is missing or makes no sense.
        field: &'static str,
    },
}

impl Refusal {
    /// A short name for records and metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::HeaderMissing(_) => "header_missing",
            Self::HeaderRepeated(_) => "header_repeated",
            Self::HeaderMalformed(_) => "header_malformed",
            Self::Stale { .. } => "stale",
            Self::Future { .. } => "future",
            Self::UnknownSerial => "unknown_serial",
            Self::CertificateExpired => "certificate_expired",
            Self::SignatureNotBase64 => "signature_not_base64",
            Self::SignatureWrong => "signature_wrong",
            Self::Probe => "probe",
            Self::NotJson => "not_json",
            Self::UnsupportedAlgorithm => "unsupported_algorithm",
            Self::DecryptFailed => "decrypt_failed",
            Self::RefundUnreadable { .. } => "refund_unreadable",
            Self::PlaintextUnreadable { .. } => "plaintext_unreadable",
        }
    }
}

impl Refusal {
    /// Whether WeChat Pay signed what is refused, so that no stranger can have made it.
    pub fn is_signed(&self) -> bool {
        match self {
            Self::NotJson
            | Self::UnsupportedAlgorithm
            | Self::DecryptFailed
            | Self::RefundUnreadable { .. }
            | Self::PlaintextUnreadable { .. } => true,
            Self::HeaderMissing(_)
            | Self::HeaderRepeated(_)
            | Self::HeaderMalformed(_)
            | Self::Stale { .. }
            | Self::Future { .. }
            | Self::UnknownSerial
            | Self::CertificateExpired
            | Self::SignatureNotBase64
            | Self::SignatureWrong
            | Self::Probe => false,
        }
    }
}

impl<'a> SignedMessage<'a> {
    /// Takes the signature headers of a message. `values` gives all values of a header by its name
    /// in lower case.
    ///
    /// # Errors
    /// When one of the four headers is missing, repeated or impossible.
    pub fn from_headers<V>(body: &'a [u8], values: impl Fn(&'static str) -> V) -> Result<Self, Refusal>
    where
        V: Iterator<Item = &'a [u8]>,
    {
        let one = |name: &'static str| {
            let mut values = values(name);
            match (values.next(), values.next()) {
                (Some(value), None) => Ok(value),
                (Some(_), Some(_)) => Err(Refusal::HeaderRepeated(name)),
                (None, _) => Err(Refusal::HeaderMissing(name)),
            }
        };
        let timestamp = one("wechatpay-timestamp")?;
        let nonce = one("wechatpay-nonce")?;
        let signature = one("wechatpay-signature")?;
        let serial = one("wechatpay-serial")?;
        let serial = std::str::from_utf8(serial).map_err(|_| Refusal::HeaderMalformed("wechatpay-serial"))?;
        Ok(Self {
            timestamp,
            nonce,
            signature,
            serial,
            body,
        })
    }

    /// The name of the key it claims to be signed with.
    pub fn serial(&self) -> &'a str {
        self.serial
    }

    pub(super) fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The same with another body.
    pub(super) fn with_body(self, body: &'a [u8]) -> Self {
        Self { body, ..self }
    }

    fn check_time(&self, now: DateTime<Utc>) -> Result<(), Refusal> {
        let malformed = Refusal::HeaderMalformed("wechatpay-timestamp");
        let is_number = !self.timestamp.is_empty() && self.timestamp.iter().all(u8::is_ascii_digit);
        let text = std::str::from_utf8(self.timestamp).ok().filter(|_| is_number);
        let sent_at: i64 = text.and_then(|text| text.parse().ok()).ok_or(malformed)?;
        match now.timestamp().saturating_sub(sent_at) {
            age_s if age_s > TIME_WINDOW_S => Err(Refusal::Stale { age_s }),
            age_s if age_s < -TIME_WINDOW_S => Err(Refusal::Future {
                ahead_s: age_s.saturating_neg(),
            }),
            _ => Ok(()),
        }
    }
}

impl std::fmt::Debug for SignedMessage<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("SignedMessage")
            .field("serial", &self.serial)
            .finish_non_exhaustive()
    }
}

impl KeyRing {
    /// Checks a message and, if it holds, gives its body back as believed.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn verify<'a>(
        &self,
        message: &SignedMessage<'a>,
        now: DateTime<Utc>,
    ) -> Result<Verified<&'a [u8]>, Refusal> {
        self.check(message, now)?.note(now);
        Ok(Verified(message.body))
    }

    /// The same, believing nothing by it and counting nothing.
    pub(super) fn check(
        &self,
        message: &SignedMessage<'_>,
        now: DateTime<Utc>,
    ) -> Result<Arc<Uses>, Refusal> {
        message.check_time(now)?;
        let ring = self.snapshot();
        let key = ring
            .iter()
            .find(|key| key.serial().as_str() == message.serial)
            .ok_or(Refusal::UnknownSerial)?;
        if key.is_expired(now) {
            return Err(Refusal::CertificateExpired);
        }
        let parts = [
            message.timestamp,
            b"\n",
            message.nonce,
            b"\n",
            message.body,
            b"\n",
        ];
        match key.key().verify(&parts, message.signature) {
            Ok(()) => Ok(key.uses()),
            // A probe takes the same way as every other wrong signature; only the record names it.
            Err(_) if message.signature.starts_with(PROBE_PREFIX) => Err(Refusal::Probe),
            Err(VerifyError::NotBase64) => Err(Refusal::SignatureNotBase64),
            Err(VerifyError::Wrong) => Err(Refusal::SignatureWrong),
        }
    }
}

impl<T> Verified<T> {
    /// The believed value.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// The believed value, no longer marked as such.
    pub fn into_inner(self) -> T {
        self.0
    }

    /// What was made of a believed value is believed. Kept to this room, where every making is seen.
    pub(super) fn try_map<U, E>(self, make: impl FnOnce(T) -> Result<U, E>) -> Result<Verified<U>, E> {
        make(self.0).map(Verified)
    }
}

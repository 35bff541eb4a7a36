//! WeChat Pay's public keys by serial: certificates and the public key side by side.
//!
//! A message names its key; "all keys" are never tried. Source: pay-v3, section 4.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};

use crate::domain::name::KeySerial;
use crate::wechat::crypto::VerifyingKey;

/// The most keys that are held; WeChat Pay has two or three at a time.
const KEYS_MAX: usize = 16;

/// Seconds in a day.
const DAY_S: i64 = 86_400;

/// One public key of WeChat Pay.
#[derive(Clone, Debug)]
pub struct PlatformKey {
    serial: KeySerial,
    key: VerifyingKey,
    /// When the certificate begins and ends; a public key has neither.
    validity: Option<(DateTime<Utc>, DateTime<Utc>)>,
    uses: Arc<Uses>,
}

/// How much a key was used since the process began.
#[derive(Debug, Default)]
pub(super) struct Uses {
    verified: AtomicU64,
    /// The time of the last message, in microseconds since 1970; 0 before the first.
    last_at: AtomicI64,
}

impl Uses {
    /// Counts a message of `now`.
    pub(super) fn note(&self, now: DateTime<Utc>) {
        self.verified.fetch_add(1, Ordering::Relaxed);
        self.last_at.fetch_max(now.timestamp_micros(), Ordering::Relaxed);
    }
}

/// Where a key comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Downloaded, expires, is rotated by WeChat Pay.
    Certificate,
    /// Set by the operator, never expires.
    PublicKey,
}

/// What the health page tells about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStatus {
    /// Where it comes from.
    pub kind: KeyKind,
    /// The serial of the certificate, or the id of the public key.
    pub serial: KeySerial,
    /// When the certificate begins.
    pub not_before: Option<DateTime<Utc>>,
    /// When the certificate ends.
    pub not_after: Option<DateTime<Utc>>,
    /// Whole days until the certificate ends; negative afterwards.
    pub days_left: Option<i64>,
    /// How many messages were verified with it since the process began: answers and notifications.
    pub verified: u64,
    /// The time of the last of them.
    pub last_used_at: Option<DateTime<Utc>>,
}

impl PlatformKey {
    /// WeChat Pay's public key, which the operator got from the merchant console.
    pub fn public_key(id: KeySerial, key: VerifyingKey) -> Self {
        Self {
            serial: id,
            key,
            validity: None,
            uses: Arc::default(),
        }
    }

    /// The key of a platform certificate that is valid from `not_before` to `not_after`.
    pub fn certificate(
        serial: KeySerial,
        key: VerifyingKey,
        not_before: DateTime<Utc>,
        not_after: DateTime<Utc>,
    ) -> Self {
        Self {
            serial,
            key,
            validity: Some((not_before, not_after)),
            uses: Arc::default(),
        }
    }

    /// The serial of the certificate, or the id of the public key.
    pub fn serial(&self) -> &KeySerial {
        &self.serial
    }

    pub(super) fn key(&self) -> &VerifyingKey {
        &self.key
    }

    pub(super) fn uses(&self) -> Arc<Uses> {
        Arc::clone(&self.uses)
    }

    pub(super) fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.validity.is_some_and(|(_, not_after)| now > not_after)
    }

    fn status(&self, now: DateTime<Utc>) -> KeyStatus {
        let (not_before, not_after) = self.validity.unzip();
        KeyStatus {
            kind: if self.validity.is_some() {
                KeyKind::Certificate
            } else {
                KeyKind::PublicKey
            },
            serial: self.serial.clone(),
            not_before,
            not_after,
            days_left: not_after.map(|end| end.signed_duration_since(now).num_seconds().div_euclid(DAY_S)),
            verified: self.uses.verified.load(Ordering::Relaxed),
            last_used_at: Some(self.uses.last_at.load(Ordering::Relaxed))
                .filter(|at| *at != 0)
                .and_then(DateTime::from_timestamp_micros),
        }
    }
}

/// The keys that are believed.
#[derive(Debug)]
pub struct KeyRing(RwLock<Arc<[PlatformKey]>>);

impl KeyRing {
    /// A ring that knows the public key, if there is one.
    pub fn new(public_key: Option<PlatformKey>) -> Self {
        Self(RwLock::new(public_key.into_iter().collect()))
    }

    /// Adds keys, replaces those of the same serial and drops what is expired.
    pub fn learn(&self, keys: &[PlatformKey], now: DateTime<Utc>) {
        let mut ring = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let kept = ring
            .iter()
            .filter(|old| keys.iter().all(|new| new.serial != old.serial));
        // A key that comes again goes on counting.
        let known = |new: &PlatformKey| {
            let old = ring.iter().find(|old| old.serial == new.serial);
            PlatformKey {
                uses: old.map_or_else(|| Arc::clone(&new.uses), |old| Arc::clone(&old.uses)),
                ..new.clone()
            }
        };
        let merged = keys
            .iter()
            .map(known)
            .chain(kept.cloned())
            .filter(|key| !key.is_expired(now));
        // The public key comes from the settings and never again: it goes before all that are downloaded.
        let (public, certificates): (Vec<_>, Vec<_>) = merged.partition(|key| key.validity.is_none());
        *ring = public.into_iter().chain(certificates).take(KEYS_MAX).collect();
    }

    /// Whether a key of that serial is there.
    pub fn knows(&self, serial: &str) -> bool {
        self.snapshot().iter().any(|key| key.serial.as_str() == serial)
    }

    /// The keys of this moment.
    pub(super) fn snapshot(&self) -> Arc<[PlatformKey]> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What there is, for the health page.
    pub fn status(&self, now: DateTime<Utc>) -> Vec<KeyStatus> {
        self.snapshot().iter().map(|key| key.status(now)).collect()
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn the_public_key_outlives_any_number_of_certificates() {
        let vectors = include_str!("../../../tests/vectors/vectors.json");
        let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
        let pem = vectors["keys"]["platform_next"]["public_key_pem"]
            .as_str()
            .unwrap();
        let key = VerifyingKey::from_pem(pem).unwrap();
        let id = "PUB_KEY_ID_0119000000012026010100000000000001";
        let public = PlatformKey::public_key(KeySerial::parse(id).unwrap(), key.clone());
        let (ring, now) = (KeyRing::new(Some(public)), DateTime::UNIX_EPOCH);
        for number in 0..2 * KEYS_MAX {
            let serial = KeySerial::parse(format!("{number:040X}")).unwrap();
            let end = now + TimeDelta::days(1_826);
            ring.learn(
                &[PlatformKey::certificate(serial.clone(), key.clone(), now, end)],
                now,
            );
            assert!(ring.knows(id) && ring.knows(serial.as_str()), "after {number}");
        }
        assert_eq!(ring.status(now).len(), KEYS_MAX);
    }
}

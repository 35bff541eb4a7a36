//! What is wrong between this merchant's settings and WeChat Pay, by the calls: which it refuses for the settings, and
//! which answers are not believed. Kept per process.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};

use super::error::{PayError, UnknownReason};
use super::message::Refusal;

/// What a setting, or the merchant console, has to be mended for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Our signature is not believed (`SIGN_ERROR`).
    Signature,
    /// There is no such merchant (`MCH_NOT_EXISTS`).
    Merchant,
    /// The merchant may not make this call (`NO_AUTH`).
    Permission,
    /// The mini program is not bound to the merchant (`APPID_MCHID_NOT_MATCH`).
    Binding,
    /// The answers are not to be believed.
    Unverified(Refusal),
}

impl Trouble {
    /// What an error is about, if it is about the settings.
    pub fn of(error: &PayError) -> Option<Self> {
        match error {
            // Sent on purpose: the next answer is as it should be.
            PayError::Unknown {
                reason: UnknownReason::BadSignature(Refusal::Probe),
                ..
            } => None,
            PayError::Unknown {
                reason: UnknownReason::BadSignature(refusal),
                ..
            } => Some(Self::Unverified(refusal.clone())),
            error if error.has_code(&["SIGNERROR"]) => Some(Self::Signature),
            error if error.has_code(&["MCHNOTEXISTS"]) => Some(Self::Merchant),
            error if error.has_code(&["NOAUTH"]) => Some(Self::Permission),
            error if error.has_code(&["APPIDMCHIDNOTMATCH"]) => Some(Self::Binding),
            _ => None,
        }
    }

    /// Whether it concerns some calls alone; everything else is over for all once one call works.
    fn is_of_call(&self) -> bool {
        matches!(self, Self::Permission | Self::Binding)
    }

    /// WeChat's code, or why an answer is not believed.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Signature => "SIGN_ERROR",
            Self::Merchant => "MCH_NOT_EXISTS",
            Self::Permission => "NO_AUTH",
            Self::Binding => "APPID_MCHID_NOT_MATCH",
            Self::Unverified(refusal) => refusal.as_str(),
        }
    }
}

/// The last trouble of each API, and when, until it works.
#[derive(Debug, Default)]
pub(super) struct Standing(Mutex<Troubles>);

type Troubles = BTreeMap<&'static str, (Trouble, DateTime<Utc>)>;

impl Standing {
    /// Notes how a call of `api` ended: well, with an answer that was verified, or with this error.
    pub(super) fn note(&self, api: &'static str, error: Option<&PayError>, now: DateTime<Utc>) {
        let mut troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match error.map(Trouble::of) {
            None => troubles.retain(|of, (trouble, _)| *of != api && trouble.is_of_call()),
            Some(Some(trouble)) => {
                troubles.insert(api, (trouble, now));
            }
            Some(None) => {}
        }
    }

    /// Forgets the trouble of one API, whose answer was right, and not signed.
    pub(super) fn forget(&self, api: &'static str) {
        let mut troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.remove(api);
    }

    /// API, trouble and time, the newest first.
    pub(super) fn troubles(&self) -> Vec<(&'static str, Trouble, DateTime<Utc>)> {
        let troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let each = troubles
            .iter()
            .map(|(api, (trouble, at))| (*api, trouble.clone(), *at));
        let mut list: Vec<_> = each.collect();
        list.sort_by_key(|(_, _, at)| std::cmp::Reverse(*at));
        list
    }
}

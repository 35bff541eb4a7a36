//! What this process saw of pushes, for the health page. Strangers can knock as often as they like, so
//! that only what is rightly signed says anything about the settings.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};

use crate::domain::name::AppId;
use crate::wechat::push::Refusal;

/// What came of the pushes to one mini program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// When the last one was taken.
    pub taken_at: Option<DateTime<Utc>>,
    /// The last one that was rightly signed and refused, and when.
    pub refused: Option<(Refusal, DateTime<Utc>)>,
}

/// One entry for each mini program that something came for.
#[derive(Debug, Default)]
pub struct Watch(Mutex<BTreeMap<AppId, Seen>>);

impl Watch {
    pub(super) fn note_taken(&self, app_id: &AppId, now: DateTime<Utc>) {
        self.change(app_id, |seen| seen.taken_at = Some(now));
    }

    /// Notes a refusal, if it was rightly signed.
    pub(super) fn note_refused(&self, app_id: &AppId, refusal: Refusal, now: DateTime<Utc>) {
        if refusal.is_signed() {
            self.change(app_id, |seen| seen.refused = Some((refusal, now)));
        }
    }

    /// What was seen, by mini program.
    pub fn seen(&self) -> BTreeMap<AppId, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, app_id: &AppId, change: impl FnOnce(&mut Seen)) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(all.entry(app_id.clone()).or_default());
    }
}

//! What WeChat refuses because of how this server is set up: kept for the health page until a
//! call succeeds again.

use std::sync::Mutex;

use chrono::{DateTime, Utc};

use crate::domain::name::AppId;

/// A refusal that only the operator can mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The mini program.
    pub app_id: AppId,
    /// WeChat's number.
    pub errcode: i64,
    /// When it came.
    pub at: DateTime<Utc>,
}

/// The last such refusal, if none succeeded since.
#[derive(Debug, Default)]
pub struct Trouble(Mutex<Option<Refusal>>);

impl Trouble {
    /// Remembers a refusal.
    pub fn note(&self, refusal: Refusal) {
        if let Ok(mut last) = self.0.lock() {
            *last = Some(refusal);
        }
    }

    /// Forgets the refusal of a mini program that works again.
    pub fn clear(&self, app_id: &AppId) {
        if let Ok(mut last) = self.0.lock()
            && last.as_ref().is_some_and(|refusal| refusal.app_id == *app_id)
        {
            *last = None;
        }
    }

    /// The last refusal.
    pub fn last(&self) -> Option<Refusal> {
        self.0.lock().ok().and_then(|last| last.clone())
    }
}

//! Whether the `APIv3` key opens what WeChat Pay seals. Kept per process.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};

/// Stands for "never".
const NEVER: i64 = i64::MIN;

/// When something rightly signed last opened, and when it last did not.
#[derive(Debug)]
pub struct Opening {
    /// Microseconds since 1970.
    opened_at: AtomicI64,
    failed_at: AtomicI64,
}

impl Default for Opening {
    fn default() -> Self {
        Self {
            opened_at: AtomicI64::new(NEVER),
            failed_at: AtomicI64::new(NEVER),
        }
    }
}

impl Opening {
    /// Whether the key works, by the last thing that was to be opened; `None` before the first.
    pub fn is_working(&self) -> Option<bool> {
        let opened_at = self.opened_at.load(Ordering::Relaxed);
        let failed_at = self.failed_at.load(Ordering::Relaxed);
        (opened_at.max(failed_at) != NEVER).then_some(opened_at >= failed_at)
    }

    pub(super) fn note(&self, is_opened: bool, now: DateTime<Utc>) {
        let at = if is_opened {
            &self.opened_at
        } else {
            &self.failed_at
        };
        at.fetch_max(now.timestamp_micros(), Ordering::Relaxed);
    }
}

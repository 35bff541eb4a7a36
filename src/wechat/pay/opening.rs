//! Whether the `APIv3` key opens what WeChat Pay seals. Kept per process.

use std::sync::atomic::{AtomicU8, Ordering};

/// What became of the last thing: nothing was there yet, it opened, it did not.
const NEVER: u8 = 0;
const OPENED: u8 = 1;
const FAILED: u8 = 2;

/// Whether what was rightly signed opened, the last time. By the order in which things came, not by the clock, which
/// may be set back in between.
#[derive(Debug)]
pub struct Opening(AtomicU8);

impl Default for Opening {
    fn default() -> Self {
        Self(AtomicU8::new(NEVER))
    }
}

impl Opening {
    /// Whether the key works, by the last thing that was to be opened; `None` before the first.
    pub fn is_working(&self) -> Option<bool> {
        match self.0.load(Ordering::Relaxed) {
            NEVER => None,
            last => Some(last == OPENED),
        }
    }

    pub(super) fn note(&self, is_opened: bool) {
        let last = if is_opened { OPENED } else { FAILED };
        self.0.store(last, Ordering::Relaxed);
    }
}

//! How much of a document a check may still look at.

use std::cell::Cell;

/// Bytes of a text that are looked at in one step.
const STEP_BYTES: usize = 32;
/// After so many errors, found on the way or in the end, the check is over.
const ERRORS_MAX: u32 = 100;

/// How many steps are left, and how many errors there were.
#[derive(Debug)]
pub(super) struct Meter {
    left: Cell<u64>,
    errors: Cell<u32>,
}

impl Meter {
    pub(super) fn new(steps: u64) -> Self {
        Self {
            left: Cell::new(steps),
            errors: Cell::new(0),
        }
    }

    /// How many steps are left.
    pub(super) fn left(&self) -> u64 {
        self.left.get()
    }

    /// Takes as many steps as a text or a value of so many bytes costs; tells whether there were enough.
    pub(super) fn take(&self, bytes: usize) -> bool {
        let steps = u64::try_from(1 + bytes / STEP_BYTES).unwrap_or(u64::MAX);
        let left = self.left.get();
        self.left.set(left.saturating_sub(steps));
        left >= steps
    }

    /// Counts an error; tells whether it was found in time.
    pub(super) fn counts_error(&self) -> bool {
        let errors = self.errors.get().saturating_add(1);
        self.errors.set(errors);
        if errors > ERRORS_MAX {
            self.left.set(0);
        }
        self.left.get() > 0
    }
}

//! How much of a document a check may still look at.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Bytes of a text that are looked at in one step.
const STEP_BYTES: usize = 32;
/// Steps for each byte of a text that regular expressions may go through: one of them takes as many turns for a
/// byte as it has states, in the worst case.
const PATTERN_STEPS: usize = 2;
/// After so many errors, found on the way or in the end, the check is over.
const ERRORS_MAX: u32 = 100;

thread_local! {
    static RUNNING: RefCell<Option<Rc<Meter>>> = const { RefCell::new(None) };
}

/// How many steps are left, and how many errors there were.
#[derive(Debug)]
pub(super) struct Meter {
    has_patterns: bool,
    left: Cell<u64>,
    errors: Cell<u32>,
}

impl Meter {
    /// `has_patterns`: whether texts may meet regular expressions.
    pub(super) fn new(steps: u64, has_patterns: bool) -> Self {
        Self {
            has_patterns,
            left: Cell::new(steps),
            errors: Cell::new(0),
        }
    }

    /// Has a check run on this meter. The library shows the names of members without what they are members of, so
    /// that they find it here.
    pub(super) fn run<T>(self: &Rc<Self>, check: impl FnOnce() -> T) -> T {
        RUNNING.set(Some(Rc::clone(self)));
        let outcome = check();
        RUNNING.set(None);
        outcome
    }

    /// That of the check which runs on this thread.
    pub(super) fn running() -> Rc<Self> {
        RUNNING
            .with_borrow(Clone::clone)
            .unwrap_or_else(|| Rc::new(Self::new(0, true)))
    }

    /// How many steps are left.
    pub(super) fn left(&self) -> u64 {
        self.left.get()
    }

    /// Takes as many steps as a value of so many bytes costs; tells whether there were enough.
    pub(super) fn take(&self, bytes: usize) -> bool {
        self.take_steps(1 + bytes / STEP_BYTES)
    }

    /// The same for a text.
    pub(super) fn take_text(&self, bytes: usize) -> bool {
        if self.has_patterns {
            self.take_steps(1 + bytes * PATTERN_STEPS)
        } else {
            self.take(bytes)
        }
    }

    fn take_steps(&self, steps: usize) -> bool {
        let steps = u64::try_from(steps).unwrap_or(u64::MAX);
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

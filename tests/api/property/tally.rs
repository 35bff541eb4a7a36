//! What happened in the stories of a run, so that one in which nothing happens is seen.

use std::collections::BTreeMap;
use std::sync::Mutex;

#[derive(Default)]
pub(super) struct Tally(Mutex<BTreeMap<&'static str, u32>>);

impl Tally {
    pub(super) fn note(&self, what: &'static str) {
        *self.0.lock().unwrap().entry(what).or_default() += 1;
    }

    pub(super) fn assert_least(&self, least: &[(&str, u32)]) {
        let told = self.0.lock().unwrap();
        for (what, least) in least {
            let count = told.get(what).copied().unwrap_or_default();
            assert!(count >= *least, "{what}: {count} of {least}; {told:?}");
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:?}", self.0.lock().unwrap())
    }
}

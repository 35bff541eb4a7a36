//! Calls made for the owner's other services, counted by path.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use metrics::counter;

/// Calls by `path` and `outcome`: `ok`, `refused`, `failed`.
pub(super) const FREE_CALLS: &str = "weir_free_calls_total";
/// Paths that have a series of their own; later ones share `other`. Paths are made up by callers.
const PATHS_MAX: usize = 64;

static PATHS: Paths = Paths(Mutex::new(BTreeSet::new()));

struct Paths(Mutex<BTreeSet<String>>);

impl Paths {
    /// The label of a path.
    fn label(&self, path: &str) -> String {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < PATHS_MAX && !known.contains(path) {
            known.insert(path.to_owned());
        }
        if known.contains(path) {
            path.to_owned()
        } else {
            "other".to_owned()
        }
    }
}

/// Counts a call of an API path, by how it ended.
pub fn count_free_call(path: &str, outcome: &'static str) {
    counter!(FREE_CALLS, "path" => PATHS.label(path), "outcome" => outcome).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_labels_is_bounded() {
        let paths = Paths(Mutex::default());
        for number in 0..PATHS_MAX {
            let path = format!("wxa/{number}");
            assert_eq!(paths.label(&path), path);
        }
        assert_eq!(paths.label("wxa/another"), "other");
        assert_eq!(paths.label("wxa/0"), "wxa/0");
    }
}

//! What lies in the repository beside the code, held to the code.
#![expect(
    clippy::unwrap_used,
    reason = "a test program: whatever is not as it should be ends the test"
)]

mod errors;
mod faults;
mod mutants;
mod postgres;
mod runbook;
mod rust;
mod script;

use std::path::Path;

/// The text of every file in a folder.
fn texts(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(texts(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(std::fs::read_to_string(&path).unwrap());
        }
    }
    found
}

//! The house rules that no compiler knows: which room may import which, where SQL, outgoing calls
//! and the web framework live, how long a file may be and what it may be called.
//!
//! The rules are in `architecture/rule.rs`. Each check is tried on small texts that break it, since
//! a guard that never barks proves nothing.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test program: whatever is not as it should be ends the test"
)]

#[path = "architecture/bark.rs"]
mod bark;
#[path = "architecture/file.rs"]
mod file;
#[path = "architecture/import.rs"]
mod import;
#[path = "architecture/rule.rs"]
mod rule;
#[path = "architecture/secret.rs"]
mod secret;
#[path = "architecture/statement.rs"]
mod statement;

use std::path::{Path, PathBuf};

/// A file of the project: its path from the root, with `/`, and its text.
struct Source {
    path: String,
    text: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `folder` whose name ends with `ending`.
fn sources(folder: &str, ending: &str) -> Vec<Source> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    found.sort();
    found
        .iter()
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .map(|path| Source {
            path: path
                .strip_prefix(root())
                .unwrap()
                .to_string_lossy()
                .replace('\\', "/"),
            text: std::fs::read_to_string(path).unwrap(),
        })
        .collect()
}

fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn imports_run_one_way() {
    let sources = sources("src", ".rs");
    let complaints: Vec<String> = sources
        .iter()
        .flat_map(|source| import::complaints(&source.path, &source.text))
        .collect();
    assert_none(&complaints);
    assert_none(&rule::unused_grants(&sources));
}

#[test]
fn statements_live_in_the_store_and_say_whose_they_are() {
    let complaints: Vec<String> = sources("src", ".rs")
        .iter()
        .flat_map(|source| statement::complaints(&source.path, &source.text))
        .collect();
    assert_none(&complaints);
}

#[test]
fn no_debug_output_shows_a_token_or_a_code() {
    let complaints: Vec<String> = sources("src", ".rs")
        .iter()
        .filter(|source| !source.path.starts_with("src/simulator/"))
        .flat_map(|source| secret::complaints(&source.path, &source.text))
        .collect();
    assert_none(&complaints);
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    let mut complaints = Vec::new();
    for folder in ["src", "tests"] {
        for source in sources(folder, ".rs") {
            complaints.extend(file::complaints(&source.path, &source.text));
        }
    }
    for source in sources("migrations", ".sql") {
        complaints.extend(file::migration_complaints(&source.path));
    }
    assert_none(&complaints);
}

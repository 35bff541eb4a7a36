//! The files: their names and their order.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use chrono::NaiveDateTime;
use weir::store::MIGRATOR;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"))
}

fn names(ending: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(ending))
        .collect();
    names.sort();
    names
}

#[test]
fn a_name_is_a_time_a_verb_and_what_it_is_done_to() {
    const VERBS: [&str; 9] = [
        "create", "add", "drop", "alter", "rename", "index", "fill", "validate", "guard",
    ];
    for name in names(".sql") {
        let (version, words) = name
            .strip_suffix(".sql")
            .unwrap()
            .split_once('_')
            .unwrap_or_else(|| panic!("{name}"));
        assert_eq!(version.len(), 14, "{name}");
        NaiveDateTime::parse_from_str(version, "%Y%m%d%H%M%S").unwrap_or_else(|_| panic!("{name}"));
        let (verb, object) = words.split_once('_').unwrap_or_else(|| panic!("{name}"));
        assert!(VERBS.contains(&verb), "{name}");
        assert!(
            object
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'),
            "{name}"
        );
    }
}

#[test]
fn there_is_no_way_back_and_no_version_twice() {
    assert!(names(".down.sql").is_empty());
    let versions: Vec<i64> = MIGRATOR.iter().map(|migration| migration.version).collect();
    let unique: BTreeSet<i64> = versions.iter().copied().collect();
    assert_eq!(unique.len(), versions.len());
    assert!(versions.is_sorted());
    assert_eq!(versions.len(), names(".sql").len(), "the binary has each file");
    for migration in MIGRATOR.iter() {
        assert!(!migration.migration_type.is_down_migration());
    }
}

#[test]
fn each_file_says_what_it_is_about_and_reads_no_clock() {
    for name in names(".sql") {
        let text = fs::read_to_string(folder().join(&name)).unwrap();
        assert!(text.starts_with("-- "), "{name} begins without a sentence");
        for word in ["now()", "current_timestamp", "clock_timestamp"] {
            assert!(!text.contains(word), "{name} reads the clock");
        }
    }
}

#[test]
fn each_migration_has_rows_to_be_followed_by() {
    let files: Vec<String> = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/migrations/data"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for name in names(".sql") {
        assert!(files.contains(&name), "tests/migrations/data/{name} is missing");
    }
    assert_eq!(files.len(), names(".sql").len());
}

#[test]
fn the_readme_lists_each_file() {
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    for name in names(".sql") {
        assert!(readme.contains(&format!("`{name}`")), "{name}");
    }
}

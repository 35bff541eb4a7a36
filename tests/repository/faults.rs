//! Everything that the simulator can do wrong is done wrong in some scenario.

use std::fs;
use std::path::Path;

use crate::texts;

/// `BillRowMissing` as `bill_row_missing`.
fn spelled(variant: &str) -> String {
    let mut name = String::new();
    for letter in variant.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

#[test]
fn every_fault_strikes_in_some_scenario() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("src/simulator/fault/kind.rs")).unwrap();
    let members = text.split("enum FaultKind {").nth(1).unwrap();
    let members = members.split("\n}").next().unwrap();
    let names: Vec<String> = members
        .lines()
        .filter_map(|line| line.trim().strip_suffix(','))
        .filter(|line| !line.starts_with("//"))
        .map(spelled)
        .collect();
    assert!(names.contains(&"bill_row_missing".to_owned()), "{names:?}");
    let scenarios = texts(&root.join("tests/api"));
    let unused: Vec<&String> = names
        .iter()
        .filter(|name| !scenarios.iter().any(|text| text.contains(&format!("\"{name}\""))))
        .collect();
    assert!(unused.is_empty(), "{unused:?}");
}

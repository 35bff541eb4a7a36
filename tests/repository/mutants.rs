//! `tests/mutants.toml` is text about the code: what no longer stands there can no longer be taken away.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::Path;

use crate::texts;

/// The rules that hold always, by their numbers.
const RULES: RangeInclusive<i64> = 1..=15;

fn mutants() -> Vec<toml::Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("tests/mutants.toml")).unwrap();
    let list: toml::Table = text.parse().unwrap();
    list.get("mutant").unwrap().as_array().unwrap().clone()
}

/// Where two branches append to the list, a merge may leave out the head of an entry, which then counts as a part of
/// the one before.
#[test]
fn every_entry_has_its_own_members_and_no_others() {
    for mutant in mutants() {
        let members =
            |value: &toml::Value| value.as_table().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        let known = ["what", "rule", "red", "has_sql", "edit"].map(str::to_owned);
        assert!(members(&mutant).is_subset(&known.into()), "{mutant}");
        for edit in mutant["edit"].as_array().unwrap() {
            let known = ["file", "from", "to"].map(str::to_owned);
            assert_eq!(members(edit), known.into(), "{}", mutant["what"]);
        }
    }
}

/// What stands twice may be taken away in the wrong place, and a test go red that does not watch over the right one.
#[test]
fn every_safeguard_that_is_taken_away_is_there_once() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut unclear = Vec::new();
    for mutant in mutants() {
        for edit in mutant["edit"].as_array().unwrap() {
            let (file, from) = (edit["file"].as_str().unwrap(), edit["from"].as_str().unwrap());
            let text = std::fs::read_to_string(root.join(file)).unwrap();
            let places = text.matches(from).count();
            if places != 1 {
                unclear.push((
                    mutant["what"].as_str().unwrap().to_owned(),
                    file.to_owned(),
                    places,
                ));
            }
        }
    }
    assert!(unclear.is_empty(), "{unclear:?}");
}

#[test]
fn each_of_the_rules_that_hold_always_is_broken_by_some_mutant() {
    let broken: BTreeSet<i64> = mutants()
        .iter()
        .filter_map(|mutant| mutant.get("rule")?.as_integer())
        .collect();
    let unbroken: Vec<i64> = RULES.filter(|rule| !broken.contains(rule)).collect();
    assert!(unbroken.is_empty(), "{unbroken:?}");
    // 0 is a bound that no rule names.
    assert!(
        broken.iter().all(|rule| *rule == 0 || RULES.contains(rule)),
        "{broken:?}"
    );
}

#[test]
fn every_test_that_a_mutant_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for red in mutants().iter().filter_map(|mutant| mutant.get("red")) {
        let (program, path) = red.as_str().unwrap().split_once("::").unwrap();
        let folder = match program {
            "lib" => root.join("src"),
            program => root.join("tests").join(program),
        };
        let name = format!("fn {}(", path.rsplit("::").next().unwrap());
        assert!(texts(&folder).iter().any(|text| text.contains(&name)), "{red}");
    }
}

/// A long run of which nobody ever saw a red one may be blind.
#[test]
fn every_long_run_is_reddened_by_some_mutant() {
    let reds = mutants();
    let reds: Vec<&str> = reds
        .iter()
        .filter_map(|mutant| mutant.get("red")?.as_str())
        .collect();
    let long = [
        "crash::",
        "multitude::",
        "fuzz::",
        "property::",
        "reset_anywhere::",
        "overload::ten",
    ];
    for name in long {
        let name = format!("api::{name}");
        assert!(reds.iter().any(|red| red.starts_with(&name)), "{name}");
    }
}

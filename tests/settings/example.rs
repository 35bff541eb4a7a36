//! `.env.example` lists what is read, reads what it lists, and its samples are no secrets.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use weir::config::Settings;

use crate::sound::{Values, everything, read};

const EXAMPLE: &str = include_str!("../../.env.example");

/// The names of `NAME=` and `#NAME=` lines, and whether each is in force as it stands.
fn listed() -> Vec<(&'static str, bool)> {
    EXAMPLE
        .lines()
        .filter_map(|line| {
            let (name, _) = line.split_once('=')?;
            let bare = name.strip_prefix('#').unwrap_or(name);
            let is_name = !bare.is_empty()
                && bare
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
            is_name.then_some((bare, bare.len() == name.len()))
        })
        .collect()
}

#[test]
fn what_is_read_is_listed_and_what_is_listed_is_read() {
    let asked = RefCell::new(BTreeSet::new());
    let folder = tempfile::tempdir().unwrap();
    let values = everything(&folder);
    drop(Settings::read(|name| {
        asked.borrow_mut().insert(name.to_owned());
        values.get(name).cloned()
    }));
    let listed: BTreeSet<String> = listed().iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(listed, asked.into_inner());
}

#[test]
fn each_variable_is_listed_once_and_explained_by_unit_default_and_example() {
    let lines: Vec<&str> = EXAMPLE.lines().collect();
    let mut seen = BTreeSet::new();
    for (name, is_required) in listed() {
        assert!(seen.insert(name), "{name} twice");
        let at = lines
            .iter()
            .position(|line| line.trim_start_matches('#').starts_with(&format!("{name}=")))
            .unwrap();
        let comment: Vec<&str> = lines[..at]
            .iter()
            .rev()
            .take_while(|line| line.starts_with("# "))
            .copied()
            .collect();
        let comment: String = comment.into_iter().rev().collect::<Vec<_>>().join("\n");
        assert!(comment.contains("Example:"), "{name}: {comment}");
        assert!(
            comment.contains("Default:") || comment.contains("Required"),
            "{name}: {comment}"
        );
        assert_eq!(is_required, comment.contains("Required."), "{name}: {comment}");
    }
}

#[test]
fn a_copy_that_is_filled_in_parses() {
    let folder = tempfile::tempdir().unwrap();
    let values = everything(&folder);
    let mut filled = String::new();
    for line in EXAMPLE.lines() {
        let bare = line.strip_prefix('#').unwrap_or(line);
        match bare
            .split_once('=')
            .and_then(|(name, _)| Some((name, values.get(name)?)))
        {
            Some((name, value)) => writeln!(filled, "{name}='{value}'").unwrap(),
            None => writeln!(filled, "{line}").unwrap(),
        }
    }
    let parsed: Values = dotenvy::from_read_iter(filled.as_bytes())
        .map(Result::unwrap)
        .collect();
    assert_eq!(parsed.len(), values.len());
    assert!(read(&parsed).unwrap().merchant.is_some());
}

#[test]
fn an_unfilled_copy_names_only_what_is_required() {
    let parsed: Values = dotenvy::from_read_iter(EXAMPLE.as_bytes())
        .map(Result::unwrap)
        .collect();
    let problems = read(&parsed).unwrap_err();
    let required: Vec<&str> = listed()
        .iter()
        .filter(|(_, is_required)| *is_required)
        .map(|(name, _)| *name)
        .collect();
    let named: BTreeSet<&str> = problems.iter().map(|problem| problem.variable).collect();
    assert_eq!(named, required.into_iter().collect());
    assert!(problems.iter().all(|problem| problem.what == "is required"));
}

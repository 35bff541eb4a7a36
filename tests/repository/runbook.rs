//! The runbook is read at three in the morning: what the code measures stands there by its name.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn runbook() -> String {
    fs::read_to_string(root().join("docs/runbook.md")).unwrap()
}

/// The row of a metric in the table of metrics.
fn row(metric: &str) -> String {
    let (text, cell) = (runbook(), format!("`{metric}`"));
    let table = text.split("\n## Metrics\n").nth(1).unwrap();
    let mut rows = table.lines().filter(|line| line.starts_with("| `"));
    let row = rows.find(|row| row.split('|').nth(1).unwrap().contains(&cell));
    row.unwrap_or_default().to_owned()
}

/// The words in back quotes of a row's labels.
fn labels(metric: &str) -> BTreeSet<String> {
    let row = row(metric);
    let cell = row.split('|').nth(2).unwrap_or_default();
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Every source file below a folder, without its tests.
fn sources(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(path).unwrap();
                found.push(text.split("#[cfg(test)]").next().unwrap().to_owned());
            }
        }
    }
    found
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The quoted names that stand between two pieces of code; `after` may have white space before each part.
fn between(folder: &str, before: &str, after: &[&str]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for text in sources(folder) {
        for (at, _) in text.match_indices(before) {
            let Some((name, rest)) = text[at + before.len()..].split_once('"') else {
                continue;
            };
            let follows = after
                .iter()
                .try_fold(rest, |rest, part| rest.trim_start().strip_prefix(part));
            if is_name(name) && follows.is_some() {
                names.insert(name.to_owned());
            }
        }
    }
    names
}

fn missing(names: BTreeSet<String>, known: &BTreeSet<String>) -> Vec<String> {
    names.into_iter().filter(|name| !known.contains(name)).collect()
}

#[test]
fn every_metric_has_a_row() {
    let metrics: Vec<String> = between("src", "\"weir_", &[])
        .into_iter()
        .map(|name| format!("weir_{name}"))
        .collect();
    assert!(metrics.len() > 20, "{metrics:?}");
    let without: Vec<_> = metrics.iter().filter(|name| row(name).is_empty()).collect();
    assert!(without.is_empty(), "{without:?}");
}

#[test]
fn every_loop_is_named_where_its_turns_are_counted_and_where_it_is_described() {
    let loops = between("src/worker", "name: \"", &[","]);
    assert!(loops.len() > 15, "{loops:?}");
    let described: BTreeSet<String> = runbook()
        .lines()
        .filter_map(|line| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned()))
        .collect();
    assert_eq!(missing(loops.clone(), &described), Vec::<String>::new());
    assert_eq!(
        missing(loops, &labels("weir_loop_runs_total")),
        Vec::<String>::new()
    );
}

#[test]
fn every_bound_that_turns_requests_away_is_named() {
    let reasons = between("src/telemetry", "=> \"", &[","]);
    assert!(reasons.contains("in_flight"), "{reasons:?}");
    assert_eq!(
        missing(reasons, &labels("weir_http_shed_total")),
        Vec::<String>::new()
    );
}

#[test]
fn every_api_of_wechat_is_named() {
    // The name of a call stands before its path, or is a constant.
    let mut apis = between("src/wechat/mini", "\"", &[",", "\"/"]);
    apis.extend(between("src/wechat", ": &str = \"", &[";"]));
    for api in ["pay_refund_query", "code2session", "getuserphonenumber"] {
        assert!(apis.contains(api), "{api} is not among {apis:?}");
    }
    assert_eq!(
        missing(apis, &labels("weir_upstream_requests_total")),
        Vec::<String>::new()
    );
}

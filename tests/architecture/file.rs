//! Length, name and head of a file.

use crate::rule;

/// What is wrong with a file as a whole.
pub(crate) fn complaints(path: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let lines = text.lines().count();
    let most = if path == "src/main.rs" {
        rule::MAIN_LINES_MAX
    } else {
        rule::LINES_MAX
    };
    if lines > most {
        complaints.push(format!("{path}: {lines} lines, at most {most}"));
    }
    for part in path.split('/') {
        let name = part.strip_suffix(".rs").unwrap_or(part);
        if rule::EMPTY_NAMES.contains(&name) {
            complaints.push(format!("{path}: `{name}` says nothing"));
        }
    }
    for line in text.lines().map(str::trim) {
        let declared = line.strip_prefix("pub ").unwrap_or(line).strip_prefix("mod ");
        let name = declared.map(|rest| rest.trim_end_matches([';', '{', ' ']));
        if name.is_some_and(|name| rule::EMPTY_NAMES.contains(&name)) {
            complaints.push(format!("{path}: `{line}` says nothing"));
        }
    }
    if !text.starts_with("//!") {
        complaints.push(format!("{path}: begins without `//!`, what it is for"));
    }
    complaints
}

/// What is wrong with the name of a migration: `YYYYMMDDHHMMSS_verb_object.sql`.
pub(crate) fn migration_complaints(path: &str) -> Vec<String> {
    let name = path
        .rsplit('/')
        .next()
        .and_then(|name| name.strip_suffix(".sql"))
        .unwrap_or_default();
    let is_named = name.split_once('_').is_some_and(|(time, words)| {
        let is_time = time.len() == 14 && time.bytes().all(|byte| byte.is_ascii_digit());
        let is_words = words.contains('_')
            && words
                .split('_')
                .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()));
        is_time && is_words
    });
    if is_named {
        Vec::new()
    } else {
        vec![format!("{path}: not YYYYMMDDHHMMSS_verb_object.sql")]
    }
}

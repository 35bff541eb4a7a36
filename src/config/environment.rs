//! The process environment and `.env`: the one place that looks at them.

use std::collections::HashMap;
use std::io;

/// Reads the environment of this process and `.env` of the working folder or one above it; a
/// variable that is set already wins. Nothing is written into the environment.
///
/// # Errors
/// When `.env` exists and cannot be read or parsed. The message holds no value.
pub fn environment() -> io::Result<impl Fn(&str) -> Option<String>> {
    let mut values = from_file()?;
    values.extend(from_process());
    Ok(move |name: &str| values.get(name).cloned())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment"
)]
fn from_process() -> impl Iterator<Item = (String, String)> {
    // `vars` panics on text that is not Unicode; such variables are not ours.
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn from_file() -> io::Result<HashMap<String, String>> {
    let Some(text) = text()? else {
        return Ok(HashMap::new());
    };
    let mut values = HashMap::new();
    for entry in dotenvy::from_read_iter(text.as_bytes()) {
        // The error of a bad line quotes the line, which may hold a secret.
        let Ok((name, value)) = entry else {
            let which = match bad_name(&text, &values) {
                Some(name) => format!("that of {name}"),
                None => format!("after {} good ones", values.len()),
            };
            return Err(io::Error::other(format!(
                ".env has a line that is not NAME=value, {which}; a value with spaces or quotes stands in single quotes"
            )));
        };
        values.insert(name, value);
    }
    Ok(values)
}

/// What `.env` holds, of the working folder or the nearest one above it that has one.
fn text() -> io::Result<Option<String>> {
    let unreadable = |_| io::Error::other(".env cannot be read");
    let here = std::env::current_dir().map_err(unreadable)?;
    let mut files = here.ancestors().map(|folder| folder.join(".env"));
    let Some(file) = files.find(|file| file.is_file()) else {
        return Ok(None);
    };
    std::fs::read_to_string(file).map(Some).map_err(unreadable)
}

/// The variable of the first bad line, where it can be told: not where values go over several lines, since a line of
/// one is no setting and may look like one.
fn bad_name<'a>(text: &'a str, good: &HashMap<String, String>) -> Option<&'a str> {
    if good.values().any(|value| value.contains('\n')) {
        return None;
    }
    let is_bad = |line: &&str| dotenvy::from_read_iter(line.as_bytes()).any(|entry| entry.is_err());
    let (name, _) = text.split_inclusive('\n').find(is_bad)?.split_once('=')?;
    let name = name.trim();
    let name = name.strip_prefix("export ").unwrap_or(name).trim_start();
    // A piece of a secret is not repeated.
    let is_name = name.starts_with(|first: char| first.is_ascii_uppercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    is_name.then_some(name)
}

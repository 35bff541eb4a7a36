//! The process environment and `.env`: the one place that looks at them.

use std::collections::HashMap;
use std::io::{self, Cursor};

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
    for setting in lines(&text) {
        let Some((name, value)) = setting else {
            let which = match bad_name(&text, &values) {
                Some(name) => format!("that of {name}"),
                None => format!("after {} good ones", values.len()),
            };
            return Err(io::Error::other(format!(
                ".env has a line that is not NAME=value, {which}; a value with spaces, quotes or a $ stands in single \
                 quotes"
            )));
        };
        values.insert(name, value);
    }
    Ok(values)
}

/// Marks each `$` of a text; no character of a setting.
const MARKED: &str = "$\u{e000}";

/// The settings of a text, and nothing in place of a bad line: the error would quote the line, which may hold a secret.
///
/// Outside single quotes a `$` would vanish with what follows, or become the value of another variable, so that a
/// secret would be cut short. Where a mark has lost its `$`, that was about to happen.
fn lines(text: &str) -> impl Iterator<Item = Option<(String, String)>> + use<> {
    let marked = Cursor::new(text.replace('$', MARKED));
    dotenvy::from_read_iter(marked).map(|line| {
        let (name, value) = line.ok()?;
        let value = value.replace(MARKED, "$");
        (!value.contains('\u{e000}')).then_some((name, value))
    })
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
    let is_bad = |line: &&str| lines(line).any(|setting| setting.is_none());
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

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn a_dollar_stays_in_single_quotes_or_behind_a_backslash_and_is_refused_elsewhere() {
        let value = |line| lines(line).next().flatten().map(|(_, value)| value);
        for (line, kept) in [
            ("A='x$y'", "x$y"),
            ("A='$HOME ${x} \\$'", "$HOME ${x} \\$"),
            ("A=x\\$y", "x$y"),
            ("A=\"x\\$y\"", "x$y"),
            ("A=x # $y", "x"),
        ] {
            assert_eq!(value(line).as_deref(), Some(kept), "{line}");
        }
        for line in [
            "A=x$",
            "A=$HOME",
            "A=$$",
            "A=\"${B}\"",
            "A=\"x$y\"",
            "A='x'$y",
            "A=${",
        ] {
            assert_eq!(value(line), None, "{line}");
        }
    }
}

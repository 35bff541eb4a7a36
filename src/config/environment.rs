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
    let entries = match dotenvy::dotenv_iter() {
        Ok(entries) => entries,
        Err(error) if error.not_found() => return Ok(HashMap::new()),
        Err(_) => return Err(io::Error::other(".env cannot be read")),
    };
    let mut values = HashMap::new();
    for entry in entries {
        // The error of a bad line quotes the line, which may hold a secret.
        let (name, value) = entry.map_err(|_| {
            let after = values.len();
            io::Error::other(format!(
                ".env has a line that is not NAME=value, after {after} good ones"
            ))
        })?;
        values.insert(name, value);
    }
    Ok(values)
}

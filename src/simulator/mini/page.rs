//! What codes and links say of a page, and what is wrong with it.

use serde_json::Value;

pub(super) const MARKS: &str = "!#$&'()*+,/:;=?@-._~";
pub(super) const RESERVED: &str = "scancode_time";

/// A member that may be missing; an empty text counts as missing. `Err`: it is something else.
pub(super) fn text<'a>(body: &'a Value, name: &str) -> Result<Option<&'a str>, ()> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err(()),
    }
}

/// A member that may be missing. `Err`: it is something else.
pub(super) fn flag(body: &Value, name: &str) -> Result<Option<bool>, ()> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(()),
    }
}

/// A member that may be missing. `Err`: it is something else.
pub(super) fn number(body: &Value, name: &str) -> Result<Option<i64>, ()> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(number) => number.as_i64().map(Some).ok_or(()),
    }
}

/// The version that opens, `release` when none is named. `Err`: there is no such version.
pub(super) fn env_version(body: &Value) -> Result<&str, ()> {
    let named = text(body, "env_version")?.unwrap_or("release");
    ["release", "trial", "develop"]
        .into_iter()
        .find(|known| *known == named)
        .ok_or(())
}

/// Whether a text has nothing but letters and digits of ASCII and these marks.
pub(super) fn holds_only(text: &str, marks: &str) -> bool {
    text.chars()
        .all(|letter| letter.is_ascii_alphanumeric() || marks.contains(letter))
}

/// A path and the query behind it.
pub(super) fn split(target: &str) -> (&str, &str) {
    target.split_once('?').unwrap_or((target, ""))
}

//! JSON to a value, or to a problem that names the field.
//!
//! The first try is the plain parser; only when it fails is the body parsed again, slower, to learn
//! where. Nothing of the caller's values is repeated in a problem: they may be secrets.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use serde_json::error::Category;
use serde_path_to_error::Segment;

use crate::error::{AppError, ErrorCode, FieldError};

/// Parses a whole body.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, AppError> {
    if bytes.is_empty() {
        return Err(AppError::new(ErrorCode::RequestMalformed).detail("The body is empty."));
    }
    // The parser would not look at what it passes over.
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(AppError::new(ErrorCode::RequestMalformed).detail("The body is not UTF-8."));
    };
    if holds_zero_escape(bytes) {
        return Err(refuse_zero(bytes));
    }
    // Without this an array would pass for an object, its items taken as the fields in their order.
    if text.trim_ascii_start().starts_with('[') && serde_json::from_str::<IgnoredAny>(text).is_ok() {
        return Err(AppError::field("", "type", "must be an object"));
    }
    serde_json::from_str(text).map_err(|error| explain::<T>(text, &error))
}

fn explain<T: DeserializeOwned>(text: &str, plain: &serde_json::Error) -> AppError {
    // Whether it is JSON at all is settled first, however early a field is wrong.
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        return malformed(&error);
    }
    let mut parser = serde_json::Deserializer::from_str(text);
    let located = serde_path_to_error::deserialize::<_, T>(&mut parser).err();
    let (pointer, error) = match &located {
        Some(located) => (pointer(located.path().iter()), located.inner()),
        None => (String::new(), plain),
    };
    let message = sentence(error);
    if error.classify() == Category::Data {
        return AppError::fields(vec![describe(pointer, &message)]);
    }
    // The grammar of JSON allows half a surrogate pair; as text it cannot be kept.
    if message.contains("surrogate") || message.contains("hex escape") {
        let detail = "holds half of a surrogate pair, which is no character";
        return AppError::field(pointer, "characters", detail);
    }
    malformed(error)
}

fn malformed(error: &serde_json::Error) -> AppError {
    let (message, line, column) = (sentence(error), error.line(), error.column());
    AppError::new(ErrorCode::RequestMalformed).detail(format!(
        "The body is not JSON: {message} (line {line}, column {column})."
    ))
}

/// The parser's message without the place.
fn sentence(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.split(" at line ").next().unwrap_or_default().to_owned()
}

fn pointer<'a>(path: impl Iterator<Item = &'a Segment>) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => push(&mut pointer, &index.to_string()),
            Segment::Map { key } => push(&mut pointer, key),
            Segment::Enum { variant } => push(&mut pointer, variant),
            Segment::Unknown => {}
        }
    }
    pointer
}

/// Adds a reference token, escaped after RFC 6901.
fn push(pointer: &mut String, token: &str) {
    pointer.push('/');
    pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
}

/// Reads serde's sentence. Its forms are part of serde's public behaviour: `serde::de::Error`.
pub(super) fn describe(pointer: String, message: &str) -> FieldError {
    let name = || message.split('`').nth(1).unwrap_or_default();
    let expected = || {
        message
            .split_once("expected ")
            .map_or("another value", |(_, rest)| rest)
    };
    let below = |pointer: &str| {
        let mut pointer = pointer.to_owned();
        let mut tail = String::new();
        push(&mut tail, name());
        if !pointer.ends_with(&tail) {
            pointer.push_str(&tail);
        }
        pointer
    };
    if message.starts_with("missing field") {
        let mut pointer = pointer;
        push(&mut pointer, name());
        FieldError::new(pointer, "required", "is required")
    } else if message.starts_with("unknown field") {
        FieldError::new(below(&pointer), "unknown", "is not known")
    } else if message.starts_with("duplicate field") {
        FieldError::new(below(&pointer), "duplicate", "is there twice")
    } else if message.starts_with("invalid type") {
        FieldError::new(pointer, "type", format!("must be {}", plain_type(expected())))
    } else if message.starts_with("invalid value: integer") || message.starts_with("invalid value: floating")
    {
        FieldError::new(pointer, "range", "is out of range")
    } else if let Some(bounds) = message.strip_prefix("out of range: ") {
        FieldError::new(pointer, "range", bounds)
    } else if message.starts_with("invalid length") {
        FieldError::new(pointer, "length", "has the wrong length")
    } else if message.starts_with("unknown variant") {
        FieldError::new(pointer, "value", format!("must be {}", expected()))
    } else if message.starts_with("invalid value") {
        FieldError::new(pointer, "format", format!("must be {}", plain_type(expected())))
    } else {
        // A sentence of one of our own types, such as `not a valid login code`.
        FieldError::new(pointer, "format", format!("is {message}"))
    }
}

/// JSON's words for serde's.
fn plain_type(expected: &str) -> &str {
    match expected {
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a string" | "string" | "a borrowed string" | "str" => "a string",
        "a sequence" => "an array",
        "a map" => "an object",
        other if other.starts_with("struct ") || other.contains("tagged enum") => "an object",
        other if other.starts_with("enum ") => "one of the known words",
        other => other,
    }
}

/// Whether an escape sequence for U+0000 stands in the text: `\u0000` behind an even number of
/// backslashes. PostgreSQL cannot keep that character.
fn holds_zero_escape(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        let escape = rest.get(at..).unwrap_or_default();
        if escape.starts_with(b"\\u0000") {
            return true;
        }
        rest = escape.get(2..).unwrap_or_default();
    }
    false
}

fn refuse_zero(bytes: &[u8]) -> AppError {
    let pointer = serde_json::from_slice::<Value>(bytes)
        .ok()
        .and_then(|value| find_zero(&value))
        .unwrap_or_default();
    AppError::field(pointer, "characters", "holds the zero character")
}

fn find_zero(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| Some(format!("/{index}{}", find_zero(item)?))),
        Value::Object(members) => members.iter().find_map(|(key, item)| {
            if key.contains('\0') {
                return Some(String::new());
            }
            let below = find_zero(item)?;
            let mut pointer = String::new();
            push(&mut pointer, key);
            Some(pointer + &below)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "what matters is whether it can be read")]
    struct Order {
        items: Vec<Line>,
        note: Option<String>,
        kind: Option<Kind>,
        code: Option<crate::domain::name::LoginCode>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "what matters is whether it can be read")]
    struct Line {
        quantity: u32,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Express,
        Local,
    }

    fn field(body: &str) -> (String, &'static str, String) {
        let error = parse::<Order>(body.as_bytes()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::ValidationFailed, "{body}: {error:?}");
        let field = error.field_errors()[0].clone();
        (field.pointer, field.code, field.detail)
    }

    /// Body; pointer, code and detail of what is wrong with it.
    const WRONG: &[(&str, &str, &str, &str)] = &[
        (r#"{"note":"x"}"#, "/items", "required", "is required"),
        (
            r#"{"items":[{"quantity":1},{}]}"#,
            "/items/1/quantity",
            "required",
            "is required",
        ),
        (r#"{"items":[],"a/b":1}"#, "/a~1b", "unknown", "is not known"),
        (
            r#"{"items":[{"quantity":1,"x":1}]}"#,
            "/items/0/x",
            "unknown",
            "is not known",
        ),
        (r#"{"items":"1"}"#, "/items", "type", "must be an array"),
        (
            r#"{"items":[{"quantity":"1"}]}"#,
            "/items/0/quantity",
            "type",
            "must be a whole number",
        ),
        (
            r#"{"items":[{"quantity":-1}]}"#,
            "/items/0/quantity",
            "range",
            "is out of range",
        ),
        (
            r#"{"items":[{"quantity":1.5}]}"#,
            "/items/0/quantity",
            "type",
            "must be a whole number",
        ),
        (r#"{"items":[],"note":3}"#, "/note", "type", "must be a string"),
        (
            r#"{"items":[],"note":"a","note":"b"}"#,
            "/note",
            "duplicate",
            "is there twice",
        ),
        (
            r#"{"items":[],"kind":"sea"}"#,
            "/kind",
            "value",
            "must be `express` or `local`",
        ),
        (
            r#"{"items":[],"code":"a b"}"#,
            "/code",
            "format",
            "is not a valid login code",
        ),
        (r#""text""#, "", "type", "must be an object"),
        (r#" [[{"quantity":1}],"note"]"#, "", "type", "must be an object"),
        (
            r#"{"items":[],"note":"a\u0000b"}"#,
            "/note",
            "characters",
            "holds the zero character",
        ),
        (
            r#"{"items":[],"note":"\ud83d!"}"#,
            "/note",
            "characters",
            "holds half of a surrogate pair, which is no character",
        ),
    ];

    #[test]
    fn a_wrong_field_is_named_by_its_pointer() {
        for (body, pointer, code, detail) in WRONG.iter().copied() {
            assert_eq!(
                field(body),
                (pointer.to_owned(), code, detail.to_owned()),
                "{body}"
            );
        }
    }

    #[test]
    fn what_is_not_json_is_malformed() {
        for body in [
            "",
            "{",
            "{]",
            "nul",
            "{\"items\":[]} x",
            "{\"note\":\"\u{0}\"}",
            "\u{feff}{}",
            "[[[[",
        ] {
            let error = parse::<Order>(body.as_bytes()).unwrap_err();
            assert_eq!(error.code(), ErrorCode::RequestMalformed, "{body}");
        }
        assert_eq!(
            parse::<Order>(b"{\"note\":\"\xff\"}").unwrap_err().code(),
            ErrorCode::RequestMalformed
        );
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(9_000), "]".repeat(9_000));
        assert_eq!(
            parse::<Value>(deep.as_bytes()).unwrap_err().code(),
            ErrorCode::RequestMalformed
        );
    }

    #[test]
    fn a_backslash_before_u0000_is_only_text() {
        let order: Order = parse(br#"{"items":[],"note":"a\\u0000"}"#).unwrap();
        assert_eq!(order.note.as_deref(), Some("a\\u0000"));
    }
}

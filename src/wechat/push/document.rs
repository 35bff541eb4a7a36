//! A body as an object, whether it is JSON or XML. Which of them it is, its first character says.

use serde_json::{Map, Value};

use super::xml;

/// How deep objects, lists and elements may lie in one another. WeChat's deepest has four levels.
pub(super) const DEPTH_MAX: usize = 32;

/// Why a body is no document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Neither an object in JSON nor an element in XML, in UTF-8.
    #[error("neither an object in JSON nor an element in XML")]
    Malformed,
    /// XML with a document type, an entity of its own or a processing instruction.
    #[error("XML with a document type, an entity or a processing instruction")]
    Forbidden,
    /// Deeper than 32 levels.
    #[error("nested more than {DEPTH_MAX} levels deep")]
    TooDeep,
}

/// Reads a body of bounded length.
pub(super) fn read(body: &[u8]) -> Result<Map<String, Value>, DocumentError> {
    let text = std::str::from_utf8(body).map_err(|_| DocumentError::Malformed)?;
    // WeChat writes none, editors do.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
    if text.starts_with('<') {
        return xml::read(text);
    }
    let value: Map<String, Value> = serde_json::from_str(text).map_err(|_| DocumentError::Malformed)?;
    if value.values().any(|value| is_deeper(value, DEPTH_MAX - 1)) {
        return Err(DocumentError::TooDeep);
    }
    Ok(value)
}

/// Whether there are more than so many levels. The reader itself stops at 128.
fn is_deeper(value: &Value, levels: usize) -> bool {
    let mut inner: Box<dyn Iterator<Item = &Value>> = match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(members) => Box::new(members.values()),
        _ => return false,
    };
    match levels.checked_sub(1) {
        None => true,
        Some(levels) => inner.any(|value| is_deeper(value, levels)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_read_in_either_form() {
        let json = read(b"\xef\xbb\xbf {\"a\":\"1\"} ").unwrap();
        assert_eq!(json, read(b" <xml><a>1</a></xml>").unwrap());
        for bad in [
            "",
            " ",
            "[]",
            "1",
            "\"a\"",
            "null",
            "{",
            "{}{}",
            "{\"a\":1}x",
            "{\"a\":\"\\ud800\"}",
        ] {
            assert_eq!(read(bad.as_bytes()), Err(DocumentError::Malformed), "{bad}");
        }
        assert_eq!(read(b"{\"a\":\"\xff\"}"), Err(DocumentError::Malformed));
    }

    #[test]
    fn the_depth_of_json_is_bounded() {
        let nested = |depth: usize| format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(nested(DEPTH_MAX - 1).as_bytes()).is_ok());
        assert_eq!(read(nested(DEPTH_MAX).as_bytes()), Err(DocumentError::TooDeep));
        assert_eq!(read(nested(100_000).as_bytes()), Err(DocumentError::Malformed));
    }
}

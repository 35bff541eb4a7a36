//! `Idempotency-Key`: the same intent, however often it is sent.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use super::precedence::{InTurn, in_turn};
use crate::error::{AppError, ErrorCode};

const NAME: &str = "Idempotency-Key";

/// The longest key, in characters; the limit is inclusive.
const KEY_MAX: usize = 64;

/// 1 to 64 visible ASCII characters that the caller chose for one intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key as text.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl FromRequest for IdempotencyKey {
    type Error = AppError;
    type Future = InTurn<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        in_turn(request, read(request))
    }
}

/// The same where a repetition is harmless enough to do without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionalKey(pub Option<IdempotencyKey>);

impl FromRequest for OptionalKey {
    type Error = AppError;
    type Future = InTurn<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let key = if request.headers().contains_key(NAME) {
            read(request).map(|key| Self(Some(key)))
        } else {
            Ok(Self(None))
        };
        in_turn(request, key)
    }
}

fn read(request: &HttpRequest) -> Result<IdempotencyKey, AppError> {
    let mut lines = request.headers().get_all(NAME);
    let line = lines
        .next()
        .ok_or_else(|| AppError::new(ErrorCode::IdempotencyKeyMissing))?;
    if lines.next().is_some() {
        return Err(AppError::field(NAME, "duplicate", "must be there once"));
    }
    let bytes = line.as_bytes();
    if bytes.is_empty() || bytes.len() > KEY_MAX {
        return Err(AppError::field(NAME, "length", "must have 1 to 64 characters"));
    }
    if !bytes.iter().all(u8::is_ascii_graphic) {
        return Err(AppError::field(
            NAME,
            "characters",
            "must be visible ASCII characters",
        ));
    }
    Ok(IdempotencyKey(String::from_utf8_lossy(bytes).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn a_key_is_there_once_visible_and_short() {
        let read = |value: &str| {
            read(
                &TestRequest::default()
                    .insert_header((NAME, value))
                    .to_http_request(),
            )
        };
        assert_eq!(read("a-1").unwrap().as_str(), "a-1");
        assert!(read(&"k".repeat(64)).is_ok());
        for value in ["", "a b", "é"] {
            assert_eq!(
                read(value).unwrap_err().code(),
                ErrorCode::ValidationFailed,
                "{value}"
            );
        }
        assert!(read(&"k".repeat(65)).is_err());
        let none = super::read(&TestRequest::default().to_http_request()).unwrap_err();
        assert_eq!(none.code(), ErrorCode::IdempotencyKeyMissing);
    }
}

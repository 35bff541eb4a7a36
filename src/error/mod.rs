//! The one error of the application, and what of it may be seen outside.
//!
//! This room knows no web framework; `http::problem` writes it to the wire. A cause goes to the
//! log and never out.

mod code;

use std::borrow::Cow;
use std::error::Error as StdError;

pub use code::{CodeRow, ErrorCode, Loudness};

use crate::domain::collection::Wrong;
use crate::domain::entropy::EntropyError;

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// JSON Pointer (RFC 6901) into the body, or the name of a query parameter, header or path part.
    pub pointer: String,
    /// A stable word: `required`, `unknown`, `type`, `format`, `range`, `length`, `characters`, …
    pub code: &'static str,
    /// A sentence for the developer.
    pub detail: String,
}

impl FieldError {
    /// Says what is wrong with the field at `pointer`.
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            code,
            detail: detail.into(),
        }
    }
}

/// A reason to refuse or to fail, with its public face and its private cause.
#[derive(Debug)]
pub struct AppError {
    code: ErrorCode,
    detail: Option<Cow<'static, str>>,
    fields: Vec<FieldError>,
    retry_after_s: Option<u32>,
    wechat_errcode: Option<i64>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl AppError {
    /// An error with nothing but its code.
    pub fn new(code: ErrorCode) -> Self {
        Self {
            code,
            detail: None,
            fields: Vec::new(),
            retry_after_s: None,
            wechat_errcode: None,
            source: None,
        }
    }

    /// A defect of ours: 500 outside, the cause in the log.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(ErrorCode::Internal).caused_by(cause)
    }

    /// One field is not acceptable.
    pub fn field(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self::fields(vec![FieldError::new(pointer, code, detail)])
    }

    /// Several fields are not acceptable.
    pub fn fields(fields: Vec<FieldError>) -> Self {
        Self {
            fields,
            ..Self::new(ErrorCode::ValidationFailed)
        }
    }

    /// Adds a sentence about this occurrence. It is public: no ids of others, no text of WeChat.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds the fields that are to blame.
    #[must_use]
    pub fn with_fields(mut self, fields: Vec<FieldError>) -> Self {
        self.fields = fields;
        self
    }

    /// Says when to try again, in whole seconds.
    #[must_use]
    pub fn retry_after_s(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Adds WeChat's number of the refusal, never its text.
    #[must_use]
    pub fn wechat_errcode(mut self, errcode: i64) -> Self {
        self.wechat_errcode = Some(errcode);
        self
    }

    /// Keeps the cause for the log.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(cause.into());
        self
    }

    /// The code.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The public sentence about this occurrence.
    pub fn public_detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The fields that are to blame.
    pub fn field_errors(&self) -> &[FieldError] {
        &self.fields
    }

    /// When to try again, in seconds; retryable codes always have one.
    pub fn retry_after(&self) -> Option<u32> {
        self.retry_after_s
            .or_else(|| self.code.row().is_retryable.then_some(1))
    }

    /// WeChat's number of the refusal.
    pub fn errcode(&self) -> Option<i64> {
        self.wechat_errcode
    }

    /// The chain of causes as one line, for the log alone.
    pub fn causes(&self) -> Option<String> {
        let mut line = String::new();
        let mut cause: Option<&(dyn StdError + 'static)> = self.source();
        while let Some(error) = cause {
            if !line.is_empty() {
                line.push_str(": ");
            }
            line.push_str(&error.to_string());
            cause = error.source();
        }
        (!line.is_empty()).then_some(line)
    }
}

/// What its problem document says.
impl std::fmt::Display for AppError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let row = self.code.row();
        let detail = self.public_detail().unwrap_or(row.explanation);
        write!(out, "{}: {detail}", row.text)?;
        for field in &self.fields {
            write!(out, " {}: {}", field.pointer, field.detail)?;
        }
        Ok(())
    }
}

impl StdError for AppError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.source {
            Some(cause) => Some(cause.as_ref()),
            None => None,
        }
    }
}

impl From<Wrong> for AppError {
    fn from(wrong: Wrong) -> Self {
        Self::field(wrong.pointer, wrong.code, wrong.detail)
    }
}

impl From<EntropyError> for AppError {
    fn from(error: EntropyError) -> Self {
        Self::internal(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_words_with_sensible_statuses() {
        let texts: HashSet<_> = ErrorCode::ALL.iter().map(|code| code.row().text).collect();
        assert_eq!(texts.len(), ErrorCode::ALL.len());
        for code in ErrorCode::ALL {
            let row = code.row();
            assert!(
                row.text
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
                "{}",
                row.text
            );
            assert!((400..600).contains(&row.status), "{}", row.text);
        }
    }

    #[test]
    fn causes_are_one_line_and_not_in_the_public_face() {
        let error = AppError::internal(std::io::Error::other("disk"));
        assert_eq!(error.causes().as_deref(), Some("disk"));
        assert!(error.to_string().starts_with("internal: "));
        assert!(!error.to_string().contains("disk"));
    }
}

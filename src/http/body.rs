//! A JSON body as a value.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest};
use serde::de::DeserializeOwned;

use super::{json, payload, precedence};
use crate::error::{AppError, ErrorCode};

/// The limit of a body where a route sets none, in bytes, inclusive.
pub const BODY_LIMIT: usize = 16 * 1024;

/// The JSON body of a request, of at most `LIMIT` bytes. Whether unknown fields are refused is
/// decided by `T`.
///
/// Refuses with `unsupported_media_type`, `payload_too_large`, `request_timeout`,
/// `request_malformed` for what is not JSON, and `validation_failed` for JSON that is not a `T`.
#[derive(Clone, Debug)]
pub struct Body<T, const LIMIT: usize = BODY_LIMIT>(pub T);

impl<T: DeserializeOwned, const LIMIT: usize> FromRequest for Body<T, LIMIT> {
    type Error = AppError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, AppError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_json = is_json(request);
        let reading = payload::read(request, payload, LIMIT);
        let turn = precedence::turn(request);
        Box::pin(async move {
            let read = async {
                if !is_json {
                    return Err(AppError::new(ErrorCode::UnsupportedMediaType));
                }
                json::parse(&reading.await?).map(Self)
            };
            let body = read.await;
            if body.is_err() {
                turn.await;
            }
            body
        })
    }
}

/// `application/json`, with no parameter but the charset that JSON has anyway.
fn is_json(request: &HttpRequest) -> bool {
    let mut lines = request.headers().get_all(header::CONTENT_TYPE);
    let Some(text) = lines.next().and_then(|line| line.to_str().ok()) else {
        return false;
    };
    let (kind, parameter) = text.split_once(';').unwrap_or((text, ""));
    let parameter = parameter.trim();
    lines.next().is_none()
        && kind.trim().eq_ignore_ascii_case("application/json")
        && (parameter.is_empty()
            || parameter.eq_ignore_ascii_case("charset=utf-8")
            || parameter.eq_ignore_ascii_case("charset=\"utf-8\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn only_json_in_utf8_is_json() {
        let check = |value: &str| {
            is_json(
                &TestRequest::default()
                    .insert_header(("content-type", value))
                    .to_http_request(),
            )
        };
        for yes in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json;charset=utf-8",
        ] {
            assert!(check(yes), "{yes}");
        }
        for no in [
            "text/plain",
            "application/json; charset=gbk",
            "application/x-www-form-urlencoded",
            "",
        ] {
            assert!(!check(no), "{no}");
        }
        assert!(!is_json(&TestRequest::default().to_http_request()));
    }
}

//! A JSON body as a value.

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
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

impl<T: DeserializeOwned + 'static, const LIMIT: usize> FromRequest for Body<T, LIMIT> {
    type Error = AppError;
    type Future = LocalBoxFuture<'static, Result<Self, AppError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let form = if is_json(request) { Form::Json } else { Form::Other };
        let reading = read(request, payload, (form, LIMIT));
        Box::pin(async move { reading.await.map(Self) })
    }
}

/// The same where all of it may be left out: no body at all stands for `{}`, if it does not call itself anything.
/// Many a client sends no content type without a body.
#[derive(Clone, Debug)]
pub struct OptionalBody<T, const LIMIT: usize = BODY_LIMIT>(pub T);

impl<T: DeserializeOwned + 'static, const LIMIT: usize> FromRequest for OptionalBody<T, LIMIT> {
    type Error = AppError;
    type Future = LocalBoxFuture<'static, Result<Self, AppError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let form = if is_json(request) {
            Form::Json
        } else if request.headers().contains_key(header::CONTENT_TYPE) {
            Form::Other
        } else {
            Form::Nameless
        };
        let reading = read(request, payload, (form, LIMIT));
        Box::pin(async move { reading.await.map(Self) })
    }
}

/// What a body says that it is.
#[derive(Clone, Copy)]
enum Form {
    Json,
    /// Nothing, and it may be nothing.
    Nameless,
    Other,
}

fn read<T: DeserializeOwned + 'static>(
    request: &HttpRequest,
    payload: &mut Payload,
    (form, limit): (Form, usize),
) -> impl Future<Output = Result<T, AppError>> + use<T> {
    let reading = payload::read(request, payload, limit);
    let turn = precedence::turn(request);
    async move {
        let read = async {
            let is_nothing = match form {
                Form::Json => return json::parse(&reading.await?),
                Form::Nameless => reading.await?.is_empty(),
                Form::Other => false,
            };
            if is_nothing {
                json::parse(b"{}")
            } else {
                Err(AppError::new(ErrorCode::UnsupportedMediaType))
            }
        };
        let body = read.await;
        if body.is_err() {
            turn.await;
        }
        body
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

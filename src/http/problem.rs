//! The one shape of an error on the wire: `application/problem+json`, RFC 9457.
//!
//! This is the only place that makes a response from an error. The cause stays behind, for the log.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{AppError, ErrorCode, FieldError};
use crate::telemetry;

/// The content type of a problem.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// Where `type` points: a section of the page that this server serves, generated from the same
/// table as `docs/errors.md`.
const TYPE_BASE: &str = "/docs/errors#";

/// A reason to refuse or to fail. `code` is what a program switches on; it never changes.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem<'a> {
    /// A relative link to the explanation of the code.
    #[serde(rename = "type")]
    kind: String,
    /// The same for every problem of this code.
    title: &'static str,
    /// The status of the response.
    status: u16,
    /// About this occurrence; what the code stands for where there is no more to say.
    detail: &'a str,
    /// The request id, the same as in `x-request-id`: a relative reference by the letter of RFC 9457.
    instance: String,
    /// The stable code.
    code: &'static str,
    /// The fields that are to blame.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: Vec<Field<'a>>,
    /// WeChat's number of the refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    wechat_errcode: Option<i64>,
}

/// What is wrong with one field.
#[derive(Debug, Serialize, ToSchema)]
pub struct Field<'a> {
    /// JSON Pointer into the body, or the name of a parameter or header.
    pointer: &'a str,
    /// A stable word, such as `required`.
    code: &'static str,
    /// A sentence for the developer.
    detail: &'a str,
}

impl<'a> From<&'a FieldError> for Field<'a> {
    fn from(error: &'a FieldError) -> Self {
        Self {
            pointer: &error.pointer,
            code: error.code,
            detail: &error.detail,
        }
    }
}

impl ResponseError for AppError {
    fn status_code(&self) -> StatusCode {
        status(self.code())
    }

    fn error_response(&self) -> HttpResponse {
        response(self)
    }
}

/// The response of an error, noted in the record of the request in hand.
pub fn response(error: &AppError) -> HttpResponse {
    telemetry::note_error(error);
    let row = error.code().row();
    let id = telemetry::current().map_or(Uuid::nil(), |record| record.id());
    let problem = Problem {
        kind: format!("{TYPE_BASE}{}", row.text),
        title: row.title,
        status: row.status,
        detail: error.public_detail().unwrap_or(row.explanation),
        instance: id.to_string(),
        code: row.text,
        errors: error.field_errors().iter().map(Field::from).collect(),
        wechat_errcode: error.errcode(),
    };
    let mut response = HttpResponse::build(status(error.code()));
    response.insert_header((header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE)));
    if let Some(seconds) = error.retry_after() {
        response.insert_header((header::RETRY_AFTER, HeaderValue::from(seconds)));
    }
    if row.status == 401 {
        response.insert_header((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
    }
    if matches!(
        error.code(),
        ErrorCode::PayloadTooLarge | ErrorCode::RequestTimeout
    ) {
        // The rest of the body is still on its way and nobody wants it.
        response.force_close();
    }
    response.body(serde_json::to_vec(&problem).unwrap_or_default())
}

fn status(code: ErrorCode) -> StatusCode {
    StatusCode::from_u16(code.row().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The problem that stands for a bare status, for answers that were not made from an [`AppError`].
pub(super) fn of_status(status: StatusCode) -> AppError {
    AppError::new(match status.as_u16() {
        401 => ErrorCode::Unauthenticated,
        404 => ErrorCode::RouteNotFound,
        405 => ErrorCode::MethodNotAllowed,
        408 => ErrorCode::RequestTimeout,
        413 => ErrorCode::PayloadTooLarge,
        415 => ErrorCode::UnsupportedMediaType,
        429 => ErrorCode::RateLimited,
        503 => ErrorCode::Unavailable,
        400..=499 => ErrorCode::RequestMalformed,
        _ => ErrorCode::Internal,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::MessageBody as _;

    #[test]
    fn a_problem_has_every_member_and_no_cause() {
        let error = AppError::field("/code", "required", "is required")
            .detail("Look again.")
            .wechat_errcode(40029)
            .caused_by(std::io::Error::other("disk"));
        let response = response(&error);
        assert_eq!(response.status(), 422);
        let bytes = response.into_body().try_into_bytes().unwrap();
        let body: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "type": "/docs/errors#validation_failed",
                "title": "A value is not acceptable",
                "status": 422,
                "detail": "Look again.",
                "instance": "00000000-0000-0000-0000-000000000000",
                "code": "validation_failed",
                "errors": [{"pointer": "/code", "code": "required", "detail": "is required"}],
                "wechat_errcode": 40029,
            })
        );
    }

    #[test]
    fn the_code_explains_itself_where_nobody_says_more() {
        let bytes = response(&AppError::new(ErrorCode::SessionExpired)).into_body();
        let bytes = bytes.try_into_bytes().unwrap();
        let body: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(body["detail"], ErrorCode::SessionExpired.row().explanation);
        assert_eq!(body.get("errors"), None, "no field is to blame");
    }

    #[test]
    fn headers_follow_the_code() {
        let limited = response(&AppError::new(ErrorCode::RateLimited).retry_after_s(7));
        assert_eq!(limited.headers().get("retry-after").unwrap(), "7");
        let stranger = response(&AppError::new(ErrorCode::SessionExpired));
        assert_eq!(stranger.headers().get("www-authenticate").unwrap(), "Bearer");
    }
}

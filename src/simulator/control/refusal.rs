//! How the control API refuses.

use std::fmt;

use actix_web::error::{JsonPayloadError, PathError, QueryPayloadError};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

/// Why a request of the control API was refused.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Refusal {
    #[serde(skip)]
    status: StatusCode,
    /// `invalid_request`, `not_found`, `conflict` or `failed`.
    code: &'static str,
    message: String,
}

impl Refusal {
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: "invalid_request",
            message: message.into(),
        }
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            code: "not_found",
            message: message.into(),
        }
    }

    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::CONFLICT,
            code: "conflict",
            message: message.into(),
        }
    }

    pub(super) fn failed(error: &super::super::error::Error) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "failed",
            message: error.to_string(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status).json(self)
    }
}

impl From<Refusal> for HttpResponse {
    fn from(refusal: Refusal) -> Self {
        refusal.error_response()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the web framework calls it so")]
pub(super) fn of_json(error: JsonPayloadError, _: &HttpRequest) -> actix_web::Error {
    Refusal::invalid(error.to_string()).into()
}

#[expect(clippy::needless_pass_by_value, reason = "the web framework calls it so")]
pub(super) fn of_query(error: QueryPayloadError, _: &HttpRequest) -> actix_web::Error {
    Refusal::invalid(error.to_string()).into()
}

#[expect(clippy::needless_pass_by_value, reason = "the web framework calls it so")]
pub(super) fn of_path(error: PathError, _: &HttpRequest) -> actix_web::Error {
    Refusal::invalid(error.to_string()).into()
}

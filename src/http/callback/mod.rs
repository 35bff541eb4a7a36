//! What WeChat calls. Its own small answers, never a problem document.

pub mod pay;
pub mod push;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{AppError, ErrorCode};
use crate::telemetry;

/// WeChat's form of a failure.
#[derive(Debug, Serialize, ToSchema)]
pub struct Failure {
    /// `FAIL`.
    #[schema(value_type = String, example = "FAIL")]
    code: &'static str,
    #[schema(value_type = String)]
    message: &'static str,
}

/// The answer to what reached no callback, and where we are the trouble: WeChat delivers again.
pub(super) fn failure(error: &AppError) -> HttpResponse {
    telemetry::note_error(error);
    match error.code() {
        ErrorCode::RouteNotFound => return refuse(StatusCode::NOT_FOUND, "no such address"),
        ErrorCode::MethodNotAllowed => return refuse(StatusCode::METHOD_NOT_ALLOWED, "no such method here"),
        _ => {}
    }
    let mut answer = refuse(StatusCode::SERVICE_UNAVAILABLE, "not now");
    let wait_s = error.retry_after().unwrap_or(1);
    answer.headers_mut().insert(RETRY_AFTER, wait_s.into());
    answer
}

fn refuse(status: StatusCode, message: &'static str) -> HttpResponse {
    HttpResponse::build(status).json(Failure {
        code: "FAIL",
        message,
    })
}

//! Reading a body within a size and a time of its own: the server's request timeout ends with the
//! headers, so without this a client could take forever.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::web::{Bytes, BytesMut, Data};
use actix_web::{FromRequest, HttpRequest};
use futures_util::StreamExt as _;

use super::shell::Shell;
use crate::error::{AppError, ErrorCode};

/// A request's body as it came, of at most `LIMIT` bytes, for what must be verified before it is
/// parsed. Compressed bodies are refused.
#[derive(Clone, Debug)]
pub struct RawBody<const LIMIT: usize>(pub Bytes);

impl<const LIMIT: usize> FromRequest for RawBody<LIMIT> {
    type Error = AppError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, AppError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let reading = read(request, payload, LIMIT);
        Box::pin(async move { Ok(Self(reading.await?)) })
    }
}

/// Reads the whole body. The headers are judged at once, so that a body that cannot be wanted is
/// not waited for.
pub(super) fn read(
    request: &HttpRequest,
    payload: &mut Payload,
    limit: usize,
) -> impl Future<Output = Result<Bytes, AppError>> + use<> {
    let checked = check_headers(request, limit);
    let deadline = request
        .app_data::<Data<Shell>>()
        .map_or(Duration::from_secs(5), |shell| shell.bounds.body_deadline);
    let mut payload = payload.take();
    async move {
        checked?;
        let reading = collect(&mut payload, limit);
        tokio::time::timeout(deadline, reading)
            .await
            .unwrap_or_else(|_| Err(AppError::new(ErrorCode::RequestTimeout)))
    }
}

pub(super) fn check_headers(request: &HttpRequest, limit: usize) -> Result<(), AppError> {
    let headers = request.headers();
    let is_plain = headers
        .get_all(header::CONTENT_ENCODING)
        .all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"));
    if !is_plain {
        return Err(AppError::new(ErrorCode::UnsupportedMediaType).detail("Compressed bodies are not taken."));
    }
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    Ok(())
}

async fn collect(payload: &mut Payload, limit: usize) -> Result<Bytes, AppError> {
    let mut whole = Bytes::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| refuse(&error, limit))?;
        if chunk.len().saturating_add(whole.len()) > limit {
            return Err(too_large(limit));
        }
        // One chunk is the rule, and is not copied.
        if whole.is_empty() {
            whole = chunk;
        } else {
            let mut longer = BytesMut::from(whole);
            longer.extend_from_slice(&chunk);
            whole = longer.freeze();
        }
    }
    Ok(whole)
}

fn too_large(limit: usize) -> AppError {
    AppError::new(ErrorCode::PayloadTooLarge).detail(format!("At most {limit} bytes."))
}

fn refuse(error: &PayloadError, limit: usize) -> AppError {
    if matches!(error, PayloadError::Overflow) {
        return too_large(limit);
    }
    AppError::new(ErrorCode::RequestMalformed)
        .detail("The body breaks off or is wrongly encoded.")
        .caused_by(error.to_string())
}

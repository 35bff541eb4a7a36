//! What `wx.uploadFile` sends: a form with one file, read within a size, a time and the memory that
//! all uploads share.

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::web::{Bytes, BytesMut, Data, Payload};
use futures_util::{StreamExt as _, TryStreamExt as _, future};

use super::payload;
use super::shell::Shell;
use crate::domain::file::FILE_BYTES_MAX;
use crate::error::{AppError, ErrorCode};
use crate::service::file::UploadMemory;
use crate::service::file::put_file::Upload;

/// The field that holds the file, as a page names it in `wx.uploadFile`.
const FILE: &str = "file";
/// Other fields of the form, which are read and thrown away, and the size of each, in bytes.
const OTHERS_MAX: usize = 16;
const OTHER_BYTES_MAX: usize = 4 * 1024;
/// The whole body, in bytes: the file, the other fields, and what stands between them.
const BODY_BYTES_MAX: usize = FILE_BYTES_MAX + OTHERS_MAX * 2 * OTHER_BYTES_MAX;

/// Reads the form.
///
/// # Errors
/// `unsupported_media_type`, `payload_too_large`, `request_timeout`, `request_malformed` for a form
/// that breaks off, `validation_failed` unless there is exactly one file with something in it,
/// `rate_limited` and `unavailable` when too much is in hand, of this user and of all.
pub(super) async fn read(
    request: &HttpRequest,
    body: Payload,
    memory: UploadMemory,
) -> Result<Upload, AppError> {
    payload::check_headers(request, BODY_BYTES_MAX)?;
    if !is_form(request) {
        return Err(AppError::new(ErrorCode::UnsupportedMediaType)
            .detail("Send a form as `multipart/form-data`, as `wx.uploadFile` does."));
    }
    let deadline = request
        .app_data::<Data<Shell>>()
        .map(|shell| shell.bounds.upload_deadline)
        .ok_or_else(|| AppError::internal("the server was built without its shell"))?;
    let mut seen = 0_usize;
    let bounded = body.and_then(move |chunk| {
        seen = seen.saturating_add(chunk.len());
        future::ready(if seen > BODY_BYTES_MAX {
            Err(PayloadError::Overflow)
        } else {
            Ok(chunk)
        })
    });
    let form = Multipart::new(request.headers(), bounded);
    tokio::time::timeout(deadline, collect(form, memory))
        .await
        .unwrap_or_else(|_| Err(AppError::new(ErrorCode::RequestTimeout)))
}

fn is_form(request: &HttpRequest) -> bool {
    let mut lines = request.headers().get_all(header::CONTENT_TYPE);
    let text = lines.next().and_then(|line| line.to_str().ok());
    let kind = text.and_then(|text| text.split(';').next()).unwrap_or_default();
    lines.next().is_none() && kind.trim().eq_ignore_ascii_case("multipart/form-data")
}

async fn collect(mut form: Multipart, mut memory: UploadMemory) -> Result<Upload, AppError> {
    let mut file: Option<Bytes> = None;
    let mut others = 0;
    while let Some(mut field) = form.try_next().await.map_err(|error| refuse(&error))? {
        if field.name() == Some(FILE) {
            if file.is_some() {
                return Err(AppError::field("/file", "unique", "one file at a time"));
            }
            file = Some(read_file(&mut field, &mut memory).await?);
            continue;
        }
        others += 1;
        if others > OTHERS_MAX {
            return Err(too_large("At most 16 fields beside the file."));
        }
        let mut bytes = 0_usize;
        while let Some(chunk) = field.next().await {
            bytes = bytes.saturating_add(chunk.map_err(|error| refuse(&error))?.len());
            if bytes > OTHER_BYTES_MAX {
                return Err(too_large("At most 4096 bytes in a field beside the file."));
            }
        }
    }
    let content = file.ok_or_else(|| AppError::field("/file", "required", "the form has no file"))?;
    if content.is_empty() {
        return Err(AppError::field("/file", "length", "the file is empty"));
    }
    Ok(Upload { content, memory })
}

async fn read_file(field: &mut Field, memory: &mut UploadMemory) -> Result<Bytes, AppError> {
    let mut content = BytesMut::new();
    while let Some(chunk) = field.next().await {
        let chunk: Bytes = chunk.map_err(|error| refuse(&error))?;
        let bytes = content.len().saturating_add(chunk.len());
        if bytes > FILE_BYTES_MAX {
            return Err(too_large("At most 10485760 bytes."));
        }
        memory.grow(bytes)?;
        content.extend_from_slice(&chunk);
    }
    Ok(content.freeze())
}

fn too_large(detail: &'static str) -> AppError {
    AppError::new(ErrorCode::PayloadTooLarge).detail(detail)
}

fn refuse(error: &MultipartError) -> AppError {
    if matches!(error, MultipartError::Payload(PayloadError::Overflow)) {
        return too_large("The form is larger than the largest file.");
    }
    AppError::new(ErrorCode::RequestMalformed)
        .detail("The form breaks off or is wrongly built.")
        .caused_by(error.to_string())
}

//! `GET /files/{name}`: what users have sent, for everybody.
//!
//! A file never changes, so whoever has it keeps it. It is shown as the picture that it is and as
//! nothing else: no guessing of types, no script, whatever its bytes look like.

use std::io;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, EntityTag, HttpDate};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use futures_util::StreamExt as _;
use futures_util::stream::{self, Stream};
use tokio::sync::mpsc;
use utoipa::ToSchema;

use super::condition::{self, Representation, Wanted};
use super::path::{PathId, PathPart};
use super::problem::{self, Problem};
use crate::domain::file::{PictureKind, StoredFile, parse_name};
use crate::domain::id::FileId;
use crate::error::{AppError, ErrorCode};
use crate::file::place::Piece;
use crate::service::Context;
use crate::service::file::read_file::{self, Content};

/// Kept by everybody for a year, and never asked about again.
const CACHED: &str = "public, max-age=31536000, immutable";
/// Nothing may be loaded or run by it, wherever it is opened.
const POLICY: &str = "default-src 'none'; sandbox";
/// What a page may read of the answer.
const EXPOSED: &str = "Content-Length, Content-Range, ETag, Last-Modified, X-Request-Id";
/// Pieces that wait for a client; a piece of a folder has 8 KiB, of a store what a packet brings.
const PIECES_AHEAD: usize = 2;
/// A client that takes nothing for so long gets no more.
const STALLED_AFTER: Duration = Duration::from_secs(30);

/// The bytes of a picture.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct PictureBytes(#[expect(dead_code, reason = "it describes what is sent piece by piece")] Vec<u8>);

/// The end of a file's address.
#[derive(Clone, Copy, Debug)]
pub struct FileName(FileId, PictureKind);

impl PathPart for FileName {
    const NAME: &'static str = "name";

    fn parse(text: &str) -> Option<Self> {
        parse_name(text).map(|(id, kind)| Self(id, kind))
    }
}

/// Fetch a file
///
/// Public and permanent, as `POST /v1/files` gave its address. One range can be asked for; several
/// are answered with the whole.
#[utoipa::path(get, path = "/files/{name}", tag = "everybody", security(()),
    params(
        ("name" = String, Path, description = "The end of a file's `url`", pattern = "^[0-9a-f-]{36}\\.(jpg|png|gif|webp)$"),
        ("Range" = Option<String>, Header, description = "One range of bytes"),
        ("If-None-Match" = Option<String>, Header, description = "Tags of what the client has"),
    ),
    responses(
        (status = 200, description = "The whole file.",
            content((PictureBytes = "image/jpeg"), (PictureBytes = "image/png"), (PictureBytes = "image/gif"), (PictureBytes = "image/webp"))),
        (status = 206, description = "The range.",
            content((PictureBytes = "image/jpeg"), (PictureBytes = "image/png"), (PictureBytes = "image/gif"), (PictureBytes = "image/webp"))),
        (status = 304, description = "The client has it."),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 416, description = "`range_not_satisfiable`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn read_file(
    context: web::Data<Context>,
    request: HttpRequest,
    name: PathId<FileName>,
) -> Result<HttpResponse, AppError> {
    let FileName(id, kind) = name.0;
    let file = read_file::find_file(&context, id, kind).await?;
    let there = representation(&file);
    match condition::judge(&request, &there) {
        Wanted::NotModified => Ok(head(StatusCode::NOT_MODIFIED, &file, &there).finish()),
        Wanted::Unsatisfiable => {
            let mut response = problem::response(&AppError::new(ErrorCode::RangeNotSatisfiable));
            let size = header::HeaderValue::from_str(&format!("bytes */{}", file.bytes));
            response
                .headers_mut()
                .insert(header::CONTENT_RANGE, size.map_err(AppError::internal)?);
            Ok(response)
        }
        Wanted::Whole => {
            let body = body(&context, &file, 0..file.bytes).await?;
            Ok(shown(StatusCode::OK, &file, &there).body(body))
        }
        Wanted::Part(range) => {
            let last = range.end.saturating_sub(1);
            let told = format!("bytes {}-{last}/{}", range.start, file.bytes);
            let body = body(&context, &file, range).await?;
            let mut response = shown(StatusCode::PARTIAL_CONTENT, &file, &there);
            Ok(response.insert_header((header::CONTENT_RANGE, told)).body(body))
        }
    }
}

/// What a browser asks before a page may send a header of its own.
pub async fn allow_file() -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header((header::ALLOW, "GET, HEAD, OPTIONS"))
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD"))
        .insert_header((
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Range, If-Range, If-None-Match, If-Modified-Since",
        ))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, "86400"))
        .finish()
}

fn representation(file: &StoredFile) -> Representation {
    Representation {
        tag: EntityTag::new_strong(hex::encode(file.sha256)),
        modified_at: SystemTime::from(read_file::modified_at(file)),
        bytes: file.bytes,
    }
}

/// What every answer about a file has.
fn head(status: StatusCode, file: &StoredFile, there: &Representation) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response
        .insert_header(header::ETag(there.tag.clone()))
        .insert_header(header::LastModified(HttpDate::from(there.modified_at)))
        .insert_header((header::CACHE_CONTROL, CACHED))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((
            header::CONTENT_DISPOSITION,
            format!("inline; filename=\"{}\"", file.name()),
        ))
        .insert_header(("cross-origin-resource-policy", "cross-origin"))
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED));
    response
}

fn shown(status: StatusCode, file: &StoredFile, there: &Representation) -> HttpResponseBuilder {
    let mut response = head(status, file, there);
    response
        .insert_header((header::CONTENT_TYPE, file.kind.content_type()))
        .insert_header((header::ACCEPT_RANGES, "bytes"));
    response
}

async fn body(
    context: &Context,
    file: &StoredFile,
    range: Range<u64>,
) -> Result<SizedStream<impl Stream<Item = io::Result<Piece>> + use<>>, AppError> {
    let bytes = range.end.saturating_sub(range.start);
    let opened = read_file::open_file(context, file, range).await?;
    Ok(SizedStream::new(bytes, pump(opened)))
}

/// Hands pieces on to a client. They are fetched by a task of its own, since nobody asks for the next
/// piece, or lets go of the last, while a client takes nothing.
pub(super) fn pump(content: Content) -> impl Stream<Item = io::Result<Piece>> {
    let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
    tokio::spawn(async move {
        let Content { mut pieces, turn } = content;
        while let Some(piece) = pieces.next().await {
            let is_last = piece.is_err();
            if let Err(error) = &piece {
                tracing::warn!(cause = %error, "a file could not be sent to its end");
            }
            let piece = piece.map_err(io::Error::other);
            let sent = tokio::time::timeout(STALLED_AFTER, sender.send(piece)).await;
            if is_last || !matches!(sent, Ok(Ok(()))) {
                break;
            }
        }
        drop(turn);
    });
    stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|piece| (piece, receiver))
    })
}

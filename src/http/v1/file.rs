//! `/v1/files`: a user's own files.

#![expect(
    unused_qualifications,
    reason = "written by the macro that describes a route with a query"
)]

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::page::{self, Page};
use crate::domain::file::StoredFile;
use crate::domain::id::FileId;
use crate::error::AppError;
use crate::http::problem::Problem;
use crate::http::{PathId, Query, upload};
use crate::service::Context;
use crate::service::file::{put_file, read_file, remove_file};

/// A form with a file, as `wx.uploadFile` sends it. Other fields are thrown away: 16 at the most, of
/// 4,096 bytes each.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes a form that is read piece by piece")]
pub struct UploadForm {
    /// A JPEG, PNG, GIF or WebP picture of 1 to 10,485,760 bytes, up to 16,384 pixels a side and 64
    /// million in all. Its name and the type it claims count for nothing.
    #[schema(value_type = String, format = Binary, content_media_type = "application/octet-stream")]
    file: Vec<u8>,
}

/// A file that is kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct FileResponse {
    #[schema(value_type = uuid::Uuid)]
    id: FileId,
    /// Permanent and public.
    url: String,
    /// The size of what is kept: what was sent, without place, time and other notes.
    bytes: u64,
    /// What it is by its content.
    #[schema(pattern = "^image/(jpeg|png|gif|webp)$")]
    content_type: &'static str,
    /// The hash of what is kept, in hexadecimal.
    sha256: String,
}

impl FileResponse {
    fn of(file: &StoredFile, base_url: &Url) -> Result<Self, AppError> {
        let folder = base_url.join("files/").map_err(AppError::internal)?;
        let url = folder.join(&file.name()).map_err(AppError::internal)?;
        Ok(Self {
            id: file.id,
            url: url.into(),
            bytes: file.bytes,
            content_type: file.kind.content_type(),
            sha256: hex::encode(file.sha256),
        })
    }
}

/// Keep a picture
///
/// Its content decides what it is. Everything that does not show it is taken out of it: the place
/// where it was taken, times, names, texts. 1,000 files and 512 MiB for each user, 120 uploads an
/// hour; 60 seconds for each.
#[utoipa::path(post, path = "/v1/files", tag = "files", security(("session" = [])),
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses(
        (status = 201, body = FileResponse),
        (status = 413, description = "`file_quota_reached`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`file_invalid`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn create_file(
    context: web::Data<Context>,
    caller: Caller,
    request: HttpRequest,
    body: web::Payload,
) -> Result<HttpResponse, AppError> {
    let memory = context.files.memory_for(caller.0.user_id);
    let upload = upload::read(&request, body, memory).await?;
    let context = context.into_inner();
    let file = put_file::put_file(&context, caller.0.user_id, upload).await?;
    Ok(HttpResponse::Created().json(FileResponse::of(&file, &context.public_base_url)?))
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListFilesQuery {
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// List one's own files, newest first
#[utoipa::path(get, path = "/v1/files", tag = "files", params(ListFilesQuery), security(("session" = [])),
    responses(
        (status = 200, body = Page<FileResponse>),
    ))]
pub async fn list_files(
    context: web::Data<Context>,
    caller: Caller,
    query: Query<ListFilesQuery>,
) -> Result<HttpResponse, AppError> {
    let limit = page::limit(query.0.limit)?;
    let before: Option<FileId> = page::position(query.0.cursor.as_deref())?;
    let (files, next) = read_file::list_files(&context, caller.0.user_id, before, limit).await?;
    let items: Result<Vec<FileResponse>, AppError> = files
        .iter()
        .map(|file| FileResponse::of(file, &context.public_base_url))
        .collect();
    Ok(HttpResponse::Ok().json(Page {
        items: items?,
        next_cursor: next.as_ref().map(page::cursor).transpose()?,
    }))
}

/// Take one's own file away
///
/// At once and for good, though whoever has fetched it may keep it.
#[utoipa::path(delete, path = "/v1/files/{id}", tag = "files", params(("id" = uuid::Uuid, Path)), security(("session" = [])),
    responses(
        (status = 204),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn delete_file(
    context: web::Data<Context>,
    caller: Caller,
    id: PathId<FileId>,
) -> Result<HttpResponse, AppError> {
    remove_file::remove_file(&context, caller.0.user_id, id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

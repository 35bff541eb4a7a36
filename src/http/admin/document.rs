//! `/admin/collections/{name}/documents` and the like: the same as the pages', without a preset.

use actix_web::{HttpResponse, web};

use crate::domain::id::DocumentId;
use crate::domain::name::CollectionName;
use crate::error::AppError;
use crate::http::document::{
    self, CHANGE_LIMIT, CREATE_LIMIT, CountDocumentsRequest, CountResponse, CreateDocumentsRequest,
    CreatedResponse, DocumentResponse, PatchDocumentRequest, QUERY_LIMIT, QueryDocumentsRequest,
    ReplaceDocumentRequest,
};
use crate::http::problem::Problem;
use crate::http::v1::page::Page;
use crate::http::{Admin, Body, IfMatch, OptionalKey, PathId};
use crate::service::Context;
use crate::service::collection::Visitor;

/// Make documents
///
/// One for `data`, up to 100 for `items`, all or none.
#[utoipa::path(post, path = "/admin/collections/{name}/documents", tag = "operator", request_body = CreateDocumentsRequest, security(("admin" = [])),
    params(("name" = String, Path, description = "1 to 64 of `A-Z a-z 0-9 _ -`", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$"), ("Idempotency-Key" = Option<String>, Header, description = "1 to 64 visible ASCII characters: the same key and documents give the same answer again", min_length = 1, max_length = 64, pattern = "^[!-~]+$")),
    responses(
        (status = 201, body = CreatedResponse,
            headers(("idempotent-replayed" = String, description = "`true` when this is the answer of an earlier request."))),
        (status = 404, description = "`collection_not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`document_conflict`, `document_quota_reached`, `request_in_progress`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`idempotency_key_reused`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn create_documents_as_operator(
    context: web::Data<Context>,
    _admin: Admin,
    name: PathId<CollectionName>,
    key: OptionalKey,
    body: Body<CreateDocumentsRequest, CREATE_LIMIT>,
) -> Result<HttpResponse, AppError> {
    document::create_documents(&context, &Visitor::operator(), &name.0, key.0.as_ref(), body.0).await
}

/// List documents
///
/// A large collection is asked by an index alone.
#[utoipa::path(post, path = "/admin/collections/{name}/query", tag = "operator", request_body = QueryDocumentsRequest, security(("admin" = [])),
    params(("name" = String, Path, description = "1 to 64 of `A-Z a-z 0-9 _ -`", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$")),
    responses(
        (status = 200, body = Page<DocumentResponse>),
        (status = 404, description = "`collection_not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`query_needs_index`, `query_too_slow`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn query_documents_as_operator(
    context: web::Data<Context>,
    _admin: Admin,
    name: PathId<CollectionName>,
    body: Body<QueryDocumentsRequest, QUERY_LIMIT>,
) -> Result<HttpResponse, AppError> {
    document::query_documents(&context, &Visitor::operator(), &name.0, body.0).await
}

/// Count documents
///
/// What one may not read is not counted.
#[utoipa::path(post, path = "/admin/collections/{name}/count", tag = "operator", request_body = CountDocumentsRequest, security(("admin" = [])),
    params(("name" = String, Path, description = "1 to 64 of `A-Z a-z 0-9 _ -`", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$")),
    responses(
        (status = 200, body = CountResponse),
        (status = 404, description = "`collection_not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`query_needs_index`, `query_too_slow`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn count_documents_as_operator(
    context: web::Data<Context>,
    _admin: Admin,
    name: PathId<CollectionName>,
    body: Body<CountDocumentsRequest, QUERY_LIMIT>,
) -> Result<HttpResponse, AppError> {
    document::count_documents(&context, &Visitor::operator(), &name.0, body.0).await
}

/// Read a document
///
/// What one may not read is not found.
#[utoipa::path(get, path = "/admin/collections/{name}/documents/{id}", tag = "operator", security(("admin" = [])),
    params(("name" = String, Path, description = "1 to 64 of `A-Z a-z 0-9 _ -`", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$"), ("id" = uuid::Uuid, Path)),
    responses(
        (status = 200, body = DocumentResponse, headers(("etag" = String, description = "The version in quotes, for `If-Match`."))),
        (status = 404, description = "`collection_not_found`, `document_not_found`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn read_document_as_operator(
    context: web::Data<Context>,
    _admin: Admin,
    name: PathId<CollectionName>,
    id: PathId<DocumentId>,
) -> Result<HttpResponse, AppError> {
    document::read_document(&context, &Visitor::operator(), &name.0, id.0).await
}

/// Replace a document's data
///
/// The whole of it; what is left out is gone.
#[utoipa::path(put, path = "/admin/collections/{name}/documents/{id}", tag = "operator", request_body = ReplaceDocumentRequest, security(("admin" = [])),
    params(("name" = String, Path, description = "1 to 64 of `A-Z a-z 0-9 _ -`", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$"), ("id" = uuid::Uuid, Path), ("If-Match" = Option<String>, Header, description = "The version that the document must still have, in quotes: `\"3\"`", pattern = "^(\"[0-9]{1,18}\"|[*])$")),
    responses(
        (status = 200, body = DocumentResponse, headers(("etag" = String, description = "The version in quotes, for `If-Match`."))),
        (status = 404, description = "`collection_not_found`, `document_not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`document_conflict`", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`version_conflict`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn replace_document_as_operator(
    context: web::Data<Context>,
    _admin: Admin,
    name: PathId<CollectionName>,
    id: PathId<DocumentId>,
    version: IfMatch,
    body: Body<ReplaceDocumentRequest, CHANGE_LIMIT>,
) -> Result<HttpResponse, AppError> {
    document::replace_document(&context, &Visitor::operator(), (&name.0, id.0, version), &body.0).await
}

/// Change fields of a document
///
/// In one statement: however many do it at once, each change counts. Numbers are exact.
#[utoipa::path(patch, path = "/admin/collections/{name}/documents/{id}", tag = "operator", request_body = PatchDocumentRequest, security(("admin" = [])),
    params(("name" = String, Path, description = "1 to 64 of `A-Z a-z 0-9 _ -`", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$"), ("id" = uuid::Uuid, Path), ("If-Match" = Option<String>, Header, description = "The version that the document must still have, in quotes: `\"3\"`", pattern = "^(\"[0-9]{1,18}\"|[*])$")),
    responses(
        (status = 200, body = DocumentResponse, headers(("etag" = String, description = "The version in quotes, for `If-Match`."))),
        (status = 404, description = "`collection_not_found`, `document_not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`document_conflict`", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`version_conflict`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`patch_not_applicable`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn patch_document_as_operator(
    context: web::Data<Context>,
    _admin: Admin,
    name: PathId<CollectionName>,
    id: PathId<DocumentId>,
    version: IfMatch,
    body: Body<PatchDocumentRequest, CHANGE_LIMIT>,
) -> Result<HttpResponse, AppError> {
    document::patch_document(&context, &Visitor::operator(), (&name.0, id.0, version), &body.0).await
}

/// Change fields of a document, by POST
///
/// The same as PATCH, which `wx.request` cannot send.
#[utoipa::path(post, path = "/admin/collections/{name}/documents/{id}", tag = "operator", request_body = PatchDocumentRequest, security(("admin" = [])),
    params(("name" = String, Path, description = "1 to 64 of `A-Z a-z 0-9 _ -`", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$"), ("id" = uuid::Uuid, Path), ("If-Match" = Option<String>, Header, description = "The version that the document must still have, in quotes: `\"3\"`", pattern = "^(\"[0-9]{1,18}\"|[*])$")),
    responses(
        (status = 200, body = DocumentResponse, headers(("etag" = String, description = "The version in quotes, for `If-Match`."))),
        (status = 404, description = "`collection_not_found`, `document_not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`document_conflict`", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`version_conflict`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`patch_not_applicable`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn post_patch_document_as_operator(
    context: web::Data<Context>,
    _admin: Admin,
    name: PathId<CollectionName>,
    id: PathId<DocumentId>,
    version: IfMatch,
    body: Body<PatchDocumentRequest, CHANGE_LIMIT>,
) -> Result<HttpResponse, AppError> {
    document::patch_document(&context, &Visitor::operator(), (&name.0, id.0, version), &body.0).await
}

/// Remove a document
///
/// It is gone for good.
#[utoipa::path(delete, path = "/admin/collections/{name}/documents/{id}", tag = "operator", security(("admin" = [])),
    params(("name" = String, Path, description = "1 to 64 of `A-Z a-z 0-9 _ -`", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$"), ("id" = uuid::Uuid, Path), ("If-Match" = Option<String>, Header, description = "The version that the document must still have, in quotes: `\"3\"`", pattern = "^(\"[0-9]{1,18}\"|[*])$")),
    responses(
        (status = 204, description = "It is gone."),
        (status = 404, description = "`collection_not_found`, `document_not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`version_conflict`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn delete_document_as_operator(
    context: web::Data<Context>,
    _admin: Admin,
    name: PathId<CollectionName>,
    id: PathId<DocumentId>,
    version: IfMatch,
) -> Result<HttpResponse, AppError> {
    document::delete_document(&context, &Visitor::operator(), (&name.0, id.0, version)).await
}

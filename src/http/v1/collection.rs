//! `/v1/collections`: documents of the pages, as far as the collection's permission lets a user.

use actix_web::{HttpResponse, web};

use super::caller::Caller;
use super::page::Page;
use crate::domain::collection::access::Actor;
use crate::domain::id::DocumentId;
use crate::domain::name::CollectionName;
use crate::error::AppError;
use crate::http::document::{
    self, CHANGE_LIMIT, CREATE_LIMIT, CountDocumentsRequest, CountResponse, CreateDocumentsRequest,
    CreatedResponse, DocumentResponse, PatchDocumentRequest, QUERY_LIMIT, QueryDocumentsRequest,
    ReplaceDocumentRequest,
};
use crate::http::problem::Problem;
use crate::http::{Body, IfMatch, OptionalBody, OptionalKey, PathId};
use crate::service::Context;
use crate::service::collection::Visitor;

fn visitor(caller: &Caller) -> Visitor {
    Visitor {
        actor: Actor::User(caller.0.user_id),
        app_id: Some(caller.0.app_id.clone()),
    }
}

/// Make documents
///
/// One for `data`, up to 100 for `items`, all or none.
#[utoipa::path(post, path = "/v1/collections/{name}/documents", tag = "collections", request_body = CreateDocumentsRequest, security(("session" = [])),
    params(("name" = String, Path, description = "1 to 64 of `A-Z a-z 0-9 _ -`", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$"), ("Idempotency-Key" = Option<String>, Header, description = "1 to 64 visible ASCII characters: the same key and documents give the same answer again", min_length = 1, max_length = 64, pattern = "^[!-~]+$")),
    responses(
        (status = 201, body = CreatedResponse,
            headers(("idempotent-replayed" = String, description = "`true` when this is the answer of an earlier request."))),
        (status = 403, description = "`document_forbidden`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`collection_not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`document_conflict`, `document_quota_reached`, `request_in_progress`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`document_invalid`, `idempotency_key_reused`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn create_documents(
    context: web::Data<Context>,
    caller: Caller,
    name: PathId<CollectionName>,
    key: OptionalKey,
    body: Body<CreateDocumentsRequest, CREATE_LIMIT>,
) -> Result<HttpResponse, AppError> {
    document::create_documents(&context, &visitor(&caller), &name.0, key.0.as_ref(), body.0).await
}

/// List documents
///
/// A large collection is asked by an index alone.
#[utoipa::path(post, path = "/v1/collections/{name}/query", tag = "collections", request_body = Option<QueryDocumentsRequest>, security(("session" = [])),
    params(("name" = String, Path, description = "1 to 64 of `A-Z a-z 0-9 _ -`", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$")),
    responses(
        (status = 200, body = Page<DocumentResponse>),
        (status = 404, description = "`collection_not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`query_needs_index`, `query_too_slow`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn query_documents(
    context: web::Data<Context>,
    caller: Caller,
    name: PathId<CollectionName>,
    body: OptionalBody<QueryDocumentsRequest, QUERY_LIMIT>,
) -> Result<HttpResponse, AppError> {
    document::query_documents(&context, &visitor(&caller), &name.0, body.0).await
}

/// Count documents
///
/// What one may not read is not counted.
#[utoipa::path(post, path = "/v1/collections/{name}/count", tag = "collections", request_body = Option<CountDocumentsRequest>, security(("session" = [])),
    params(("name" = String, Path, description = "1 to 64 of `A-Z a-z 0-9 _ -`", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$")),
    responses(
        (status = 200, body = CountResponse),
        (status = 404, description = "`collection_not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`query_needs_index`, `query_too_slow`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn count_documents(
    context: web::Data<Context>,
    caller: Caller,
    name: PathId<CollectionName>,
    body: OptionalBody<CountDocumentsRequest, QUERY_LIMIT>,
) -> Result<HttpResponse, AppError> {
    document::count_documents(&context, &visitor(&caller), &name.0, body.0).await
}

/// Read a document
///
/// What one may not read is not found.
#[utoipa::path(get, path = "/v1/collections/{name}/documents/{id}", tag = "collections", security(("session" = [])),
    params(("name" = String, Path, description = "1 to 64 of `A-Z a-z 0-9 _ -`", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$"), ("id" = uuid::Uuid, Path)),
    responses(
        (status = 200, body = DocumentResponse, headers(("etag" = String, description = "The version in quotes, for `If-Match`."))),
        (status = 404, description = "`collection_not_found`, `document_not_found`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn read_document(
    context: web::Data<Context>,
    caller: Caller,
    name: PathId<CollectionName>,
    id: PathId<DocumentId>,
) -> Result<HttpResponse, AppError> {
    document::read_document(&context, &visitor(&caller), &name.0, id.0).await
}

/// Replace a document's data
///
/// The whole of it; what is left out is gone.
#[utoipa::path(put, path = "/v1/collections/{name}/documents/{id}", tag = "collections", request_body = ReplaceDocumentRequest, security(("session" = [])),
    params(("name" = String, Path, description = "1 to 64 of `A-Z a-z 0-9 _ -`", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$"), ("id" = uuid::Uuid, Path), ("If-Match" = Option<String>, Header, description = "The version that the document must still have, in quotes: `\"3\"`", pattern = "^(\"[0-9]{1,18}\"|[*])$")),
    responses(
        (status = 200, body = DocumentResponse, headers(("etag" = String, description = "The version in quotes, for `If-Match`."))),
        (status = 403, description = "`document_forbidden`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`collection_not_found`, `document_not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`document_conflict`", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`version_conflict`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`document_invalid`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn replace_document(
    context: web::Data<Context>,
    caller: Caller,
    name: PathId<CollectionName>,
    id: PathId<DocumentId>,
    version: IfMatch,
    body: Body<ReplaceDocumentRequest, CHANGE_LIMIT>,
) -> Result<HttpResponse, AppError> {
    document::replace_document(&context, &visitor(&caller), (&name.0, id.0, version), &body.0).await
}

/// Change fields of a document
///
/// In one statement: however many do it at once, each change counts. Numbers are exact.
#[utoipa::path(patch, path = "/v1/collections/{name}/documents/{id}", tag = "collections", request_body = PatchDocumentRequest, security(("session" = [])),
    params(("name" = String, Path, description = "1 to 64 of `A-Z a-z 0-9 _ -`", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$"), ("id" = uuid::Uuid, Path), ("If-Match" = Option<String>, Header, description = "The version that the document must still have, in quotes: `\"3\"`", pattern = "^(\"[0-9]{1,18}\"|[*])$")),
    responses(
        (status = 200, body = DocumentResponse, headers(("etag" = String, description = "The version in quotes, for `If-Match`."))),
        (status = 403, description = "`document_forbidden`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`collection_not_found`, `document_not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`document_conflict`", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`version_conflict`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`document_invalid`, `patch_not_applicable`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn patch_document(
    context: web::Data<Context>,
    caller: Caller,
    name: PathId<CollectionName>,
    id: PathId<DocumentId>,
    version: IfMatch,
    body: Body<PatchDocumentRequest, CHANGE_LIMIT>,
) -> Result<HttpResponse, AppError> {
    document::patch_document(&context, &visitor(&caller), (&name.0, id.0, version), &body.0).await
}

/// Change fields of a document, by POST
///
/// The same as PATCH, which `wx.request` cannot send.
#[utoipa::path(post, path = "/v1/collections/{name}/documents/{id}", tag = "collections", request_body = PatchDocumentRequest, security(("session" = [])),
    params(("name" = String, Path, description = "1 to 64 of `A-Z a-z 0-9 _ -`", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$"), ("id" = uuid::Uuid, Path), ("If-Match" = Option<String>, Header, description = "The version that the document must still have, in quotes: `\"3\"`", pattern = "^(\"[0-9]{1,18}\"|[*])$")),
    responses(
        (status = 200, body = DocumentResponse, headers(("etag" = String, description = "The version in quotes, for `If-Match`."))),
        (status = 403, description = "`document_forbidden`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`collection_not_found`, `document_not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`document_conflict`", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`version_conflict`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`document_invalid`, `patch_not_applicable`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn post_patch_document(
    context: web::Data<Context>,
    caller: Caller,
    name: PathId<CollectionName>,
    id: PathId<DocumentId>,
    version: IfMatch,
    body: Body<PatchDocumentRequest, CHANGE_LIMIT>,
) -> Result<HttpResponse, AppError> {
    document::patch_document(&context, &visitor(&caller), (&name.0, id.0, version), &body.0).await
}

/// Remove a document
///
/// It is gone for good.
#[utoipa::path(delete, path = "/v1/collections/{name}/documents/{id}", tag = "collections", security(("session" = [])),
    params(("name" = String, Path, description = "1 to 64 of `A-Z a-z 0-9 _ -`", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$"), ("id" = uuid::Uuid, Path), ("If-Match" = Option<String>, Header, description = "The version that the document must still have, in quotes: `\"3\"`", pattern = "^(\"[0-9]{1,18}\"|[*])$")),
    responses(
        (status = 204, description = "It is gone."),
        (status = 403, description = "`document_forbidden`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`collection_not_found`, `document_not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "`version_conflict`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn delete_document(
    context: web::Data<Context>,
    caller: Caller,
    name: PathId<CollectionName>,
    id: PathId<DocumentId>,
    version: IfMatch,
) -> Result<HttpResponse, AppError> {
    document::delete_document(&context, &visitor(&caller), (&name.0, id.0, version)).await
}

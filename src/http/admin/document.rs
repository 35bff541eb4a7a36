//! `/admin/collections/{name}/documents` and the like: the same as the pages', without a preset.

use actix_web::{HttpResponse, web};

use crate::domain::id::DocumentId;
use crate::domain::name::CollectionName;
use crate::error::AppError;
use crate::http::document::{
    self, CHANGE_LIMIT, CREATE_LIMIT, CountDocumentsRequest, CreateDocumentsRequest, PatchDocumentRequest,
    QUERY_LIMIT, QueryDocumentsRequest, ReplaceDocumentRequest,
};
use crate::http::{Admin, Body, IfMatch, OptionalBody, OptionalKey, PathId};
use crate::service::Context;
use crate::service::collection::Visitor;

/// Makes documents.
pub async fn create_documents_as_operator(
    context: web::Data<Context>,
    _admin: Admin,
    name: PathId<CollectionName>,
    key: OptionalKey,
    body: Body<CreateDocumentsRequest, CREATE_LIMIT>,
) -> Result<HttpResponse, AppError> {
    document::create_documents(&context, &Visitor::operator(), &name.0, key.0.as_ref(), body.0).await
}

/// Lists documents.
pub async fn query_documents_as_operator(
    context: web::Data<Context>,
    _admin: Admin,
    name: PathId<CollectionName>,
    body: OptionalBody<QueryDocumentsRequest, QUERY_LIMIT>,
) -> Result<HttpResponse, AppError> {
    document::query_documents(&context, &Visitor::operator(), &name.0, body.0).await
}

/// Counts documents.
pub async fn count_documents_as_operator(
    context: web::Data<Context>,
    _admin: Admin,
    name: PathId<CollectionName>,
    body: OptionalBody<CountDocumentsRequest, QUERY_LIMIT>,
) -> Result<HttpResponse, AppError> {
    document::count_documents(&context, &Visitor::operator(), &name.0, body.0).await
}

/// Reads a document.
pub async fn read_document_as_operator(
    context: web::Data<Context>,
    _admin: Admin,
    name: PathId<CollectionName>,
    id: PathId<DocumentId>,
) -> Result<HttpResponse, AppError> {
    document::read_document(&context, &Visitor::operator(), &name.0, id.0).await
}

/// Replaces a document's data.
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

/// Changes fields of a document.
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

/// Changes fields of a document, by POST.
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

/// Removes a document.
pub async fn delete_document_as_operator(
    context: web::Data<Context>,
    _admin: Admin,
    name: PathId<CollectionName>,
    id: PathId<DocumentId>,
    version: IfMatch,
) -> Result<HttpResponse, AppError> {
    document::delete_document(&context, &Visitor::operator(), (&name.0, id.0, version)).await
}

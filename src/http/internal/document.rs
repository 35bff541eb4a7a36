//! `/internal/collections`: documents for the owner's services, without a preset.

use actix_web::{HttpResponse, web};

use crate::domain::id::DocumentId;
use crate::domain::name::CollectionName;
use crate::error::AppError;
use crate::http::document::{
    self, CHANGE_LIMIT, CREATE_LIMIT, CountDocumentsRequest, CreateDocumentsRequest, PatchDocumentRequest,
    QUERY_LIMIT, QueryDocumentsRequest, ReplaceDocumentRequest,
};
use crate::http::{Body, IfMatch, OptionalBody, OptionalKey, PathId};
use crate::service::Context;
use crate::service::collection::Visitor;

use super::{Service, Use, audit};

fn told(
    action: &'static str,
    service: Service,
    outcome: Result<HttpResponse, AppError>,
) -> Result<HttpResponse, AppError> {
    let used = Use {
        action,
        app_id: None,
        path: None,
    };
    audit(&used, service.0, outcome.as_ref().err());
    outcome
}

/// Makes documents.
pub async fn create_documents_as_service(
    context: web::Data<Context>,
    service: Service,
    name: PathId<CollectionName>,
    key: OptionalKey,
    body: Body<CreateDocumentsRequest, CREATE_LIMIT>,
) -> Result<HttpResponse, AppError> {
    let outcome =
        document::create_documents(&context, &Visitor::operator(), &name.0, key.0.as_ref(), body.0).await;
    told("create_documents", service, outcome)
}

/// Lists documents.
pub async fn query_documents_as_service(
    context: web::Data<Context>,
    service: Service,
    name: PathId<CollectionName>,
    body: OptionalBody<QueryDocumentsRequest, QUERY_LIMIT>,
) -> Result<HttpResponse, AppError> {
    let outcome = document::query_documents(&context, &Visitor::operator(), &name.0, body.0).await;
    told("query_documents", service, outcome)
}

/// Counts documents.
pub async fn count_documents_as_service(
    context: web::Data<Context>,
    service: Service,
    name: PathId<CollectionName>,
    body: OptionalBody<CountDocumentsRequest, QUERY_LIMIT>,
) -> Result<HttpResponse, AppError> {
    let outcome = document::count_documents(&context, &Visitor::operator(), &name.0, body.0).await;
    told("count_documents", service, outcome)
}

/// Reads a document.
pub async fn read_document_as_service(
    context: web::Data<Context>,
    service: Service,
    name: PathId<CollectionName>,
    id: PathId<DocumentId>,
) -> Result<HttpResponse, AppError> {
    let outcome = document::read_document(&context, &Visitor::operator(), &name.0, id.0).await;
    told("read_document", service, outcome)
}

/// Replaces a document's data.
pub async fn replace_document_as_service(
    context: web::Data<Context>,
    service: Service,
    name: PathId<CollectionName>,
    id: PathId<DocumentId>,
    version: IfMatch,
    body: Body<ReplaceDocumentRequest, CHANGE_LIMIT>,
) -> Result<HttpResponse, AppError> {
    let outcome =
        document::replace_document(&context, &Visitor::operator(), (&name.0, id.0, version), &body.0).await;
    told("replace_document", service, outcome)
}

/// Changes fields of a document.
pub async fn patch_document_as_service(
    context: web::Data<Context>,
    service: Service,
    name: PathId<CollectionName>,
    id: PathId<DocumentId>,
    version: IfMatch,
    body: Body<PatchDocumentRequest, CHANGE_LIMIT>,
) -> Result<HttpResponse, AppError> {
    let outcome =
        document::patch_document(&context, &Visitor::operator(), (&name.0, id.0, version), &body.0).await;
    told("patch_document", service, outcome)
}

/// Changes fields of a document, by POST.
pub async fn post_patch_document_as_service(
    context: web::Data<Context>,
    service: Service,
    name: PathId<CollectionName>,
    id: PathId<DocumentId>,
    version: IfMatch,
    body: Body<PatchDocumentRequest, CHANGE_LIMIT>,
) -> Result<HttpResponse, AppError> {
    let outcome =
        document::patch_document(&context, &Visitor::operator(), (&name.0, id.0, version), &body.0).await;
    told("post_patch_document", service, outcome)
}

/// Removes a document.
pub async fn delete_document_as_service(
    context: web::Data<Context>,
    service: Service,
    name: PathId<CollectionName>,
    id: PathId<DocumentId>,
    version: IfMatch,
) -> Result<HttpResponse, AppError> {
    let outcome = document::delete_document(&context, &Visitor::operator(), (&name.0, id.0, version)).await;
    told("delete_document", service, outcome)
}

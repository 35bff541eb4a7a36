//! What the document routes of pages, services and operator have in common: the forms of their bodies and
//! answers, and the calls behind them.

use actix_web::HttpResponse;
use actix_web::http::header;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{IdempotencyKey, IfMatch};
use crate::domain::collection::filter::Filter;
use crate::domain::collection::json::Node;
use crate::domain::collection::query::{self, Direction, Position, Sort};
use crate::domain::collection::{DOCUMENTS_MAX, Wrong, below, patch};
use crate::domain::id::{DocumentId, UserId};
use crate::domain::name::CollectionName;
use crate::error::AppError;
use crate::http::v1::page;
use crate::service::Context;
use crate::service::collection::hold::Draft;
use crate::service::collection::read::Question;
use crate::service::collection::write::Aim;
use crate::service::collection::{StoredDocument, Visitor, create, read, write};

/// The largest body that makes documents, in bytes.
pub const CREATE_LIMIT: usize = 1_048_576;
/// The largest body that changes one, in bytes.
pub const CHANGE_LIMIT: usize = 393_216;
/// The largest question, in bytes.
pub const QUERY_LIMIT: usize = 65_536;
/// The longest cursor. Ours hold up to four keys of 256 characters and a hash.
const CURSOR_CHARS_MAX: usize = 16_384;

/// One document, or several.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateDocumentsRequest {
    /// The one document. A JSON object of at most 256 KiB and 16 levels; no key is empty, begins with `$` or holds a dot.
    #[schema(value_type = Option<Object>)]
    data: Option<Box<RawValue>>,
    /// 1 to 100 documents, made all or none. Either this or `data`.
    #[schema(value_type = Option<Vec<Object>>, min_items = 1, max_items = 100)]
    items: Option<Vec<Box<RawValue>>>,
}

/// Other data for a document.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplaceDocumentRequest {
    /// A JSON object, as when a document is made.
    #[schema(value_type = Object)]
    data: Box<RawValue>,
}

/// Operators, each with an object of dotted fields: `$set`, `$unset`, `$inc`, `$mul`, `$push`, `$addToSet` (a value, or
/// `{"$each":[…]}`), `$pull` (a value, or `{"$in":[…]}`), `$currentDate` (`true`).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object, example = json!({"$inc": {"visits": 1}, "$set": {"address.city": "Chengdu"}}))]
pub struct PatchDocumentRequest(Box<RawValue>);

/// Which documents, in which order, and how much of them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryDocumentsRequest {
    /// Fields with a value or operators: `$eq`, `$ne`, `$gt`, `$gte`, `$lt`, `$lte`, `$in`, `$nin`, `$exists`, `$prefix`, `$not`;
    /// `$and`, `$or` and `$not` around filters; `$id`, `$owner`, `$created_at`, `$updated_at` for what the server keeps.
    /// A field that is not there counts as null. At most 50 conditions.
    #[schema(value_type = Option<Object>)]
    filter: Option<Box<RawValue>>,
    /// Up to four pairs of field and direction; `$id`, by the time of making, is always the last. Without it: oldest first.
    #[schema(max_items = 4, value_type = Option<Vec<Vec<String>>>)]
    sort: Option<Vec<(String, Direction)>>,
    /// Which fields of the data are wanted; 1 to 50, all without it.
    #[schema(min_items = 1, max_items = 50)]
    fields: Option<Vec<String>>,
    /// How many, 1 to 100.
    #[schema(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// `next_cursor` of the page before, with the same filter and sort.
    cursor: Option<String>,
}

/// Which documents.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CountDocumentsRequest {
    /// As of a query.
    #[schema(value_type = Option<Object>)]
    filter: Option<Box<RawValue>>,
}

/// A document.
#[derive(Debug, Serialize, ToSchema)]
pub struct DocumentResponse {
    #[schema(value_type = uuid::Uuid)]
    id: DocumentId,
    /// The user who made it; null: the operator or a service.
    #[schema(value_type = Option<uuid::Uuid>, required = true)]
    owner: Option<UserId>,
    /// 1 when it is made, and one more with each change: what `If-Match` names.
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    #[schema(value_type = Object)]
    data: Box<RawValue>,
}

impl From<StoredDocument> for DocumentResponse {
    fn from(document: StoredDocument) -> Self {
        Self {
            id: document.id,
            owner: document.owner_id,
            version: document.version,
            created_at: document.created_at,
            updated_at: document.updated_at,
            data: document.data,
        }
    }
}

/// Several documents.
#[derive(Debug, Serialize, ToSchema)]
pub struct DocumentsResponse {
    items: Vec<DocumentResponse>,
}

/// One document, or as many as were sent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum CreatedResponse {
    /// For `data`.
    One(DocumentResponse),
    /// For `items`.
    Several(DocumentsResponse),
}

/// How many.
#[derive(Debug, Serialize, ToSchema)]
pub struct CountResponse {
    #[schema(minimum = 0)]
    count: i64,
}

/// Makes documents.
pub async fn create_documents(
    context: &Context,
    visitor: &Visitor,
    name: &CollectionName,
    key: Option<&IdempotencyKey>,
    request: CreateDocumentsRequest,
) -> Result<HttpResponse, AppError> {
    let is_one = request.data.is_some();
    let drafts = match (request.data, request.items) {
        (Some(data), None) => vec![create::parse(data.get(), "/data")?],
        (None, Some(items)) if (1..=DOCUMENTS_MAX).contains(&items.len()) => items
            .iter()
            .enumerate()
            .map(|(at, item)| create::parse(item.get(), &below("/items", &at.to_string())))
            .collect::<Result<Vec<Draft>, Wrong>>()?,
        (None, Some(_)) => {
            let detail = format!("1 to {DOCUMENTS_MAX} documents");
            return Err(AppError::field("/items", "length", detail));
        }
        _ => return Err(AppError::field("/data", "required", "either data or items")),
    };
    let key = key.map(IdempotencyKey::as_str);
    let created = create::create(context, visitor, name, &drafts, key).await?;
    let mut response = HttpResponse::Created();
    if created.is_replay {
        response.insert_header(("idempotent-replayed", "true"));
    }
    let mut documents: Vec<DocumentResponse> = created
        .documents
        .into_iter()
        .map(DocumentResponse::from)
        .collect();
    Ok(response.json(match documents.pop() {
        Some(document) if is_one => CreatedResponse::One(document),
        last => {
            documents.extend(last);
            CreatedResponse::Several(DocumentsResponse { items: documents })
        }
    }))
}

/// Answers a query.
pub async fn query_documents(
    context: &Context,
    visitor: &Visitor,
    name: &CollectionName,
    request: QueryDocumentsRequest,
) -> Result<HttpResponse, AppError> {
    let sort = Sort::parse(&request.sort.unwrap_or_default(), "/sort")?;
    let limit = page::limit(request.limit).map_err(|_| AppError::field("/limit", "range", "1 to 100"))?;
    let fields = request.fields.map(|fields| query::fields(&fields, "/fields"));
    let question = Question {
        filter: filter(request.filter.as_deref())?,
        behind: request
            .cursor
            .map(|cursor| position(&cursor, &sort))
            .transpose()?,
        sort,
        fields: fields.transpose()?,
        limit,
    };
    let (documents, next) = read::query(context, visitor, name, &question).await?;
    Ok(HttpResponse::Ok().json(page::Page {
        items: documents
            .into_iter()
            .map(DocumentResponse::from)
            .collect::<Vec<_>>(),
        next_cursor: next.as_ref().map(page::cursor).transpose()?,
    }))
}

/// Counts documents.
pub async fn count_documents(
    context: &Context,
    visitor: &Visitor,
    name: &CollectionName,
    request: CountDocumentsRequest,
) -> Result<HttpResponse, AppError> {
    let filter = filter(request.filter.as_deref())?;
    let count = read::count(context, visitor, name, &filter).await?;
    Ok(HttpResponse::Ok().json(CountResponse { count }))
}

/// Reads a document.
pub async fn read_document(
    context: &Context,
    visitor: &Visitor,
    name: &CollectionName,
    id: DocumentId,
) -> Result<HttpResponse, AppError> {
    Ok(answer(read::read(context, visitor, name, id).await?))
}

/// Puts other data in a document's place.
pub async fn replace_document(
    context: &Context,
    visitor: &Visitor,
    (name, id, version): (&CollectionName, DocumentId, IfMatch),
    request: &ReplaceDocumentRequest,
) -> Result<HttpResponse, AppError> {
    let data = create::parse(request.data.get(), "/data")?;
    let aim = aim(name, id, version);
    Ok(answer(write::replace(context, visitor, aim, &data).await?))
}

/// Applies a patch.
pub async fn patch_document(
    context: &Context,
    visitor: &Visitor,
    (name, id, version): (&CollectionName, DocumentId, IfMatch),
    request: &PatchDocumentRequest,
) -> Result<HttpResponse, AppError> {
    let steps = patch::parse(&Node::expression(request.0.get(), "")?, context.clock.now())?;
    let aim = aim(name, id, version);
    Ok(answer(write::patch(context, visitor, aim, &steps).await?))
}

/// Removes a document.
pub async fn delete_document(
    context: &Context,
    visitor: &Visitor,
    (name, id, version): (&CollectionName, DocumentId, IfMatch),
) -> Result<HttpResponse, AppError> {
    write::remove(context, visitor, aim(name, id, version)).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn aim(name: &CollectionName, id: DocumentId, version: IfMatch) -> Aim<'_> {
    Aim {
        name,
        id,
        version: version.0,
    }
}

/// A document with its version as the tag that `If-Match` takes.
fn answer(document: StoredDocument) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::ETAG, format!("\"{}\"", document.version)))
        .json(DocumentResponse::from(document))
}

fn filter(sent: Option<&RawValue>) -> Result<Filter, AppError> {
    let Some(sent) = sent else {
        return Ok(Filter::everything());
    };
    let node = Node::expression(sent.get(), "/filter")?;
    Ok(Filter::parse(&node, "/filter")?)
}

fn position(cursor: &str, sort: &Sort) -> Result<Position, AppError> {
    let found = (cursor.len() <= CURSOR_CHARS_MAX)
        .then(|| URL_SAFE_NO_PAD.decode(cursor).ok())
        .flatten()
        .and_then(|bytes| serde_json::from_slice::<Position>(&bytes).ok())
        .filter(|position| position.is_of(sort));
    found.ok_or_else(|| AppError::field("/cursor", "format", "not a cursor of this query"))
}

//! `/admin/collections`: declaring collections.

#![expect(
    unused_qualifications,
    reason = "written by the macro that describes a route with a query"
)]

use std::collections::BTreeSet;

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use crate::domain::collection::access::Permission;
use crate::domain::collection::below;
use crate::domain::collection::declaration::{APPS_MAX, Declaration};
use crate::domain::name::{AppId, CollectionName};
use crate::error::AppError;
use crate::http::problem::Problem;
use crate::http::v1::page::{self, Page};
use crate::http::{Admin, Body, PathId, Query};
use crate::service::Context;
use crate::service::collection::declare::{self, Declared};

/// A collection as the operator declares it; what is absent is not.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutCollectionRequest {
    /// What users may do: all read and each writes what is theirs; each reads and writes what is theirs; all read and
    /// nobody writes; nothing. Operator and services may do everything.
    #[schema(pattern = "^(all_read_owner_write|owner_only|all_read|closed)$")]
    permission: String,
    /// The mini programs that share it; all of this server without it.
    #[schema(min_items = 1, max_items = 100)]
    apps: Option<Vec<String>>,
    /// Unique keys: lists of 1 to 5 dotted fields, `$owner` for the owner. A field that is missing counts as null.
    #[schema(max_items = 10)]
    unique: Option<Vec<Vec<String>>>,
    /// Indexed fields, likewise; at most ten together with the unique keys.
    #[schema(max_items = 10)]
    indexes: Option<Vec<Vec<String>>>,
    /// A JSON Schema of draft 2020-12 that every document holds to, whoever writes it. At most 32 KiB and 64 levels;
    /// references lead to places within it, regular expressions look neither ahead nor back, formats are checked.
    #[schema(value_type = Option<Object>)]
    schema: Option<Box<RawValue>>,
}

/// A collection.
#[derive(Debug, Serialize, ToSchema)]
pub struct CollectionResponse {
    #[schema(value_type = String)]
    name: CollectionName,
    permission: &'static str,
    /// The mini programs that share it; null: all of this server.
    #[schema(required = true)]
    apps: Option<Vec<String>>,
    unique: Vec<Vec<String>>,
    indexes: Vec<Vec<String>>,
    /// The JSON Schema that every document holds to; null: none.
    #[schema(value_type = Option<Object>, required = true)]
    schema: Option<Box<RawValue>>,
    /// How many documents it has, more or less.
    #[schema(minimum = 0)]
    document_count_estimate: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Declared> for CollectionResponse {
    fn from(declared: Declared) -> Self {
        let collection = declared.collection;
        let declaration = collection.declaration;
        let fields = |is_unique| {
            declaration
                .indexes
                .iter()
                .filter(|index| index.is_unique == is_unique)
                .map(|index| index.fields.clone())
                .collect()
        };
        Self {
            name: collection.name,
            permission: declaration.permission.as_str(),
            unique: fields(true),
            indexes: fields(false),
            schema: declared.schema,
            apps: declaration
                .apps
                .map(|apps| apps.into_iter().map(String::from).collect()),
            document_count_estimate: collection.estimate,
            created_at: collection.created_at,
            updated_at: collection.updated_at,
        }
    }
}

/// Declare a collection, or change its declaration
///
/// New indexes are made, and all documents checked against a new schema, while pages go on writing. The answer comes
/// when all of it holds; until then, and if the documents contradict it, the declaration before holds. Meanwhile
/// what is written must hold to the new schema as well.
#[utoipa::path(put, path = "/admin/collections/{name}", tag = "operator", request_body = PutCollectionRequest, security(("admin" = [])),
    params(("name" = String, Path, description = "1 to 64 of `A-Z a-z 0-9 _ -`", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$")),
    responses(
        (status = 200, body = CollectionResponse),
        (status = 201, body = CollectionResponse),
        (status = 409, description = "`declaration_conflict`, `request_in_progress`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn put_collection(
    context: web::Data<Context>,
    _admin: Admin,
    name: web::Path<String>,
    body: Body<PutCollectionRequest, 65_536>,
) -> Result<HttpResponse, AppError> {
    let name = CollectionName::parse(name.into_inner())
        .map_err(|_| AppError::field("name", "characters", "1 to 64 of A-Z a-z 0-9 _ -"))?;
    let declaration = parse(&body.0, &context)?;
    let schema = match body.0.schema {
        Some(sent) => Some(declare::schema(sent).await?),
        None => None,
    };
    let (collection, is_new) = declare::declare(&context.into_inner(), name, declaration, schema).await?;
    let mut response = if is_new {
        HttpResponse::Created()
    } else {
        HttpResponse::Ok()
    };
    Ok(response.json(CollectionResponse::from(collection)))
}

/// Read a declaration
#[utoipa::path(get, path = "/admin/collections/{name}", tag = "operator", security(("admin" = [])),
    params(("name" = String, Path, min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$")),
    responses(
        (status = 200, body = CollectionResponse),
        (status = 404, description = "`collection_not_found`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn read_collection(
    context: web::Data<Context>,
    _admin: Admin,
    name: PathId<CollectionName>,
) -> Result<HttpResponse, AppError> {
    let collection = declare::read(&context, &name.0).await?;
    Ok(HttpResponse::Ok().json(CollectionResponse::from(collection)))
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListCollectionsQuery {
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// List collections by name
#[utoipa::path(get, path = "/admin/collections", tag = "operator", params(ListCollectionsQuery), security(("admin" = [])),
    responses(
        (status = 200, body = Page<CollectionResponse>),
    ))]
pub async fn list_collections(
    context: web::Data<Context>,
    _admin: Admin,
    query: Query<ListCollectionsQuery>,
) -> Result<HttpResponse, AppError> {
    let limit = page::limit(query.0.limit)?;
    let after: Option<CollectionName> = page::position(query.0.cursor.as_deref())?;
    let (collections, next) = declare::list(&context, after.as_ref(), limit).await?;
    Ok(HttpResponse::Ok().json(Page {
        items: collections
            .into_iter()
            .map(CollectionResponse::from)
            .collect::<Vec<_>>(),
        next_cursor: next.as_ref().map(page::cursor).transpose()?,
    }))
}

/// What is removed, said once more.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeleteCollectionQuery {
    /// The collection's name again: its documents are gone for good.
    confirm: String,
}

/// Remove a collection with all its documents
#[utoipa::path(delete, path = "/admin/collections/{name}", tag = "operator", security(("admin" = [])),
    params(("name" = String, Path, min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]+$"), DeleteCollectionQuery),
    responses(
        (status = 204, description = "The collection is gone."),
        (status = 404, description = "`collection_not_found`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn delete_collection(
    context: web::Data<Context>,
    _admin: Admin,
    name: PathId<CollectionName>,
    query: Query<DeleteCollectionQuery>,
) -> Result<HttpResponse, AppError> {
    if query.0.confirm != name.0.as_str() {
        return Err(AppError::field(
            "confirm",
            "value",
            "must be the collection's name",
        ));
    }
    declare::remove(&context.into_inner(), name.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn parse(request: &PutCollectionRequest, context: &Context) -> Result<Declaration, AppError> {
    let permission = Permission::parse(&request.permission).ok_or_else(|| {
        let words = Permission::ALL.map(Permission::as_str).join(", ");
        AppError::field("/permission", "value", format!("one of {words}"))
    })?;
    let mut apps = BTreeSet::new();
    for (at, app) in request.apps.iter().flatten().enumerate() {
        let known = AppId::parse(app.as_str())
            .ok()
            .filter(|app| context.mini_programs.secrets.contains_key(app));
        let at = below("/apps", &at.to_string());
        let app =
            known.ok_or_else(|| AppError::field(at, "unknown", "is not a mini program of this server"))?;
        apps.insert(app);
    }
    let is_some = request.apps.is_some();
    if is_some && (apps.is_empty() || apps.len() > APPS_MAX) {
        return Err(AppError::field(
            "/apps",
            "length",
            format!("1 to {APPS_MAX} mini programs"),
        ));
    }
    let unique = request.unique.as_deref().unwrap_or_default();
    let indexes = request.indexes.as_deref().unwrap_or_default();
    Ok(Declaration {
        permission,
        apps: is_some.then_some(apps),
        indexes: Declaration::indexes(unique, indexes)?,
    })
}

//! `/admin/exceptions`: every named difference that needs a human.

#![expect(
    unused_qualifications,
    reason = "written by the macro that describes a route with a query"
)]

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::exception::ExceptionKind;
use crate::domain::id::{ExceptionId, OrderId};
use crate::domain::text;
use crate::error::AppError;
use crate::http::problem::Problem;
use crate::http::v1::page::{self, Page};
use crate::http::{Admin, Body, PathId, Query};
use crate::service::Context;
use crate::service::operator::exceptions;
use crate::store::exception::{ExceptionFilter, StoredException};

/// The longest resolution, in characters.
const RESOLUTION_CHARS_MAX: usize = 2_000;

/// A named difference.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExceptionResponse {
    #[schema(value_type = uuid::Uuid)]
    id: ExceptionId,
    /// What kind of difference: see `/docs/errors`.
    kind: String,
    /// The order, where one is concerned.
    #[schema(value_type = Option<uuid::Uuid>, required = true)]
    order_id: Option<OrderId>,
    /// A sentence for the person who looks into it.
    detail: String,
    /// What was seen, ours and theirs.
    #[schema(value_type = Object, additional_properties)]
    evidence: serde_json::Value,
    /// `open` or `resolved`.
    #[schema(value_type = String, example = "open", pattern = "^(open|resolved)$")]
    status: &'static str,
    created_at: DateTime<Utc>,
    #[schema(required = true)]
    resolved_at: Option<DateTime<Utc>>,
    /// What was done about it.
    #[schema(required = true)]
    resolution: Option<String>,
}

impl From<StoredException> for ExceptionResponse {
    fn from(exception: StoredException) -> Self {
        let is_open = exception.resolved_at.is_none();
        Self {
            id: exception.id,
            kind: exception.kind,
            order_id: exception.order_id,
            detail: exception.detail,
            evidence: exception.evidence,
            status: if is_open { "open" } else { "resolved" },
            created_at: exception.created_at,
            resolved_at: exception.resolved_at,
            resolution: exception.resolution,
        }
    }
}

/// Which page of which exceptions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListExceptionsQuery {
    /// `open` or `resolved`; both when it is not said.
    #[param(pattern = "^(open|resolved)$")]
    status: Option<String>,
    /// Only of this kind: see `/docs/errors`.
    kind: Option<String>,
    /// Only about this order.
    order_id: Option<uuid::Uuid>,
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// List the named differences, newest first
#[utoipa::path(get, path = "/admin/exceptions", tag = "operator", params(ListExceptionsQuery), security(("admin" = [])),
    responses(
        (status = 200, body = Page<ExceptionResponse>),
    ))]
pub async fn list_exceptions(
    context: web::Data<Context>,
    _admin: Admin,
    query: Query<ListExceptionsQuery>,
) -> Result<HttpResponse, AppError> {
    let limit = page::limit(query.0.limit)?;
    let before: Option<ExceptionId> = page::position(query.0.cursor.as_deref())?;
    let filter = filter(&query.0)?;
    let (exceptions, next) = exceptions::list(&context, &filter, before, limit).await?;
    Ok(HttpResponse::Ok().json(Page {
        items: exceptions.into_iter().map(ExceptionResponse::from).collect(),
        next_cursor: next.as_ref().map(page::cursor).transpose()?,
    }))
}

fn filter(query: &ListExceptionsQuery) -> Result<ExceptionFilter, AppError> {
    let is_open = match query.status.as_deref() {
        None => None,
        Some("open") => Some(true),
        Some("resolved") => Some(false),
        Some(_) => return Err(AppError::field("status", "format", "open or resolved")),
    };
    let kind = query.kind.as_deref().map(|text| {
        ExceptionKind::parse(text)
            .ok_or_else(|| AppError::field("kind", "format", "not a kind of exception: see /docs/errors"))
    });
    Ok(ExceptionFilter {
        is_open,
        kind: kind.transpose()?,
        order_id: query.order_id.map(OrderId::from),
    })
}

/// What was done about it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolveExceptionRequest {
    /// For whoever asks later; not only white space.
    #[schema(min_length = 1, max_length = 2000, pattern = "\\S")]
    resolution: String,
}

/// Resolve a named difference
///
/// Says that a human is done with it; nothing else happens, but for two kinds. `event_undelivered`: the event is
/// given up, and later events of its order are delivered. `refund_waiting`: WeChat is asked, and a refund that it does
/// not know is called off and ends as `closed`; one that it knows goes on. Without an answer nothing happens
/// (`request_in_progress`: the refund is being sent, or was sent without an answer within the last minute). The same
/// text again changes nothing.
#[utoipa::path(post, path = "/admin/exceptions/{id}/resolve", tag = "operator", request_body = ResolveExceptionRequest,
    params(("id" = uuid::Uuid, Path)), security(("admin" = [])),
    responses(
        (status = 200, body = ExceptionResponse),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`exception_resolved`, `request_in_progress`", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "`wechat_rejected`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`wechat_unavailable`, `payment_not_configured`", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "`wechat_timeout`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn resolve_exception(
    context: web::Data<Context>,
    _admin: Admin,
    id: PathId<ExceptionId>,
    body: Body<ResolveExceptionRequest, 16_384>,
) -> Result<HttpResponse, AppError> {
    let resolution = body.0.resolution;
    text::check_filled(&resolution, RESOLUTION_CHARS_MAX)
        .map_err(|error| AppError::field("/resolution", "characters", format!("the resolution {error}")))?;
    let exception = exceptions::resolve(&context.into_inner(), id.0, resolution).await?;
    Ok(HttpResponse::Ok().json(ExceptionResponse::from(exception)))
}

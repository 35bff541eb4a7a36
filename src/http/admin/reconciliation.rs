//! `/admin/reconciliations`: days compared with WeChat's bills.

#![expect(
    unused_qualifications,
    reason = "written by the macro that describes a route with a query"
)]

use actix_web::{HttpResponse, web};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::domain::id::ReconciliationId;
use crate::error::AppError;
use crate::http::problem::Problem;
use crate::http::v1::page::{self, Page};
use crate::http::{Admin, Body, PathId, Query};
use crate::service::Context;
use crate::service::pay::reconcile::{self, DifferencePosition};
use crate::store::comparison::Found;
use crate::store::reconciliation::Reconciliation;

/// Which day.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BeginReconciliationRequest {
    /// A day in China (UTC+8) that is over, not longer ago than 89 days.
    #[schema(value_type = String, format = Date)]
    bill_date: String,
}

/// A comparison of a day with WeChat's bills.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReconciliationResponse {
    id: Uuid,
    /// The day in China.
    bill_date: NaiveDate,
    /// `running`: being made, or waiting for WeChat to write the bill. `failed`: the last try failed.
    #[schema(pattern = "^(running|balanced|differing|failed)$")]
    status: &'static str,
    /// How often it was tried since it was asked for last. A try before WeChat has written the bill does not count,
    /// up to ten o'clock in China two days after the day.
    attempts: i32,
    /// From when it is tried again; null: it is finished.
    #[schema(required = true)]
    next_try_at: Option<DateTime<Utc>>,
    /// Why the last try failed.
    #[schema(required = true)]
    failure_code: Option<String>,
    /// Payments in WeChat's bill, foreign ones included.
    payment_count: i64,
    payment_fen: i64,
    /// Refunds in WeChat's bill, foreign ones included.
    refund_count: i64,
    refund_fen: i64,
    /// Rows of the fund-flow bill.
    movement_count: i64,
    /// Rows of the bill that another system of the same merchant made: counted, not compared.
    foreign_count: i64,
    foreign_fen: i64,
    difference_count: i64,
    created_at: DateTime<Utc>,
    #[schema(required = true)]
    finished_at: Option<DateTime<Utc>>,
}

/// One named difference.
#[derive(Debug, Serialize, ToSchema)]
pub struct DifferenceResponse {
    /// What differs.
    #[schema(pattern = "^(missing_here|missing_there|amount|state|refund|fee)$")]
    kind: &'static str,
    #[schema(required = true)]
    order_id: Option<Uuid>,
    #[schema(required = true)]
    out_trade_no: Option<String>,
    #[schema(required = true)]
    transaction_id: Option<String>,
    #[schema(required = true)]
    out_refund_no: Option<String>,
    /// What the books say; null: nothing.
    #[schema(required = true, value_type = Option<Object>)]
    ours: Option<serde_json::Value>,
    /// What the bill says; null: nothing.
    #[schema(required = true, value_type = Option<Object>)]
    theirs: Option<serde_json::Value>,
    /// What to do about it.
    proposed_action: &'static str,
    exception_id: Uuid,
}

/// A comparison with a page of what it found.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReconciliationResultResponse {
    #[serde(flatten)]
    reconciliation: ReconciliationResponse,
    /// A page of them, by kind and number. Of more than 10,000, only the first are listed.
    differences: Vec<DifferenceResponse>,
    /// What to send as `cursor` for the next page of differences; null on the last.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

impl From<Reconciliation> for ReconciliationResponse {
    fn from(run: Reconciliation) -> Self {
        Self {
            id: run.id.into(),
            bill_date: run.bill_date,
            status: run.status.as_str(),
            attempts: run.attempts,
            next_try_at: run.next_try_at,
            failure_code: run.failure_code,
            payment_count: run.figures.payment_count,
            payment_fen: run.figures.payment_fen,
            refund_count: run.figures.refund_count,
            refund_fen: run.figures.refund_fen,
            movement_count: run.figures.movement_count,
            foreign_count: run.figures.foreign_count,
            foreign_fen: run.figures.foreign_fen,
            difference_count: run.figures.difference_count,
            created_at: run.created_at,
            finished_at: run.finished_at,
        }
    }
}

impl From<(Found, Uuid)> for DifferenceResponse {
    fn from((found, exception_id): (Found, Uuid)) -> Self {
        Self {
            kind: found.kind.as_str(),
            order_id: found.order_id,
            out_trade_no: found.out_trade_no,
            transaction_id: found.transaction_id,
            out_refund_no: found.out_refund_no,
            ours: found.ours,
            theirs: found.theirs,
            proposed_action: found.kind.action(),
            exception_id,
        }
    }
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which page of what was found.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DifferencesQuery {
    /// How many differences, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Compare a day with WeChat's bills
///
/// The answer does not wait for the result: read it under its id. A comparison of the same day that is
/// not finished is given back, and tried now.
#[utoipa::path(post, path = "/admin/reconciliations", tag = "operator", request_body = BeginReconciliationRequest, security(("admin" = [])),
    responses(
        (status = 202, body = ReconciliationResponse),
    ))]
pub async fn begin_reconciliation(
    context: web::Data<Context>,
    _admin: Admin,
    body: Body<BeginReconciliationRequest, 1_024>,
) -> Result<HttpResponse, AppError> {
    let day = day(&body.0.bill_date)?;
    let run = reconcile::begin(&context.into_inner(), day).await?;
    Ok(HttpResponse::Accepted().json(ReconciliationResponse::from(run)))
}

/// List comparisons, newest first
#[utoipa::path(get, path = "/admin/reconciliations", tag = "operator", params(PageQuery), security(("admin" = [])),
    responses(
        (status = 200, body = Page<ReconciliationResponse>),
    ))]
pub async fn list_reconciliations(
    context: web::Data<Context>,
    _admin: Admin,
    query: Query<PageQuery>,
) -> Result<HttpResponse, AppError> {
    let limit = page::limit(query.0.limit)?;
    let before: Option<ReconciliationId> = page::position(query.0.cursor.as_deref())?;
    let (runs, next) = reconcile::list(&context, before, limit).await?;
    Ok(HttpResponse::Ok().json(Page {
        items: runs.into_iter().map(ReconciliationResponse::from).collect(),
        next_cursor: next.as_ref().map(page::cursor).transpose()?,
    }))
}

/// Read a comparison and what it found
#[utoipa::path(get, path = "/admin/reconciliations/{id}", tag = "operator", params(("id" = Uuid, Path), DifferencesQuery), security(("admin" = [])),
    responses(
        (status = 200, body = ReconciliationResultResponse),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn read_reconciliation(
    context: web::Data<Context>,
    _admin: Admin,
    id: PathId<ReconciliationId>,
    query: Query<DifferencesQuery>,
) -> Result<HttpResponse, AppError> {
    // They are the result itself, and as a rule few: whoever says nothing gets all of them.
    let limit = page::limit(Some(query.0.limit.unwrap_or(page::LIMIT_MAX)))?;
    let after: Option<DifferencePosition> = page::position(query.0.cursor.as_deref())?;
    let run = reconcile::read(&context, id.0).await?;
    let (found, next) = reconcile::list_differences(&context, id.0, after.as_ref(), limit).await?;
    Ok(HttpResponse::Ok().json(ReconciliationResultResponse {
        reconciliation: run.into(),
        differences: found.into_iter().map(DifferenceResponse::from).collect(),
        next_cursor: next.as_ref().map(page::cursor).transpose()?,
    }))
}

/// A day in the one usual form.
fn day(text: &str) -> Result<NaiveDate, AppError> {
    let is_usual = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    Some(text)
        .filter(|_| is_usual)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| AppError::field("/bill_date", "format", "a day, such as 2026-01-01"))
}

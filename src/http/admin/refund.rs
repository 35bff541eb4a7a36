//! `/admin/orders/{id}/refunds` and `/admin/refunds`: giving money back.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::domain::id::{OrderId, RefundId};
use crate::error::AppError;
use crate::http::problem::Problem;
use crate::http::{Admin, Body, IdempotencyKey, PathId};
use crate::service::Context;
use crate::service::pay::refund_order::{self, RequestedRefund, Wanted};
use crate::service::pay::refund_response::RefundResponse;

/// A refund as the operator wants it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRefundRequest {
    /// What goes back, in fen; no more than is left of the payment.
    #[schema(minimum = 1, maximum = 10_000_000_000_i64)]
    amount_fen: i64,
    /// What the payer reads; not only white space.
    #[schema(min_length = 1, max_length = 80, pattern = "\\S")]
    reason: Option<String>,
    /// Whether the order's stock goes back when the refund succeeds: all of it, and once for an order.
    #[schema(default = false)]
    restock: Option<bool>,
    /// Which payment of the order, by WeChat's number; absent: the one that paid it. For a payment that
    /// the order did not want and that could not be given back by itself.
    #[schema(min_length = 1, max_length = 32, pattern = "^[A-Za-z0-9_-]+$")]
    transaction_id: Option<String>,
}

/// Give money back
///
/// The sum is held at once; WeChat is asked in the background, and the refund tells how far it is. Several
/// refunds of a payment are sent a minute apart. The same key and body give the same answer again, with
/// `idempotent-replayed: true`, however late.
#[utoipa::path(post, path = "/admin/orders/{id}/refunds", tag = "operator", request_body = CreateRefundRequest, security(("admin" = [])),
    params(("id" = uuid::Uuid, Path),
        ("Idempotency-Key" = String, Header, description = "1 to 64 visible ASCII characters", min_length = 1, max_length = 64, pattern = "^[!-~]+$")),
    responses(
        (status = 202, body = RefundResponse,
            headers(("idempotent-replayed" = String, description = "`true` when this is the answer of an earlier request."))),
        (status = 400, description = "`idempotency_key_missing`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`order_not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`order_state_conflict`, `refund_limit_reached`, `refund_window_passed`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`refund_exceeds_paid`, `idempotency_key_reused`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`payment_not_configured`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn create_refund(
    context: web::Data<Context>,
    _admin: Admin,
    id: PathId<OrderId>,
    key: IdempotencyKey,
    body: Body<CreateRefundRequest, 4_096>,
) -> Result<HttpResponse, AppError> {
    let wanted = Wanted::parse(RequestedRefund {
        amount_fen: body.0.amount_fen,
        reason: body.0.reason,
        is_restocking: body.0.restock.unwrap_or(false),
        transaction_id: body.0.transaction_id,
    })?;
    let asked = refund_order::refund_order(&context, id.0, key.as_str(), wanted).await?;
    let mut response = HttpResponse::Accepted();
    if asked.is_replay {
        response.insert_header(("idempotent-replayed", "true"));
    }
    Ok(response.json(RefundResponse::from(asked.refund)))
}

/// One refund
#[utoipa::path(get, path = "/admin/refunds/{id}", tag = "operator", security(("admin" = [])),
    params(("id" = uuid::Uuid, Path)),
    responses(
        (status = 200, body = RefundResponse),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn read_refund(
    context: web::Data<Context>,
    _admin: Admin,
    id: PathId<RefundId>,
) -> Result<HttpResponse, AppError> {
    let refund = refund_order::read_refund(&context, id.0).await?;
    Ok(HttpResponse::Ok().json(RefundResponse::from(refund)))
}

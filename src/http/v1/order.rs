//! `/v1/orders`: a user's own orders.

#![expect(
    unused_qualifications,
    reason = "written by the macro that describes a route with a query"
)]

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::page::{self, Page};
use crate::domain::id::OrderId;
use crate::domain::order::OrderStatus;
use crate::error::AppError;
use crate::http::problem::Problem;
use crate::http::{Body, IdempotencyKey, PathId, Query};
use crate::service::Context;
use crate::service::pay::order_response::OrderResponse;
use crate::service::pay::place_order::{self, Cart, RequestedLine};
use crate::service::pay::{close_order, read_order, sync_order};

/// What to buy.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceOrderRequest {
    /// 1 to 50 different products.
    #[schema(min_items = 1, max_items = 50)]
    items: Vec<PlaceOrderItem>,
    /// A note for the shop, up to 500 characters.
    #[schema(max_length = 500)]
    note: Option<String>,
}

/// One product.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceOrderItem {
    /// Each product stands in one line.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.-]+$")]
    product_id: String,
    /// 1 to 9,999.
    #[schema(minimum = 1, maximum = 9_999)]
    quantity: i64,
}

/// Place an order
///
/// The price is the server's. The same key and body give the same answer again, with
/// `idempotent-replayed: true`. With `CONTENT_CHECKS=order_note` WeChat looks at the note first and what it calls risky is
/// refused; an order does not wait for a WeChat that says nothing. 100 names and notes of a user are checked a day, then an order
/// with a note is `rate_limited`. So is any order while 200 of the user await payment: nothing is taken for it, and the same key
/// is good once one was paid, closed, or has expired.
#[utoipa::path(post, path = "/v1/orders", tag = "shop", request_body = PlaceOrderRequest, security(("session" = [])),
    params(("Idempotency-Key" = String, Header, description = "1 to 64 visible ASCII characters", min_length = 1, max_length = 64, pattern = "^[!-~]+$")),
    responses(
        (status = 201, body = OrderResponse,
            headers(("idempotent-replayed" = String, description = "`true` when this is the answer of an earlier request."))),
        (status = 400, description = "`idempotency_key_missing`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`stock_insufficient`, `request_in_progress`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`idempotency_key_reused`, `content_rejected`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn create_order(
    context: web::Data<Context>,
    caller: Caller,
    key: IdempotencyKey,
    body: Body<PlaceOrderRequest, 16_384>,
) -> Result<HttpResponse, AppError> {
    let lines = body
        .0
        .items
        .into_iter()
        .map(|item| RequestedLine {
            product_id: item.product_id,
            quantity: item.quantity,
        })
        .collect();
    let cart = Cart::parse(lines, body.0.note)?;
    let placed = place_order::place_order(&context, &caller.0, key.as_str(), &cart).await?;
    let mut response = HttpResponse::Created();
    if placed.is_replay {
        response.insert_header(("idempotent-replayed", "true"));
    }
    Ok(response.json(OrderResponse::from(placed.order)))
}

/// Which page of which orders.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListOrdersQuery {
    /// Only orders of this status.
    #[param(pattern = "^(awaiting_payment|paid|closed|partially_refunded|refunded)$")]
    status: Option<String>,
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// List one's own orders, newest first
#[utoipa::path(get, path = "/v1/orders", tag = "shop", params(ListOrdersQuery), security(("session" = [])),
    responses(
        (status = 200, body = Page<OrderResponse>),
    ))]
pub async fn list_orders(
    context: web::Data<Context>,
    caller: Caller,
    query: Query<ListOrdersQuery>,
) -> Result<HttpResponse, AppError> {
    let limit = page::limit(query.0.limit)?;
    let before: Option<OrderId> = page::position(query.0.cursor.as_deref())?;
    let status = query
        .0
        .status
        .map(|text| {
            OrderStatus::parse(&text)
                .ok_or_else(|| AppError::field("status", "format", "not a status of an order"))
        })
        .transpose()?;
    let (orders, next) = read_order::list_orders(&context, caller.0.user_id, status, before, limit).await?;
    Ok(HttpResponse::Ok().json(Page {
        items: orders.into_iter().map(OrderResponse::from).collect(),
        next_cursor: next.as_ref().map(page::cursor).transpose()?,
    }))
}

/// Read one's own order
#[utoipa::path(get, path = "/v1/orders/{id}", tag = "shop", params(("id" = uuid::Uuid, Path)), security(("session" = [])),
    responses(
        (status = 200, body = OrderResponse),
        (status = 404, description = "`order_not_found`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn read_order(
    context: web::Data<Context>,
    caller: Caller,
    id: PathId<OrderId>,
) -> Result<HttpResponse, AppError> {
    let order = read_order::read_order(&context, id.0, caller.0.user_id).await?;
    Ok(HttpResponse::Ok().json(OrderResponse::from(order)))
}

/// Ask WeChat about an order now
///
/// What a page calls after `wx.requestPayment`, however that ended. WeChat is asked at most once a
/// second for each order.
#[utoipa::path(post, path = "/v1/orders/{id}/sync", tag = "shop", params(("id" = uuid::Uuid, Path)), security(("session" = [])),
    responses(
        (status = 200, body = OrderResponse),
        (status = 404, description = "`order_not_found`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn sync_order(
    context: web::Data<Context>,
    caller: Caller,
    id: PathId<OrderId>,
) -> Result<HttpResponse, AppError> {
    let order = sync_order::sync_order(&context.into_inner(), caller.0.user_id, id.0).await?;
    Ok(HttpResponse::Ok().json(OrderResponse::from(order)))
}

/// Close an unpaid order
///
/// At WeChat first, here only then; its stock goes back.
#[utoipa::path(post, path = "/v1/orders/{id}/close", tag = "shop", params(("id" = uuid::Uuid, Path)), security(("session" = [])),
    responses(
        (status = 200, body = OrderResponse),
        (status = 404, description = "`order_not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`order_state_conflict`, `request_in_progress`", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "`wechat_rejected`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`wechat_unavailable`", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "`wechat_timeout`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn close_order(
    context: web::Data<Context>,
    caller: Caller,
    id: PathId<OrderId>,
) -> Result<HttpResponse, AppError> {
    let order = close_order::close_order(&context.into_inner(), caller.0.user_id, id.0).await?;
    Ok(HttpResponse::Ok().json(OrderResponse::from(order)))
}

//! `/admin/orders`: looking for orders, and why one is what it is.

#![expect(
    unused_qualifications,
    reason = "written by the macro that describes a route with a query"
)]

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::id::{OrderId, UserId};
use crate::domain::moment::Moment;
use crate::domain::name::{OutTradeNo, TransactionId};
use crate::domain::order::OrderStatus;
use crate::error::AppError;
use crate::http::problem::Problem;
use crate::http::v1::page::{self, Page};
use crate::http::{Admin, PathId, Query};
use crate::service::Context;
use crate::service::operator::orders::{self, AdminOrder, OrderStory};
use crate::service::operator::timeline::Entry;
use crate::service::pay::order_response::OrderResponse;
use crate::service::shipping::response::OrderShipmentResponse;
use crate::store::order_search::OrderFilter;
use crate::store::timeline::AttemptRow;

/// An order, with what only the operator sees.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminOrderResponse {
    #[serde(flatten)]
    order: OrderResponse,
    #[schema(value_type = uuid::Uuid)]
    user_id: UserId,
    /// Its mini program.
    app_id: String,
    /// WeChat's number of the payment that paid it; null: it is not paid.
    #[schema(required = true)]
    transaction_id: Option<String>,
}

impl From<AdminOrder> for AdminOrderResponse {
    fn from((order, found): AdminOrder) -> Self {
        Self {
            order: order.into(),
            user_id: found.user_id,
            app_id: found.app_id,
            transaction_id: found.transaction_id,
        }
    }
}

/// One try to pay an order.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttemptResponse {
    out_trade_no: String,
    /// `created`, `unknown`, `prepaid`, `settled`, `surplus`, `closed` or `failed`.
    state: String,
    total_fen: i64,
    #[schema(required = true)]
    transaction_id: Option<String>,
    /// WeChat's code when it refused for good.
    #[schema(required = true)]
    failure_code: Option<String>,
    created_at: DateTime<Utc>,
    #[schema(required = true)]
    prepaid_at: Option<DateTime<Utc>>,
}

impl From<AttemptRow> for AttemptResponse {
    fn from(attempt: AttemptRow) -> Self {
        Self {
            out_trade_no: attempt.out_trade_no,
            state: attempt.state,
            total_fen: attempt.total_fen,
            transaction_id: attempt.transaction_id,
            failure_code: attempt.failure_code,
            created_at: attempt.created_at,
            prepaid_at: attempt.prepaid_at,
        }
    }
}

/// One thing that happened.
#[derive(Debug, Serialize, ToSchema)]
pub struct TimelineEntry {
    /// When, by this server's clock.
    at: DateTime<Utc>,
    /// What, in a word: `order_placed`, `payment_started`, `wechat_asked`, `notification`, `order_moved`, `shipment_told`, …
    kind: String,
    /// What, in a sentence.
    summary: String,
    /// What else is known of it, by its kind.
    #[schema(value_type = Object, additional_properties)]
    figures: serde_json::Value,
}

impl From<Entry> for TimelineEntry {
    fn from(entry: Entry) -> Self {
        Self {
            at: entry.at,
            kind: entry.kind,
            summary: entry.summary,
            figures: entry.figures,
        }
    }
}

/// An order with everything that happened to it.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderStoryResponse {
    #[serde(flatten)]
    order: AdminOrderResponse,
    /// How its goods were sent; null: nothing was said of it.
    #[schema(required = true)]
    shipment: Option<OrderShipmentResponse>,
    /// Newest first, 50 at most.
    attempts: Vec<AttemptResponse>,
    /// Oldest first, the newest 500.
    timeline: Vec<TimelineEntry>,
    /// Whether that is all that happened.
    is_timeline_whole: bool,
}

impl From<OrderStory> for OrderStoryResponse {
    fn from(story: OrderStory) -> Self {
        Self {
            order: story.order.into(),
            shipment: OrderShipmentResponse::of(story.shipments),
            attempts: story.attempts.into_iter().map(AttemptResponse::from).collect(),
            timeline: story.timeline.into_iter().map(TimelineEntry::from).collect(),
            is_timeline_whole: story.is_timeline_whole,
        }
    }
}

/// Which page of which orders.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SearchOrdersQuery {
    /// Only orders of this status.
    #[param(pattern = "^(awaiting_payment|paid|closed|partially_refunded|refunded)$")]
    status: Option<String>,
    /// The order with this number at WeChat, of whichever attempt.
    #[param(min_length = 6, max_length = 32, pattern = "^[0-9A-Za-z_|*-]+$")]
    out_trade_no: Option<String>,
    /// The order to which WeChat's payment with this number belongs.
    #[param(min_length = 1, max_length = 32, pattern = "^[0-9A-Za-z_-]+$")]
    transaction_id: Option<String>,
    /// Only orders of this user.
    user_id: Option<uuid::Uuid>,
    /// Only orders made then or later; a time of the years 1970 to 9999.
    #[param(value_type = Option<DateTime<Utc>>)]
    created_from: Option<Moment>,
    /// Only orders made before; a time of these years.
    #[param(value_type = Option<DateTime<Utc>>)]
    created_to: Option<Moment>,
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Search orders, newest first
#[utoipa::path(get, path = "/admin/orders", tag = "operator", params(SearchOrdersQuery), security(("admin" = [])),
    responses(
        (status = 200, body = Page<AdminOrderResponse>),
    ))]
pub async fn search_orders(
    context: web::Data<Context>,
    _admin: Admin,
    query: Query<SearchOrdersQuery>,
) -> Result<HttpResponse, AppError> {
    let limit = page::limit(query.0.limit)?;
    let before: Option<OrderId> = page::position(query.0.cursor.as_deref())?;
    let filter = filter(query.0)?;
    let (orders, next) = orders::list(&context, &filter, before, limit).await?;
    Ok(HttpResponse::Ok().json(Page {
        items: orders.into_iter().map(AdminOrderResponse::from).collect(),
        next_cursor: next.as_ref().map(page::cursor).transpose()?,
    }))
}

fn filter(query: SearchOrdersQuery) -> Result<OrderFilter, AppError> {
    let wrong = |name: &'static str, what: &'static str| AppError::field(name, "format", what);
    let status = query
        .status
        .map(|text| OrderStatus::parse(&text).ok_or_else(|| wrong("status", "not a status of an order")));
    let out_trade_no = query
        .out_trade_no
        .map(|text| OutTradeNo::parse(text).map_err(|_| wrong("out_trade_no", "not such a number")));
    let transaction_id = query
        .transaction_id
        .map(|text| TransactionId::parse(text).map_err(|_| wrong("transaction_id", "not such a number")));
    Ok(OrderFilter {
        status: status.transpose()?,
        out_trade_no: out_trade_no.transpose()?,
        transaction_id: transaction_id.transpose()?,
        user_id: query.user_id.map(UserId::from),
        created_from: query.created_from,
        created_to: query.created_to,
    })
}

/// Read an order with everything that happened to it
///
/// The timeline tells why an order is what it is: what was asked of WeChat and what it said with its
/// request ids, notifications and their verdicts, money, moves, refunds, shipments, events and exceptions, each
/// in a sentence with its figures beside it.
#[utoipa::path(get, path = "/admin/orders/{id}", tag = "operator", params(("id" = uuid::Uuid, Path)), security(("admin" = [])),
    responses(
        (status = 200, body = OrderStoryResponse),
        (status = 404, description = "`order_not_found`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn read_story(
    context: web::Data<Context>,
    _admin: Admin,
    id: PathId<OrderId>,
) -> Result<HttpResponse, AppError> {
    let story = orders::read(&context, id.0).await?;
    Ok(HttpResponse::Ok().json(OrderStoryResponse::from(story)))
}

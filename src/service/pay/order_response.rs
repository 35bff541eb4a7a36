//! An order as it is told: to the page, to the operator and to whoever receives events.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::id::OrderId;
use crate::domain::order::OrderItem;
use crate::store::order::StoredOrder;

/// An order.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderResponse {
    #[schema(value_type = uuid::Uuid)]
    id: OrderId,
    /// The settled attempt's number at WeChat, else the newest's; null before the first.
    #[schema(required = true)]
    out_trade_no: Option<String>,
    /// `awaiting_payment`, `paid`, `closed`, `partially_refunded` or `refunded`.
    #[schema(value_type = String, example = "awaiting_payment", pattern = "^(awaiting_payment|paid|closed|partially_refunded|refunded)$")]
    status: &'static str,
    total_fen: i64,
    /// What went back; refunds that succeeded.
    refunded_fen: i64,
    /// What is on its way back.
    refunding_fen: i64,
    currency: String,
    items: Vec<OrderItemResponse>,
    #[schema(required = true)]
    note: Option<String>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    #[schema(required = true)]
    paid_at: Option<DateTime<Utc>>,
    #[schema(required = true)]
    closed_at: Option<DateTime<Utc>>,
    #[schema(required = true)]
    shipped_at: Option<DateTime<Utc>>,
}

/// A line of an order.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderItemResponse {
    product_id: String,
    title: String,
    unit_price_fen: i64,
    quantity: i32,
}

impl From<OrderItem> for OrderItemResponse {
    fn from(item: OrderItem) -> Self {
        Self {
            product_id: item.product_id.into(),
            title: item.title,
            unit_price_fen: item.unit_price_fen.get(),
            quantity: item.quantity,
        }
    }
}

impl From<StoredOrder> for OrderResponse {
    fn from(order: StoredOrder) -> Self {
        Self {
            id: order.id,
            out_trade_no: order.out_trade_no.map(String::from),
            status: order.status.as_str(),
            total_fen: order.total_fen.get(),
            refunded_fen: order.refunded_fen.get(),
            refunding_fen: order.refunding_fen.get(),
            currency: order.currency,
            items: order.items.into_iter().map(OrderItemResponse::from).collect(),
            note: order.note,
            created_at: order.created_at,
            expires_at: order.expires_at,
            paid_at: order.paid_at,
            closed_at: order.closed_at,
            shipped_at: order.shipped_at,
        }
    }
}

//! Looking for orders, and why one is what it is.

use super::timeline::{self, Entry};
use crate::domain::id::OrderId;
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::store;
use crate::store::order::StoredOrder;
use crate::store::order_search::{FoundOrder, OrderFilter};
use crate::store::shipment::StoredShipment;
use crate::store::timeline::AttemptRow;

/// The most attempts of one order that are shown.
const ATTEMPTS_MAX: i64 = 50;

/// An order and what only the operator sees of it.
pub type AdminOrder = (StoredOrder, FoundOrder);

/// Up to `limit` orders, newest first, before an order, and the one to go on from if there are more.
pub async fn list(
    context: &Context,
    filter: &OrderFilter,
    before: Option<OrderId>,
    limit: u32,
) -> Result<(Vec<AdminOrder>, Option<OrderId>), AppError> {
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut tx = context.db.begin().await?;
    let mut found = store::order_search::list(&mut tx, filter, before, i64::from(limit) + 1).await?;
    tx.rollback().await?;
    let has_more = found.len() > wanted;
    found.truncate(wanted);
    let next = found.last().map(|last| last.id).filter(|_| has_more);
    let ids: Vec<OrderId> = found.iter().map(|found| found.id).collect();
    let orders = store::order::list_by_ids(&context.db, &ids).await?;
    // Both are newest first, and no order ever goes away.
    let all = orders.into_iter().zip(found).collect();
    Ok((all, next))
}

/// One order with its attempts and its timeline.
#[derive(Debug)]
pub struct OrderStory {
    /// The order.
    pub order: AdminOrder,
    /// What was said of its shipment, oldest first.
    pub shipments: Vec<StoredShipment>,
    /// Its attempts, newest first.
    pub attempts: Vec<AttemptRow>,
    /// What happened, oldest first.
    pub timeline: Vec<Entry>,
    /// Whether that is all of it.
    pub is_timeline_whole: bool,
}

/// Tells why an order is what it is.
///
/// # Errors
/// `order_not_found`.
pub async fn read(context: &Context, id: OrderId) -> Result<OrderStory, AppError> {
    let missing = || AppError::new(ErrorCode::OrderNotFound);
    let found = store::order_search::find(&context.db, id)
        .await?
        .ok_or_else(missing)?;
    let order = store::order::find(&context.db, id).await?.ok_or_else(missing)?;
    let attempts = store::timeline::list_attempts(&context.db, id, ATTEMPTS_MAX).await?;
    let shipments = store::shipment::list_with_key(&context.db, id, None).await?;
    let (timeline, is_timeline_whole) = timeline::read(context, id).await?;
    Ok(OrderStory {
        order: (order, found),
        shipments,
        attempts,
        timeline,
        is_timeline_whole,
    })
}

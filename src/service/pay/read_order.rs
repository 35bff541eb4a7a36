//! A user's own orders.

use crate::domain::id::{OrderId, UserId};
use crate::domain::order::OrderStatus;
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::store;
use crate::store::order::StoredOrder;

/// One order of this user; another's is not found.
pub async fn read_order(context: &Context, id: OrderId, user_id: UserId) -> Result<StoredOrder, AppError> {
    store::order::find_of_user(&context.db, id, user_id)
        .await?
        .ok_or_else(|| AppError::new(ErrorCode::OrderNotFound))
}

/// Up to `limit` orders of this user, newest first, before an order, and the order to go on from
/// if there are more.
pub async fn list_orders(
    context: &Context,
    user_id: UserId,
    status: Option<OrderStatus>,
    before: Option<OrderId>,
    limit: u32,
) -> Result<(Vec<StoredOrder>, Option<OrderId>), AppError> {
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut orders =
        store::order::list_of_user(&context.db, user_id, status, before, i64::from(limit) + 1).await?;
    let has_more = orders.len() > wanted;
    orders.truncate(wanted);
    let next = if has_more {
        orders.last().map(|order| order.id)
    } else {
        None
    };
    Ok((orders, next))
}

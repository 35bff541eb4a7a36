//! Asking WeChat about an order on a page's behalf.

use std::sync::Arc;

use chrono::TimeDelta;

use super::inquiry::query_attempt;
use crate::domain::id::{OrderId, UserId};
use crate::error::AppError;
use crate::service::Context;
use crate::store;
use crate::store::order::StoredOrder;
use crate::telemetry;

/// How often WeChat is asked about one order on a page's behalf.
const SYNC_EVERY: TimeDelta = TimeDelta::seconds(1);

/// Asks WeChat about a user's order now, at most once a second, and gives the order as it then
/// stands. Trouble at WeChat is no error here: the order is given as it is known.
pub async fn sync_order(
    context: &Arc<Context>,
    user_id: UserId,
    order_id: OrderId,
) -> Result<StoredOrder, AppError> {
    let order = super::read_order::read_order(context, order_id, user_id).await?;
    telemetry::note_order(order_id);
    if context.merchant.is_none() || order.out_trade_no.is_none() {
        return Ok(order);
    }
    let shared = Arc::clone(context);
    context
        .detached(async move { ask(&shared, order_id).await })
        .await?;
    super::read_order::read_order(context, order_id, user_id).await
}

async fn ask(context: &Context, order_id: OrderId) -> Result<(), AppError> {
    let now = context.clock.now();
    let Some(mut open) = store::attempt::find_open(&context.db, order_id).await? else {
        return Ok(());
    };
    if !store::order::update_synced(&context.db, order_id, now, SYNC_EVERY).await? {
        return Ok(());
    }
    if let Err(error) = query_attempt(context, &mut open).await {
        tracing::warn!(order.id = %order_id, error = error.causes(), "an order could not be asked about");
    }
    Ok(())
}

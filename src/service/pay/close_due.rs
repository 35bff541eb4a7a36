//! Closing the orders whose time is over, so that their stock is sold to somebody else.
//!
//! Each goes the way of a close by its buyer: at WeChat first, with a query behind it, and here only
//! then. The claim moves the time of the next try ahead, so that one whose process dies, or whose
//! outcome stays unknown, is tried again by whoever comes by then.

use futures_util::future::join_all;

use super::close_order::{self, Cause};
use super::rest::trouble;
use crate::domain::id::OrderId;
use crate::domain::schedule;
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::store;

/// How many orders are claimed together, and closed at the same time.
const BATCH: i64 = 8;

/// Closes a batch of orders whose time is over. Tells whether there was any.
///
/// # Errors
/// When the database fails. What was claimed is tried again in its time.
pub async fn close_due(context: &Context) -> Result<bool, AppError> {
    let now = context.clock.now();
    // An order whose payment was never started needs no call, and waits for nobody.
    let is_calling = context.merchant.is_some() && context.pay_rest.until(now).is_none();
    let expired =
        store::order::claim_expired(&context.db, is_calling, &schedule::CLOSE_WAITS_S, BATCH, now).await?;
    let troubles = join_all(expired.iter().map(|order_id| close(context, *order_id))).await;
    context.pay_rest.judge(&troubles, context.clock.now());
    Ok(!expired.is_empty())
}

/// Closes one order. Tells what was wrong at WeChat, if anything.
async fn close(context: &Context, order_id: OrderId) -> Option<ErrorCode> {
    let closed = close_order::close(context, order_id, Cause::Expiry).await;
    match &closed {
        Ok(()) => {}
        // It was paid in time, and is settled now; or somebody else has it in hand.
        Err(error)
            if matches!(
                error.code(),
                ErrorCode::OrderStateConflict | ErrorCode::RequestInProgress
            ) =>
        {
            return None;
        }
        Err(error) => {
            let causes = error.causes();
            tracing::warn!(order.id = %order_id, error = causes, "an order past its time is not closed yet");
        }
    }
    trouble(&closed)
}

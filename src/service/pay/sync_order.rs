//! Asking WeChat about an order, and acting on the answer.
//!
//! This is the second way to "paid", beside the notification, and ends in the same settling.

use std::sync::Arc;

use chrono::TimeDelta;

use super::prepay::pay_error;
use super::settle::{self, Outcome, Source};
use crate::domain::attempt::{self, AttemptEvent};
use crate::domain::id::{OrderId, UserId};
use crate::error::AppError;
use crate::service::Context;
use crate::store;
use crate::store::attempt::Askable;
use crate::store::order::StoredOrder;
use crate::telemetry;
use crate::wechat::pay::TradeState;

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
    if !store::order::update_synced(&context.db, order_id, now, now - SYNC_EVERY).await? {
        return Ok(());
    }
    if let Err(error) = query_attempt(context, &mut open).await {
        tracing::warn!(order.id = %order_id, error = error.causes(), "an order could not be asked about");
    }
    Ok(())
}

/// What a query found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Money had landed; it is settled or an exception now.
    Landed(Outcome),
    /// Nobody has paid it yet.
    Unpaid,
    /// WeChat does not know the number.
    Absent,
    /// Nobody can pay it any more.
    Closed,
}

/// Asks WeChat about one attempt. Money that landed is settled; nothing else is written.
///
/// # Errors
/// The `wechat_…` codes when there is no answer to believe.
pub(super) async fn look(context: &Context, open: &Askable) -> Result<Found, AppError> {
    match context.merchant()?.query(&open.out_trade_no).await {
        Ok(transaction) => Ok(match transaction.landed {
            Some(landed) => Found::Landed(settle::settle(context, &landed, Source::Query).await?),
            None if matches!(transaction.trade_state, TradeState::Closed | TradeState::Revoked) => {
                Found::Closed
            }
            None => Found::Unpaid,
        }),
        Err(error) if error.is_not_found() => Ok(Found::Absent),
        Err(error) => Err(pay_error(error)),
    }
}

/// Asks WeChat about one attempt and writes down what it says, in `open` too.
///
/// # Errors
/// The `wechat_…` codes when there is no answer to believe; nothing is changed then.
pub(super) async fn query_attempt(context: &Context, open: &mut Askable) -> Result<Found, AppError> {
    let found = look(context, open).await?;
    let event = match found {
        Found::Landed(_) => return Ok(found),
        Found::Unpaid => AttemptEvent::FoundUnpaid,
        Found::Absent => AttemptEvent::FoundAbsent,
        Found::Closed => AttemptEvent::FoundClosed,
    };
    let next = attempt::next(open.state, event);
    if next != open.state
        && store::attempt::update_state(&context.db, open, next, context.clock.now()).await?
    {
        open.state = next;
    }
    Ok(found)
}

//! Closing an order: at WeChat first, here only then.

use std::sync::Arc;

use uuid::Uuid;

use super::prepay::{LEASE, pay_error};
use super::sync_order::{Found, query_attempt};
use crate::domain::attempt::{self, AttemptEvent};
use crate::domain::id::{OrderId, UserId};
use crate::domain::order::{self, OrderEvent, OrderMove, OrderStatus};
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::store;
use crate::store::attempt::{Askable, Lease};
use crate::store::event::NewEvent;
use crate::store::order::StoredOrder;
use crate::telemetry;
use crate::wechat::pay::PayError;

/// Closes a user's unpaid order and gives its stock back.
///
/// # Errors
/// `order_not_found`, `order_state_conflict` when it is not unpaid or WeChat says it is paid (it is
/// paid then), `request_in_progress` while a payment is being started, and the `wechat_…` codes.
pub async fn close_order(
    context: &Arc<Context>,
    user_id: UserId,
    order_id: OrderId,
) -> Result<StoredOrder, AppError> {
    let order = super::read_order::read_order(context, order_id, user_id).await?;
    telemetry::note_order(order_id);
    if order.status != OrderStatus::AwaitingPayment {
        return Err(AppError::new(ErrorCode::OrderStateConflict));
    }
    let shared = Arc::clone(context);
    context
        .detached(async move { close(&shared, order_id).await })
        .await?;
    super::read_order::read_order(context, order_id, user_id).await
}

async fn close(context: &Context, order_id: OrderId) -> Result<(), AppError> {
    if let Some(mut open) = store::attempt::find_open(&context.db, order_id).await? {
        // Under the lease no payment is started meanwhile, here or on another replica.
        let now = context.clock.now();
        let lease = Lease {
            token: Uuid::from_bytes(context.entropy.bytes()?),
            until: now + LEASE,
        };
        let seen = (open.state, open.prepaid_at);
        if !store::attempt::claim(&context.db, open.id, seen, lease, now).await? {
            return Err(AppError::new(ErrorCode::RequestInProgress));
        }
        open.lease_token = Some(lease.token);
        let closed = close_attempt(context, &mut open).await;
        // After an answer that did not come, WeChat may have closed it all the same.
        store::attempt::release(&context.db, open.id, lease.token, closed.is_ok()).await?;
        closed?;
    }
    close_here(context, order_id).await
}

/// Closes an attempt at WeChat and marks it closed.
///
/// # Errors
/// `order_state_conflict` when it turns out to be paid (it is settled then), and the `wechat_…`
/// codes when there is no answer to believe.
pub(super) async fn close_attempt(context: &Context, open: &mut Askable) -> Result<(), AppError> {
    match context.merchant()?.close(&open.out_trade_no).await {
        Ok(()) => {}
        Err(error) if error.is_not_found() || error.is_order_closed() => {}
        Err(error @ PayError::Definite { .. }) => {
            // Paid, most likely; only the query tells.
            return match query_attempt(context, open).await? {
                Found::Landed(_) => Err(AppError::new(ErrorCode::OrderStateConflict)),
                Found::Closed => Ok(()),
                Found::Unpaid | Found::Absent => Err(pay_error(error)),
            };
        }
        Err(error) => return Err(pay_error(error)),
    }
    // A payment that was under way may have won the race with the close.
    match query_attempt(context, open).await? {
        Found::Landed(_) => Err(AppError::new(ErrorCode::OrderStateConflict)),
        Found::Closed => Ok(()),
        Found::Absent | Found::Unpaid => {
            let next = attempt::next(open.state, AttemptEvent::FoundClosed);
            // Nobody but a notification can have moved it meanwhile, and then the order tells.
            store::attempt::update_state(&context.db, open, next, context.clock.now()).await?;
            Ok(())
        }
    }
}

/// Closes the order in the books, if no attempt of it is open.
async fn close_here(context: &Context, order_id: OrderId) -> Result<(), AppError> {
    let now = context.clock.now();
    let mut tx = context.db.begin().await?;
    let status = store::attempt::lock_order(&mut tx, order_id)
        .await?
        .ok_or_else(|| AppError::new(ErrorCode::OrderNotFound))?;
    if store::attempt::find_open(&mut *tx, order_id).await?.is_some() {
        return Err(AppError::new(ErrorCode::RequestInProgress));
    }
    match order::decide(status, OrderEvent::AttemptsClosed) {
        OrderMove::CloseAndReturnStock => {}
        OrderMove::Stay | OrderMove::Pay | OrderMove::StayWithSurplus => {
            return Err(AppError::new(ErrorCode::OrderStateConflict));
        }
    }
    store::order::update_closed(&mut tx, order_id, now).await?;
    store::product::return_stock(&mut *tx, order_id).await?;
    let event = NewEvent {
        id: context.entropy.uuid(now)?,
        order_id,
        kind: "order.closed",
        from: status,
        to: OrderStatus::Closed,
        cause: "close",
    };
    store::event::insert(&mut tx, &event, now).await?;
    tx.commit().await?;
    telemetry::count_order_move(status.as_str(), OrderStatus::Closed.as_str());
    Ok(())
}

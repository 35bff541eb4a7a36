//! Closing an order: at WeChat first, here only then.

use std::sync::Arc;

use uuid::Uuid;

use super::event;
use super::inquiry::{Found, LEASE, close_at_wechat};
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
        .detached(async move { close(&shared, order_id, Cause::Buyer).await })
        .await?;
    super::read_order::read_order(context, order_id, user_id).await
}

/// Why an order is closed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cause {
    /// Its buyer gave it up.
    Buyer,
    /// Its time was over.
    Expiry,
}

impl Cause {
    fn as_str(self) -> &'static str {
        match self {
            Self::Buyer => "close",
            Self::Expiry => "expiry",
        }
    }

    /// Whether the order stays because of what was found at WeChat. Where the money contradicts the
    /// books, a buyer is told that it was paid; when its time is over, its stock is free.
    fn is_refused_by(self, found: Found) -> bool {
        match self {
            Self::Buyer => matches!(found, Found::Landed(_)),
            Self::Expiry => matches!(found, Found::Landed(_)) && !found.is_contradiction(),
        }
    }
}

/// Closes an unpaid order: at WeChat first, then here.
///
/// # Errors
/// As [`close_order`], apart from `order_not_found`.
pub(super) async fn close(context: &Context, order_id: OrderId, cause: Cause) -> Result<(), AppError> {
    let Some(mut open) = store::attempt::find_open(&context.db, order_id).await? else {
        return close_here(context, order_id, None, cause).await;
    };
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
    let closed = match close_at_wechat(context, &open).await {
        Ok(found) if cause.is_refused_by(found) => Err(AppError::new(ErrorCode::OrderStateConflict)),
        Ok(_) => close_here(context, order_id, Some(&open), cause).await,
        Err(error) => Err(error),
    };
    // After an answer that did not come, WeChat may have closed it all the same.
    store::attempt::release(&context.db, open.id, lease.token, closed.is_ok()).await?;
    closed
}

/// Closes the order in the books together with the attempt that was closed at WeChat, if no other
/// attempt of it is open.
async fn close_here(
    context: &Context,
    order_id: OrderId,
    closed: Option<&Askable>,
    cause: Cause,
) -> Result<(), AppError> {
    let now = context.clock.now();
    let mut tx = context.db.begin().await?;
    let status = store::attempt::lock_order(&mut tx, order_id)
        .await?
        .ok_or_else(|| AppError::new(ErrorCode::OrderNotFound))?;
    if let Some(closed) = closed {
        let to = attempt::next(closed.state, AttemptEvent::FoundClosed);
        store::attempt::update_state(&mut *tx, closed, to, now).await?;
    }
    if store::attempt::find_open(&mut *tx, order_id).await?.is_some() {
        return Err(AppError::new(ErrorCode::RequestInProgress));
    }
    match order::decide(status, OrderEvent::AttemptsClosed) {
        OrderMove::CloseAndReturnStock => {}
        OrderMove::Stay
        | OrderMove::Pay
        | OrderMove::StayWithSurplus
        | OrderMove::RefundInPart
        | OrderMove::RefundInFull => {
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
        cause: cause.as_str(),
        is_told: context.webhook.is_some(),
    };
    event::write(context, &mut tx, &event, now).await?;
    tx.commit().await?;
    event::ring(context, event.kind);
    telemetry::count_order_move(status.as_str(), OrderStatus::Closed.as_str());
    Ok(())
}

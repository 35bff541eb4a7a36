//! Starting a payment: one prepay at WeChat for an order, and the signed parameters for
//! `wx.requestPayment`.
//!
//! The intent is committed before WeChat is asked. A lease makes two taps one call; whoever comes
//! second waits a little for the first. An answer that is not clear leaves the attempt unknown, and
//! the next call asks again under the same number with the same parameters, which WeChat allows.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::inquiry::{LEASE, merchant_of};
use super::prepay::{self, Step};
use crate::domain::attempt::{self, AttemptState};
use crate::domain::id::{AttemptId, OrderId, UserId};
use crate::domain::name::OutTradeNo;
use crate::domain::order::OrderStatus;
use crate::domain::schedule;
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::store;
use crate::store::attempt::{Lease, NewAttempt, OpenAttempt, Payable};
use crate::telemetry;

/// How long a second tap waits for the first, and how often it looks.
const WAIT_MAX: Duration = Duration::from_secs(3);
const WAIT_STEP: Duration = Duration::from_millis(50);
/// After a tap, WeChat is asked about a payment within this time.
const EXPECTED_WITHIN: TimeDelta = TimeDelta::minutes(1);
/// How often an order that changed under our hands is looked at again.
const ROUNDS_MAX: u32 = 4;

/// Starts the payment of a user's order, and gives the parameters as JSON.
///
/// # Errors
/// `payment_not_configured`, `order_not_found`, `order_state_conflict`, `order_expired`,
/// `request_in_progress`, and the `wechat_…` codes.
pub async fn start_payment(
    context: &Arc<Context>,
    user_id: UserId,
    order_id: OrderId,
) -> Result<String, AppError> {
    context.merchant()?;
    telemetry::note_order(order_id);
    let shared = Arc::clone(context);
    context
        .detached(async move { start(&shared, user_id, order_id).await })
        .await
}

async fn start(context: &Context, user_id: UserId, order_id: OrderId) -> Result<String, AppError> {
    let deadline = tokio::time::Instant::now() + WAIT_MAX;
    let mut rounds_left = ROUNDS_MAX;
    while rounds_left > 0 {
        let lease = Uuid::from_bytes(context.entropy.bytes()?);
        let Some(payable) = begin(context, user_id, order_id, lease).await? else {
            rounds_left = rounds_left.saturating_sub(1);
            continue;
        };
        let attempt = open_attempt(&payable, context.clock.now())?;
        // What another merchant's prepay brought in nobody here could ask about.
        merchant_of(context, &attempt.mch_id)?;
        if let Some(ready) = fresh(attempt, context.clock.now()) {
            expect_payment(context, attempt).await?;
            return Ok(ready);
        }
        if payable.is_new || claim(context, attempt, lease).await? {
            rounds_left = rounds_left.saturating_sub(1);
            match prepay::ask(context, &payable, attempt, lease).await? {
                Step::Ready(parameters) => return Ok(parameters),
                Step::LookAgain => {}
            }
        } else if tokio::time::Instant::now() < deadline {
            tokio::time::sleep(WAIT_STEP).await;
        } else {
            break;
        }
    }
    Err(AppError::new(ErrorCode::RequestInProgress))
}

/// Finds the order with its open attempt, or makes one; nothing when another request did meanwhile.
async fn begin(
    context: &Context,
    user_id: UserId,
    order_id: OrderId,
    lease: Uuid,
) -> Result<Option<Payable>, AppError> {
    let now = context.clock.now();
    let out_trade_no = OutTradeNo::parse(context.entropy.token()?).map_err(AppError::internal)?;
    let new = NewAttempt {
        id: AttemptId::from(context.entropy.uuid(now)?),
        out_trade_no: &out_trade_no,
        mch_id: context.merchant()?.merchant().mch_id(),
        lease_token: lease,
        lease_until: now + LEASE,
    };
    let begun = store::attempt::begin(&context.db, order_id, user_id, &new, now).await;
    if store::is_conflict(&begun, "payment_attempts_one_open_key") {
        return Ok(None);
    }
    begun?
        .map(Some)
        .ok_or_else(|| AppError::new(ErrorCode::OrderNotFound))
}

fn open_attempt(payable: &Payable, now: DateTime<Utc>) -> Result<&OpenAttempt, AppError> {
    let is_over = payable.expires_at <= now;
    match payable.status {
        OrderStatus::AwaitingPayment => {}
        // The loop that closes it may have come before the page or not: the page hears the same.
        OrderStatus::Closed if is_over => return Err(AppError::new(ErrorCode::OrderExpired)),
        OrderStatus::Paid | OrderStatus::Closed | OrderStatus::PartiallyRefunded | OrderStatus::Refunded => {
            return Err(AppError::new(ErrorCode::OrderStateConflict));
        }
    }
    payable
        .attempt
        .as_ref()
        .filter(|_| !is_over)
        .ok_or_else(|| AppError::new(ErrorCode::OrderExpired))
}

fn fresh(attempt: &OpenAttempt, now: DateTime<Utc>) -> Option<String> {
    let prepaid_at = attempt.prepaid_at?;
    let is_usable = attempt.state == AttemptState::Prepaid && attempt::is_prepay_fresh(prepaid_at, now);
    attempt.request_payment.clone().filter(|_| is_usable)
}

/// Asks WeChat soon, as after the first tap: somebody is about to pay. Writes only where it would not
/// be asked for a while.
async fn expect_payment(context: &Context, attempt: &OpenAttempt) -> Result<(), AppError> {
    let now = context.clock.now();
    if attempt.next_check_at.is_some_and(|at| at > now + EXPECTED_WITHIN) {
        let soon = now + schedule::FIRST;
        store::check::update_restarted(&context.db, attempt.id, soon).await?;
        context.alarms.settle.set(soon);
    }
    Ok(())
}

async fn claim(context: &Context, attempt: &OpenAttempt, token: Uuid) -> Result<bool, AppError> {
    let now = context.clock.now();
    let lease = Lease {
        token,
        until: now + LEASE,
    };
    let seen = (attempt.state, attempt.prepaid_at);
    Ok(store::attempt::claim(&context.db, attempt.id, seen, lease, now).await?)
}

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

use crate::domain::attempt::{self, AttemptEvent, AttemptState};
use crate::domain::id::{AttemptId, OrderId, UserId};
use crate::domain::name::OutTradeNo;
use crate::domain::order::OrderStatus;
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::store;
use crate::store::attempt::{NewAttempt, OpenAttempt, Payable, PrepayOutcome};
use crate::telemetry;
use crate::wechat::pay::{PayError, PrepayRequest};

/// How long one call may hold an attempt: both hosts with their time limits, and some.
const LEASE: TimeDelta = TimeDelta::seconds(15);
/// How long a second tap waits for the first, and how often it looks.
const WAIT_MAX: Duration = Duration::from_secs(3);
const WAIT_STEP: Duration = Duration::from_millis(50);
/// How often an order that changed under our hands is looked at again.
const ROUNDS_MAX: u32 = 4;
/// WeChat wants a payment to stay open for a minute at least. Source: pay-v3, section 6.
const EXPIRE_MIN: TimeDelta = TimeDelta::seconds(61);

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

/// What one look at the order led to.
enum Step {
    Ready(String),
    LookAgain,
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
        if let Some(ready) = fresh(attempt, context.clock.now()) {
            return Ok(ready);
        }
        if payable.is_new || claim(context, attempt.id, lease).await? {
            rounds_left = rounds_left.saturating_sub(1);
            match ask(context, order_id, &payable, attempt, lease).await? {
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
    match payable.status {
        OrderStatus::AwaitingPayment => {}
        OrderStatus::Paid | OrderStatus::Closed | OrderStatus::PartiallyRefunded | OrderStatus::Refunded => {
            return Err(AppError::new(ErrorCode::OrderStateConflict));
        }
    }
    let is_over = payable.expires_at <= now;
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

async fn claim(context: &Context, id: AttemptId, lease: Uuid) -> Result<bool, AppError> {
    let now = context.clock.now();
    Ok(store::attempt::claim(&context.db, id, lease, now + LEASE, now).await?)
}

/// Asks WeChat for a prepay id, under the lease, and writes the outcome.
async fn ask(
    context: &Context,
    order_id: OrderId,
    payable: &Payable,
    attempt: &OpenAttempt,
    lease: Uuid,
) -> Result<Step, AppError> {
    let client = context.merchant()?;
    let notify_url = notify_url(context)?;
    let request = PrepayRequest {
        app_id: &payable.app_id,
        out_trade_no: &attempt.out_trade_no,
        description: &payable.description,
        total_fen: payable.total_fen,
        openid: &payable.openid,
        notify_url: &notify_url,
        // The same on every repetition, as WeChat demands: counted from the attempt's beginning.
        time_expire: payable.expires_at.max(attempt.created_at + EXPIRE_MIN),
    };
    let from = attempt.state;
    match client.prepay(&request).await {
        Ok(prepay_id) => {
            let signed = client
                .request_payment(&payable.app_id, &prepay_id)
                .map_err(AppError::internal)?;
            let parameters = serde_json::to_string(&signed).map_err(AppError::internal)?;
            let to = attempt::next(from, AttemptEvent::PrepayAnswered);
            let outcome = PrepayOutcome {
                from,
                to,
                request_payment: Some(&parameters),
                failure_code: None,
            };
            let is_kept =
                store::attempt::finish(&context.db, attempt.id, lease, &outcome, context.clock.now()).await?;
            Ok(if is_kept {
                Step::Ready(parameters)
            } else {
                Step::LookAgain
            })
        }
        Err(error) => refused(context, order_id, attempt, lease, error).await,
    }
}

async fn refused(
    context: &Context,
    order_id: OrderId,
    attempt: &OpenAttempt,
    lease: Uuid,
    error: PayError,
) -> Result<Step, AppError> {
    let from = attempt.state;
    let is_stale = error.is_already_paid() || error.is_order_closed() || error.is_number_used();
    let (to, failure_code) = match &error {
        // Paid, closed or used with other parameters: the query below tells which.
        PayError::Definite { .. } if is_stale => (attempt::next(from, AttemptEvent::PrepayUnclear), None),
        PayError::Definite { code, .. } => (
            attempt::next(from, AttemptEvent::PrepayRefused),
            Some(code.as_str()),
        ),
        PayError::Unknown { .. } => (attempt::next(from, AttemptEvent::PrepayUnclear), None),
        // This call changed nothing there; what an earlier one did is as open as before.
        PayError::NotReached(_) => (from, None),
    };
    let outcome = PrepayOutcome {
        from,
        to,
        request_payment: None,
        failure_code,
    };
    store::attempt::finish(&context.db, attempt.id, lease, &outcome, context.clock.now()).await?;
    if is_stale {
        super::sync_order::replace_stale(context, order_id, &attempt.out_trade_no).await?;
        return Ok(Step::LookAgain);
    }
    Err(pay_error(error))
}

/// Where WeChat notifies about payments.
fn notify_url(context: &Context) -> Result<String, AppError> {
    context
        .public_base_url
        .join("wechat/pay/notify")
        .map(String::from)
        .map_err(AppError::internal)
}

/// What a page is told when WeChat Pay does not do as asked.
pub(super) fn pay_error(error: PayError) -> AppError {
    let code = match &error {
        PayError::Definite { .. } => ErrorCode::WechatRejected,
        PayError::Unknown { .. } if error.is_rate_limited() => ErrorCode::RateLimited,
        PayError::Unknown { .. } if error.is_timeout() => ErrorCode::WechatTimeout,
        PayError::Unknown { .. } | PayError::NotReached(_) => ErrorCode::WechatUnavailable,
    };
    AppError::new(code).caused_by(error)
}

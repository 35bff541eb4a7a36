//! Asking WeChat for a prepay id, under a lease, and writing down what came of it.
//!
//! Only the holder of the lease moves an attempt, money that lands apart. What is not clear leaves it
//! unknown; where WeChat will not take the number again, a query under the same lease tells whether
//! it was paid, must be closed, or never came to be.

use chrono::TimeDelta;
use uuid::Uuid;

use super::call_log::{self, ended};
use super::inquiry::{Found, close_attempt, pay_error, query_attempt};
use crate::domain::attempt::{self, AttemptEvent, AttemptState};
use crate::domain::schedule;
use crate::error::AppError;
use crate::service::Context;
use crate::store;
use crate::store::attempt::{Askable, OpenAttempt, Payable, PrepayOutcome};
use crate::wechat::pay::{CallEnd, PayError, PrepayRequest, follow};

/// WeChat wants a payment to stay open for a minute at least. Source: pay-v3, section 6.
const EXPIRE_MIN: TimeDelta = TimeDelta::seconds(61);

/// What one look at the order led to.
pub(super) enum Step {
    /// The signed parameters, as JSON.
    Ready(String),
    /// The order or its attempt changed.
    LookAgain,
}

/// Asks WeChat for a prepay id, under the lease, and writes the outcome.
///
/// # Errors
/// The `wechat_…` codes.
pub(super) async fn ask(
    context: &Context,
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
    let (answer, call) = follow(client.prepay(&request)).await;
    let prepay_id = match answer {
        Ok(prepay_id) => prepay_id,
        Err(error) => return refused(context, attempt, lease, error, call).await,
    };
    let signed = client
        .request_payment(&payable.app_id, &prepay_id)
        .map_err(AppError::internal)?;
    let parameters = serde_json::to_string(&signed).map_err(AppError::internal)?;
    let outcome = PrepayOutcome {
        from: attempt.state,
        to: attempt::next(attempt.state, AttemptEvent::PrepayAnswered),
        request_payment: Some(&parameters),
        failure_code: None,
        call: call.as_ref().map(ended),
    };
    let is_kept =
        store::attempt::finish(&context.db, attempt.id, lease, &outcome, context.clock.now()).await?;
    context.alarms.settle.set(context.clock.now() + schedule::FIRST);
    Ok(if is_kept {
        Step::Ready(parameters)
    } else {
        Step::LookAgain
    })
}

async fn refused(
    context: &Context,
    attempt: &OpenAttempt,
    lease: Uuid,
    error: PayError,
    call: Option<CallEnd>,
) -> Result<Step, AppError> {
    let from = attempt.state;
    let (to, failure_code) = match &error {
        PayError::Definite { .. }
            if from == AttemptState::Unknown || error.is_number_taken() || error.is_ambiguous() =>
        {
            if let Some(call) = &call {
                call_log::write(context, attempt.out_trade_no.as_str(), call).await;
            }
            return find_out(context, attempt, lease, error).await;
        }
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
        call: call.as_ref().map(ended),
    };
    store::attempt::finish(&context.db, attempt.id, lease, &outcome, context.clock.now()).await?;
    Err(pay_error(error))
}

/// Finds out what became of an attempt that WeChat will not prepay again: settles it if it was paid,
/// and makes room for another if nobody can pay it, or if it never came to be.
async fn find_out(
    context: &Context,
    attempt: &OpenAttempt,
    lease: Uuid,
    error: PayError,
) -> Result<Step, AppError> {
    let mut held = Askable {
        id: attempt.id,
        out_trade_no: attempt.out_trade_no.clone(),
        mch_id: attempt.mch_id.clone(),
        state: attempt.state,
        prepaid_at: attempt.prepaid_at,
        lease_token: Some(lease),
    };
    let step = match query_attempt(context, &mut held).await {
        Ok(Found::Landed(_) | Found::Closed) => Ok(Step::LookAgain),
        // It was used with other parameters, from settings that have changed since; or WeChat calls it
        // closed and does not say so yet when asked.
        Ok(Found::Unpaid) if error.is_number_taken() => {
            close_attempt(context, &held).await.map(|()| Step::LookAgain)
        }
        Ok(Found::Absent) if held.state == AttemptState::Created => {
            // Another number may fare better, unless this one was new as well.
            let is_worth_another = attempt.state == AttemptState::Unknown || error.is_number_taken();
            match give_up(context, &held, lease, &error).await {
                Ok(()) if is_worth_another => Ok(Step::LookAgain),
                Ok(()) => Err(pay_error(error)),
                Err(error) => Err(error),
            }
        }
        Ok(Found::Unpaid | Found::Absent) => Err(pay_error(error)),
        Err(error) => Err(error),
    };
    store::attempt::release(&context.db, attempt.id, lease, true).await?;
    step
}

/// Ends an attempt that WeChat refuses and does not know.
async fn give_up(context: &Context, held: &Askable, lease: Uuid, error: &PayError) -> Result<(), AppError> {
    let outcome = PrepayOutcome {
        from: held.state,
        to: attempt::next(held.state, AttemptEvent::PrepayRefused),
        request_payment: None,
        failure_code: error.code(),
        call: None,
    };
    store::attempt::finish(&context.db, held.id, lease, &outcome, context.clock.now()).await?;
    Ok(())
}

/// Where WeChat notifies about payments.
fn notify_url(context: &Context) -> Result<String, AppError> {
    context
        .public_base_url
        .join("wechat/pay/notify")
        .map(String::from)
        .map_err(AppError::internal)
}

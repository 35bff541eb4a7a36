//! Asking WeChat about an attempt and closing it there, and what its answers mean here.
//!
//! This is the second way to "paid", beside the notification, and ends in the same settling. What
//! has no answer to believe is an error and changes nothing.

use chrono::TimeDelta;

use super::call_log::noted;
use super::settle::{self, Outcome, Source};
use super::unreadable;
use crate::domain::attempt::{self, AttemptEvent};
use crate::domain::exception::ExceptionKind;
use crate::domain::name::MchId;
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::store;
use crate::store::attempt::Askable;
use crate::wechat::pay::{Client, PayError, TradeState};

/// How long one request may hold an attempt: a call to WeChat with its time limit and the query that
/// may have to follow, and some.
pub(super) const LEASE: TimeDelta = TimeDelta::seconds(15);

/// An attempt that only another merchant's keys can ask about. To everybody else WeChat says that it
/// does not exist, and nobody may act on that.
#[derive(Debug, thiserror::Error)]
#[error("the attempt belongs to merchant {0}, and WXPAY_MCH_ID is another")]
struct OtherMerchant(MchId);

/// The merchant of an attempt, if it is the one that is set up.
///
/// # Errors
/// `payment_not_configured` when there is none, or another.
pub(super) fn merchant_of<'a>(context: &'a Context, mch_id: &MchId) -> Result<&'a Client, AppError> {
    let client = context.merchant()?;
    if client.merchant().mch_id() == mch_id {
        Ok(client)
    } else {
        let cause = OtherMerchant(mch_id.clone());
        Err(AppError::new(ErrorCode::PaymentNotConfigured).caused_by(cause))
    }
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

impl Found {
    /// Whether money landed that contradicts the books: it is with a human, and no other can come the
    /// same way.
    pub(super) fn is_contradiction(self) -> bool {
        matches!(self, Self::Landed(Outcome::Exception(kind)) if !kind.is_surplus())
    }
}

/// Asks WeChat about one attempt. Money that landed is settled, an answer that cannot be read is an exception;
/// nothing else is written.
///
/// # Errors
/// The `wechat_…` codes when there is no answer to believe, or none that can be read.
pub(super) async fn look(context: &Context, open: &Askable) -> Result<Found, AppError> {
    let number = &open.out_trade_no;
    let query = merchant_of(context, &open.mch_id)?.query(number);
    match noted(context, number.as_str(), query, |found| {
        found.trade_state.as_str()
    })
    .await
    {
        Ok(transaction) => Ok(match transaction.landed {
            Some(landed) => Found::Landed(settle::settle(context, &landed, Source::Query).await?),
            None if matches!(transaction.trade_state, TradeState::Closed | TradeState::Revoked) => {
                Found::Closed
            }
            None => Found::Unpaid,
        }),
        Err(error) if error.is_not_found() => Ok(Found::Absent),
        Err(error) => {
            let Some(field) = error.unreadable() else {
                return Err(pay_error(error));
            };
            let kind = ExceptionKind::UnreadablePayment;
            let order_id = store::refund::find_order(&context.db, number).await?;
            unreadable::raise(context, kind, (number.as_str(), order_id), field).await?;
            // WeChat is there, and to ask once more brings the same: no silence that passes.
            Err(AppError::new(ErrorCode::WechatRejected).caused_by(error))
        }
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

/// Closes an attempt at WeChat and marks it closed, to make room for another.
///
/// # Errors
/// `order_state_conflict` when it turns out to be paid, and those of [`close_at_wechat`].
pub(super) async fn close_attempt(context: &Context, open: &Askable) -> Result<(), AppError> {
    match close_at_wechat(context, open).await? {
        Found::Landed(_) => Err(AppError::new(ErrorCode::OrderStateConflict)),
        Found::Unpaid | Found::Absent | Found::Closed => end_attempt(context, open).await,
    }
}

/// Marks an attempt closed that nobody can pay any more.
pub(super) async fn end_attempt(context: &Context, open: &Askable) -> Result<(), AppError> {
    let closed = attempt::next(open.state, AttemptEvent::FoundClosed);
    // Nobody but a notification can have moved it meanwhile, and then the order tells.
    store::attempt::update_state(&context.db, open, closed, context.clock.now()).await?;
    Ok(())
}

/// Closes an attempt at WeChat. When this returns, nobody can pay it any more: it is closed, or money
/// had landed through it and is settled or an exception now.
///
/// # Errors
/// The `wechat_…` codes when there is no answer to believe.
pub(super) async fn close_at_wechat(context: &Context, open: &Askable) -> Result<Found, AppError> {
    let number = &open.out_trade_no;
    let close = merchant_of(context, &open.mch_id)?.close(number);
    let refusal = match noted(context, number.as_str(), close, |()| "ok").await {
        Ok(()) => None,
        Err(error) if error.is_order_closed() => None,
        // Paid, most likely, or not there at all. A refusal bears no signature; only the query tells.
        Err(error @ PayError::Definite { .. }) => Some(error),
        Err(error) => return Err(pay_error(error)),
    };
    // A payment that was under way may have won the race with the close.
    match (look(context, open).await?, refusal) {
        (Found::Absent, Some(error)) if error.is_not_found() || error.is_ambiguous() => Ok(Found::Absent),
        (Found::Absent | Found::Unpaid, Some(error)) => Err(pay_error(error)),
        (found, _) => Ok(found),
    }
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

//! Calling off a refund that WeChat has not taken: a human gave the money back another way, and the loop would
//! send the refund as soon as its trouble is over.

use uuid::Uuid;

use super::deny_refund::{self, Denial};
use super::inquiry::pay_error;
use super::pursue_refund::{Heard, LEASE, ask};
use super::settle::Source;
use super::settle_refund;
use crate::domain::name::OutRefundNo;
use crate::domain::refund;
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::store;
use crate::store::refund_due::DueRefund;

/// Calls a refund off if WeChat does not know it: it ends as closed, and its sum is free again. One that WeChat
/// knows goes its way, and so does one that has moved on.
///
/// # Errors
/// `request_in_progress` when the loop has it in hand at this moment, or has sent it within the last minute without
/// an answer, so that WeChat may not show yet that it has it; and the `wechat_…` codes and
/// `payment_not_configured` when WeChat does not say: it is as before then.
pub(in crate::service) async fn call_off(context: &Context, number: &OutRefundNo) -> Result<(), AppError> {
    let now = context.clock.now();
    let lease = Uuid::from_bytes(context.entropy.bytes()?);
    let held = (lease, now + LEASE);
    let Some(due) = store::refund_due::claim_untaken(&context.db, number, held, now).await? else {
        return if store::refund_due::is_untaken(&context.db, number).await? {
            Err(AppError::new(ErrorCode::RequestInProgress))
        } else {
            Ok(())
        };
    };
    let outcome = end(context, &due, lease).await;
    store::refund_due::release(&context.db, due.id, lease).await?;
    outcome
}

async fn end(context: &Context, due: &DueRefund, lease: Uuid) -> Result<(), AppError> {
    let may_lag = refund::may_lag(due.unanswered_at, context.clock.now());
    match ask(context, due).await? {
        // It was sent a moment ago, and nobody knows what became of that.
        Heard::Absent if may_lag => Err(AppError::new(ErrorCode::RequestInProgress)),
        Heard::Absent => {
            if deny_refund::deny(context, &due.out_refund_no, lease, Denial::CalledOff).await? {
                Ok(())
            } else {
                // The answer took so long that the loop has it in hand again.
                Err(AppError::new(ErrorCode::RequestInProgress))
            }
        }
        Heard::Report(report) => {
            settle_refund::settle(context, &report, Source::Query).await?;
            Ok(())
        }
        Heard::Refused(error) | Heard::Unclear(error) | Heard::Unanswered(error) => Err(pay_error(error)),
        Heard::Elsewhere(error) => Err(error),
        // Nothing is sent here.
        Heard::Lost => Err(AppError::new(ErrorCode::RequestInProgress)),
    }
}

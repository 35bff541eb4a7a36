//! Writing down that WeChat knows none of a refund's number: refused for good, not taken yet, or not
//! heard of. And that it cannot be asked.

use uuid::Uuid;

use super::settle_refund::{end_waiting, except, ours};
use crate::domain::exception::ExceptionKind;
use crate::domain::name::OutRefundNo;
use crate::domain::refund::{self, RefundEvent, RefundMove};
use crate::error::AppError;
use crate::service::Context;
use crate::store;
use crate::store::refund::RefundStep;

/// What came of it when WeChat knows none of a refund's number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Denial<'a> {
    /// It refused to make it, with this code, and will not make it later.
    Refused(&'a str),
    /// It does not take it for now, with this code; it is asked again.
    NotYet(&'a str),
    /// It does not know it.
    Absent,
    /// It does not know it, and a human wants it no more.
    CalledOff,
    /// It cannot be asked: the settings name another merchant than the refund's.
    Elsewhere,
}

/// The code of a refund that a human called off before WeChat took it.
const CALLED_OFF: &str = "CALLED_OFF";
/// The code of a refund whose merchant is not the one of the settings.
pub(super) const OTHER_MERCHANT: &str = "OTHER_MERCHANT";

/// Writes down a denial, if the refund is still in the hands of `lease_token`. Tells whether it is.
///
/// # Errors
/// Only when the database fails; nothing is written then.
pub(super) async fn deny(
    context: &Context,
    number: &OutRefundNo,
    lease_token: Uuid,
    denial: Denial<'_>,
) -> Result<bool, AppError> {
    let mut tx = context.db.begin().await?;
    let Some(locked) = store::refund::lock(&mut tx, number, None).await? else {
        return Ok(false);
    };
    if locked.lease_token != Some(lease_token) {
        return Ok(false);
    }
    let (event, code) = match denial {
        Denial::Refused(code) => (Some(RefundEvent::Refused), Some(code)),
        Denial::NotYet(code) => (Some(RefundEvent::FoundAbsent), Some(code)),
        Denial::Absent => (Some(RefundEvent::FoundAbsent), None),
        Denial::CalledOff => (Some(RefundEvent::Refused), Some(CALLED_OFF)),
        Denial::Elsewhere => (None, Some(OTHER_MERCHANT)),
    };
    let said = event.map(|event| format!("{event:?}"));
    let theirs = serde_json::json!({ "event": said, "wechat_code": code });
    let evidence = serde_json::json!({ "ours": ours(&locked), "wechat_code": code, "theirs": theirs });
    let kind = match event.map(|event| refund::decide(locked.status, event)) {
        Some(RefundMove::To(to)) => {
            let step = RefundStep {
                to,
                refund_id: None,
                next_check_at: None,
                failure_code: code,
                succeeded_at: None,
            };
            store::refund::update_moved(&mut tx, locked.id, step, context.clock.now()).await?;
            if matches!(denial, Denial::CalledOff) {
                // Who called it off need not be told, and resolves in his own words what it waited for.
                None
            } else {
                end_waiting(context, &mut tx, number).await?;
                Some(ExceptionKind::RefundClosed)
            }
        }
        Some(RefundMove::Contradiction) => Some(ExceptionKind::RefundContradiction),
        Some(RefundMove::Stay) | None => code.map(|_| ExceptionKind::RefundWaiting),
    };
    if let Some(kind) = kind {
        except(context, &mut tx, kind, &locked, (number, evidence)).await?;
    }
    tx.commit().await?;
    Ok(true)
}

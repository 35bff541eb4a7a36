//! Telling WeChat of what was sent, until it says that it has it.
//!
//! Each step begins with a row that is due and a lease on it. Where WeChat may have it already it is asked
//! first: a second telling would take the one chance to correct.

use std::sync::Arc;

use chrono::TimeDelta;
use futures_util::future::join_all;
use uuid::Uuid;

use super::outcome::{self, End};
use crate::domain::shipment::{
    CHANCE_USED, Finding, Held, PATIENT_GAP, Sent, Verdict, finding, gap_after, is_unknown_for_good, verdict,
};
use crate::error::AppError;
use crate::service::Context;
use crate::service::mini::{CallError, call};
use crate::store;
use crate::store::shipment_upload::DueShipment;
use crate::wechat::mini::shipping::{self, Upload};

/// How long one step may hold a shipment: two calls to WeChat, a token for each, and some.
const LEASE: TimeDelta = TimeDelta::minutes(1);
/// The most shipments in one turn; all of them are told at once.
const BATCH_MAX: i64 = 8;

/// Tells WeChat of up to `BATCH_MAX` shipments that are due; tells whether there were any. Any number of
/// replicas may do so at once.
///
/// # Errors
/// When the database fails. Shipments in hand are due again when their lease is over.
pub async fn pursue_shipments(context: &Arc<Context>) -> Result<bool, AppError> {
    let now = context.clock.now();
    let lease = Uuid::from_bytes(context.entropy.bytes()?);
    let due = store::shipment_upload::claim_due(&context.db, lease, now + LEASE, BATCH_MAX, now).await?;
    let is_quiet = due.is_empty();
    let outcomes = join_all(due.iter().map(|due| pursue(context, due, lease))).await;
    outcomes.into_iter().collect::<Result<Vec<()>, AppError>>()?;
    Ok(!is_quiet)
}

/// How the call, or the question before it, went.
enum Heard {
    /// It is at its end.
    Ended(End),
    /// Nothing happened: WeChat said this number, or could not be asked.
    Later(String),
    /// Nothing is known.
    Unclear(String),
}

async fn pursue(context: &Arc<Context>, due: &DueShipment, lease: Uuid) -> Result<(), AppError> {
    if context.mini_programs.secret(&due.app_id).is_err() {
        // Nobody can tell WeChat as long as the settings lack its mini program.
        let why = ("app_unknown", due.may_have_arrived);
        return outcome::postpone(context, due, lease, why, gap_after(due.tries)).await;
    }
    let heard = if due.may_have_arrived {
        match ask(context, due).await? {
            Asked::Held(held) => match found(due, &held) {
                Some(end) => Heard::Ended(end),
                None => tell(context, due).await?,
            },
            Asked::Unknown => tell(context, due).await?,
            // It is still not known whether it has arrived.
            Asked::Silent(why) => Heard::Unclear(why.to_owned()),
        }
    } else {
        tell(context, due).await?
    };
    match heard {
        Heard::Ended(end) => outcome::end(context, due, lease, end).await,
        Heard::Later(code) => outcome::postpone(context, due, lease, (&code, false), gap(due, &code)).await,
        Heard::Unclear(why) => {
            outcome::postpone(context, due, lease, (&why, true), gap_after(due.tries)).await
        }
    }
}

fn gap(due: &DueShipment, code: &str) -> TimeDelta {
    let gap = gap_after(due.tries);
    if matches!(code, "45009" | "45011") {
        gap.max(PATIENT_GAP)
    } else {
        gap
    }
}

/// Tells WeChat.
async fn tell(context: &Arc<Context>, due: &DueShipment) -> Result<Heard, AppError> {
    let upload = Upload {
        transaction_id: &due.transaction_id,
        payer: &due.payer,
        kind: due.kind,
        parcels: &due.parcels,
        is_split: due.is_split,
        is_complete: due.is_complete,
        upload_at: due.upload_at,
    };
    let request = upload.call().map_err(AppError::internal)?;
    let told = call(context, &due.app_id, &request).await;
    let told = told.and_then(|reply| Ok(reply.done()?));
    outcome::note_call(context, due, "ship", told.as_ref().err()).await;
    let errcode = match told {
        Ok(()) => return Ok(Heard::Ended(End::Uploaded)),
        Err(CallError::Refused { errcode }) => errcode,
        Err(error) => return Ok(unheard(error)),
    };
    Ok(match verdict(errcode) {
        Verdict::Done => Heard::Ended(End::Uploaded),
        Verdict::Unknown if is_unknown_for_good(due.paid_at, due.created_at, context.clock.now()) => {
            Heard::Ended(End::Refused { errcode, held: None })
        }
        Verdict::Later | Verdict::Unknown => Heard::Later(errcode.to_string()),
        Verdict::Trouble => Heard::Unclear(errcode.to_string()),
        Verdict::Refused => Heard::Ended(End::Refused { errcode, held: None }),
        Verdict::Shipped if !due.is_split && !due.is_again => Heard::Ended(End::Uploaded),
        Verdict::Ask | Verdict::Shipped => match ask(context, due).await? {
            Asked::Held(held) => Heard::Ended(settled(due, &held, errcode)),
            // The number is known, how WeChat holds the order is not: the same number comes again.
            Asked::Unknown | Asked::Silent(_) => Heard::Later(errcode.to_string()),
        },
    })
}

/// What a call without an answer comes to.
fn unheard(error: CallError) -> Heard {
    match error {
        CallError::NoToken { .. } => Heard::Later("no_token".to_owned()),
        CallError::Unreached => Heard::Later("not_reached".to_owned()),
        CallError::Unavailable => Heard::Unclear("unavailable".to_owned()),
        CallError::TooLong => Heard::Unclear("too_long".to_owned()),
        CallError::Timeout => Heard::Unclear("timeout".to_owned()),
        CallError::Refused { errcode } => Heard::Later(errcode.to_string()),
        // It happens before anything is sent. The others of the turn are not held up by it.
        CallError::Own(error) => Heard::Later(own_trouble(&error).to_owned()),
    }
}

/// The name of what stands in the way here, whose cause is in the log alone.
fn own_trouble(error: &AppError) -> &'static str {
    tracing::warn!(error = error.causes(), "WeChat could not be told of a shipment");
    "not_called"
}

/// What WeChat says when it is asked how it holds the order.
enum Asked {
    Held(Held),
    /// It does not know the payment.
    Unknown,
    /// It does not say.
    Silent(&'static str),
}

async fn ask(context: &Arc<Context>, due: &DueShipment) -> Result<Asked, AppError> {
    let request = shipping::order_call(&due.transaction_id).map_err(AppError::internal)?;
    let told = match call(context, &due.app_id, &request).await {
        Ok(reply) => shipping::read_order(&reply, &due.transaction_id).map_err(CallError::from),
        Err(error) => Err(error),
    };
    outcome::note_call(context, due, "ship_query", told.as_ref().err()).await;
    Ok(match told {
        Ok(held) => Asked::Held(held),
        Err(CallError::Refused { errcode }) if verdict(errcode) == Verdict::Unknown => Asked::Unknown,
        Err(CallError::Own(error)) => Asked::Silent(own_trouble(&error)),
        Err(CallError::Timeout) => Asked::Silent("timeout"),
        Err(_) => Asked::Silent("unavailable"),
    })
}

fn sent(due: &DueShipment) -> Sent<'_> {
    Sent {
        kind: due.kind,
        parcels: &due.parcels,
        is_split: due.is_split,
        is_complete: due.is_complete,
        is_again: due.is_again,
    }
}

/// The end of what may have arrived; none: it has not, and is told.
fn found(due: &DueShipment, held: &Held) -> Option<End> {
    match finding(sent(due), held) {
        Finding::Refunded => Some(End::Needless),
        Finding::Open => None,
        // Whoever told WeChat before us, the goods count as sent, and a correction is to change that.
        Finding::Other => (!due.is_again).then_some(End::Uploaded),
        Finding::Closed if due.is_again => Some(End::Refused {
            errcode: CHANCE_USED,
            held: Some(held.order_state),
        }),
        Finding::Ours | Finding::Closed => Some(End::Uploaded),
    }
}

/// The end of what WeChat refuses because of the order's state, or because the chance to correct is used.
fn settled(due: &DueShipment, held: &Held, errcode: i64) -> End {
    match finding(sent(due), held) {
        Finding::Ours => End::Uploaded,
        Finding::Refunded => End::Needless,
        Finding::Open | Finding::Other | Finding::Closed => End::Refused {
            errcode,
            held: Some(held.order_state),
        },
    }
}

//! Asking WeChat about the attempts that are due: the answer to every notification that is lost.
//!
//! An attempt is claimed under the lease that a tap takes too, asked about, and told when it is due
//! again. A process that dies in between leaves a lease that ends and a row that is still due. What
//! has no answer to believe changes nothing but the time of the next question.

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use uuid::Uuid;

use super::inquiry::{Found, LEASE, close_at_wechat, end_attempt, look, query_attempt};
use super::rest::trouble;
use crate::domain::order::OrderStatus;
use crate::domain::schedule;
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::store;
use crate::store::attempt::{Askable, Lease};
use crate::store::check::{DueAttempt, NextCheck};

/// How many attempts are claimed together, and asked about at the same time.
const BATCH: i64 = 8;

/// What one round did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// Something was due, and more may be.
    Worked,
    /// Nothing is due before then, as far as is known.
    Idle(Option<DateTime<Utc>>),
}

/// Asks about a batch of attempts that are due.
///
/// # Errors
/// When the database fails. What was claimed is due again when the lease ends.
pub async fn settle_due(context: &Context) -> Result<Round, AppError> {
    let now = context.clock.now();
    if let Some(until) = context.pay_rest.until(now) {
        return Ok(Round::Idle(Some(until)));
    }
    let lease = Lease {
        token: Uuid::from_bytes(context.entropy.bytes()?),
        until: now + LEASE,
    };
    let due = store::check::claim(&context.db, lease, BATCH, now).await?;
    if due.is_empty() {
        return Ok(Round::Idle(store::check::find_next(&context.db, now).await?));
    }
    let asked = join_all(due.iter().map(|due| check(context, due, lease.token))).await;
    let (troubles, written): (Vec<Option<ErrorCode>>, Vec<Result<(), AppError>>) = asked.into_iter().unzip();
    // What WeChat said counts, whether or not it could be written.
    context.pay_rest.judge(&troubles, context.clock.now());
    written.into_iter().collect::<Result<(), AppError>>()?;
    Ok(Round::Worked)
}

/// Asks about one attempt, and writes when to ask again. Tells what was wrong at WeChat, if anything, and whether it is
/// written.
async fn check(
    context: &Context,
    due: &DueAttempt,
    token: Uuid,
) -> (Option<ErrorCode>, Result<(), AppError>) {
    let asked = ask(context, due).await;
    (trouble(&asked), plan(context, due, token, &asked).await)
}

/// Writes when to ask again, as the answer says.
async fn plan(
    context: &Context,
    due: &DueAttempt,
    token: Uuid,
    asked: &Result<Answer, AppError>,
) -> Result<(), AppError> {
    let [jitter] = context.entropy.bytes()?;
    let (now, checks) = (context.clock.now(), due.checks.saturating_add(1));
    let next = match asked {
        Ok(Answer::Open) => NextCheck::At(schedule::after_answer(checks, now, jitter)),
        Ok(Answer::Over) => NextCheck::Never,
        Ok(Answer::Moved) => NextCheck::AsDecided,
        Ok(Answer::ClosedAgain) => NextCheck::At(now + schedule::AFTER_CLOSE),
        Err(error) => {
            let causes = error.causes();
            tracing::warn!(order.id = %due.order_id, error = causes, "a payment could not be asked about");
            NextCheck::At(schedule::after_silence(checks, now, jitter))
        }
    };
    Ok(store::check::finish(&context.db, due, token, next).await?)
}

/// What WeChat's answer means for the next question.
enum Answer {
    /// Money may still come.
    Open,
    /// No money will come that is not in the books.
    Over,
    /// The attempt moved, and what moved it said when to ask again.
    Moved,
    /// It was closed at WeChat once more.
    ClosedAgain,
}

async fn ask(context: &Context, due: &DueAttempt) -> Result<Answer, AppError> {
    let mut attempt = due.attempt.clone();
    if !attempt.state.is_open() {
        return ask_after_close(context, &attempt).await;
    }
    if due.order_status != OrderStatus::AwaitingPayment {
        // Its order is paid by an older attempt: nobody may pay this one.
        let found = close_at_wechat(context, &attempt).await?;
        if !matches!(found, Found::Landed(_)) || found.is_contradiction() {
            end_attempt(context, &attempt).await?;
        }
        return Ok(Answer::Moved);
    }
    let found = query_attempt(context, &mut attempt).await?;
    Ok(match found {
        // What contradicts the books moves nothing, and is open until its order's time is over.
        Found::Landed(_) if found.is_contradiction() => Answer::Open,
        Found::Landed(_) | Found::Closed => Answer::Moved,
        Found::Unpaid | Found::Absent => Answer::Open,
    })
}

/// The last question about an attempt that ended here: a payment may have won against its close.
async fn ask_after_close(context: &Context, ended: &Askable) -> Result<Answer, AppError> {
    let found = match look(context, ended).await? {
        // WeChat takes money for it all the same.
        Found::Unpaid => close_at_wechat(context, ended).await?,
        Found::Landed(_) | Found::Closed | Found::Absent => return Ok(Answer::Over),
    };
    Ok(match found {
        Found::Landed(_) => Answer::Over,
        Found::Unpaid | Found::Absent | Found::Closed => Answer::ClosedAgain,
    })
}

//! Pursuing refunds: what was asked for is sent, and asked about until WeChat's answer is final.
//!
//! Each step begins with a row that is due and a lease on it. WeChat is asked first wherever it may
//! have the refund already, and the same number goes out again only if it does not.

use chrono::TimeDelta;
use futures_util::future::join_all;
use uuid::Uuid;

use super::call_log::noted;
use super::deny_refund::{self, Denial, OTHER_MERCHANT};
use super::inquiry::{merchant_of, pay_error};
use super::settle::{Outcome, Source};
use super::settle_due::Round;
use super::{refund_number, settle_refund, unreadable};
use crate::domain::exception::ExceptionKind;
use crate::domain::id::RefundId;
use crate::domain::refund::{self, RefundEvent, RefundStatus, ReportedRefund, gap_after};
use crate::domain::schedule::jittered;
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::store;
use crate::store::refund_due::{DueRefund, Postponement};
use crate::store::refund_request::NewRefund;
use crate::wechat::pay::{PayError, RefundRequest};

/// How long one step may hold a refund: two calls to WeChat with their time limits, and some.
pub(super) const LEASE: TimeDelta = TimeDelta::seconds(30);
/// How much of the lease must be left when a refund is sent: the time limit of the call.
const SENDING: TimeDelta = TimeDelta::seconds(5);
/// After a question without an answer to believe the next one is never later than this, so that what
/// hangs is settled soon after WeChat answers again.
const SILENCE_GAP_MAX: TimeDelta = TimeDelta::minutes(5);
/// The most refunds in one turn; all of them are asked about at once.
const BATCH_MAX: usize = 16;
/// The most of them that wait for a refusal to pass. Most likely they are refused again, and WeChat takes six a second
/// that fail (pay-v3, section 9).
const REFUSED_MAX: usize = 4;
/// The most payments that one turn begins to give back by policy.
const SURPLUS_MAX: i64 = 100;
/// The shortest wait after WeChat refused, or called us too frequent: no shorter than `LAG_MAX`, so that the question
/// after a refusal is answered by what WeChat knows.
const PATIENT_GAP: TimeDelta = TimeDelta::minutes(1);

/// Pursues up to `BATCH_MAX` refunds that are due. Any number of replicas may do so at once.
///
/// # Errors
/// When the database fails. Refunds in hand are due again when their lease is over.
pub async fn pursue_refunds(context: &Context) -> Result<Round, AppError> {
    let now = context.clock.now();
    let rests = [&context.pay_rest, &context.refund_rest];
    if let Some(until) = rests.into_iter().filter_map(|rest| rest.until(now)).max() {
        return Ok(Round::Idle(Some(until)));
    }
    let has_begun = begin_surplus(context).await?;
    let lease = Uuid::from_bytes(context.entropy.bytes()?);
    let (due, is_full) = claim(context, lease).await?;
    if due.is_empty() && !has_begun {
        return Ok(Round::Idle(None));
    }
    let outcomes = join_all(due.iter().map(|due| pursue(context, due, lease))).await;
    // One that fails keeps none of the others from being judged.
    let judged = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok());
    let (troubles, of_payments_too): (Vec<Option<ErrorCode>>, Vec<Option<ErrorCode>>) = judged
        .map(|trouble| {
            let of_payments_too = trouble.filter(|trouble| !trouble.is_of_refunds);
            (
                trouble.map(|trouble| trouble.code),
                of_payments_too.map(|trouble| trouble.code),
            )
        })
        .unzip();
    let now = context.clock.now();
    context.pay_rest.judge(&of_payments_too, now);
    context.refund_rest.judge_refunds(&troubles, now);
    if is_full {
        context.refund_rest.breathe(now);
    }
    outcomes.into_iter().collect::<Result<Vec<_>, AppError>>()?;
    Ok(Round::Worked)
}

/// Takes what is due, and tells whether more may be due than was taken.
async fn claim(context: &Context, lease: Uuid) -> Result<(Vec<DueRefund>, bool), AppError> {
    let mut tx = context.db.begin().await?;
    store::refund_due::lock_claims(&mut tx).await?;
    let now = context.clock.now();
    let mut due = Vec::new();
    let mut is_full = false;
    for (is_refused, most) in [(true, REFUSED_MAX), (false, BATCH_MAX)] {
        let limit = i64::try_from(most.saturating_sub(due.len())).map_err(AppError::internal)?;
        due.extend(store::refund_due::claim(&mut tx, lease, now + LEASE, (is_refused, limit), now).await?);
        is_full |= due.len() >= most;
    }
    tx.commit().await?;
    Ok((due, is_full))
}

/// Begins to give back, in full, payments that no order wants. The payment itself is the reason: it
/// lies in the books from the moment it landed, so nothing is forgotten here.
async fn begin_surplus(context: &Context) -> Result<bool, AppError> {
    let mut has_begun = false;
    let notify_url = notify_url(context)?;
    for payment in store::refund_request::list_unreturned(&context.db, SURPLUS_MAX).await? {
        let now = context.clock.now();
        let new = NewRefund {
            id: RefundId::from(context.entropy.uuid(now)?),
            order_id: payment.order_id,
            transaction_id: &payment.transaction_id,
            out_refund_no: &refund_number::surplus(&payment.transaction_id)?,
            amount_fen: payment.left_fen,
            reason: None,
            cause: "surplus",
            is_restocking: false,
            notify_url: &notify_url,
            request: None,
            submit_at: now,
        };
        match store::refund_request::insert(&context.db, &new, now).await {
            // Another replica began it, or the operator gives a part of it back at this moment.
            Ok(false) | Err(store::Error::Conflict { .. }) => {}
            Ok(true) => has_begun = true,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(has_begun)
}

/// Where WeChat sends notices about refunds. It is never left out: without it the notice comes in the
/// form of WeChat's older protocol.
pub(super) fn notify_url(context: &Context) -> Result<String, AppError> {
    context
        .public_base_url
        .join("wechat/pay/refund-notify")
        .map(String::from)
        .map_err(AppError::internal)
}

/// What one look at a refund brought.
pub(super) enum Heard {
    /// WeChat told where it stands.
    Report(ReportedRefund),
    /// WeChat knows none of its number.
    Absent,
    /// WeChat refused to make it.
    Refused(PayError),
    /// Asked about, and no answer to believe.
    Unclear(PayError),
    /// Sent, and no answer to believe: WeChat may have it.
    Unanswered(PayError),
    /// Not asked: the settings have no keys for its merchant.
    Elsewhere(AppError),
    /// Not sent: it is in other hands by now, or may be before WeChat has answered.
    Lost,
}

/// How a look at a refund ended that has to be looked at again.
struct Look {
    /// How long to wait before the next one.
    gap: TimeDelta,
    /// The code of a refusal.
    failure_code: Option<String>,
    /// What was wrong at WeChat, if anything.
    trouble: Option<Trouble>,
}

/// What was wrong at WeChat.
#[derive(Clone, Copy)]
struct Trouble {
    code: ErrorCode,
    /// Whether it says something about refunds alone: a refusal, and "too frequent" to a sending, of which WeChat takes
    /// few that fail.
    is_of_refunds: bool,
}

/// Looks at one refund. Tells what was wrong at WeChat, if anything.
async fn pursue(context: &Context, due: &DueRefund, lease: Uuid) -> Result<Option<Trouble>, AppError> {
    // As of before the question: its answer may be that old.
    let may_lag = refund::may_lag(due.unanswered_at, context.clock.now());
    let heard = match due.status {
        RefundStatus::Created if !due.is_tried => match submit(context, due, lease).await? {
            // WeChat may have its number from before a restore, of which the row knows nothing.
            Heard::Refused(error) if !is_passing(&error) => match ask(context, due).await? {
                Heard::Absent => Heard::Refused(error),
                heard => heard,
            },
            heard => heard,
        },
        RefundStatus::Created => match ask(context, due).await? {
            Heard::Absent => submit(context, due, lease).await?,
            heard => heard,
        },
        RefundStatus::Processing
        | RefundStatus::Abnormal
        | RefundStatus::Succeeded
        | RefundStatus::Closed => ask(context, due).await?,
    };
    let was_unanswered = matches!(heard, Heard::Unanswered(_));
    // The first sending is no look yet.
    let checks = due.checks.saturating_add(i32::from(due.is_tried));
    let Some(look) = write(context, due, lease, (heard, may_lag), gap_after(checks)).await? else {
        return Ok(None);
    };
    // What became due at the same moment does not stay together.
    let [jitter] = context.entropy.bytes()?;
    let now = context.clock.now();
    let next_check_at = now + jittered(look.gap, jitter);
    let to = Postponement {
        next_check_at,
        checks,
        unanswered_at: if was_unanswered {
            Some(now)
        } else {
            // A clock that was set back costs one wait.
            due.unanswered_at.map(|at| at.min(now))
        },
        failure_code: look.failure_code.as_deref(),
    };
    store::refund_due::postpone(&context.db, due.id, lease, to).await?;
    context.alarms.refunds.set(next_check_at);
    Ok(look.trouble)
}

/// Writes down what was heard of a refund, `may_lag` where WeChat may have it all the same. Nothing: it is settled.
async fn write(
    context: &Context,
    due: &DueRefund,
    lease: Uuid,
    (heard, may_lag): (Heard, bool),
    gap: TimeDelta,
) -> Result<Option<Look>, AppError> {
    let number = &due.out_refund_no;
    let mut look = Look {
        gap,
        failure_code: None,
        trouble: None,
    };
    let was_unanswered = matches!(heard, Heard::Unanswered(_));
    match heard {
        Heard::Report(report) => {
            let outcome = settle_refund::settle(context, &report, Source::Query).await?;
            if outcome == Outcome::Settled {
                return Ok(None);
            }
        }
        // It may have it and not show it yet.
        Heard::Absent if may_lag => {}
        Heard::Absent => {
            deny_refund::deny(context, number, lease, Denial::Absent).await?;
        }
        Heard::Refused(error) => {
            let code = error.code().unwrap_or_default().to_owned();
            if is_passing(&error) {
                deny_refund::deny(context, number, lease, Denial::NotYet(&code)).await?;
            } else if !may_lag {
                deny_refund::deny(context, number, lease, Denial::Refused(&code)).await?;
            }
            // One that may have been taken before is asked about once more, and sent again only if WeChat still does
            // not know it.
            look.failure_code = Some(code);
            look.trouble = Some(Trouble {
                code: ErrorCode::WechatRejected,
                is_of_refunds: true,
            });
            look.gap = gap.max(PATIENT_GAP);
        }
        Heard::Unclear(error) | Heard::Unanswered(error) => {
            tracing::warn!(order.id = %due.order_id, error = %error, "a refund's state at WeChat is not known yet");
            look.gap = if error.is_rate_limited() {
                gap.max(PATIENT_GAP)
            } else {
                gap.min(SILENCE_GAP_MAX)
            };
            // Who answers and cannot be read is there all the same.
            look.trouble = error.unreadable().is_none().then(|| Trouble {
                is_of_refunds: was_unanswered && error.is_rate_limited(),
                code: pay_error(error).code(),
            });
        }
        Heard::Elsewhere(error) => {
            let causes = error.causes();
            tracing::warn!(order.id = %due.order_id, error = causes, "a refund cannot be asked about");
            deny_refund::deny(context, number, lease, Denial::Elsewhere).await?;
            // What WeChat has taken waits for nothing but its answer.
            let is_untaken = due.status == RefundStatus::Created;
            look.failure_code = is_untaken.then(|| OTHER_MERCHANT.to_owned());
            look.gap = gap.min(SILENCE_GAP_MAX);
        }
        // Whoever has it next asks first.
        Heard::Lost => return Ok(None),
    }
    Ok(Some(look))
}

/// Refusals that pass without another refund: of money in the balance, keys and permissions that somebody can mend, and
/// of a payment that WeChat says it does not know, though it told us of it: that part of WeChat is behind.
fn is_passing(error: &PayError) -> bool {
    error.is_not_enough() || error.is_mendable() || error.is_not_found()
}

async fn submit(context: &Context, due: &DueRefund, lease: Uuid) -> Result<Heard, AppError> {
    // The same on every repetition, as WeChat demands: made of the row alone.
    let reason = due.reason.as_deref().and_then(refund::told_reason);
    let request = RefundRequest {
        transaction_id: &due.transaction_id,
        out_refund_no: &due.out_refund_no,
        reason: reason.as_deref(),
        notify_url: &due.notify_url,
        amount_fen: due.amount_fen,
        total_fen: due.total_fen,
    };
    let client = match merchant_of(context, &due.mch_id) {
        Ok(client) => client,
        Err(error) => return Ok(Heard::Elsewhere(error)),
    };
    let (number, refund) = (due.out_refund_no.as_str(), client.refund(&request));
    let now = context.clock.now();
    // What stood still since it asked, or waited long for the answer, would send what was called off meanwhile.
    if !store::refund_due::update_sending(&context.db, due.id, lease, now, now + SENDING).await? {
        return Ok(Heard::Lost);
    }
    Ok(match noted(context, number, refund, told).await {
        Ok(report) => Heard::Report(report),
        Err(error @ PayError::Definite { .. }) => Heard::Refused(error),
        Err(error) => Heard::Unanswered(error),
    })
}

/// Asks WeChat where a refund stands. An answer that cannot be read is an exception from then on.
///
/// # Errors
/// Only when the database fails.
pub(super) async fn ask(context: &Context, due: &DueRefund) -> Result<Heard, AppError> {
    let client = match merchant_of(context, &due.mch_id) {
        Ok(client) => client,
        Err(error) => return Ok(Heard::Elsewhere(error)),
    };
    let number = due.out_refund_no.as_str();
    let query = client.query_refund(&due.out_refund_no);
    Ok(match noted(context, number, query, told).await {
        Ok(report) => Heard::Report(report),
        Err(error) if error.is_not_found() => Heard::Absent,
        Err(error) => {
            if let Some(field) = error.unreadable() {
                let kind = ExceptionKind::UnreadableRefund;
                unreadable::raise(context, kind, (number, Some(due.order_id)), field).await?;
            }
            Heard::Unclear(error)
        }
    })
}

/// What WeChat said of a refund, in a word for the timeline.
fn told(report: &ReportedRefund) -> &str {
    match report.event {
        RefundEvent::FoundProcessing => "PROCESSING",
        RefundEvent::FoundSucceeded => "SUCCEEDED",
        RefundEvent::FoundClosed => "REFUND_CLOSED",
        RefundEvent::FoundAbnormal => "ABNORMAL",
        RefundEvent::Refused | RefundEvent::FoundAbsent => "ABSENT",
    }
}

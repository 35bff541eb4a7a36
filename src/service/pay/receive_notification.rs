//! A notification of WeChat Pay: verified over its raw bytes, opened, settled, and only then answered.

use std::sync::Arc;

use crate::error::AppError;
use crate::service::Context;
use crate::telemetry;
use crate::wechat::pay::Refusal;

use super::delivery::{Delivery, Texts};
use super::recorder::{self, Judgement};
use super::report::{self, Report};
use super::settle::{self, Source};
use super::settle_refund;
use super::verdict;

/// The verdict on a delivery whose body could not be read.
const BODY_UNREADABLE: &str = "body_unreadable";

/// What became of a delivery.
#[derive(Debug, PartialEq, Eq)]
pub enum Receipt {
    /// Its effect is durable: answer 2xx.
    Taken(&'static str),
    /// It is not believed: answer with a failure, always the same.
    Refused(&'static str),
}

/// Receives a delivery.
///
/// # Errors
/// When the database fails: nothing is written, and WeChat will deliver again.
pub async fn receive(context: &Arc<Context>, delivery: Delivery) -> Result<Receipt, AppError> {
    context.merchant()?;
    let shared = Arc::clone(context);
    context
        .detached(async move {
            let receipt = match report::open(&shared, &delivery, shared.clock.now()).await {
                Ok(report) => Receipt::Taken(take(&shared, &delivery, &report).await?),
                Err(refusal) => Receipt::Refused(refuse(&shared, &delivery, &refusal)?),
            };
            let (Receipt::Taken(verdict) | Receipt::Refused(verdict)) = receipt;
            telemetry::count_notification(verdict);
            Ok(receipt)
        })
        .await
}

/// Notes a delivery whose body could not even be read: too large, compressed, broken off.
///
/// # Errors
/// When there is no randomness for its id.
pub fn note_unreadable(
    context: &Arc<Context>,
    delivery: &Delivery,
    error: &AppError,
) -> Result<(), AppError> {
    let code = error.code().row().text;
    let judgement = Judgement {
        verdict: BODY_UNREADABLE,
        detail: format!("The body could not be read: {code}. WeChat's own are short, plain and whole."),
        clock_ahead_s: None,
    };
    telemetry::count_notification(BODY_UNREADABLE);
    let is_kept = context.recorder.admits(false, context.clock.now());
    note(&judgement, is_kept);
    if is_kept {
        recorder::keep(context, delivery, judgement, false)?;
    }
    Ok(())
}

/// Takes what is believed, and gives its verdict.
async fn take(context: &Context, delivery: &Delivery, report: &Report) -> Result<&'static str, AppError> {
    let texts = Texts::of(delivery);
    let record = texts.record(context, report.notify_id())?;
    if let Report::Payment { landed, .. } = report {
        let outcome = settle::settle(context, landed, Source::Notification(&record)).await?;
        return Ok(outcome.as_str());
    }
    if let Report::Refund { refund, .. } = report {
        let outcome = settle_refund::settle(context, refund, Source::Notification(&record)).await?;
        return Ok(outcome.as_str());
    }
    let mut tx = context.db.begin().await?;
    let taken = report::take_within(context, &mut tx, &record, report).await?;
    tx.commit().await?;
    taken.note(context);
    Ok(taken.verdict())
}

/// Judges what is not believed, writes it down as far as there is room, and gives its verdict.
fn refuse(context: &Arc<Context>, delivery: &Delivery, refusal: &Refusal) -> Result<&'static str, AppError> {
    let is_kept = context.recorder.admits(refusal.is_signed(), context.clock.now());
    let judgement = verdict::judge(context, delivery, refusal, is_kept);
    let verdict = judgement.verdict;
    note(&judgement, is_kept);
    if is_kept {
        recorder::keep(context, delivery, judgement, true)?;
    }
    Ok(verdict)
}

/// What is not written down for want of room is not worth a line either, or a flood would fill the log.
fn note(judgement: &Judgement, is_kept: bool) {
    let Judgement { verdict, detail, .. } = judgement;
    if !is_kept {
        tracing::debug!(notification.verdict = verdict, "a notification was refused");
    } else if *verdict == Refusal::Probe.as_str() {
        // WeChat sends probes on purpose; everything else deserves a look.
        tracing::info!(
            notification.verdict = verdict,
            "a signature probe was refused, as it should be"
        );
    } else {
        tracing::warn!(
            notification.verdict = verdict,
            detail,
            "a notification was refused"
        );
    }
}

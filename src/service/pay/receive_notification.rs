//! A payment notification: verified over its raw bytes, opened, settled, and only then answered.

use std::sync::Arc;

use crate::error::AppError;
use crate::service::Context;
use crate::telemetry;
use crate::wechat::pay::{Notification, Refusal, SignedMessage, Verified};

use super::delivery::{Delivery, Texts};
use super::report::{self, Report};
use super::settle::{self, Source};

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
            let receipt = receive_whole(&shared, &delivery).await?;
            match receipt {
                Receipt::Taken(verdict) | Receipt::Refused(verdict) => telemetry::count_notification(verdict),
            }
            Ok(receipt)
        })
        .await
}

/// Notes a delivery whose body could not even be read: too large, compressed, broken off.
pub fn note_unreadable(error: &AppError) {
    telemetry::count_notification(BODY_UNREADABLE);
    tracing::warn!(
        notification.verdict = BODY_UNREADABLE,
        detail = error.code().row().text,
        "a notification was refused"
    );
}

async fn receive_whole(context: &Context, delivery: &Delivery) -> Result<Receipt, AppError> {
    let report = match open(context, delivery).await {
        Ok(verified) => Report::of(verified.into_inner()),
        // Signed and sealed by WeChat, and still not a payment: no repetition will mend it.
        Err(Refusal::PlaintextUnreadable { id, field }) => Report::Unreadable { notify_id: id, field },
        Err(refusal) => {
            note_refusal(&refusal);
            return Ok(Receipt::Refused(refusal.as_str()));
        }
    };
    let texts = Texts::of(delivery);
    let record = texts.record(context, report.notify_id())?;
    if let Report::Payment { landed, .. } = &report {
        let outcome = settle::settle(context, landed, Source::Notification(&record)).await?;
        return Ok(Receipt::Taken(outcome.as_str()));
    }
    let mut tx = context.db.begin().await?;
    let taken = report::take_within(context, &mut tx, &record, &report).await?;
    tx.commit().await?;
    taken.note();
    Ok(Receipt::Taken(taken.verdict()))
}

/// Verifies and opens; an unknown serial is looked up at WeChat once, rate limited.
async fn open(context: &Context, delivery: &Delivery) -> Result<Verified<Notification>, Refusal> {
    let client = context.merchant.as_ref().ok_or(Refusal::UnknownSerial)?;
    let message = SignedMessage::from_headers(&delivery.body, |name| delivery.values(name))?;
    client.open(client.verify_refreshing(&message).await?)
}

fn note_refusal(refusal: &Refusal) {
    let verdict = refusal.as_str();
    // WeChat sends probes on purpose; everything else deserves a look.
    if *refusal == Refusal::Probe {
        tracing::info!(
            notification.verdict = verdict,
            "a signature probe was refused, as it should be"
        );
    } else {
        tracing::warn!(notification.verdict = verdict, detail = %refusal, "a notification was refused");
    }
}

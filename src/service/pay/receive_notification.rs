//! A notification of WeChat Pay, about a payment or a refund: verified over its raw bytes, opened, settled, and only then answered.

use std::borrow::Cow;
use std::sync::Arc;

use crate::domain::exception::ExceptionKind;
use crate::domain::id::{ExceptionId, NotificationId};
use crate::error::AppError;
use crate::service::Context;
use crate::store;
use crate::store::exception::NewException;
use crate::store::notification::NewDelivery;
use crate::telemetry;
use crate::wechat::pay::{Notification, Refusal, SignedMessage, TradeState, Verified};

use super::settle::{self, Outcome, Source};
use super::settle_refund;

/// The headers that a signature stands in, in lower case.
pub const SIGNED_HEADERS: [&str; 4] = [
    "wechatpay-timestamp",
    "wechatpay-nonce",
    "wechatpay-signature",
    "wechatpay-serial",
];

/// The verdict on a delivery whose body could not be read.
const BODY_UNREADABLE: &str = "body_unreadable";

/// A delivery as it arrived, owned so that its work outlives the connection.
#[derive(Debug)]
pub struct Delivery {
    /// Every value that came under one of [`SIGNED_HEADERS`], in the order it came.
    pub headers: Vec<(&'static str, Vec<u8>)>,
    /// The raw body.
    pub body: Vec<u8>,
}

impl Delivery {
    fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.headers
            .iter()
            .filter(move |(known, _)| *known == name)
            .map(|(_, value)| value.as_slice())
    }

    /// The one value of a header that was verified, which makes it text.
    fn text(&self, name: &str) -> Cow<'_, str> {
        self.values(name)
            .next()
            .map_or(Cow::Borrowed(""), String::from_utf8_lossy)
    }
}

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
    match open(context, delivery).await {
        Ok(verified) => take(context, delivery, verified.get()).await,
        // Signed and sealed by WeChat, and still not what it calls itself: no repetition will mend it.
        Err(Refusal::PlaintextUnreadable { id, field }) => {
            except(context, delivery, ExceptionKind::UnreadablePayment, (&id, field)).await
        }
        Err(Refusal::RefundUnreadable { id, field }) => {
            except(context, delivery, ExceptionKind::UnreadableRefund, (&id, field)).await
        }
        Err(refusal) => {
            note_refusal(&refusal);
            Ok(Receipt::Refused(refusal.as_str()))
        }
    }
}

/// Verifies and opens; an unknown serial is looked up at WeChat once, rate limited.
async fn open(context: &Context, delivery: &Delivery) -> Result<Verified<Notification>, Refusal> {
    let client = context.merchant.as_ref().ok_or(Refusal::UnknownSerial)?;
    let message = SignedMessage::from_headers(&delivery.body, |name| delivery.values(name))?;
    client.open(client.verify_refreshing(&message).await?)
}

async fn take(
    context: &Context,
    delivery: &Delivery,
    notification: &Notification,
) -> Result<Receipt, AppError> {
    match notification {
        Notification::Payment { id, transaction } => match &transaction.landed {
            Some(landed) if transaction.trade_state == TradeState::Success => {
                let texts = Texts::of(delivery);
                let record = texts.record(context, id)?;
                let outcome = settle::settle(context, landed, Source::Notification(&record)).await?;
                Ok(Receipt::Taken(outcome.as_str()))
            }
            _ => {
                except(
                    context,
                    delivery,
                    ExceptionKind::UnreadablePayment,
                    (id, "trade_state"),
                )
                .await
            }
        },
        Notification::Refund { id, report } => {
            let texts = Texts::of(delivery);
            let record = texts.record(context, id)?;
            let outcome = settle_refund::settle(context, report, Source::Notification(&record)).await?;
            Ok(Receipt::Taken(outcome.as_str()))
        }
        Notification::Other { id, .. } => {
            let texts = Texts::of(delivery);
            let record = texts.record(context, id)?;
            let mut db = context.db.acquire().await?;
            store::notification::insert(&mut db, &record, "other", None).await?;
            Ok(Receipt::Taken("other"))
        }
    }
}

async fn except(
    context: &Context,
    delivery: &Delivery,
    kind: ExceptionKind,
    (notify_id, field): (&str, &str),
) -> Result<Receipt, AppError> {
    let texts = Texts::of(delivery);
    let record = texts.record(context, notify_id)?;
    let mut tx = context.db.begin().await?;
    store::notification::insert(&mut tx, &record, kind.as_str(), None).await?;
    let exception = NewException {
        id: ExceptionId::from(context.entropy.uuid(record.received_at)?),
        kind,
        subject: notify_id,
        order_id: None,
        detail: kind.explanation(),
        evidence: serde_json::json!({ "notification_id": record.id, "field": field }),
    };
    store::exception::insert(&mut tx, &exception, record.received_at).await?;
    tx.commit().await?;
    Ok(Receipt::Taken(Outcome::Exception(kind).as_str()))
}

/// The verified headers as text, for the recorder.
struct Texts<'a> {
    values: [Cow<'a, str>; 4],
    body: &'a [u8],
}

impl<'a> Texts<'a> {
    fn of(delivery: &'a Delivery) -> Self {
        Self {
            values: SIGNED_HEADERS.map(|name| delivery.text(name)),
            body: &delivery.body,
        }
    }

    fn record<'b>(&'b self, context: &Context, notify_id: &'b str) -> Result<NewDelivery<'b>, AppError> {
        let received_at = context.clock.now();
        let [timestamp, nonce, signature, serial] = &self.values;
        Ok(NewDelivery {
            id: NotificationId::from(context.entropy.uuid(received_at)?),
            notify_id,
            received_at,
            timestamp,
            nonce,
            serial,
            signature,
            body: self.body,
        })
    }
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

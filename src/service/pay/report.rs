//! What a believed notification reports, and what is done about it.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::domain::exception::ExceptionKind;
use crate::domain::id::ExceptionId;
use crate::domain::name::OutTradeNo;
use crate::domain::refund::ReportedRefund;
use crate::domain::settlement::LandedPayment;
use crate::service::Context;
use crate::store;
use crate::store::exception::NewException;
use crate::store::notification::{Effect, NewDelivery};
use crate::wechat::pay::{Notification, Refusal, SignedMessage, TradeState, Verified};

use super::delivery::Delivery;
use super::settle::{self, Settled, Source};
use super::settle_refund::{self, SettledRefund};

/// Verifies a delivery as of `now`, opens it and sorts what it says; an unknown serial is looked up
/// at WeChat once, rate limited.
pub(super) async fn open(
    context: &Context,
    delivery: &Delivery,
    now: DateTime<Utc>,
) -> Result<Report, Refusal> {
    let client = context.merchant.as_ref().ok_or(Refusal::UnknownSerial)?;
    let message = SignedMessage::from_headers(&delivery.body, |name| delivery.values(name))?;
    let verified = client.verify_refreshing(&message, now).await?;
    Report::of(client.open(verified))
}

/// What a believed notification tells us, sorted by what is to be done.
#[derive(Debug)]
pub(super) enum Report {
    /// Money landed.
    Payment {
        notify_id: String,
        landed: LandedPayment,
    },
    /// Where a refund stands.
    Refund {
        notify_id: String,
        refund: ReportedRefund,
    },
    /// It calls itself a payment or a refund, and is none that we can read; the kind says which.
    Unreadable {
        notify_id: String,
        kind: ExceptionKind,
        field: &'static str,
    },
    /// Nothing that concerns us.
    Other { notify_id: String },
}

impl Report {
    /// Sorts what a verified message says.
    ///
    /// # Errors
    /// When it could not be opened.
    fn of(opened: Result<Verified<Notification>, Refusal>) -> Result<Self, Refusal> {
        match opened.map(Verified::into_inner) {
            Ok(Notification::Payment { id, transaction }) => Ok(match transaction.landed {
                Some(landed) if transaction.trade_state == TradeState::Success => Self::Payment {
                    notify_id: id,
                    landed,
                },
                _ => Self::Unreadable {
                    notify_id: id,
                    kind: ExceptionKind::UnreadablePayment,
                    field: "trade_state",
                },
            }),
            Ok(Notification::Refund { id, report }) => Ok(Self::Refund {
                notify_id: id,
                refund: report,
            }),
            Ok(Notification::Other { id, .. }) => Ok(Self::Other { notify_id: id }),
            // Signed and sealed by WeChat, and still not what it calls itself: no repetition will mend it.
            Err(Refusal::PlaintextUnreadable { id, field }) => Ok(Self::Unreadable {
                notify_id: id,
                kind: ExceptionKind::UnreadablePayment,
                field,
            }),
            Err(Refusal::RefundUnreadable { id, field }) => Ok(Self::Unreadable {
                notify_id: id,
                kind: ExceptionKind::UnreadableRefund,
                field,
            }),
            Err(refusal) => Err(refusal),
        }
    }

    /// Our number of the attempt that it names.
    pub(super) fn out_trade_no(&self) -> Option<&OutTradeNo> {
        match self {
            Self::Payment { landed, .. } => Some(&landed.out_trade_no),
            Self::Refund { refund, .. } => Some(&refund.out_trade_no),
            Self::Unreadable { .. } | Self::Other { .. } => None,
        }
    }

    /// What an exception about it would be about.
    pub(super) fn subject(&self) -> &str {
        match self {
            Self::Payment { landed, .. } => landed.transaction_id.as_str(),
            Self::Refund { refund, .. } => refund.out_refund_no.as_str(),
            Self::Unreadable { notify_id, .. } | Self::Other { notify_id } => notify_id,
        }
    }

    pub(super) fn notify_id(&self) -> &str {
        match self {
            Self::Payment { notify_id, .. }
            | Self::Refund { notify_id, .. }
            | Self::Unreadable { notify_id, .. }
            | Self::Other { notify_id } => notify_id,
        }
    }
}

/// What a report came to, once its transaction is committed.
#[derive(Debug)]
pub(super) enum Taken {
    Settled(Settled),
    Refund(SettledRefund),
    Unreadable(ExceptionKind),
    Other,
}

impl Taken {
    pub(super) fn verdict(&self) -> &'static str {
        match self {
            Self::Settled(settled) => settled.outcome.as_str(),
            Self::Refund(settled) => settled.outcome.as_str(),
            Self::Unreadable(kind) => kind.as_str(),
            Self::Other => "other",
        }
    }

    pub(super) fn note(&self, context: &Context) {
        match self {
            Self::Settled(settled) => settled.note(context),
            Self::Refund(settled) => settled.note(context),
            Self::Unreadable(_) | Self::Other => {}
        }
    }
}

/// Does what a report asks for, inside a transaction that the caller commits, or does not. The
/// ordinary payment does not come here: [`settle::settle`] needs no transaction for it, nor a refund,
/// which [`settle_refund::settle`] tries again where it gives way.
pub(super) async fn take_within(
    context: &Context,
    tx: &mut PgConnection,
    record: &NewDelivery<'_>,
    report: &Report,
) -> Result<Taken, store::Error> {
    match report {
        Report::Payment { landed, .. } => {
            let source = Source::Notification(record);
            let settled = settle::settle_within(context, tx, landed, source).await?;
            Ok(Taken::Settled(settled))
        }
        Report::Refund { refund, .. } => {
            let source = Source::Notification(record);
            let settled = settle_refund::settle_within(context, tx, refund, source).await?;
            Ok(Taken::Refund(settled))
        }
        Report::Unreadable { kind, field, .. } => {
            except(context, tx, record, (*kind, field)).await?;
            Ok(Taken::Unreadable(*kind))
        }
        Report::Other { .. } => {
            store::notification::insert(tx, record, "other", Effect::default()).await?;
            Ok(Taken::Other)
        }
    }
}

async fn except(
    context: &Context,
    tx: &mut PgConnection,
    record: &NewDelivery<'_>,
    (kind, field): (ExceptionKind, &str),
) -> Result<(), store::Error> {
    store::notification::insert(tx, record, kind.as_str(), Effect::default()).await?;
    let id = context.entropy.uuid(record.received_at);
    let exception = NewException {
        id: ExceptionId::from(id.map_err(store::vault::VaultError::from)?),
        kind,
        subject: record.notify_id,
        order_id: None,
        detail: kind.explanation(),
        evidence: serde_json::json!({ "notification_id": record.id, "field": field }),
    };
    store::exception::insert(tx, &exception, record.received_at).await
}

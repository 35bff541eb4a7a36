//! Settling: the one place where money that landed becomes a paid order or a named exception.
//!
//! A notification and our own query end here alike. The ordinary case of a notification is one
//! statement; everything else is decided under lock by `domain::settlement`.

use sqlx::PgConnection;
use uuid::Uuid;

use super::event;
use crate::domain::exception::ExceptionKind;
use crate::domain::id::{AttemptId, ExceptionId, OrderId};
use crate::domain::order::OrderStatus;
use crate::domain::settlement::{self, LandedPayment, Settlement};
use crate::error::AppError;
use crate::service::shipping::by_setting;
use crate::service::shipping::ship_order::SHIPPED;
use crate::service::{Context, subscribe};
use crate::store;
use crate::store::event::NewEvent;
use crate::store::exception::NewException;
use crate::store::notification::{Effect, NewDelivery};
use crate::store::settlement::LockedAttempt;
use crate::store::vault::VaultError;
use crate::telemetry;

/// How often a transaction that gave way to another is tried again.
const TRIES_MAX: u32 = 3;
/// The event of a paid order.
const PAID: &str = "order.paid";

/// How we learned of the payment.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source<'a> {
    /// WeChat told us; the delivery is recorded in the same transaction.
    Notification(&'a NewDelivery<'a>),
    /// We asked.
    Query,
}

impl Source<'_> {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Notification(_) => "notification",
            Self::Query => "query",
        }
    }
}

/// What became of a landed payment. All of it is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It paid its order.
    Settled,
    /// It was known.
    Duplicate,
    /// It is an exception.
    Exception(ExceptionKind),
}

impl Outcome {
    /// The outcome as recorder and metrics spell it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::Duplicate => "duplicate",
            Self::Exception(kind) => kind.as_str(),
        }
    }
}

/// Settles a landed payment. When this returns, the effect is durable.
///
/// # Errors
/// Only when the database fails; nothing is written then.
pub(super) async fn settle(
    context: &Context,
    landed: &LandedPayment,
    source: Source<'_>,
) -> Result<Outcome, AppError> {
    if let Source::Notification(delivery) = source {
        let settled = settle_expected(context, landed, delivery).await;
        // A conflict is a payment number that stands elsewhere in the books: decided under lock.
        if !matches!(
            settled,
            Err(store::Error::Conflict { .. } | store::Error::Busy(_))
        ) && let Some((order_id, _)) = settled?
        {
            note_paid(context, order_id);
            return Ok(Outcome::Settled);
        }
    }
    let mut tries_left = TRIES_MAX;
    loop {
        tries_left = tries_left.saturating_sub(1);
        match settle_locked(context, landed, source).await {
            // A conflict is the same payment number, written by another transaction meanwhile.
            Err(store::Error::Busy(_) | store::Error::Conflict { .. }) if tries_left > 0 => {}
            outcome => return Ok(outcome?),
        }
    }
}

/// The ordinary case of a notification: one statement, and no transaction around it unless more is to be
/// written with it.
async fn settle_expected(
    context: &Context,
    landed: &LandedPayment,
    delivery: &NewDelivery<'_>,
) -> Result<Option<(OrderId, AttemptId)>, store::Error> {
    let event_id = context
        .entropy
        .uuid(delivery.received_at)
        .map_err(VaultError::from)?;
    let is_told = context.webhook.is_some();
    if !context.order_templates.has(PAID) && !context.ships_virtual_goods {
        return store::settlement::settle_expected(&context.db, landed, delivery, event_id, is_told).await;
    }
    let mut tx = context.db.begin().await?;
    let settled = store::settlement::settle_expected(&mut *tx, landed, delivery, event_id, is_told).await?;
    if let Some((order_id, _)) = settled {
        subscribe::queue(context, &mut tx, (event_id, PAID), delivery.received_at).await?;
        by_setting::ship_paid(context, &mut tx, order_id).await?;
        tx.commit().await?;
    }
    Ok(settled)
}

async fn settle_locked(
    context: &Context,
    landed: &LandedPayment,
    source: Source<'_>,
) -> Result<Outcome, store::Error> {
    let mut tx = context.db.begin().await?;
    let settled = settle_within(context, &mut tx, landed, source).await?;
    tx.commit().await?;
    settled.note(context);
    Ok(settled.outcome)
}

/// What a settlement comes to, once its transaction is committed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settled {
    /// What became of the payment.
    pub(super) outcome: Outcome,
    order_id: Option<OrderId>,
}

impl Settled {
    /// Notes what has happened. Called after the commit, since before it nothing has.
    pub(super) fn note(&self, context: &Context) {
        if let Outcome::Exception(kind) = self.outcome {
            // Money that no order wants goes back: the payment in the books says so, this saves waiting.
            context.alarms.refunds.set(context.clock.now());
            let order_id = self.order_id.map(tracing::field::display);
            tracing::warn!(
                order.id = order_id,
                exception.kind = kind.as_str(),
                "a payment became an exception"
            );
        }
        if let Some(order_id) = self.order_id {
            telemetry::note_order(order_id);
            if self.outcome == Outcome::Settled {
                note_paid(context, order_id);
            }
        }
    }
}

/// Settles a landed payment under lock, inside a transaction that the caller commits, or does not.
pub(super) async fn settle_within(
    context: &Context,
    tx: &mut PgConnection,
    landed: &LandedPayment,
    source: Source<'_>,
) -> Result<Settled, store::Error> {
    let locked = store::settlement::lock_attempt(tx, landed).await?;
    let decision = match &locked {
        Some(locked) if locked.is_payment_known_elsewhere => {
            Settlement::Mismatch(ExceptionKind::TransactionReused)
        }
        Some(locked) => settlement::decide(&locked.expected, landed),
        None => Settlement::Mismatch(ExceptionKind::UnknownOrder),
    };
    let mut event_id = None;
    let outcome = match (decision, &locked) {
        (Settlement::Settle, Some(locked)) => {
            event_id = Some(pay(context, tx, locked, landed, source).await?);
            if landed.is_refund_begun {
                // Nothing of it has gone back by these books, which hear of it only now.
                except(context, tx, ExceptionKind::UnknownRefund, Some(locked), landed).await?;
            }
            Outcome::Settled
        }
        (Settlement::Surplus(kind), Some(locked)) => {
            let now = context.clock.now();
            store::settlement::insert_payment(tx, locked, landed, true, source.as_str(), now).await?;
            except(context, tx, kind, Some(locked), landed).await?
        }
        (Settlement::Mismatch(kind), locked) => except(context, tx, kind, locked.as_ref(), landed).await?,
        (Settlement::Duplicate, _) | (Settlement::Settle | Settlement::Surplus(_), None) => {
            Outcome::Duplicate
        }
    };
    if let Source::Notification(delivery) = source {
        let subject = locked.as_ref().map(|locked| (locked.order_id, locked.attempt_id));
        let effect = Effect { subject, event_id };
        store::notification::insert(tx, delivery, outcome.as_str(), effect).await?;
    }
    Ok(Settled {
        outcome,
        order_id: locked.map(|locked| locked.order_id),
    })
}

/// Moves the order to paid and gives the event that says so.
async fn pay(
    context: &Context,
    tx: &mut PgConnection,
    locked: &LockedAttempt,
    landed: &LandedPayment,
    source: Source<'_>,
) -> Result<Uuid, store::Error> {
    let now = context.clock.now();
    store::settlement::insert_payment(tx, locked, landed, false, source.as_str(), now).await?;
    if !store::settlement::update_paid(tx, locked.order_id, landed.success_at, now).await? {
        return Err(store::Error::Inconsistent { table: "orders" });
    }
    // An attempt that had ended was paid: a newer one may be open, and is not to be paid as well.
    store::check::update_unwanted(tx, locked.order_id, now).await?;
    let event = NewEvent {
        id: context.entropy.uuid(now).map_err(VaultError::from)?,
        order_id: locked.order_id,
        kind: PAID,
        from: OrderStatus::AwaitingPayment,
        to: OrderStatus::Paid,
        cause: source.as_str(),
        is_told: context.webhook.is_some(),
    };
    event::write(context, tx, &event, now).await?;
    by_setting::ship_paid(context, tx, locked.order_id).await?;
    Ok(event.id)
}

async fn except(
    context: &Context,
    tx: &mut PgConnection,
    kind: ExceptionKind,
    locked: Option<&LockedAttempt>,
    landed: &LandedPayment,
) -> Result<Outcome, store::Error> {
    let now = context.clock.now();
    let ours = locked.map(|locked| {
        serde_json::json!({
            "app_id": locked.expected.app_id,
            "mch_id": locked.expected.mch_id,
            "total_fen": locked.expected.total_fen,
            "currency": locked.expected.currency,
            "attempt_state": locked.expected.state.as_str(),
            "order_status": locked.expected.order_status.as_str(),
            "transaction_id": locked.expected.transaction_id,
        })
    });
    let theirs = serde_json::json!({
        "app_id": landed.app_id,
        "mch_id": landed.mch_id,
        "total_fen": landed.total_fen,
        "currency": landed.currency,
        "out_trade_no": landed.out_trade_no,
        "transaction_id": landed.transaction_id,
        "success_at": landed.success_at,
        "is_refund_begun": landed.is_refund_begun,
    });
    let exception = NewException {
        id: ExceptionId::from(context.entropy.uuid(now).map_err(VaultError::from)?),
        kind,
        subject: landed.transaction_id.as_str(),
        order_id: locked.map(|locked| locked.order_id),
        detail: kind.explanation(),
        evidence: serde_json::json!({ "ours": ours, "theirs": theirs }),
    };
    store::exception::insert(tx, &exception, now).await?;
    Ok(Outcome::Exception(kind))
}

fn note_paid(context: &Context, order_id: OrderId) {
    event::ring(context, PAID);
    if context.ships_virtual_goods {
        event::ring(context, SHIPPED);
        context
            .alarms
            .shipments
            .set(context.clock.now() + by_setting::HEAD_START);
    }
    telemetry::note_order(order_id);
    telemetry::count_order_move(OrderStatus::AwaitingPayment.as_str(), OrderStatus::Paid.as_str());
}

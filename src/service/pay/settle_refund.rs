//! Settling a refund: the one place where what WeChat says of a refund becomes a move, of the refund
//! and of its order, or a named exception.
//!
//! A notice, the answer to our request and our own query end here alike, and are decided under lock
//! by `domain::refund`.

use sqlx::PgConnection;
use uuid::Uuid;

use super::event;
use super::settle::{Outcome, Source};
use crate::domain::exception::ExceptionKind;
use crate::domain::fen::Fen;
use crate::domain::id::{ExceptionId, OrderId};
use crate::domain::name::OutRefundNo;
use crate::domain::order::{self, OrderEvent, OrderMove, OrderStatus};
use crate::domain::refund::{self, RefundMove, RefundStatus, ReportedRefund};
use crate::error::AppError;
use crate::service::Context;
use crate::store;
use crate::store::event::NewEvent;
use crate::store::exception::NewException;
use crate::store::notification::Effect;
use crate::store::refund::{LockedRefund, RefundStep};
use crate::store::vault::VaultError;
use crate::telemetry;

/// How often a transaction that gave way to another is tried again.
const TRIES_MAX: u32 = 3;

/// Exceptions about a refund that are mended when its money arrives: an unknown one is known by then, asked for again after a
/// restore that lost it.
const MENDED: [ExceptionKind; 3] = [
    ExceptionKind::RefundAbnormal,
    ExceptionKind::RefundWaiting,
    ExceptionKind::UnknownRefund,
];
/// Exceptions about a payment that are mended when all of it has gone back.
const RETURNED: [ExceptionKind; 2] = [ExceptionKind::DoublePayment, ExceptionKind::PaidAfterClose];

/// Settles what WeChat says of a refund. When this returns, the effect is durable.
///
/// # Errors
/// Only when the database fails; nothing is written then.
pub(super) async fn settle(
    context: &Context,
    report: &ReportedRefund,
    source: Source<'_>,
) -> Result<Outcome, AppError> {
    let mut tries_left = TRIES_MAX;
    loop {
        tries_left = tries_left.saturating_sub(1);
        match settle_locked(context, report, source).await {
            // A conflict is WeChat's number of it, written for another refund meanwhile.
            Err(store::Error::Busy(_) | store::Error::Conflict { .. }) if tries_left > 0 => {}
            outcome => return Ok(outcome?),
        }
    }
}

async fn settle_locked(
    context: &Context,
    report: &ReportedRefund,
    source: Source<'_>,
) -> Result<Outcome, store::Error> {
    let mut tx = context.db.begin().await?;
    let settled = settle_within(context, &mut tx, report, source).await?;
    tx.commit().await?;
    settled.note(context);
    Ok(settled.outcome)
}

/// What a refund's settlement comes to, once its transaction is committed.
#[derive(Clone, Copy, Debug)]
pub(super) struct SettledRefund {
    /// What became of the report.
    pub(super) outcome: Outcome,
    order_id: Option<OrderId>,
    order_moved: Option<MovedOrder>,
}

/// A move of an order, written down.
#[derive(Clone, Copy, Debug)]
struct MovedOrder {
    event_id: Uuid,
    kind: &'static str,
    from: OrderStatus,
    to: OrderStatus,
}

impl SettledRefund {
    /// Notes what has happened. Called after the commit, since before it nothing has.
    pub(super) fn note(&self, context: &Context) {
        match self.outcome {
            Outcome::Exception(kind) => {
                let order_id = self.order_id.map(tracing::field::display);
                tracing::warn!(
                    order.id = order_id,
                    exception.kind = kind.as_str(),
                    "a refund became an exception"
                );
            }
            Outcome::Settled => context
                .alarms
                .refunds
                .set(context.clock.now() + refund::gap_after(0)),
            Outcome::Duplicate => {}
        }
        if let Some(order_id) = self.order_id {
            telemetry::note_order(order_id);
        }
        if let Some(moved) = self.order_moved {
            event::ring(context, moved.kind);
            telemetry::count_order_move(moved.from.as_str(), moved.to.as_str());
        }
    }
}

/// Settles what WeChat says of a refund under lock, inside a transaction that the caller commits, or
/// does not.
pub(super) async fn settle_within(
    context: &Context,
    tx: &mut PgConnection,
    report: &ReportedRefund,
    source: Source<'_>,
) -> Result<SettledRefund, store::Error> {
    let locked = store::refund::lock(tx, &report.out_refund_no, Some(&report.refund_id)).await?;
    let (outcome, order_moved) = match &locked {
        None => (unknown(context, tx, report).await?, None),
        Some(locked) => hear(context, tx, locked, report, source).await?,
    };
    let subject = locked.as_ref().map(|locked| (locked.order_id, locked.attempt_id));
    if let Source::Notification(delivery) = source {
        let event_id = order_moved.map(|moved| moved.event_id);
        let effect = Effect { subject, event_id };
        store::notification::insert(tx, delivery, outcome.as_str(), effect).await?;
    }
    Ok(SettledRefund {
        outcome,
        order_id: subject.map(|(order_id, _)| order_id),
        order_moved,
    })
}

async fn hear(
    context: &Context,
    tx: &mut PgConnection,
    locked: &LockedRefund,
    report: &ReportedRefund,
    source: Source<'_>,
) -> Result<(Outcome, Option<MovedOrder>), store::Error> {
    let evidence = |field: Option<&str>| serde_json::json!({ "field": field, "ours": ours(locked), "theirs": theirs(report) });
    let number = &report.out_refund_no;
    let reused = || locked.is_refund_id_taken.then_some("refund_id");
    let kind = match (
        refund::difference(&locked.expected, report).or_else(reused),
        refund::decide_report(locked.status, locked.expected.refund_id.is_some(), report.event),
    ) {
        (Some(field), _) => {
            let subject = (number, evidence(Some(field)));
            let outcome = except(context, tx, ExceptionKind::RefundMismatch, locked, subject).await?;
            return Ok((outcome, None));
        }
        (None, RefundMove::Stay) => return Ok((Outcome::Duplicate, None)),
        (None, RefundMove::Contradiction) => ExceptionKind::RefundContradiction,
        (None, RefundMove::To(to)) => {
            step(context, tx, locked, report, to).await?;
            match to {
                RefundStatus::Closed => {
                    end_waiting(context, tx, number).await?;
                    ExceptionKind::RefundClosed
                }
                RefundStatus::Abnormal => ExceptionKind::RefundAbnormal,
                RefundStatus::Succeeded => {
                    let moved = succeed(context, tx, locked, report, source).await?;
                    return Ok((Outcome::Settled, moved));
                }
                RefundStatus::Created | RefundStatus::Processing => return Ok((Outcome::Settled, None)),
            }
        }
    };
    let outcome = except(context, tx, kind, locked, (number, evidence(None))).await?;
    Ok((outcome, None))
}

async fn step(
    context: &Context,
    tx: &mut PgConnection,
    locked: &LockedRefund,
    report: &ReportedRefund,
    to: RefundStatus,
) -> Result<(), store::Error> {
    let now = context.clock.now();
    let gap = match to {
        // A human has to act first.
        RefundStatus::Abnormal => refund::gap_after(i32::MAX),
        RefundStatus::Created | RefundStatus::Processing | RefundStatus::Succeeded | RefundStatus::Closed => {
            refund::gap_after(0)
        }
    };
    let next_check_at = (!to.is_final()).then(|| now + gap);
    let step = RefundStep {
        to,
        refund_id: Some(&report.refund_id),
        next_check_at,
        failure_code: (to == RefundStatus::Closed).then_some("CLOSED"),
        succeeded_at: report.success_at.filter(|_| to == RefundStatus::Succeeded),
    };
    store::refund::update_moved(tx, locked.id, step, now).await
}

/// A refund that closed waits for nothing any more: what came of it is the exception that says so.
pub(super) async fn end_waiting(
    context: &Context,
    tx: &mut PgConnection,
    number: &OutRefundNo,
) -> Result<(), store::Error> {
    let kinds = [ExceptionKind::RefundWaiting];
    let now = context.clock.now();
    store::exception::update_mended(tx, &kinds, number.as_str(), "the refund is closed", now).await
}

/// The money has arrived: the books, the order and its stock follow.
async fn succeed(
    context: &Context,
    tx: &mut PgConnection,
    locked: &LockedRefund,
    report: &ReportedRefund,
    source: Source<'_>,
) -> Result<Option<MovedOrder>, store::Error> {
    let now = context.clock.now();
    let success_at = report
        .success_at
        .ok_or(store::Error::Inconsistent { table: "refunds" })?;
    store::refund::insert_entry(tx, locked, report, (source.as_str(), success_at), now).await?;
    let number = report.out_refund_no.as_str();
    store::exception::update_mended(tx, &MENDED, number, "the money has arrived", now).await?;
    if locked.is_surplus {
        if store::refund::is_returned_in_full(tx, &report.transaction_id).await? {
            let payment = report.transaction_id.as_str();
            store::exception::update_mended(tx, &RETURNED, payment, "the money went back in full", now)
                .await?;
        }
        Ok(None)
    } else {
        move_order(context, tx, locked, source).await.map(Some)
    }
}

async fn move_order(
    context: &Context,
    tx: &mut PgConnection,
    locked: &LockedRefund,
    source: Source<'_>,
) -> Result<MovedOrder, store::Error> {
    let impossible = || store::Error::Inconsistent { table: "orders" };
    let now = context.clock.now();
    let amount = Fen::new(locked.expected.amount_fen).map_err(|_| impossible())?;
    let refunded = locked.order_refunded_fen.plus(amount).map_err(|_| impossible())?;
    let event = if refunded < locked.order_total_fen {
        OrderEvent::RefundedInPart
    } else {
        OrderEvent::RefundedInFull
    };
    let (to, kind) = match order::decide(locked.order_status, event) {
        OrderMove::RefundInPart => (OrderStatus::PartiallyRefunded, "order.partially_refunded"),
        OrderMove::RefundInFull => (OrderStatus::Refunded, "order.refunded"),
        OrderMove::Stay | OrderMove::StayWithSurplus | OrderMove::Pay | OrderMove::CloseAndReturnStock => {
            return Err(impossible());
        }
    };
    store::order::update_refunded(tx, locked.order_id, (to, refunded), now).await?;
    let event = NewEvent {
        id: uuid(context)?,
        order_id: locked.order_id,
        kind,
        from: locked.order_status,
        to,
        cause: source.as_str(),
        is_told: context.webhook.is_some(),
    };
    event::write(context, tx, &event, now).await?;
    if locked.is_restocking && store::order::update_restocked(tx, locked.order_id, now).await? {
        store::product::return_stock(&mut *tx, locked.order_id).await?;
    }
    Ok(MovedOrder {
        event_id: event.id,
        kind,
        from: locked.order_status,
        to,
    })
}

async fn unknown(
    context: &Context,
    tx: &mut PgConnection,
    report: &ReportedRefund,
) -> Result<Outcome, store::Error> {
    let kind = ExceptionKind::UnknownRefund;
    let now = context.clock.now();
    let exception = NewException {
        id: ExceptionId::from(uuid(context)?),
        kind,
        subject: report.out_refund_no.as_str(),
        order_id: store::refund::find_order(&mut *tx, &report.out_trade_no).await?,
        detail: kind.explanation(),
        evidence: serde_json::json!({ "theirs": theirs(report) }),
    };
    store::exception::insert(tx, &exception, now).await?;
    Ok(Outcome::Exception(kind))
}

/// Names a difference about a refund.
pub(super) async fn except(
    context: &Context,
    tx: &mut PgConnection,
    kind: ExceptionKind,
    locked: &LockedRefund,
    (subject, evidence): (&OutRefundNo, serde_json::Value),
) -> Result<Outcome, store::Error> {
    let exception = NewException {
        id: ExceptionId::from(uuid(context)?),
        kind,
        subject: subject.as_str(),
        order_id: Some(locked.order_id),
        detail: kind.explanation(),
        evidence,
    };
    let now = context.clock.now();
    if kind == ExceptionKind::RefundWaiting {
        store::exception::insert_or_correct(tx, &exception, now).await?;
    } else {
        store::exception::insert(tx, &exception, now).await?;
    }
    Ok(Outcome::Exception(kind))
}

fn uuid(context: &Context) -> Result<Uuid, store::Error> {
    let id = context.entropy.uuid(context.clock.now());
    Ok(id.map_err(VaultError::from)?)
}

/// What our books say of a refund, as evidence.
pub(super) fn ours(locked: &LockedRefund) -> serde_json::Value {
    serde_json::json!({
        "status": locked.status.as_str(),
        "refund_id": locked.expected.refund_id,
        "out_trade_no": locked.expected.out_trade_no,
        "transaction_id": locked.expected.transaction_id,
        "mch_id": locked.expected.mch_id,
        "amount_fen": locked.expected.amount_fen,
        "total_fen": locked.expected.total_fen,
        "order_status": locked.order_status.as_str(),
    })
}

fn theirs(report: &ReportedRefund) -> serde_json::Value {
    serde_json::json!({
        "event": format!("{:?}", report.event),
        "out_refund_no": report.out_refund_no,
        "refund_id": report.refund_id,
        "out_trade_no": report.out_trade_no,
        "transaction_id": report.transaction_id,
        "mch_id": report.mch_id,
        "amount_fen": report.amount_fen,
        "total_fen": report.total_fen,
        "currency": report.currency,
        "success_at": report.success_at,
    })
}

//! Settling a refund: the one place where what WeChat says of a refund becomes a move, of the refund
//! and of its order, or a named exception.
//!
//! A notice, the answer to our request and our own query end here alike, and are decided under lock
//! by `domain::refund`.

use sqlx::PgConnection;
use uuid::Uuid;

use super::settle::{Outcome, Source};
use crate::domain::exception::ExceptionKind;
use crate::domain::fen::Fen;
use crate::domain::id::ExceptionId;
use crate::domain::name::OutRefundNo;
use crate::domain::order::{self, OrderEvent, OrderMove, OrderStatus};
use crate::domain::refund::{self, RefundEvent, RefundMove, RefundStatus, ReportedRefund};
use crate::error::AppError;
use crate::service::Context;
use crate::store;
use crate::store::event::NewEvent;
use crate::store::exception::NewException;
use crate::store::refund::{LockedRefund, RefundStep};
use crate::store::vault::VaultError;
use crate::telemetry;

/// How often a transaction that gave way to another is tried again.
const TRIES_MAX: u32 = 3;

/// Exceptions about a refund that are mended when its money arrives.
const MENDED: [ExceptionKind; 2] = [ExceptionKind::RefundAbnormal, ExceptionKind::RefundWaiting];
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
            Err(store::Error::Busy(_)) if tries_left > 0 => {}
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
    let locked = store::refund::lock(&mut tx, &report.out_refund_no).await?;
    let outcome = match &locked {
        None => unknown(context, &mut tx, report).await?,
        Some(locked) => hear(context, &mut tx, locked, report, source).await?,
    };
    if let Source::Notification(delivery) = source {
        let subject = locked.as_ref().map(|locked| (locked.order_id, locked.attempt_id));
        store::notification::insert(&mut tx, delivery, outcome.as_str(), subject).await?;
    }
    tx.commit().await?;
    if let Some(locked) = &locked {
        telemetry::note_order(locked.order_id);
    }
    Ok(outcome)
}

async fn hear(
    context: &Context,
    tx: &mut PgConnection,
    locked: &LockedRefund,
    report: &ReportedRefund,
    source: Source<'_>,
) -> Result<Outcome, store::Error> {
    let evidence = |field: Option<&str>| serde_json::json!({ "field": field, "ours": ours(locked), "theirs": theirs(report) });
    if let Some(field) = refund::difference(&locked.expected, report) {
        let kind = ExceptionKind::RefundMismatch;
        return except(
            context,
            tx,
            kind,
            Some(locked),
            (&report.out_refund_no, evidence(Some(field))),
        )
        .await;
    }
    let subject = (&report.out_refund_no, evidence(None));
    match refund::decide(locked.status, report.event) {
        RefundMove::Stay => Ok(Outcome::Duplicate),
        RefundMove::Contradiction => {
            except(
                context,
                tx,
                ExceptionKind::RefundContradiction,
                Some(locked),
                subject,
            )
            .await
        }
        RefundMove::To(to) => {
            step(context, tx, locked, report, to).await?;
            match to {
                RefundStatus::Succeeded => succeed(context, tx, locked, report, source).await,
                RefundStatus::Closed => {
                    except(context, tx, ExceptionKind::RefundClosed, Some(locked), subject).await
                }
                RefundStatus::Abnormal => {
                    except(context, tx, ExceptionKind::RefundAbnormal, Some(locked), subject).await
                }
                RefundStatus::Created | RefundStatus::Processing => Ok(Outcome::Settled),
            }
        }
    }
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
    store::refund::update_moved(tx, locked.id, step, now).await?;
    if let Some(at) = next_check_at {
        context.alarms.refunds.set(at);
    }
    Ok(())
}

/// The money has arrived: the books, the order and its stock follow.
async fn succeed(
    context: &Context,
    tx: &mut PgConnection,
    locked: &LockedRefund,
    report: &ReportedRefund,
    source: Source<'_>,
) -> Result<Outcome, store::Error> {
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
    } else {
        move_order(context, tx, locked, source).await?;
    }
    Ok(Outcome::Settled)
}

async fn move_order(
    context: &Context,
    tx: &mut PgConnection,
    locked: &LockedRefund,
    source: Source<'_>,
) -> Result<(), store::Error> {
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
    };
    store::event::insert(tx, &event, now).await?;
    if locked.is_restocking && store::order::update_restocked(tx, locked.order_id, now).await? {
        store::product::return_stock(&mut *tx, locked.order_id).await?;
    }
    telemetry::count_order_move(locked.order_status.as_str(), to.as_str());
    Ok(())
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
        order_id: store::refund::find_order(tx, &report.out_trade_no).await?,
        detail: kind.explanation(),
        evidence: serde_json::json!({ "theirs": theirs(report) }),
    };
    write(tx, &exception, now).await
}

async fn except(
    context: &Context,
    tx: &mut PgConnection,
    kind: ExceptionKind,
    locked: Option<&LockedRefund>,
    (subject, evidence): (&OutRefundNo, serde_json::Value),
) -> Result<Outcome, store::Error> {
    let exception = NewException {
        id: ExceptionId::from(uuid(context)?),
        kind,
        subject: subject.as_str(),
        order_id: locked.map(|locked| locked.order_id),
        detail: kind.explanation(),
        evidence,
    };
    write(tx, &exception, context.clock.now()).await
}

async fn write(
    tx: &mut PgConnection,
    exception: &NewException<'_>,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<Outcome, store::Error> {
    store::exception::insert(tx, exception, now).await?;
    let kind = exception.kind;
    tracing::warn!(exception.kind = kind.as_str(), exception.id = %exception.id, "a refund became an exception");
    Ok(Outcome::Exception(kind))
}

/// What came of it when WeChat knows none of a refund's number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Denial<'a> {
    /// It refused to make it, with this code, and will not make it later.
    Refused(&'a str),
    /// It does not take it for now, with this code; it is asked again.
    NotYet(&'a str),
    /// It does not know it.
    Absent,
}

/// Writes down a denial, if the refund is still in the hands of `lease_token`.
///
/// # Errors
/// Only when the database fails; nothing is written then.
pub(super) async fn deny(
    context: &Context,
    number: &OutRefundNo,
    lease_token: Uuid,
    denial: Denial<'_>,
) -> Result<(), AppError> {
    let mut tx = context.db.begin().await?;
    let Some(locked) = store::refund::lock(&mut tx, number).await? else {
        return Ok(());
    };
    if locked.lease_token != Some(lease_token) {
        return Ok(());
    }
    let (event, code) = match denial {
        Denial::Refused(code) => (RefundEvent::Refused, Some(code)),
        Denial::NotYet(code) => (RefundEvent::FoundAbsent, Some(code)),
        Denial::Absent => (RefundEvent::FoundAbsent, None),
    };
    let evidence = serde_json::json!({ "ours": ours(&locked), "wechat_code": code });
    let kind = match refund::decide(locked.status, event) {
        RefundMove::To(to) => {
            let step = RefundStep {
                to,
                refund_id: None,
                next_check_at: None,
                failure_code: code,
                succeeded_at: None,
            };
            store::refund::update_moved(&mut tx, locked.id, step, context.clock.now()).await?;
            Some(ExceptionKind::RefundClosed)
        }
        RefundMove::Contradiction => Some(ExceptionKind::RefundContradiction),
        RefundMove::Stay => code.map(|_| ExceptionKind::RefundWaiting),
    };
    if let Some(kind) = kind {
        except(context, &mut tx, kind, Some(&locked), (number, evidence)).await?;
    }
    tx.commit().await?;
    Ok(())
}

fn uuid(context: &Context) -> Result<Uuid, store::Error> {
    let id = context.entropy.uuid(context.clock.now());
    Ok(id.map_err(VaultError::from)?)
}

fn ours(locked: &LockedRefund) -> serde_json::Value {
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

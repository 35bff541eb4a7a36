//! Telling others what happened: moves of orders leave in the order in which they were written, order by
//! order; messages that WeChat pushed leave each for itself. At least once, until the receiver has taken
//! them or a human decides.
//!
//! An event is a row before it is a message, written with what happened. The order in the message
//! is the order as it stands when the message is sent, so that a late one never tells an old state;
//! `type` and `timestamp` are the event's own. Each of the two has a loop of its own, so that a flood of
//! the one is not in the way of the other.

mod body;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use uuid::Uuid;

use super::Context;
use super::alarm::Alarm;
use crate::domain::exception::ExceptionKind;
use crate::domain::id::{EventId, ExceptionId};
use crate::domain::outbox;
use crate::error::{AppError, ErrorCode};
use crate::store;
use crate::store::exception::NewException;
use crate::store::outbox::{About, DueEvent, SendLease, SentEvent};
use crate::telemetry;
use crate::webhook::{Message, Outcome, Sender};

/// How many are sent at the same moment by one loop of one process.
const PARALLEL_MAX: i64 = 16;
/// How long one may be in somebody's hands: the sender's time limit, the statements around it, and
/// some.
const LEASE: TimeDelta = TimeDelta::seconds(30);
/// What is written under an exception when the event was taken after all.
const TAKEN_AFTER_ALL: &str = "The event was sent again, and its receiver took it.";
/// What is written of a message that does not open any more.
const UNREADABLE: &str = "unreadable";

/// Which events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// Moves of orders.
    Orders,
    /// Messages that WeChat pushed.
    Pushed,
}

/// Sends events that are due, a bounded number at once, and writes down what came of each. Tells
/// whether there were any.
///
/// # Errors
/// When the database fails. What was sent and could not be written down is sent again.
pub async fn deliver(context: &Context, queue: Queue) -> Result<bool, AppError> {
    let Some(sender) = &context.webhook else {
        return Ok(false);
    };
    let now = context.clock.now();
    let lease = SendLease {
        token: Uuid::from_bytes(context.entropy.bytes()?),
        until: now + LEASE,
    };
    let due = match queue {
        Queue::Orders => store::outbox::claim(&context.db, lease, now, PARALLEL_MAX).await?,
        Queue::Pushed => store::outbox::claim_pushed(&context.db, lease, now, PARALLEL_MAX).await?,
    };
    let sent = join_all(due.iter().map(|event| tell(context, sender, event, lease.token))).await;
    sent.into_iter().collect::<Result<(), AppError>>()?;
    Ok(!due.is_empty())
}

async fn tell(context: &Context, sender: &Sender, event: &DueEvent, token: Uuid) -> Result<(), AppError> {
    let Some(body) = body::make(context, event).await? else {
        let sent = SentEvent {
            id: event.id,
            token,
            attempts: event.attempts,
            outcome: UNREADABLE,
            at: context.clock.now(),
        };
        return park(context, event, &sent).await;
    };
    let outcome = sender
        .send(&Message {
            id: event.id.into(),
            timestamp: context.clock.now().timestamp(),
            body: &body,
        })
        .await;
    write_down(context, event, token, outcome).await
}

/// The alarm of the loop that sends it.
fn alarm<'a>(context: &'a Context, event: &DueEvent) -> &'a Alarm {
    match event.about {
        About::Order(_) => &context.alarms.events,
        About::Push { .. } => &context.alarms.push_events,
    }
}

async fn write_down(
    context: &Context,
    event: &DueEvent,
    token: Uuid,
    outcome: Outcome,
) -> Result<(), AppError> {
    let text = outcome.text();
    let sent = SentEvent {
        id: event.id,
        token,
        attempts: event.attempts,
        outcome: &text,
        at: context.clock.now(),
    };
    if let Outcome::Taken(_) = outcome {
        store::outbox::update_delivered(&context.db, &sent, TAKEN_AFTER_ALL).await?;
        telemetry::count_event_delivery("delivered");
        return Ok(());
    }
    match next_try(context, event, outcome, sent.at)? {
        Some(due_at) => {
            store::outbox::update_failed(&context.db, &sent, due_at).await?;
            alarm(context, event).set(due_at);
            telemetry::count_event_delivery("failed");
            let order_id = event.about.order_id().map(tracing::field::display);
            tracing::warn!(event.id = %event.id, order.id = order_id, outcome = text, "an event was not taken");
        }
        None => park(context, event, &sent).await?,
    }
    Ok(())
}

/// When it is tried again; never where the receiver wants it no more, or was asked often enough.
fn next_try(
    context: &Context,
    event: &DueEvent,
    outcome: Outcome,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, AppError> {
    if outcome == Outcome::Gone {
        return Ok(None);
    }
    let in_vain = u32::try_from(event.attempts)
        .unwrap_or(u32::MAX)
        .saturating_add(1);
    let chance = u16::from_le_bytes(context.entropy.bytes()?);
    Ok(outbox::gap(in_vain, chance).map(|gap| now + gap))
}

async fn park(context: &Context, event: &DueEvent, sent: &SentEvent<'_>) -> Result<(), AppError> {
    let kind = ExceptionKind::EventUndelivered;
    let mut tx = context.db.begin().await?;
    let Some(attempts) = store::outbox::update_parked(&mut tx, sent).await? else {
        drop(tx);
        // Due at once, if it is to be sent again; nothing, if the lease is lost.
        store::outbox::update_failed(&context.db, sent, sent.at).await?;
        alarm(context, event).set(sent.at);
        return Ok(());
    };
    let exception = NewException {
        id: ExceptionId::from(context.entropy.uuid(sent.at)?),
        kind,
        subject: &event.id.to_string(),
        order_id: event.about.order_id(),
        detail: kind.explanation(),
        evidence: serde_json::json!({
            "event_id": event.id,
            "type": event.kind,
            "occurred_at": event.occurred_at,
            "attempts": attempts,
            "last_outcome": sent.outcome,
        }),
    };
    store::exception::insert_or_reopen(&mut tx, &exception, sent.at).await?;
    tx.commit().await?;
    telemetry::count_event_delivery("parked");
    let order_id = event.about.order_id().map(tracing::field::display);
    tracing::warn!(event.id = %event.id, order.id = order_id, exception.kind = kind.as_str(),
        outcome = sent.outcome, "an event was parked");
    Ok(())
}

/// Makes an event due now, whatever became of it: parked, given up, delivered, or never meant to be
/// sent.
///
/// # Errors
/// `events_not_configured`, and `not_found` where there is no such event.
pub async fn redeliver(context: &Arc<Context>, id: EventId) -> Result<(), AppError> {
    if context.webhook.is_none() {
        return Err(AppError::new(ErrorCode::EventsNotConfigured));
    }
    let now = context.clock.now();
    let order_id = store::outbox::enqueue(&context.db, id, now)
        .await?
        .ok_or_else(|| AppError::new(ErrorCode::NotFound))?;
    match order_id {
        Some(order_id) => {
            context.alarms.events.set(now);
            telemetry::note_order(order_id);
        }
        None => context.alarms.push_events.set(now),
    }
    Ok(())
}

/// Makes up to `limit` parked events due now, the oldest first; what is more stays parked. Tells how many.
///
/// # Errors
/// `events_not_configured`.
pub async fn redeliver_parked(context: &Context, limit: u32) -> Result<u64, AppError> {
    if context.webhook.is_none() {
        return Err(AppError::new(ErrorCode::EventsNotConfigured));
    }
    let now = context.clock.now();
    let count = store::outbox::enqueue_parked(&context.db, i64::from(limit), now).await?;
    context.alarms.events.set(now);
    context.alarms.push_events.set(now);
    Ok(count)
}

//! Messages about orders: written with the event, sent by the loop, once for each event and template.
//!
//! At least once: where nobody knows whether WeChat took one, its own report is waited for, and without that the
//! message is sent again.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Message;
use super::outcome::{GivenUp, LEASE, Outcome, attempt, end_abandoned, write_down};
use crate::domain::id::MessageId;
use crate::domain::order;
use crate::domain::subscribe::{OrderFacts, OrderTemplate};
use crate::error::AppError;
use crate::service::Context;
use crate::store;
use crate::store::order::StoredOrder;
use crate::store::subscribe_message::Lease;
use crate::store::subscribe_queue::{DueMessage, NewEventMessage};
use crate::wechat::mini::subscribe::{Refusal, refusal};

/// How many are sent at the same moment by one process.
const PARALLEL_MAX: i64 = 16;

/// Writes the messages that the settings want at an event, in the event's own transaction. Where they want none,
/// nothing is asked of the database. Whoever commits sets the alarm.
///
/// # Errors
/// When the database fails.
pub async fn queue(
    context: &Context,
    db: &mut PgConnection,
    (event_id, event): (Uuid, &str),
    now: DateTime<Utc>,
) -> Result<(), store::Error> {
    if !context.order_templates.has(event) {
        return Ok(());
    }
    let mut messages = Vec::new();
    for template in context.order_templates.of(event) {
        let id = context
            .entropy
            .uuid(now)
            .map_err(store::vault::VaultError::from)?;
        messages.push(NewEventMessage {
            id: MessageId::from(id),
            app_id: &template.app_id,
            template_id: &template.template_id,
        });
    }
    store::subscribe_queue::insert(db, event_id, &messages, now).await?;
    Ok(())
}

/// Sends messages that are due, a bounded number at once, and ends what dead senders left. Tells whether there was
/// anything to do.
///
/// # Errors
/// When the database fails, and goes on failing while what WeChat said waits to be written down: nobody knows it after a minute.
pub async fn send_due(context: &Arc<Context>) -> Result<bool, AppError> {
    let now = context.clock.now();
    let abandoned = end_abandoned(context, None).await?;
    let lease = Lease {
        token: Uuid::from_bytes(context.entropy.bytes()?),
        until: now + LEASE,
    };
    let due = match store::subscribe_queue::claim(&context.db, lease, now, PARALLEL_MAX).await {
        // A service has begun a message to the same user at this very moment: the next turn sees it.
        Err(store::Error::Conflict { .. }) => return Ok(true),
        due => due?,
    };
    let told = join_all(due.iter().map(|message| tell(context, message, lease.token))).await;
    told.into_iter().collect::<Result<(), AppError>>()?;
    Ok(abandoned > 0 || !due.is_empty())
}

async fn tell(context: &Arc<Context>, due: &DueMessage, token: Uuid) -> Result<(), AppError> {
    let outcome = match fill(context, due).await? {
        Some(message) => attempt(context, &due.app_id, &message).await?,
        None => Outcome::Unfit,
    };
    note(due, &outcome);
    let written = write_down(context, (due.id, token), &outcome).await?;
    if written.is_given_up {
        let given_up = GivenUp {
            app_id: &due.app_id,
            template_id: &due.template_id,
            order_id: due.order_id,
            event: &due.event,
        };
        given_up.note(outcome.errcode());
    }
    Ok(())
}

/// The message as its template says; nothing where the settings want it no more, or its values do not fit.
async fn fill(context: &Context, due: &DueMessage) -> Result<Option<Message>, AppError> {
    let mut templates = context.order_templates.of(&due.event);
    let Some(template) = templates.find(|template| is_of(template, due)) else {
        return Ok(None);
    };
    let Some(order) = store::order::find(&context.db, due.order_id).await? else {
        return Err(store::Error::Inconsistent { table: "orders" }.into());
    };
    let facts = facts(order, due.occurred_at);
    let Ok(data) = template.text.data(&facts) else {
        return Ok(None);
    };
    Ok(Some(Message {
        openid: due.openid.clone(),
        template_id: due.template_id.clone(),
        page: template.text.page(&facts),
        data: data.into_iter().collect(),
        state: template.state,
        lang: template.lang,
    }))
}

fn is_of(template: &OrderTemplate, due: &DueMessage) -> bool {
    template.template_id == due.template_id && template.app_id == due.app_id
}

fn facts(order: StoredOrder, occurred_at: DateTime<Utc>) -> OrderFacts {
    OrderFacts {
        id: order.id.to_string(),
        title: order::description(&order.items),
        out_trade_no: order.out_trade_no.map(String::from),
        total_fen: order.total_fen,
        refunded_fen: order.refunded_fen,
        created_at: order.created_at,
        paid_at: order.paid_at,
        closed_at: order.closed_at,
        shipped_at: order.shipped_at,
        occurred_at,
    }
}

/// What the operator may have to mend is said aloud; that a user does not want it is not.
fn note(due: &DueMessage, outcome: &Outcome) {
    let errcode = match outcome {
        Outcome::Refused(errcode) if refusal(*errcode) != Refusal::NotGranted => Some(*errcode),
        Outcome::Unfit => None,
        Outcome::Sent(_) | Outcome::Refused(_) | Outcome::Unknown(_) | Outcome::Unsent(_) => return,
    };
    tracing::warn!(app.id = %due.app_id, order.id = %due.order_id, template.id = %due.template_id, event.kind = due.event, errcode,
        "a subscribe message about an order cannot be sent");
}

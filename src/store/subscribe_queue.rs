//! Subscribe messages about orders: written with the event, sent by a loop.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Error;
use super::statement::query;
use super::subscribe_message::Lease;
use crate::domain::id::{MessageId, OrderId};
use crate::domain::name::{AppId, OpenId, TemplateId};

/// A message to be written with an event.
#[derive(Clone, Copy, Debug)]
pub struct NewEventMessage<'a> {
    /// The message.
    pub id: MessageId,
    /// The mini program whose template it is; for an order of another one it is not written.
    pub app_id: &'a AppId,
    /// The template.
    pub template_id: &'a TemplateId,
}

/// Writes that a message is to be sent because of an event, in the event's own transaction; to the order's user.
/// Tells how many were written.
pub async fn insert(
    db: &mut PgConnection,
    event_id: Uuid,
    messages: &[NewEventMessage<'_>],
    now: DateTime<Utc>,
) -> Result<u64, Error> {
    let ids: Vec<Uuid> = messages.iter().map(|message| message.id.into()).collect();
    let apps: Vec<String> = messages
        .iter()
        .map(|message| message.app_id.as_str().to_owned())
        .collect();
    let templates: Vec<String> = messages
        .iter()
        .map(|message| message.template_id.as_str().to_owned())
        .collect();
    let statement = sqlx::query!(
        "-- subscribe_queue.insert
        insert into subscribe_messages (id, app_id, openid, template_id, event_id, state, attempts, due_at, created_at, updated_at)
        select wanted.id, o.app_id, o.openid, wanted.template_id, e.id, 'pending', 0, $5, $5, $5
        from events e
            join orders o on o.id = e.order_id
            join unnest($2::uuid[], $3::text[], $4::text[]) as wanted (id, app_id, template_id) on wanted.app_id = o.app_id
        where e.id = $1",
        event_id,
        &ids,
        &apps,
        &templates,
        now,
    )
    .execute(db);
    Ok(query("subscribe_queue.insert", statement).await?.rows_affected())
}

/// A message that is due, in the hands of whoever claimed it.
#[derive(Clone, Debug)]
pub struct DueMessage {
    /// The message.
    pub id: MessageId,
    /// The mini program.
    pub app_id: AppId,
    /// To whom.
    pub openid: OpenId,
    /// The template.
    pub template_id: TemplateId,
    /// What happened, such as `order.paid`.
    pub event: String,
    /// When.
    pub occurred_at: DateTime<Utc>,
    /// To which order.
    pub order_id: OrderId,
}

/// Claims up to `limit` messages that are due, the longest due first, one for each user, and none for a user to
/// whom another is on its way. A [`Error::Conflict`] means that one was begun at the same moment.
pub async fn claim(
    db: impl PgExecutor<'_>,
    lease: Lease,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<DueMessage>, Error> {
    let statement = sqlx::query_as!(
        DueMessage,
        r#"-- subscribe_queue.claim
        with due as materialized (
            select m.id from subscribe_messages m
            where m.state = 'pending' and m.due_at <= $3
                and not exists (select from subscribe_messages o where o.app_id = m.app_id and o.openid = m.openid
                    and (o.state = 'sending' or (o.state = 'pending' and (o.due_at, o.id) < (m.due_at, m.id))))
            order by m.due_at, m.id
            limit $4
            for update skip locked
        )
        update subscribe_messages m set state = 'sending', attempts = m.attempts + 1, due_at = null, lease_token = $1,
            lease_until = $2, updated_at = $3
        from due, events e
        where m.id = due.id and e.id = m.event_id
        returning m.id, m.app_id as "app_id: AppId", m.openid as "openid: OpenId",
            m.template_id as "template_id: TemplateId", e.kind as event, e.occurred_at, e.order_id"#,
        lease.token,
        lease.until,
        now,
        limit,
    )
    .fetch_all(db);
    Ok(query("subscribe_queue.claim", statement).await?)
}

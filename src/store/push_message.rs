//! Messages that WeChat pushed: each once, with its place in the queue of what is told on.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Error;
use super::statement::query;
use crate::domain::id::EventId;
use crate::domain::name::AppId;

/// A message as it is written down.
#[derive(Clone, Copy, Debug)]
pub struct NewPushMessage<'a> {
    /// The message, and the event that tells it on.
    pub id: EventId,
    /// The mini program it was pushed for.
    pub app_id: &'a AppId,
    /// What it is called when it is told on.
    pub kind: &'a str,
    /// What a repetition has in common with it.
    pub identity: &'a [u8; 32],
    /// The message, sealed for [`place`].
    pub sealed: &'a [u8],
    /// When it arrived.
    pub received_at: DateTime<Utc>,
    /// Whether it is told on: whether there is somebody to tell.
    pub is_told: bool,
}

/// Where a message lies, as associated data of its sealed value.
pub fn place(id: EventId) -> String {
    format!("push_messages.message/{id}")
}

/// Writes a message, and that it is to be told on. Tells whether it is new: of one that is written in
/// another transaction the end is waited for.
pub async fn insert(db: &mut PgConnection, new: &NewPushMessage<'_>) -> Result<bool, Error> {
    let statement = sqlx::query_scalar!(
        r#"-- push_message.insert
        with message as (
            insert into push_messages (id, app_id, kind, identity, message, received_at)
            values ($1, $2, $3, $4, $5, $6)
            on conflict on constraint push_messages_app_id_identity_key do nothing
            returning id, sequence
        ), told as (
            insert into event_deliveries (event_id, push_message_id, sequence, state, attempts, due_at)
            select id, id, sequence, 'pending', 0, $6 from message where $7
        )
        select exists (select from message) as "is_new!""#,
        Uuid::from(new.id),
        new.app_id.as_str(),
        new.kind,
        new.identity.as_slice(),
        new.sealed,
        new.received_at,
        new.is_told,
    )
    .fetch_one(db);
    Ok(query("push_message.insert", statement).await?)
}

//! Where events stand on their way to whoever is told of them.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Error;
use super::statement::query;
use crate::domain::id::{EventId, OrderId};
use crate::domain::name::AppId;

/// An event that is due to be sent, in the hands of whoever claimed it.
#[derive(Clone, Debug)]
pub struct DueEvent {
    /// The event.
    pub id: EventId,
    /// Its name, such as `order.paid`.
    pub kind: String,
    /// What it is about.
    pub about: About,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// How often it was tried in vain since it became pending.
    pub attempts: i32,
}

/// What an event is about.
#[derive(Clone, Debug)]
pub enum About {
    /// A move of an order.
    Order(OrderId),
    /// A message that WeChat pushed.
    Push {
        /// The mini program it was pushed for.
        app_id: AppId,
        /// The message, sealed.
        sealed: Vec<u8>,
    },
}

impl About {
    /// The order, if it is about one.
    pub fn order_id(&self) -> Option<OrderId> {
        match self {
            Self::Order(id) => Some(*id),
            Self::Push { .. } => None,
        }
    }
}

/// Whose hands, and until when.
#[derive(Clone, Copy, Debug)]
pub struct SendLease {
    /// Whose.
    pub token: Uuid,
    /// From then on somebody else may send it.
    pub until: DateTime<Utc>,
}

/// Claims up to `limit` moves of orders that are due, the longest due first. An event of an order that has an
/// earlier one still to be delivered is not due, so that nothing overtakes; other orders go on. Those that are marked
/// as behind one are not even looked at, however many there are.
pub async fn claim(
    db: impl PgExecutor<'_>,
    lease: SendLease,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<DueEvent>, Error> {
    let statement = sqlx::query!(
        "-- outbox.claim
        with due as materialized (
            select d.event_id from event_deliveries d
            where d.state = 'pending' and d.order_id is not null and not d.is_behind and d.due_at <= $3
                and (d.lease_until is null or d.lease_until <= $3)
                and not exists (select from event_deliveries earlier where earlier.order_id = d.order_id
                    and earlier.sequence < d.sequence and earlier.state in ('pending', 'parked'))
            order by d.due_at, d.sequence
            limit $4
            for update skip locked
        )
        update event_deliveries d set lease_token = $1, lease_until = $2
        from due, events e
        where d.event_id = due.event_id and e.id = due.event_id
        returning e.id, e.kind, e.order_id, e.occurred_at, d.attempts",
        lease.token,
        lease.until,
        now,
        limit,
    )
    .fetch_all(db);
    let rows = query("outbox.claim", statement).await?;
    let due = rows.into_iter().map(|row| DueEvent {
        id: row.id.into(),
        kind: row.kind,
        about: About::Order(row.order_id.into()),
        occurred_at: row.occurred_at,
        attempts: row.attempts,
    });
    Ok(due.collect())
}

/// Claims up to `limit` pushed messages that are due, the longest due first. None waits for another.
pub async fn claim_pushed(
    db: impl PgExecutor<'_>,
    lease: SendLease,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<DueEvent>, Error> {
    let statement = sqlx::query!(
        "-- outbox.claim_pushed
        with due as materialized (
            select d.event_id from event_deliveries d
            where d.state = 'pending' and d.push_message_id is not null and d.due_at <= $3
                and (d.lease_until is null or d.lease_until <= $3)
            order by d.due_at, d.sequence
            limit $4
            for update skip locked
        )
        update event_deliveries d set lease_token = $1, lease_until = $2
        from due, push_messages m
        where d.event_id = due.event_id and m.id = due.event_id
        returning m.id, m.kind, m.app_id, m.message, m.received_at, d.attempts",
        lease.token,
        lease.until,
        now,
        limit,
    )
    .fetch_all(db);
    let rows = query("outbox.claim_pushed", statement).await?;
    let due = rows.into_iter().map(|row| {
        let inconsistent = |_| Error::Inconsistent {
            table: "push_messages",
        };
        Ok(DueEvent {
            id: row.id.into(),
            kind: row.kind,
            about: About::Push {
                app_id: AppId::parse(row.app_id).map_err(inconsistent)?,
                sealed: row.message,
            },
            occurred_at: row.received_at,
            attempts: row.attempts,
        })
    });
    due.collect()
}

/// How a try ended, written under the lease.
#[derive(Clone, Copy, Debug)]
pub struct SentEvent<'a> {
    /// The event.
    pub id: EventId,
    /// Whose hands it was in.
    pub token: Uuid,
    /// How often it had been tried before. Whoever asked for it to be sent again meanwhile gave it all its tries.
    pub attempts: i32,
    /// How it ended, in a word.
    pub outcome: &'a str,
    /// When.
    pub at: DateTime<Utc>,
}

/// Writes that the receiver took it, and resolves the exception about it, if it had been parked.
/// Tells whether the lease still held.
pub async fn update_delivered(
    db: impl PgExecutor<'_>,
    sent: &SentEvent<'_>,
    resolution: &str,
) -> Result<bool, Error> {
    let statement = sqlx::query_scalar!(
        r#"-- outbox.update_delivered
        with delivered as (
            update event_deliveries set state = 'delivered', attempts = attempts + 1, lease_token = null, lease_until = null,
                last_attempt_at = $4, last_outcome = $3, delivered_at = $4
            where event_id = $1 and lease_token = $2 and state = 'pending'
            returning event_id
        ), resolved as (
            update exceptions set resolved_at = $4, resolution = $5
            from delivered
            where kind = 'event_undelivered' and subject = delivered.event_id::text and resolved_at is null
        )
        select exists (select from delivered) as "is_written!""#,
        Uuid::from(sent.id),
        sent.token,
        sent.outcome,
        sent.at,
        resolution,
    )
    .fetch_one(db);
    Ok(query("outbox.update_delivered", statement).await?)
}

/// Writes that a try was in vain and when the next is due: at once, where somebody asked for it to be sent again
/// meanwhile. Tells whether the lease still held.
pub async fn update_failed(
    db: impl PgExecutor<'_>,
    sent: &SentEvent<'_>,
    due_at: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- outbox.update_failed
        update event_deliveries set attempts = case when attempts = $6 then attempts + 1 else attempts end,
            due_at = case when attempts = $6 then $5 else due_at end, lease_token = null, lease_until = null,
            last_attempt_at = $4, last_outcome = $3
        where event_id = $1 and lease_token = $2 and state = 'pending'",
        Uuid::from(sent.id),
        sent.token,
        sent.outcome,
        sent.at,
        due_at,
        sent.attempts,
    )
    .execute(db);
    Ok(query("outbox.update_failed", statement).await?.rows_affected() == 1)
}

/// Writes that it is not tried any more, and waits for a human. Gives how often it was tried, if the
/// lease still held and nobody asked for it to be sent again meanwhile.
pub async fn update_parked(db: &mut PgConnection, sent: &SentEvent<'_>) -> Result<Option<i32>, Error> {
    let statement = sqlx::query_scalar!(
        "-- outbox.update_parked
        update event_deliveries set state = 'parked', attempts = attempts + 1, lease_token = null, lease_until = null,
            last_attempt_at = $4, last_outcome = $3
        where event_id = $1 and lease_token = $2 and state = 'pending' and attempts = $5
        returning attempts",
        Uuid::from(sent.id),
        sent.token,
        sent.outcome,
        sent.at,
        sent.attempts,
    )
    .fetch_optional(db);
    Ok(query("outbox.update_parked", statement).await?)
}

/// Gives up a parked event: what came after it goes on. Tells whether it was parked.
pub async fn update_given_up(db: &mut PgConnection, event_id: EventId) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- outbox.update_given_up
        update event_deliveries set state = 'given_up' where event_id = $1 and state = 'parked'",
        Uuid::from(event_id),
    )
    .execute(db);
    Ok(query("outbox.update_given_up", statement).await?.rows_affected() == 1)
}

/// Makes an event due now, whatever became of it before, with all its tries before it. One that is
/// being sent stays in its hands. Gives its order, if it is of one; nothing where there is no such event.
pub async fn enqueue(
    db: impl PgExecutor<'_>,
    event_id: EventId,
    now: DateTime<Utc>,
) -> Result<Option<Option<OrderId>>, Error> {
    let statement = sqlx::query_scalar!(
        "-- outbox.enqueue
        insert into event_deliveries as d (event_id, order_id, push_message_id, sequence, state, attempts, due_at)
        select id, order_id, null::uuid, sequence, 'pending', 0, $2::timestamptz from events where id = $1
        union all
        select id, null, id, sequence, 'pending', 0, $2 from push_messages where id = $1
        on conflict on constraint event_deliveries_pkey
            do update set state = 'pending', attempts = 0, due_at = excluded.due_at
        returning order_id",
        Uuid::from(event_id),
        now,
    )
    .fetch_optional(db);
    let found = query("outbox.enqueue", statement).await?;
    Ok(found.map(|order_id| order_id.map(OrderId::from)))
}

/// Makes up to `limit` parked events due now, the oldest first, with all their tries before them. Tells how
/// many.
pub async fn enqueue_parked(db: impl PgExecutor<'_>, limit: i64, now: DateTime<Utc>) -> Result<u64, Error> {
    let statement = sqlx::query!(
        "-- outbox.enqueue_parked
        with parked as (
            select event_id from event_deliveries where state = 'parked'
            order by sequence
            limit $1
            for update skip locked
        )
        update event_deliveries d set state = 'pending', attempts = 0, due_at = $2
        from parked where d.event_id = parked.event_id",
        limit,
        now,
    )
    .execute(db);
    Ok(query("outbox.enqueue_parked", statement).await?.rows_affected())
}

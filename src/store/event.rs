//! The moves of orders, each written in the transaction that makes it, together with its place in
//! the queue of what is told on.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Error;
use super::statement::query;
use crate::domain::id::OrderId;
use crate::domain::order::OrderStatus;

/// A move of an order.
#[derive(Clone, Copy, Debug)]
pub struct NewEvent {
    /// The event.
    pub id: Uuid,
    /// The order.
    pub order_id: OrderId,
    /// Its name, such as `order.paid`.
    pub kind: &'static str,
    /// Where the order stood.
    pub from: OrderStatus,
    /// Where it stands now.
    pub to: OrderStatus,
    /// What moved it.
    pub cause: &'static str,
    /// Whether it is told on: whether there is somebody to tell.
    pub is_told: bool,
}

/// Writes a move, and that it is to be told on.
pub async fn insert(db: &mut PgConnection, event: &NewEvent, now: DateTime<Utc>) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- event.insert
        with event as (
            insert into events (id, kind, order_id, from_status, to_status, cause, occurred_at)
            values ($1, $2, $3, $4, $5, $6, $7)
            returning id, order_id, sequence
        )
        insert into event_deliveries (event_id, order_id, sequence, state, attempts, due_at)
        select id, order_id, sequence, 'pending', 0, $7 from event where $8",
        event.id,
        event.kind,
        Uuid::from(event.order_id),
        event.from.as_str(),
        event.to.as_str(),
        event.cause,
        now,
        event.is_told,
    )
    .execute(db);
    query("event.insert", statement).await?;
    Ok(())
}

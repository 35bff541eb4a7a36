//! The moves of orders, each written in the transaction that makes it.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Error;
use crate::domain::id::OrderId;
use crate::domain::order::OrderStatus;
use crate::telemetry::query;

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
}

/// Writes a move.
pub async fn insert(db: &mut PgConnection, event: &NewEvent, now: DateTime<Utc>) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- event.insert
        insert into events (id, kind, order_id, from_status, to_status, cause, occurred_at)
        values ($1, $2, $3, $4, $5, $6, $7)",
        event.id,
        event.kind,
        Uuid::from(event.order_id),
        event.from.as_str(),
        event.to.as_str(),
        event.cause,
        now,
    )
    .execute(db);
    query("event.insert", statement).await?;
    Ok(())
}

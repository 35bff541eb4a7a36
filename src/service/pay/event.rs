//! Writing that something happened to an order, and all that follows from it: that it is told on, and the
//! messages to the buyer that the settings want.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::service::{Context, subscribe};
use crate::store;
use crate::store::event::NewEvent;

/// Writes an event in the transaction of the move that it tells of.
///
/// # Errors
/// When the database fails.
pub(in crate::service) async fn write(
    context: &Context,
    db: &mut PgConnection,
    event: &NewEvent,
    now: DateTime<Utc>,
) -> Result<(), store::Error> {
    store::event::insert(db, event, now).await?;
    subscribe::queue(context, db, (event.id, event.kind), now).await
}

/// Has the loops look at once. Called after the commit.
pub(in crate::service) fn ring(context: &Context, kind: &str) {
    let now = context.clock.now();
    context.alarms.events.set(now);
    if context.order_templates.has(kind) {
        context.alarms.subscribe_messages.set(now);
    }
}

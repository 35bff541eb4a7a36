//! Brings back what a clock that was ahead has planned too far ahead.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt as _;

use super::turn::{Loop, Next, Pace};
use crate::error::AppError;
use crate::service::Context;
use crate::store;

pub(super) const LOOP: Loop = Loop {
    name: "planned",
    is_wanted: |_| true,
    // Not by time alone: the clock that tells the time is the one that may have been set back.
    pace: Pace::Rows(None),
    pause: Duration::from_mins(1),
    pause_failed: Duration::from_mins(1),
    turn: |context| turn(context).boxed(),
};

async fn turn(context: Arc<Context>) -> Result<Next, AppError> {
    let (db, now) = (&context.db, context.clock.now());
    let payments = store::planned::update_payments(db, now).await?;
    let refunds = store::planned::update_refunds(db, now).await?;
    let closes = store::planned::update_closes(db, now).await?;
    let events = store::planned::update_events(db, now).await?;
    let reconciliations = store::planned::update_reconciliations(db, now).await?;
    let access_tokens = store::planned_call::update_access_tokens(db, now).await?;
    let shipments = store::planned_call::update_shipments(db, now).await?
        + store::planned_call::update_shipping_managements(db, now).await?;
    let messages = store::planned_call::update_messages(db, now).await?
        + store::planned_call::update_message_leases(db, now).await?;
    let of_money = [payments, refunds, closes, events, reconciliations];
    if of_money == [0; 5] && [access_tokens, shipments, messages] == [0; 3] {
        return Ok(Next::Later);
    }
    tracing::warn!(
        payments,
        refunds,
        closes,
        events,
        reconciliations,
        access_tokens,
        shipments,
        messages,
        "a clock was ahead: what was planned too far ahead is brought back"
    );
    Ok(Next::AtOnce)
}

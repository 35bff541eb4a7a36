//! Removes what has served its time.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use futures_util::future::FutureExt as _;

use super::turn::{Loop, Next, Pace};
use crate::error::AppError;
use crate::service::Context;
use crate::store;

/// How long an idempotency key is honoured.
const KEYS_KEPT: TimeDelta = TimeDelta::days(7);
/// How long a session that is over stays for support to see.
const SESSIONS_KEPT: TimeDelta = TimeDelta::days(30);

pub(super) const LOOP: Loop = Loop {
    name: "housekeeping",
    is_wanted: |_| true,
    pace: Pace::Rows(None),
    pause: Duration::from_mins(1),
    pause_failed: Duration::from_mins(1),
    turn: |context| turn(context).boxed(),
};

async fn turn(context: Arc<Context>) -> Result<Next, AppError> {
    let now = context.clock.now();
    let keys = store::housekeeping::delete_idempotency_keys(&context.db, now - KEYS_KEPT).await?;
    let sessions = store::housekeeping::delete_sessions(&context.db, now - SESSIONS_KEPT).await?;
    if keys == 0 && sessions == 0 {
        return Ok(Next::Later);
    }
    tracing::debug!(keys, sessions, "removed what has served its time");
    Ok(Next::AtOnce)
}

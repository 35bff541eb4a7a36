//! Removes what has served its time.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::FutureExt as _;

use super::turn::{Loop, Next, Pace};
use crate::domain::allowance::ALLOWANCE_TIME;
use crate::error::AppError;
use crate::service::Context;
use crate::store;

/// How long an idempotency key is honoured.
const KEYS_KEPT: TimeDelta = TimeDelta::days(7);
/// How long a session that is over stays for support to see.
const SESSIONS_KEPT: TimeDelta = TimeDelta::days(30);

/// How long a code of the phone-number button is remembered: it lives five minutes, and twelve times that is enough
/// for any clock.
const PHONE_CODES_KEPT: TimeDelta = TimeDelta::hours(1);

/// How long a subscribe message is kept, and its key honoured.
const SUBSCRIBE_MESSAGES_KEPT: TimeDelta = TimeDelta::days(30);
/// How long a look at a picture or a sound is told of, and a result that nobody waits for is kept.
const CONTENT_CHECKS_KEPT: TimeDelta = TimeDelta::days(30);

/// How long a believed notification is kept.
const NOTIFICATIONS_KEPT: TimeDelta = TimeDelta::days(180);
/// How long a refused one is kept, and how many at most: with 16 KiB of body each, 320 MiB.
const REFUSED_KEPT: TimeDelta = TimeDelta::days(30);
const REFUSED_ROWS_MAX: i64 = 20_000;

/// How long a pushed message is kept: what people write is not kept longer than it takes to look into it.
const PUSH_MESSAGES_KEPT: TimeDelta = TimeDelta::days(30);

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
    let requests = store::housekeeping::delete_document_requests(&context.db, now - KEYS_KEPT).await?;
    let sessions = store::housekeeping::delete_sessions(&context.db, now - SESSIONS_KEPT).await?;
    let notifications =
        store::housekeeping::delete_notifications(&context.db, now - NOTIFICATIONS_KEPT).await?;
    let refused =
        store::housekeeping::delete_refused_notifications(&context.db, now - REFUSED_KEPT, REFUSED_ROWS_MAX)
            .await?;
    let codes = store::housekeeping::delete_phone_codes(&context.db, now - PHONE_CODES_KEPT).await?;
    let messages =
        store::housekeeping::delete_subscribe_messages(&context.db, now - SUBSCRIBE_MESSAGES_KEPT).await?;
    let checks = store::housekeeping::delete_content_checks(&context.db, now - CONTENT_CHECKS_KEPT).await?;
    let checked = store::content_check_allowance::delete_old(&context.db, now - ALLOWANCE_TIME).await?;
    let pushed = store::housekeeping::delete_push_messages(&context.db, now - PUSH_MESSAGES_KEPT).await?;
    if [
        keys,
        requests,
        sessions,
        notifications,
        refused,
        codes,
        messages,
        checks,
        checked,
        pushed,
    ] == [0; 10]
    {
        return Ok(Next::Later);
    }
    tracing::debug!(
        keys,
        requests,
        sessions,
        notifications,
        refused,
        codes,
        messages,
        checks,
        checked,
        pushed,
        "removed what has served its time"
    );
    Ok(Next::AtOnce)
}

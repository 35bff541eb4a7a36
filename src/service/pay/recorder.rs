//! The flight recorder's sample of refused deliveries: bounded in memory, before any SQL, so that a
//! flood costs neither disk nor database.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::delivery::Delivery;
use crate::domain::id::NotificationId;
use crate::error::AppError;
use crate::service::Context;
use crate::store;
use crate::store::refused_notification::{BODY_BYTES_MAX, NewRefused};

/// Refusals of what anybody can send: so many at once, and one more each [`STRANGERS_EVERY`].
const STRANGERS_BURST: u32 = 60;
const STRANGERS_EVERY: TimeDelta = TimeDelta::seconds(30);
/// Refusals of what WeChat signed have room of their own, which no stranger can use up.
const SIGNED_BURST: u32 = 240;
const SIGNED_EVERY: TimeDelta = TimeDelta::seconds(6);
/// How many header lines of a refused delivery are kept, and how much of each, in characters.
const HEADERS_MAX: usize = 24;
const HEADER_CHARS_MAX: usize = 1_024;

/// How long one waits for its turn to be written.
const PEN_WAIT_MAX: Duration = Duration::from_secs(1);

/// Which refused deliveries are written down. One for the process.
#[derive(Debug)]
pub struct Recorder {
    strangers: Mutex<Bucket>,
    signed: Mutex<Bucket>,
    /// One writes at a time, so that refusals hold one connection at most.
    pen: Semaphore,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            strangers: Mutex::new(Bucket::full(STRANGERS_BURST, STRANGERS_EVERY)),
            signed: Mutex::new(Bucket::full(SIGNED_BURST, SIGNED_EVERY)),
            pen: Semaphore::new(1),
        }
    }
}

impl Recorder {
    /// Whether one more refused delivery may be looked into and written down now.
    pub(super) fn admits(&self, is_signed: bool, now: DateTime<Utc>) -> bool {
        let bucket = if is_signed { &self.signed } else { &self.strangers };
        bucket.lock().unwrap_or_else(PoisonError::into_inner).take(now)
    }
}

/// Room that fills up again with time.
#[derive(Debug)]
struct Bucket {
    room: u32,
    room_max: u32,
    every: TimeDelta,
    /// Until when the room was reckoned.
    at: Option<DateTime<Utc>>,
}

impl Bucket {
    fn full(room_max: u32, every: TimeDelta) -> Self {
        Self {
            room: room_max,
            room_max,
            every,
            at: None,
        }
    }

    fn take(&mut self, now: DateTime<Utc>) -> bool {
        // A clock that was set back begins anew.
        let at = self.at.filter(|at| *at <= now).unwrap_or(now);
        let gained = now.signed_duration_since(at).num_seconds() / self.every.num_seconds();
        let gained = u32::try_from(gained).unwrap_or(u32::MAX);
        self.room = self.room.saturating_add(gained).min(self.room_max);
        self.at = Some(if self.room == self.room_max {
            now
        } else {
            at + self.every * i32::try_from(gained).unwrap_or(0)
        });
        let is_there = self.room > 0;
        self.room = self.room.saturating_sub(1);
        is_there
    }
}

/// Why a delivery was refused.
#[derive(Debug)]
pub(super) struct Judgement {
    /// In a word.
    pub(super) verdict: &'static str,
    /// In a sentence or two: why, and what helps.
    pub(super) detail: String,
    /// How far our clock was ahead of WeChat's, in seconds, where that is known.
    pub(super) clock_ahead_s: Option<i64>,
}

/// Writes a refused delivery down, in a task of its own: its sender does not wait for that, and
/// whether it works changes no answer.
pub(super) fn keep(
    context: &Arc<Context>,
    delivery: &Delivery,
    judgement: Judgement,
    is_body_read: bool,
) -> Result<(), AppError> {
    let received_at = context.clock.now();
    let body = delivery.body.get(..BODY_BYTES_MAX).unwrap_or(&delivery.body);
    let refused = NewRefused {
        id: NotificationId::from(context.entropy.uuid(received_at)?),
        received_at,
        verdict: judgement.verdict,
        detail: judgement.detail,
        clock_ahead_s: judgement.clock_ahead_s,
        headers: headers(delivery),
        body: body.to_vec(),
        body_bytes: is_body_read
            .then(|| i64::try_from(delivery.body.len()).ok())
            .flatten(),
    };
    let shared = Arc::clone(context);
    context.tasks.spawn(async move {
        // With the database away they do not wait for each other's time-outs.
        let pen = tokio::time::timeout(PEN_WAIT_MAX, shared.recorder.pen.acquire()).await;
        let Ok(Ok(_pen)) = pen else {
            return;
        };
        if let Err(error) = store::refused_notification::insert(&shared.db, &refused).await {
            let verdict = refused.verdict;
            tracing::warn!(notification.verdict = verdict, %error, "a refused notification was not recorded");
        }
    });
    Ok(())
}

fn headers(delivery: &Delivery) -> Value {
    let lines = delivery.headers.iter().take(HEADERS_MAX);
    lines
        .map(|(name, value)| {
            let text = String::from_utf8_lossy(value);
            // PostgreSQL's JSON cannot hold the zero character.
            let kept: String = text
                .chars()
                .filter(|letter| *letter != '\0')
                .take(HEADER_CHARS_MAX)
                .collect();
            json!([name, kept])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_used_up_and_comes_back_with_time() {
        let mut now = DateTime::UNIX_EPOCH;
        let mut bucket = Bucket::full(3, TimeDelta::seconds(30));
        let taken = |bucket: &mut Bucket, now| (0..10).filter(|_| bucket.take(now)).count();
        assert_eq!(taken(&mut bucket, now), 3);
        now += TimeDelta::seconds(29);
        assert_eq!(taken(&mut bucket, now), 0);
        now += TimeDelta::seconds(1);
        assert_eq!(taken(&mut bucket, now), 1);
        now += TimeDelta::seconds(75);
        assert_eq!(taken(&mut bucket, now), 2);
        // The fifteen seconds over are not forgotten.
        now += TimeDelta::seconds(15);
        assert_eq!(taken(&mut bucket, now), 1);
        now += TimeDelta::days(400);
        assert_eq!(taken(&mut bucket, now), 3);
        // A clock that is set back costs nothing but what had gathered.
        now -= TimeDelta::days(1);
        assert_eq!(taken(&mut bucket, now), 0);
        now += TimeDelta::seconds(30);
        assert_eq!(taken(&mut bucket, now), 1);
    }
}

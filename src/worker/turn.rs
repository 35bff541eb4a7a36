//! What a loop is, and how one turn of it is taken.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use tokio_util::task::AbortOnDropHandle;

use crate::domain::entropy::Entropy;
use crate::error::AppError;
use crate::service::Context;
use crate::service::alarm::{Alarm, Alarms};
use crate::telemetry;

/// A loop: its name in logs and metrics, its turn, and how long it waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loop {
    /// Its name.
    pub(super) name: &'static str,
    /// Whether this server needs it.
    pub(super) is_wanted: fn(&Context) -> bool,
    /// What tells it that there is something to do.
    pub(super) pace: Pace,
    /// The wait after a turn that found nothing.
    pub(super) pause: Duration,
    /// The wait after a turn that failed.
    pub(super) pause_failed: Duration,
    /// One bounded piece of work, of fifteen seconds at the most. It may be dropped at any await when the
    /// server stops, and must not lose anything by that.
    pub(super) turn: fn(Arc<Context>) -> BoxFuture<'static, Result<Next, AppError>>,
}

/// What tells a loop that there is something to do.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pace {
    /// Time alone: a turn every pause.
    Period,
    /// Rows that are due: it looks every pause, more or less, so that replicas do not look in step;
    /// and when its alarm goes off, if it has one.
    Rows(Option<fn(&Alarms) -> &Alarm>),
}

impl Loop {
    /// Its alarm, if it has one.
    pub(super) fn alarm(self, context: &Context) -> Option<&Alarm> {
        match self.pace {
            Pace::Period => None,
            Pace::Rows(alarm) => alarm.map(|alarm| alarm(&context.alarms)),
        }
    }

    /// How long it waits after a turn, before it looks by itself.
    pub(super) fn pause_after(self, outcome: &Result<Next, AppError>, entropy: Entropy) -> Duration {
        let pause = match outcome {
            Ok(Next::AtOnce) => return Duration::ZERO,
            Ok(Next::Later | Next::At(_)) => self.pause,
            Err(_) => self.pause_failed,
        };
        match self.pace {
            Pace::Period => pause,
            Pace::Rows(_) => jittered(pause, entropy),
        }
    }
}

/// What a turn found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// There was something to do, and there may be more.
    AtOnce,
    /// Nothing is due that it knows of.
    Later,
    /// Nothing is due before then.
    At(DateTime<Utc>),
}

/// Takes one turn, and says in log and metrics how it went. A turn that panics has failed; the loop
/// goes on.
pub(super) async fn take(this: Loop, context: &Arc<Context>) -> Result<Next, AppError> {
    if let Some(alarm) = this.alarm(context) {
        alarm.clear();
    }
    // Whoever drops the waiting drops the turn.
    let outcome = AbortOnDropHandle::new(tokio::spawn((this.turn)(Arc::clone(context))))
        .await
        .unwrap_or_else(|panic| Err(AppError::internal(panic)));
    match &outcome {
        Ok(_) => telemetry::count_loop_run(this.name, "ok"),
        Err(error) => {
            let causes = error.causes();
            tracing::warn!(loop.name = this.name, error = causes, "a turn in the background failed");
            telemetry::count_loop_run(this.name, "failed");
        }
    }
    if let (Some(alarm), Ok(Next::At(at))) = (this.alarm(context), &outcome) {
        alarm.set(*at);
    }
    outcome
}

/// Between three quarters and five quarters of a pause.
fn jittered(pause: Duration, entropy: Entropy) -> Duration {
    // Without randomness, which the system nearly always has, replicas look in step, and that is all.
    let [byte] = entropy.bytes().unwrap_or([128]);
    pause * 3 / 4 + pause * u32::from(byte) / 512
}

/// How long until then.
pub(super) fn until(at: DateTime<Utc>, now: DateTime<Utc>) -> Duration {
    at.signed_duration_since(now)
        .max(TimeDelta::zero())
        .to_std()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::jittered;
    use crate::domain::entropy::Entropy;

    #[test]
    fn a_pause_differs_by_a_quarter_at_most() {
        let pause = Duration::from_secs(8);
        let pauses: Vec<Duration> = (0..200).map(|_| jittered(pause, Entropy::system())).collect();
        let (shortest, longest) = (pauses.iter().min().unwrap(), pauses.iter().max().unwrap());
        assert!(*shortest >= Duration::from_secs(6) && *longest <= Duration::from_secs(10));
        assert!(shortest < longest);
    }
}

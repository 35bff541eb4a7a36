//! The loops in the background. Each does a bounded piece of work, counts it, waits, and stops when
//! told. A failure is logged and the loop goes on: the next turn finds what is still to do.

mod access_tokens;
mod close;
mod collections;
mod content_checks;
mod events;
mod files;
mod housekeeping;
mod planned;
mod platform_keys;
mod reconcile;
mod reencryption;
mod refunds;
mod settle;
mod shipments;
mod subscribe_messages;
mod turn;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::clock::Clock;
use crate::service::Context;
use crate::service::alarm::Alarm;
use turn::{Loop, Next, Pace};

/// Every loop there is.
const LOOPS: [Loop; 17] = [
    planned::LOOP,
    settle::LOOP,
    close::LOOP,
    refunds::LOOP,
    shipments::LOOP,
    housekeeping::LOOP,
    platform_keys::LOOP,
    events::ORDERS,
    events::PUSHED,
    reconcile::LOOP,
    access_tokens::LOOP,
    reencryption::LOOP,
    collections::LOOP,
    content_checks::LOOP,
    files::SWEEP,
    files::AUDIT,
    subscribe_messages::LOOP,
];
/// However often an alarm is set, a loop does not look more often than this because of it.
const ALARMED_PAUSE_MIN: Duration = Duration::from_millis(50);
/// How long a turn that is under way when the server stops may take to end.
const LAST_TURN: Duration = Duration::from_secs(2);
/// How many turns [`Workers::run_to_quiet`] gives one loop before it calls it restless.
const TURNS_MAX: u32 = 10_000;

/// The loops of one server.
#[derive(Debug)]
pub struct Workers {
    context: Arc<Context>,
    loops: Vec<Loop>,
    /// When those that go by time alone are next due, for [`Workers::run_to_quiet`].
    due: Mutex<BTreeMap<&'static str, DateTime<Utc>>>,
}

impl Workers {
    /// The loops that this server needs. None of them runs yet.
    pub fn new(context: Arc<Context>) -> Self {
        let is_wanted = |this: &Loop| (this.is_wanted)(&context);
        let loops = LOOPS.into_iter().filter(is_wanted).collect();
        Self {
            context,
            loops,
            due: Mutex::default(),
        }
    }

    /// Lets every loop run by itself until `stop` is cancelled. A turn under way has two seconds to end.
    pub fn start(&self, tasks: &TaskTracker, stop: &CancellationToken) {
        for this in &self.loops {
            tasks.spawn(repeat(*this, stop.clone(), Arc::clone(&self.context)));
        }
    }

    /// Takes every turn that is due by the context's clock, of every loop, until none is; gives the
    /// names of the loops with a turn that failed. For a server whose loops do not run by themselves.
    pub async fn run_to_quiet(&self) -> BTreeSet<&'static str> {
        let mut failed = BTreeSet::new();
        for _ in 0..TURNS_MAX {
            let mut is_quiet = true;
            for this in self.loops.iter().filter(|this| self.is_due(this)) {
                if failed.contains(this.name) {
                    continue;
                }
                let outcome = turn::take(*this, &self.context).await;
                let now = self.context.clock.now();
                match &outcome {
                    Ok(Next::AtOnce) => is_quiet = false,
                    Ok(Next::Later | Next::At(_)) => {}
                    Err(_) => {
                        failed.insert(this.name);
                    }
                }
                let pause = this.pause_after(&outcome, self.context.entropy);
                self.due
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(this.name, now + TimeDelta::from_std(pause).unwrap_or_default());
            }
            if is_quiet {
                return failed;
            }
        }
        tracing::error!("the loops do not come to rest");
        failed.extend(self.loops.iter().map(|this| this.name));
        failed
    }

    fn is_due(&self, this: &Loop) -> bool {
        let due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        match this.pace {
            Pace::Rows(_) => true,
            Pace::Period => due
                .get(this.name)
                .is_none_or(|due| *due <= self.context.clock.now()),
        }
    }
}

/// Takes turns until `stop` is cancelled. A turn under way has a little time to end; then it is dropped,
/// which is no worse than a process that dies: its leases end by themselves, and what it had written to do
/// is still to do.
async fn repeat(this: Loop, stop: CancellationToken, context: Arc<Context>) {
    let given_up = async {
        stop.cancelled().await;
        tokio::time::sleep(LAST_TURN).await;
    };
    tokio::pin!(given_up);
    while !stop.is_cancelled() {
        let outcome = tokio::select! {
            outcome = turn::take(this, &context) => outcome,
            () = &mut given_up => {
                tracing::info!(loop.name = this.name, "a turn was given up at the stop");
                return;
            }
        };
        let pause = this.pause_after(&outcome, context.entropy);
        // What rings is an alarm that was set before; after a failure nothing shortens the wait.
        let alarm = this.alarm(&context).filter(|_| outcome.is_ok());
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
            () = alarmed(alarm, &context.clock) => {}
        }
    }
}

/// Waits until an alarm goes off; for ever where there is none.
async fn alarmed(alarm: Option<&Alarm>, clock: &Clock) {
    let Some(alarm) = alarm else {
        return std::future::pending().await;
    };
    loop {
        let is_earlier = alarm.rung();
        match alarm.at() {
            None => is_earlier.await,
            Some(at) => {
                let pause = turn::until(at, clock.now()).max(ALARMED_PAUSE_MIN);
                if tokio::time::timeout(pause, is_earlier).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// How often measurements are folded and forgotten limits removed.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// Keeps the memory of measurements and limits bounded for as long as the server lives.
pub fn start_sweep(sweep: impl Fn() + Send + 'static, loops: &TaskTracker, stop: &CancellationToken) {
    let stop = stop.clone();
    loops.spawn(async move {
        while stop
            .run_until_cancelled(tokio::time::sleep(SWEEP_EVERY))
            .await
            .is_some()
        {
            sweep();
        }
    });
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::TimeDelta;
    use futures_util::future::join;

    use super::alarmed;
    use crate::domain::clock::Clock;
    use crate::service::alarm::Alarm;

    #[tokio::test]
    async fn an_earlier_alarm_ends_the_wait_for_a_later_one() {
        let (clock, alarm) = (Clock::system(), Alarm::default());
        alarm.set(clock.now() + TimeDelta::hours(1));
        let setting = async { alarm.set(clock.now() + TimeDelta::milliseconds(20)) };
        let waiting = tokio::time::timeout(Duration::from_mins(1), alarmed(Some(&alarm), &clock));
        assert!(join(waiting, setting).await.0.is_ok());
    }

    #[tokio::test]
    async fn without_an_alarm_nothing_rings() {
        let clock = Clock::system();
        for alarm in [None, Some(&Alarm::default())] {
            let waiting = tokio::time::timeout(Duration::from_millis(1), alarmed(alarm, &clock));
            assert!(waiting.await.is_err());
        }
    }
}

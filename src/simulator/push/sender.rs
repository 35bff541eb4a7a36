//! When messages are pushed: all that is due on demand, or by themselves in the background.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;

use super::{Waiting, attempt};
use crate::simulator::log::PushDelivery;
use crate::simulator::state::Shared;

/// How many are on their way at once.
const PARALLEL_MAX: usize = 16;
/// How long the background task sleeps at most: the clock may be moved meanwhile.
const SLEEP_MAX: Duration = Duration::from_mins(1);

fn due(shared: &Shared) -> Vec<Waiting> {
    shared.step(|world, now| {
        let due = world.pushes.waiting().filter(|waiting| is_due(waiting, now));
        due.take(PARALLEL_MAX).cloned().collect()
    })
}

fn is_due(waiting: &Waiting, now: DateTime<Utc>) -> bool {
    waiting.due_at.is_some_and(|due_at| due_at <= now)
}

/// Sends everything that is due, one after the other, and returns when all answers came.
pub(in crate::simulator) async fn deliver_due(shared: &Shared) -> Vec<PushDelivery> {
    // Two at once would send everything twice.
    let _turn = shared.push_turn.lock().await;
    let mut sent = Vec::new();
    while let Some(waiting) = due(shared).first() {
        sent.extend(attempt::make(shared, waiting).await);
    }
    sent
}

/// Sends whatever becomes due, for as long as the simulator runs.
pub(in crate::simulator) async fn run(shared: Arc<Shared>) {
    loop {
        {
            let _turn = shared.push_turn.lock().await;
            let due = due(&shared);
            join_all(due.iter().map(|waiting| attempt::make(&shared, waiting))).await;
        }
        let next = shared.step(|world, now| {
            let times = world.pushes.waiting().filter_map(|waiting| waiting.due_at);
            times.min().map(|due_at| (due_at - now).max(TimeDelta::zero()))
        });
        let wait = next.and_then(|wait| wait.to_std().ok()).unwrap_or(SLEEP_MAX);
        let wait = wait.clamp(Duration::from_millis(1), SLEEP_MAX);
        // Waking up for nothing is harmless; a missed wake-up costs a sleep at most.
        drop(tokio::time::timeout(wait, shared.push_wake.notified()).await);
    }
}

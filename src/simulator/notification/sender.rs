//! When notifications go out: all that is due on demand, or by themselves in the background.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::attempt;
use crate::simulator::log::Delivery;
use crate::simulator::record::Notification;
use crate::simulator::state::Shared;

/// How many notifications are on their way at once.
const PARALLEL_MAX: usize = 16;
/// How long the background task sleeps at most: the clock may be moved meanwhile.
const SLEEP_MAX: Duration = Duration::from_mins(1);

/// Lets go of a notification however its attempt ends.
struct Claim<'a> {
    shared: &'a Shared,
    notification: Notification,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.shared.release(self.notification.number);
    }
}

fn claim(shared: &Shared) -> Option<Claim<'_>> {
    shared
        .claim_due()
        .map(|notification| Claim { shared, notification })
}

/// Sends everything that is due, one after the other, and returns when all answers came.
pub(in crate::simulator) async fn deliver_due(shared: &Shared) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    while let Some(claim) = claim(shared) {
        deliveries.extend(attempt::make(shared, &claim.notification).await);
    }
    deliveries
}

/// Sends whatever becomes due, for as long as the simulator runs.
pub(in crate::simulator) async fn run(shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(PARALLEL_MAX));
    let mut under_way = JoinSet::new();
    loop {
        while under_way.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        if let Some(notification) = shared.claim_due() {
            let shared = Arc::clone(&shared);
            under_way.spawn(async move {
                let claim = Claim {
                    shared: &shared,
                    notification,
                };
                attempt::make(&shared, &claim.notification).await;
                drop(claim);
                shared.wake.notify_one();
                drop(place);
            });
            continue;
        }
        drop(place);
        let wait = shared
            .next_due_in()
            .and_then(|wait| wait.to_std().ok())
            .unwrap_or(SLEEP_MAX);
        let wait = wait.clamp(Duration::from_millis(1), SLEEP_MAX);
        // Waking up for nothing is harmless; a missed wake-up costs a sleep at most.
        drop(tokio::time::timeout(wait, shared.wake.notified()).await);
    }
}

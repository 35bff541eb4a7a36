//! Alarm clocks for the loops of this process.
//!
//! Whoever commits a row that becomes due sets the alarm of the loop that owns it. An alarm is a
//! convenience: a process that dies forgets it, other replicas never hear it, and polling finds the
//! row all the same.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

/// Stands for "not set".
const NEVER: i64 = i64::MAX;

/// The alarms, one for each loop that can be told.
#[derive(Debug, Default)]
pub struct Alarms {
    /// Of the loop that asks WeChat for payments that hang.
    pub settle: Alarm,
    /// Of the loop that sends refunds and asks about them.
    pub refunds: Alarm,
    /// Of the loop that tells WeChat what was sent.
    pub shipments: Alarm,
    /// Of the loop that tells others of moves of orders.
    pub events: Alarm,
    /// Of the loop that tells others of messages that WeChat pushed.
    pub push_events: Alarm,
    /// Of the loop that removes the objects of files that are gone.
    pub files: Alarm,
    /// Of the loop that refreshes access tokens.
    pub access_tokens: Alarm,
    /// Of the loop that decides what WeChat says nothing about.
    pub content_checks: Alarm,
}

/// The alarm of one loop. Only the earliest time that was set counts.
#[derive(Debug)]
pub struct Alarm {
    /// Microseconds since 1970.
    at: AtomicI64,
    rung: Notify,
}

impl Default for Alarm {
    fn default() -> Self {
        Self {
            at: AtomicI64::new(NEVER),
            rung: Notify::new(),
        }
    }
}

impl Alarm {
    /// Has the loop look no later than `at`. Does next to nothing where it will look before anyway.
    pub fn set(&self, at: DateTime<Utc>) {
        let at = at.timestamp_micros();
        if at < self.at.fetch_min(at, Ordering::SeqCst) {
            self.rung.notify_one();
        }
    }

    /// The time that is set.
    pub fn at(&self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(self.at.load(Ordering::SeqCst))
    }

    /// Forgets the time: the loop is about to look at everything that is due.
    pub fn clear(&self) {
        self.at.store(NEVER, Ordering::SeqCst);
    }

    /// Waits until an earlier time is set than before.
    pub async fn rung(&self) {
        self.rung.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::Alarm;

    #[tokio::test]
    async fn the_earliest_time_counts_and_rings() {
        let alarm = Alarm::default();
        let noon = DateTime::from_timestamp(1_764_000_000, 0).unwrap();
        assert_eq!(alarm.at(), None);
        alarm.set(noon);
        alarm.rung().await;
        alarm.set(noon + TimeDelta::seconds(1));
        assert_eq!(alarm.at(), Some(noon));
        alarm.set(noon - TimeDelta::seconds(1));
        alarm.rung().await;
        assert_eq!(alarm.at(), Some(noon - TimeDelta::seconds(1)));
        alarm.clear();
        assert_eq!(alarm.at(), None);
        // A ring in between is not lost.
        alarm.set(noon);
        assert_eq!(alarm.at(), Some(noon));
        alarm.rung().await;
    }
}

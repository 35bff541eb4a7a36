//! The simulator's clock: the machine's clock plus an offset that only moves forward when told.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, FixedOffset, NaiveDate, SecondsFormat, TimeDelta, Utc};

/// China keeps one time zone, without summer time: 8 hours east.
pub(super) const CHINA_OFFSET_S: i32 = 8 * 3600;

/// Tells the simulated time.
#[derive(Debug)]
pub(super) struct Clock {
    offset_s: AtomicI64,
}

impl Clock {
    pub(super) const fn new(offset_s: i64) -> Self {
        Self {
            offset_s: AtomicI64::new(offset_s),
        }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the simulator's only look at the machine's clock"
        )]
        let machine = Utc::now();
        TimeDelta::try_seconds(self.offset_s())
            .and_then(|offset| machine.checked_add_signed(offset))
            .unwrap_or(machine)
    }

    /// How far it is ahead of the machine's clock, in seconds.
    pub(super) fn offset_s(&self) -> i64 {
        self.offset_s.load(Ordering::Relaxed)
    }

    /// Moves it forward and returns the new offset.
    pub(super) fn advance(&self, seconds: u32) -> i64 {
        let seconds = i64::from(seconds);
        self.offset_s
            .fetch_add(seconds, Ordering::Relaxed)
            .saturating_add(seconds)
    }
}

/// `at` moved by milliseconds; stays put where the calendar ends.
pub(super) fn after_ms(at: DateTime<Utc>, ms: u64) -> DateTime<Utc> {
    i64::try_from(ms)
        .ok()
        .and_then(TimeDelta::try_milliseconds)
        .and_then(|delta| at.checked_add_signed(delta))
        .unwrap_or(at)
}

/// As `WeChat Pay` writes times: RFC 3339, whole seconds, China's offset.
pub(super) fn china_text(at: DateTime<Utc>) -> String {
    FixedOffset::east_opt(CHINA_OFFSET_S).map_or_else(
        || at.to_rfc3339_opts(SecondsFormat::Secs, false),
        |zone| {
            at.with_timezone(&zone)
                .to_rfc3339_opts(SecondsFormat::Secs, false)
        },
    )
}

/// The date in China.
pub(super) fn china_date(at: DateTime<Utc>) -> NaiveDate {
    at.checked_add_signed(TimeDelta::seconds(i64::from(CHINA_OFFSET_S)))
        .unwrap_or(at)
        .date_naive()
}

/// Day number in China, for daily quotas.
pub(super) fn china_day(at: DateTime<Utc>) -> i64 {
    at.timestamp()
        .saturating_add(i64::from(CHINA_OFFSET_S))
        .div_euclid(86_400)
}

/// As the `Date` header writes times.
pub(super) fn http_date(at: DateTime<Utc>) -> String {
    at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

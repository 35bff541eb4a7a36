//! What a user has of something within a day, which begins with the first of it.

use chrono::{DateTime, TimeDelta, Utc};

/// How long such a day is.
pub const ALLOWANCE_TIME: TimeDelta = TimeDelta::days(1);

/// How many seconds a user waits for the next one whose day began at `since`, at least one.
pub fn allowance_wait_s(since: DateTime<Utc>, now: DateTime<Utc>) -> u32 {
    let left = (since + ALLOWANCE_TIME).signed_duration_since(now);
    u32::try_from(left.num_seconds().saturating_add(1).max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_ends_when_the_day_does() {
        let since = DateTime::from_timestamp(1_764_000_000, 0).unwrap();
        assert_eq!(allowance_wait_s(since, since), 86_401);
        assert_eq!(allowance_wait_s(since, since + ALLOWANCE_TIME), 1);
        assert_eq!(allowance_wait_s(since, since + TimeDelta::days(9)), 1);
    }
}

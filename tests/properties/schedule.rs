//! When WeChat is asked about a payment that hangs.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use weir::domain::schedule::{AFTER_SILENCE_MAX, FIRST, after_answer, after_silence, wait};

#[test]
fn the_waits_are_the_published_ones_and_do_not_end() {
    let waits: Vec<i64> = (0..10).map(|checks| wait(checks).num_seconds()).collect();
    assert_eq!(waits, [5, 30, 60, 180, 300, 600, 1_800, 1_800, 1_800, 1_800]);
    assert_eq!(wait(0), FIRST);
    assert_eq!(wait(i32::MAX), TimeDelta::minutes(30));
}

proptest! {
    #[test]
    fn no_wait_is_shorter_than_planned_nor_longer_by_more_than_a_tenth(checks: i32, jitter: u8) {
        let now = DateTime::<Utc>::UNIX_EPOCH;
        let planned = wait(checks);
        let waited = after_answer(checks, now, jitter) - now;
        prop_assert!(after_answer(checks, now, u8::MAX) > after_answer(checks, now, 0), "nothing is spread out");
        prop_assert!(waited >= planned && waited <= planned + planned / 10);
        // Nobody who was promised an answer within minutes waits for half an hour.
        let waited = after_silence(checks, now, jitter) - now;
        let planned = planned.min(AFTER_SILENCE_MAX);
        prop_assert!(waited >= planned && waited <= planned + planned / 10);
    }
}

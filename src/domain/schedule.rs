//! When WeChat is asked about a payment that hangs.
//!
//! The plan is one of the two that WeChat publishes (pay-v3, section 8), without an end: an attempt is
//! asked about until the answer is final.

use chrono::{DateTime, TimeDelta, Utc};

/// The wait before the first question, in seconds, then before the second, and so on; the last one
/// is repeated.
const WAITS_S: [i64; 7] = [5, 30, 60, 180, 300, 600, 1_800];

/// The wait before the first question.
pub const FIRST: TimeDelta = TimeDelta::seconds(5);

/// How long after its close an attempt is asked about once more. A payment that was under way may win
/// against the close; the query right after it nearly always tells, and this one tells the rest.
pub const AFTER_CLOSE: TimeDelta = TimeDelta::minutes(5);

/// After a question without an answer to believe the next one is never later than this, so that
/// what hangs is settled soon after WeChat answers again.
pub const AFTER_SILENCE_MAX: TimeDelta = TimeDelta::minutes(5);

/// The wait after the first try to close an order, in seconds, then after the second, and so on; the
/// last one is repeated. Each is longer than a try may take.
pub const CLOSE_WAITS_S: [i64; 4] = [30, 60, 180, 300];

/// The wait after so many questions.
pub fn wait(checks: i32) -> TimeDelta {
    let position = usize::try_from(checks).unwrap_or(0);
    let longest = WAITS_S.last().copied().unwrap_or_default();
    TimeDelta::seconds(WAITS_S.get(position).copied().unwrap_or(longest))
}

/// When to ask again, now that WeChat has answered for the `checks`th time. The wait grows by up to a
/// tenth, by `jitter`, so that what became due at the same moment does not stay together.
pub fn after_answer(checks: i32, now: DateTime<Utc>, jitter: u8) -> DateTime<Utc> {
    now + jittered(wait(checks), jitter)
}

/// When to ask again, now that WeChat was asked for the `checks`th time and gave no answer to believe.
pub fn after_silence(checks: i32, now: DateTime<Utc>, jitter: u8) -> DateTime<Utc> {
    now + jittered(wait(checks).min(AFTER_SILENCE_MAX), jitter)
}

/// A wait that is longer by up to a tenth, by `jitter`.
pub fn jittered(wait: TimeDelta, jitter: u8) -> TimeDelta {
    wait + wait * i32::from(jitter) / 2_560
}

//! When the loops leave WeChat Pay alone: after it said that they ask too often, and after it gave
//! no answer at all. Refunds have a rest of their own, after WeChat refused one or took too many of them for one, since it
//! takes few that fail, and after a full batch; payments need not wait for that. What people do with their phones is not held back.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

use crate::error::{AppError, ErrorCode};

/// The rest after "too frequent".
const AFTER_RATE_LIMIT: TimeDelta = TimeDelta::seconds(30);
/// The rest after a batch to which there was no answer.
const AFTER_SILENCE: TimeDelta = TimeDelta::seconds(10);
/// The rest of refunds after a batch in which one was refused. WeChat takes six a second that fail (pay-v3,
/// section 9): what was refused before is sent by fours, so that a batch for each rest keeps clear of that.
const AFTER_REFUSAL: TimeDelta = TimeDelta::seconds(10);
/// The rest of refunds after a full batch. WeChat takes 5,000 a minute for payments older than a month, and 150 a
/// second in all: sixteen for each rest are 1,920 a minute at most, so that two replicas keep clear of that.
const AFTER_FULL_BATCH: TimeDelta = TimeDelta::milliseconds(500);
/// The longest of them.
const LONGEST: TimeDelta = AFTER_RATE_LIMIT;

/// Until when the loops of this process leave WeChat Pay alone.
#[derive(Debug, Default)]
pub struct Rest {
    /// Microseconds since 1970.
    until: AtomicI64,
}

impl Rest {
    /// The end of the rest, if it is not over.
    pub fn until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let until = self.until.load(Ordering::SeqCst);
        DateTime::from_timestamp_micros(until).filter(|_| is_rest(until, now))
    }

    /// Decides after a batch of calls whether a rest is due: what went wrong with each of them, if
    /// anything did.
    pub(super) fn judge(&self, calls: &[Option<ErrorCode>], now: DateTime<Utc>) {
        let pause = if calls.contains(&Some(ErrorCode::RateLimited)) {
            AFTER_RATE_LIMIT
        } else if !calls.is_empty() && calls.iter().all(|trouble| trouble.is_some_and(is_silence)) {
            AFTER_SILENCE
        } else {
            return;
        };
        self.begin(pause, now);
    }

    /// Decides after a batch of refunds whether those that are left have to rest.
    pub(super) fn judge_refunds(&self, refunds: &[Option<ErrorCode>], now: DateTime<Utc>) {
        if refunds.contains(&Some(ErrorCode::RateLimited)) {
            self.begin(AFTER_RATE_LIMIT, now);
        } else if refunds.contains(&Some(ErrorCode::WechatRejected)) {
            self.begin(AFTER_REFUSAL, now);
        }
    }

    /// Rests after a batch of refunds that was full: the next one is due already.
    pub(super) fn breathe(&self, now: DateTime<Utc>) {
        self.begin(AFTER_FULL_BATCH, now);
    }

    fn begin(&self, pause: TimeDelta, now: DateTime<Utc>) {
        let until = (now + pause).timestamp_micros();
        let longer = |rest: i64| {
            Some(if is_rest(rest, now) {
                rest.max(until)
            } else {
                until
            })
        };
        let _before = self
            .until
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, longer);
    }
}

/// Whether a rest that ends then is under way. One that ends later than any rest begun now was begun by a clock
/// that has been set back since.
fn is_rest(until: i64, now: DateTime<Utc>) -> bool {
    until > now.timestamp_micros() && until <= (now + LONGEST).timestamp_micros()
}

/// What went wrong, as [`Rest::judge`] wants it.
pub(super) fn trouble<T>(outcome: &Result<T, AppError>) -> Option<ErrorCode> {
    outcome.as_ref().err().map(AppError::code)
}

/// Whether WeChat Pay gave no answer to believe.
fn is_silence(trouble: ErrorCode) -> bool {
    matches!(trouble, ErrorCode::WechatTimeout | ErrorCode::WechatUnavailable)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::Rest;
    use crate::error::ErrorCode;

    #[test]
    fn one_rate_limit_or_nothing_but_silence_is_a_reason_to_rest() {
        let now = DateTime::from_timestamp(1_764_000_000, 0).unwrap();
        let silent = Some(ErrorCode::WechatUnavailable);
        for (calls, rest_s) in [
            (vec![], None),
            (vec![None, None], None),
            (vec![None, silent], None),
            (vec![Some(ErrorCode::WechatRejected), silent], None),
            (vec![silent, Some(ErrorCode::WechatTimeout)], Some(10)),
            (vec![None, Some(ErrorCode::RateLimited)], Some(30)),
        ] {
            let rest = Rest::default();
            rest.judge(&calls, now);
            let until = rest_s.map(|seconds| now + TimeDelta::seconds(seconds));
            assert_eq!(rest.until(now), until, "{calls:?}");
            assert_eq!(rest.until(now + TimeDelta::seconds(30)), None);
        }
    }

    #[test]
    fn a_short_rest_does_not_end_a_long_one() {
        let now = DateTime::from_timestamp(1_764_000_000, 0).unwrap();
        let rest = Rest::default();
        rest.judge(&[Some(ErrorCode::RateLimited)], now);
        rest.judge(&[Some(ErrorCode::WechatTimeout)], now);
        assert_eq!(rest.until(now), Some(now + TimeDelta::seconds(30)));
    }
    #[test]
    fn a_rest_of_a_clock_that_was_set_back_is_none_and_does_not_keep_another_from_beginning() {
        let now = DateTime::from_timestamp(1_764_000_000, 0).unwrap();
        let rest = Rest::default();
        rest.judge_refunds(&[Some(ErrorCode::WechatRejected)], now + TimeDelta::hours(1));
        assert_eq!(rest.until(now), None);
        rest.judge_refunds(&[Some(ErrorCode::WechatRejected)], now);
        assert_eq!(rest.until(now), Some(now + TimeDelta::seconds(10)));
    }
}

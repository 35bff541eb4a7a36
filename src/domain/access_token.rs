//! When an access token is refreshed, when a new one may be demanded, and how long WeChat is left
//! alone after it gave none. Source: access-token notes, sections 1 to 4.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::china::{begin_of, day_of};

/// A token is refreshed when no more than this is left of it.
const REFRESHED_BEFORE: TimeDelta = TimeDelta::minutes(10);
/// The stable issuer gives another token no earlier than five minutes before the end: the second
/// look is just after that.
const LOOKED_AGAIN_BEFORE: TimeDelta = TimeDelta::seconds(290);
/// The wait before the look after that.
const LOOKED_AGAIN_AFTER: TimeDelta = TimeDelta::seconds(20);
/// A token that ends within this is not handed out: it would die on the way.
const ALIVE_MIN: TimeDelta = TimeDelta::seconds(10);
/// The stable issuer takes a demand for another token no more often.
const FORCED_GAP: TimeDelta = TimeDelta::seconds(30);
/// How often a day another token may be demanded. WeChat's own bound for the stable issuer, and what
/// is left of a day's 2,000 of the plain one after a refresh every two hours and some doubt.
const FORCED_PER_DAY: (i32, i32) = (20, 200);
/// How long a refusal is not believed after the issuer has said that the token is right.
const TRUSTED: TimeDelta = TimeDelta::seconds(10);
/// A token that was to live on for longer than this when WeChat refused it did not end by itself: the
/// platform renews five minutes before the end.
const LOST_MIN: TimeDelta = TimeDelta::minutes(5);

/// Which of WeChat's two issuers tokens come from. They do not know of each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Issuer {
    /// `cgi-bin/stable_token`: asking again gives the same token while it lives.
    #[default]
    Stable,
    /// `cgi-bin/token`: each call gives another token, and the one before dies soon.
    Plain,
}

impl Issuer {
    /// Its name in settings and rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable_token",
            Self::Plain => "token",
        }
    }

    /// The issuer with this name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Stable, Self::Plain]
            .into_iter()
            .find(|issuer| issuer.as_str() == text)
    }
}

/// Why a token is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is no live one.
    None,
    /// Its end is near.
    Due,
    /// A call of ours with it was refused.
    Refused,
    /// Another service of the owner says that a call with it was refused.
    Reported,
}

impl Reason {
    /// Its name in rows and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Due => "due",
            Self::Refused => "refused",
            Self::Reported => "reported",
        }
    }
}

/// Why there is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Busy (-1), broken or out of reach.
    Unavailable,
    /// No answer in time.
    Timeout,
    /// Too many calls in this minute (45011).
    RateLimited,
    /// Too many calls today (45009).
    QuotaUsedUp,
    /// Anything else: only the operator can mend it.
    Refused,
}

impl Failure {
    /// What WeChat's number means when a token is fetched.
    pub fn of_errcode(errcode: i64) -> Self {
        match errcode {
            -1 => Self::Unavailable,
            45_009 => Self::QuotaUsedUp,
            45_011 => Self::RateLimited,
            _ => Self::Refused,
        }
    }

    /// Its name in rows and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::RateLimited => "rate_limited",
            Self::QuotaUsedUp => "quota_used_up",
            Self::Refused => "refused",
        }
    }

    /// The failure with this name.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Unavailable,
            Self::Timeout,
            Self::RateLimited,
            Self::QuotaUsedUp,
            Self::Refused,
        ]
        .into_iter()
        .find(|failure| failure.as_str() == text)
    }

    /// Until when WeChat is not asked again, after so many failures in a row, 1 or more. Grows to a bound: a
    /// secret or an address that is mended at WeChat is noticed within ten minutes, a quota within the hour.
    pub fn rest_until(self, in_a_row: i32, now: DateTime<Utc>) -> DateTime<Utc> {
        let (first_s, longest_s): (i64, i64) = match self {
            Self::Unavailable | Self::Timeout => (1, 60),
            Self::RateLimited => (60, 60),
            Self::QuotaUsedUp => (600, 3_600),
            Self::Refused => (60, 600),
        };
        let doublings = u32::try_from(in_a_row.saturating_sub(1)).unwrap_or(0).min(16);
        let rest_s = first_s.saturating_mul(1 << doublings).min(longest_s);
        let until = now + TimeDelta::seconds(rest_s);
        // A new day has a new quota.
        match self {
            Self::QuotaUsedUp => until.min(next_day(now)),
            _ => until,
        }
    }
}

/// How often another token was demanded in place of one that its issuer calls right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forced {
    /// The last time.
    pub at: Option<DateTime<Utc>>,
    /// The day in China that `count` is of.
    pub day: Option<NaiveDate>,
    /// How often on that day.
    pub count: i32,
}

impl Forced {
    /// The count after one more now; nothing where WeChat would refuse it.
    pub fn next(self, issuer: Issuer, now: DateTime<Utc>) -> Option<Self> {
        let today = day_of(now);
        let count = if self.day == Some(today) { self.count } else { 0 };
        let most = match issuer {
            Issuer::Stable => FORCED_PER_DAY.0,
            Issuer::Plain => FORCED_PER_DAY.1,
        };
        let is_early = self.at.is_some_and(|at| now < at + FORCED_GAP);
        (count < most && !is_early).then_some(Self {
            at: Some(now),
            day: Some(today),
            count: count.saturating_add(1),
        })
    }
}

/// Whether a token that ends then may still be used.
pub fn is_alive(expires_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    expires_at > now + ALIVE_MIN
}

/// When a token that ends then is refreshed by itself.
pub fn due_at(expires_at: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    [expires_at - REFRESHED_BEFORE, expires_at - LOOKED_AGAIN_BEFORE]
        .into_iter()
        .find(|at| *at > now)
        .unwrap_or(now + LOOKED_AGAIN_AFTER)
}

/// Until when a refusal of a token is not believed that its issuer has just called right.
pub fn trusted_until(now: DateTime<Utc>) -> DateTime<Utc> {
    now + TRUSTED
}

/// How many seconds a token had still to live when it was refused, if that is too long to have been its
/// own end.
pub fn lost_s(expires_at: DateTime<Utc>, refused_at: DateTime<Utc>) -> Option<i64> {
    let left = expires_at.signed_duration_since(refused_at);
    (left > LOST_MIN).then(|| left.num_seconds())
}

/// When the next day begins in China, by whose days WeChat counts.
fn next_day(at: DateTime<Utc>) -> DateTime<Utc> {
    let day = day_of(at);
    begin_of(day.succ_opt().unwrap_or(day))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn rests_grow_to_their_bound_and_a_quota_ends_with_the_day_in_china() {
        let noon = at("2026-11-21T12:00:00Z");
        let rests = |failure: Failure, now| -> Vec<i64> {
            [1, 2, 3, 4, 5, 99]
                .map(|in_a_row| (failure.rest_until(in_a_row, now) - now).num_seconds())
                .to_vec()
        };
        assert_eq!(rests(Failure::Refused, noon), [60, 120, 240, 480, 600, 600]);
        assert_eq!(rests(Failure::Timeout, noon), [1, 2, 4, 8, 16, 60]);
        assert_eq!(rests(Failure::RateLimited, noon), [60; 6]);
        assert_eq!(
            rests(Failure::QuotaUsedUp, noon),
            [600, 1200, 2400, 3600, 3600, 3600]
        );
        let late = at("2026-11-21T15:55:00Z");
        assert_eq!(rests(Failure::QuotaUsedUp, late), [300; 6]);
    }

    #[test]
    fn another_token_is_demanded_every_thirty_seconds_and_twenty_times_a_day_at_the_most() {
        let mut now = at("2026-11-21T16:00:00Z");
        let mut forced = Forced::default();
        for count in 1..=20 {
            forced = forced.next(Issuer::Stable, now).unwrap();
            assert_eq!(forced.count, count);
            assert_eq!(forced.next(Issuer::Stable, now + TimeDelta::seconds(29)), None);
            now += TimeDelta::seconds(30);
        }
        assert_eq!(forced.next(Issuer::Stable, now), None);
        assert!(forced.next(Issuer::Plain, now).is_some());
        let tomorrow = at("2026-11-22T16:00:00Z");
        assert_eq!(
            forced.next(Issuer::Stable, tomorrow - TimeDelta::seconds(1)),
            None
        );
        assert_eq!(forced.next(Issuer::Stable, tomorrow).unwrap().count, 1);
    }

    #[test]
    fn a_token_is_looked_at_ten_minutes_before_its_end_and_again_once_it_can_be_renewed() {
        let end = at("2026-11-21T14:00:00Z");
        for (now, due) in [
            ("12:00:00", "13:50:00"),
            ("13:50:00", "13:55:10"),
            ("13:55:10", "13:55:30"),
            ("13:59:50", "14:00:10"),
        ] {
            let time = |clock: &str| at(&format!("2026-11-21T{clock}Z"));
            assert_eq!(due_at(end, time(now)), time(due), "{now}");
        }
        assert!(is_alive(end, at("2026-11-21T13:59:49Z")));
        assert!(!is_alive(end, at("2026-11-21T13:59:50Z")));
        assert_eq!(lost_s(end, at("2026-11-21T13:55:00Z")), None);
        assert_eq!(lost_s(end, at("2026-11-21T13:54:59Z")), Some(301));
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for issuer in [Issuer::Stable, Issuer::Plain] {
            assert_eq!(Issuer::parse(issuer.as_str()), Some(issuer));
        }
        for errcode in [-1, 45_009, 45_011, 40_164] {
            let failure = Failure::of_errcode(errcode);
            assert_eq!(Failure::parse(failure.as_str()), Some(failure));
        }
        assert_eq!(Failure::parse("timeout"), Some(Failure::Timeout));
        assert_eq!(Failure::parse("other"), None);
    }
}

//! Comparing a day with WeChat's bills: which day, when, what a difference is, and what to do about it.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};

use super::china::{begin_of, day_of};
use super::exception::ExceptionKind;

/// From this time of the day in China WeChat has the bills of the day before.
const READY_HOUR: TimeDelta = TimeDelta::hours(10);
/// The longest wait for the next try: from midnight until then.
pub const WAIT_MAX: TimeDelta = READY_HOUR;
/// WeChat keeps bills for three months.
const BILLS_KEPT: Days = Days::new(89);
/// So many days back a day that was missed is made up for by itself.
const LOOK_BACK: Days = Days::new(30);
/// The wait for a bill that is being written, and the longest wait after a failure.
const WAIT_LONG: TimeDelta = TimeDelta::minutes(30);
/// The wait after being too frequent.
const WAIT_RATE: TimeDelta = TimeDelta::minutes(5);
/// For so long from then on a bill may still be late without a try for it being counted.
const LATE: TimeDelta = TimeDelta::hours(24);
/// So many tries that count, then a human is told.
const TRIES_MAX: i32 = 20;
/// A day that was given up is begun anew after this.
pub const GIVEN_UP: TimeDelta = TimeDelta::hours(24);
/// So near to midnight the movement of a payment may stand in the bill of another day than its row.
pub const NEAR_MIDNIGHT: TimeDelta = TimeDelta::minutes(10);
/// The number of an attempt, as [`super::entropy::Entropy::token`] makes it: a pattern of PostgreSQL.
pub const NUMBER_PATTERN: &str = "^[A-HJ-NP-Z2-9]{32}$";

/// Where a reconciliation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReconciliationStatus {
    /// Being made, or waiting for WeChat to write the bill.
    Running,
    /// Every row agrees.
    Balanced,
    /// There are differences.
    Differing,
    /// The last try failed.
    Failed,
}

impl ReconciliationStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Running, Self::Balanced, Self::Differing, Self::Failed];

    /// The status as the API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Balanced => "balanced",
            Self::Differing => "differing",
            Self::Failed => "failed",
        }
    }

    /// The status that is spelled so.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// What kind of difference. A payment or a refund has at most one: the first that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DifferenceKind {
    /// WeChat has a payment that the books lack.
    MissingHere,
    /// The books have a payment that WeChat's bill lacks.
    MissingThere,
    /// Another amount or currency.
    Amount,
    /// Another state, number or mini program.
    State,
    /// Anything about a refund.
    Refund,
    /// The account did not move by what the trade bill says, or by what is of another day.
    Fee,
}

impl DifferenceKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::MissingHere,
        Self::MissingThere,
        Self::Amount,
        Self::State,
        Self::Refund,
        Self::Fee,
    ];

    /// The kind as the API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingHere => "missing_here",
            Self::MissingThere => "missing_there",
            Self::Amount => "amount",
            Self::State => "state",
            Self::Refund => "refund",
            Self::Fee => "fee",
        }
    }

    /// The kind that is spelled so.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The exception that it is.
    pub fn exception(self) -> ExceptionKind {
        match self {
            Self::MissingHere => ExceptionKind::ReconciliationMissingHere,
            Self::MissingThere => ExceptionKind::ReconciliationMissingThere,
            Self::Amount => ExceptionKind::ReconciliationAmount,
            Self::State => ExceptionKind::ReconciliationState,
            Self::Refund => ExceptionKind::ReconciliationRefund,
            Self::Fee => ExceptionKind::ReconciliationFee,
        }
    }

    /// What to do about it.
    pub fn action(self) -> &'static str {
        match self {
            Self::MissingHere => {
                "Reconcile the day again in a few minutes: where the number is of one of our attempts, WeChat is asked about it by itself, and the money pays its order or goes back. If the difference stays, look the number up in the merchant console, and refund it there or serve the customer by hand."
            }
            Self::MissingThere => {
                "Look the payment up in the merchant console before anything is delivered or refunded. If WeChat does not know it, ask WeChat's support; the order was believed paid."
            }
            Self::Amount => {
                "Compare both amounts with the merchant console. Refund what was paid too much, or ask the buyer for what is missing; the books keep what WeChat reported first."
            }
            Self::State => {
                "Look both numbers up in the merchant console. Hold the delivery until it is clear which payment is real."
            }
            Self::Refund => {
                "Compare the refund with the merchant console. A refund made there is not in the books; one that the bill lacks or calls failed must be looked into before another is made."
            }
            Self::Fee => {
                "Compare the fund flow of this number in the merchant console with the trade bill, and ask WeChat's support for what the account lacks."
            }
        }
    }
}

/// When a day begins and ends, in China.
pub fn bounds(day: NaiveDate) -> (DateTime<Utc>, DateTime<Utc>) {
    (begin_of(day), begin_of(day + Days::new(1)))
}

/// Whether WeChat can have bills of a day: it is over, and not longer ago than it keeps them.
pub fn is_possible(day: NaiveDate, now: DateTime<Utc>) -> bool {
    let today = day_of(now);
    day < today && day >= today - BILLS_KEPT
}

/// The days that are due by themselves, if there are any: from the first of the look-back, or the shop's first
/// if that is later, to the last whose bills are ready.
pub fn due_days(shop_since: DateTime<Utc>, now: DateTime<Utc>) -> Option<(NaiveDate, NaiveDate)> {
    let last = day_of(now - READY_HOUR) - Days::new(1);
    let first = day_of(shop_since).max(day_of(now) - LOOK_BACK);
    (first <= last).then_some((first, last))
}

/// Why a try ended without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setback {
    /// WeChat is still writing the bill.
    NotReady,
    /// Asked too often.
    RateLimited,
    /// Anything else.
    Failed,
}

/// What follows a setback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequel {
    /// When it is tried again; nothing: this was the last try.
    pub next_try_at: Option<DateTime<Utc>>,
    /// Whether the try counts as one of those that there are.
    pub is_counted: bool,
}

/// What follows a setback of a day at the `attempts`-th try. A bill that is not there because it was asked for too
/// early, or because WeChat is late, uses up no try: else whoever asks in the night would take the tries of the morning
/// away. WeChat has it at ten o'clock, so that it is not asked for by itself before.
pub fn sequel(setback: Setback, day: NaiveDate, attempts: i32, now: DateTime<Utc>) -> Sequel {
    let ready_at = begin_of(day + Days::new(1)) + READY_HOUR;
    if setback == Setback::NotReady && now < ready_at + LATE {
        return Sequel {
            next_try_at: Some((now + WAIT_LONG).max(ready_at)),
            is_counted: false,
        };
    }
    let doubled =
        u32::try_from(attempts.clamp(1, 6) - 1).map_or(WAIT_LONG, |power| TimeDelta::minutes(1 << power));
    let wait = match setback {
        Setback::NotReady => WAIT_LONG,
        Setback::RateLimited => WAIT_RATE,
        Setback::Failed => doubled.min(WAIT_LONG),
    };
    Sequel {
        next_try_at: (attempts < TRIES_MAX).then_some(now + wait),
        is_counted: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_is_a_day_in_china() {
        let (begin, end) = bounds(day("2026-01-01"));
        assert_eq!(
            (begin, end),
            (at("2025-12-31T16:00:00Z"), at("2026-01-01T16:00:00Z"))
        );
        assert_eq!(day_of(begin), day("2026-01-01"));
        assert_eq!(day_of(end), day("2026-01-02"));
        assert_eq!(day_of(begin - TimeDelta::microseconds(1)), day("2025-12-31"));
    }

    #[test]
    fn yesterday_is_due_from_ten_o_clock() {
        let since = at("2025-01-01T00:00:00Z");
        let last = |now| due_days(since, at(now)).unwrap().1;
        assert_eq!(last("2026-01-02T01:59:59Z"), day("2025-12-31"));
        assert_eq!(last("2026-01-02T02:00:00Z"), day("2026-01-01"));
        let first = due_days(since, at("2026-03-01T02:00:00Z")).unwrap().0;
        assert_eq!(first, day("2026-01-30"));
        let young = at("2026-02-28T20:00:00Z");
        assert_eq!(
            due_days(young, at("2026-03-02T02:00:00Z")),
            Some((day("2026-03-01"), day("2026-03-01")))
        );
        assert_eq!(due_days(young, at("2026-03-01T02:00:00Z")), None);
    }

    #[test]
    fn bills_exist_from_the_next_day_for_three_months() {
        let now = at("2026-05-01T00:00:00Z");
        assert!(is_possible(day("2026-04-30"), now));
        assert!(!is_possible(day("2026-05-01"), now));
        assert!(is_possible(day("2026-02-01"), now));
        assert!(!is_possible(day("2026-01-31"), now));
    }

    #[test]
    fn waits_grow_and_end() {
        let now = at("2026-01-09T02:00:00Z");
        let minutes = |setback, attempts| {
            let sequel = sequel(setback, day("2026-01-01"), attempts, now);
            assert!(sequel.is_counted);
            let next = sequel.next_try_at?;
            Some(next.signed_duration_since(now).num_minutes())
        };
        assert_eq!(
            [1, 2, 3, 5, 6, 19, 20].map(|attempts| minutes(Setback::Failed, attempts)),
            [Some(1), Some(2), Some(4), Some(16), Some(30), Some(30), None]
        );
        assert_eq!(minutes(Setback::NotReady, 1), Some(30));
        assert_eq!(minutes(Setback::RateLimited, 1), Some(5));
        assert_eq!(minutes(Setback::NotReady, TRIES_MAX), None);
    }

    #[test]
    fn a_bill_that_is_not_there_yet_uses_up_no_try_for_a_day() {
        for (now, next, is_counted) in [
            ("2026-01-01T16:00:01Z", Some("2026-01-02T02:00:00Z"), false),
            ("2026-01-02T01:59:59Z", Some("2026-01-02T02:29:59Z"), false),
            ("2026-01-02T02:00:00Z", Some("2026-01-02T02:30:00Z"), false),
            ("2026-01-03T01:59:59Z", Some("2026-01-03T02:29:59Z"), false),
            ("2026-01-03T02:00:00Z", None, true),
        ] {
            let expected = Sequel {
                next_try_at: next.map(at),
                is_counted,
            };
            let found = sequel(Setback::NotReady, day("2026-01-01"), TRIES_MAX, at(now));
            assert_eq!(found, expected, "{now}");
        }
        // Anything else counts at any hour.
        let early = sequel(Setback::Failed, day("2026-01-01"), 1, at("2026-01-01T16:00:01Z"));
        assert!(early.is_counted);
    }
}

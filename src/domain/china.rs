//! China's one time zone, 8 hours east of UTC all year, by which WeChat writes times and counts days.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime, Offset as _, TimeDelta, Utc};

/// How far ahead of UTC it is.
pub const OFFSET: TimeDelta = TimeDelta::hours(8);
const OFFSET_S: i32 = 8 * 3_600;

/// A moment as clocks there show it.
pub fn local(at: DateTime<Utc>) -> DateTime<FixedOffset> {
    let zone = FixedOffset::east_opt(OFFSET_S).unwrap_or_else(|| Utc.fix());
    at.with_timezone(&zone)
}

/// The day there that holds a moment.
pub fn day_of(at: DateTime<Utc>) -> NaiveDate {
    (at + OFFSET).date_naive()
}

/// When a day begins there.
pub fn begin_of(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc() - OFFSET
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_sixteen_of_the_day_before() {
        let begin = DateTime::parse_from_rfc3339("2025-12-31T16:00:00Z")
            .unwrap()
            .to_utc();
        let day = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
        assert_eq!((day_of(begin), begin_of(day)), (day, begin));
        assert_eq!(
            day_of(begin - TimeDelta::microseconds(1)),
            day.pred_opt().unwrap()
        );
        assert_eq!(local(begin).to_rfc3339(), "2026-01-01T00:00:00+08:00");
        assert_eq!(TimeDelta::seconds(OFFSET_S.into()), OFFSET);
    }
}

//! Open data: what the page's WeChat encrypted or signed under the session key, and when it is
//! believed.
//!
//! The cipher carries no proof of its own, so what makes a payload believable is what it says: whose
//! mini program, when, for whom. Source: open-data, sections 1, 3 and 4.

use chrono::{DateTime, TimeDelta, Utc};

use super::name::{AppId, OpenId, UnionId};
use super::phone_number::PhoneNumber;

/// How old a watermark may be.
pub const WATERMARK_AGE_MAX: TimeDelta = TimeDelta::minutes(10);
/// How far a watermark may be ahead, since clocks differ.
pub const WATERMARK_AHEAD_MAX: TimeDelta = TimeDelta::minutes(5);
/// How long a session key still counts after another took its place: as long as what was encrypted
/// under it may be old.
pub const PREVIOUS_KEY_GRACE: TimeDelta = WATERMARK_AGE_MAX;
/// So many failures of a session within [`FAILURE_WINDOW`] end it.
pub const FAILURES_MAX: usize = 10;
/// How long a failure counts.
pub const FAILURE_WINDOW: TimeDelta = TimeDelta::minutes(10);

/// Whom the data has to be for, and when.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The mini program of the session.
    pub app_id: &'a AppId,
    /// The user of the session.
    pub openid: &'a OpenId,
    /// Now.
    pub now: DateTime<Utc>,
}

/// Why data is not believed. For the operator's figures alone: the page is never told which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Under no live key it is a padded text in JSON.
    NoKey,
    /// It has no watermark, or that of another mini program.
    App,
    /// Its watermark is too old, or too far ahead.
    Time,
    /// It belongs to another user.
    User,
    /// What it says of itself does not fit together.
    Shape,
    /// The signature that came with it is not that of `rawData`.
    Signature,
    /// It is believed, and not what was asked for.
    Kind,
}

impl Refusal {
    /// The word for the metric.
    pub fn word(self) -> &'static str {
        match self {
            Self::NoKey => "no_key",
            Self::App => "app",
            Self::Time => "time",
            Self::User => "user",
            Self::Shape => "shape",
            Self::Signature => "signature",
            Self::Kind => "kind",
        }
    }
}

/// What the data says of where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Claims<'a> {
    /// The watermark's mini program.
    pub app_id: &'a str,
    /// The watermark's time, in seconds since 1970.
    pub timestamp_s: i64,
    /// Whom it is about, where it says so.
    pub openid: Option<&'a str>,
}

/// Judges what data says of where it comes from.
///
/// # Errors
/// The first of app, time and user that does not fit.
pub fn judge(claims: &Claims<'_>, expected: &Expected<'_>) -> Result<(), Refusal> {
    if claims.app_id != expected.app_id.as_str() {
        return Err(Refusal::App);
    }
    let is_fresh = DateTime::from_timestamp(claims.timestamp_s, 0).is_some_and(|at| {
        let age = expected.now.signed_duration_since(at);
        age <= WATERMARK_AGE_MAX && -age <= WATERMARK_AHEAD_MAX
    });
    if !is_fresh {
        return Err(Refusal::Time);
    }
    if claims
        .openid
        .is_some_and(|openid| openid != expected.openid.as_str())
    {
        return Err(Refusal::User);
    }
    Ok(())
}

/// Whether the key before the newest, replaced at that time, still counts.
pub fn is_previous_live(replaced_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    now < replaced_at + PREVIOUS_KEY_GRACE
}

/// The failures that count once another is added, oldest first, and whether they end the session.
pub fn with_failure(earlier: &[DateTime<Utc>], now: DateTime<Utc>) -> (Vec<DateTime<Utc>>, bool) {
    let mut failures: Vec<DateTime<Utc>> = earlier
        .iter()
        .copied()
        .filter(|at| *at + FAILURE_WINDOW > now)
        .collect();
    failures.push(now);
    let is_over = failures.len() >= FAILURES_MAX;
    (failures, is_over)
}

/// A payload of a kind that WeChat describes, or of none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// `wx.getUserInfo`, `wx.getUserProfile`.
    Profile {
        /// The person across apps, told together with their openid alone.
        unionid: Option<UnionId>,
    },
    /// The phone number button.
    Phone(PhoneNumber),
    /// `wx.getWeRunData`.
    Steps,
    /// `wx.getShareInfo`, `wx.getGroupEnterInfo`.
    Group,
    /// Anything else: passed through as it is.
    Other,
}

impl Payload {
    /// The word for the metric.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Profile { .. } => "profile",
            Self::Phone(_) => "phone",
            Self::Steps => "steps",
            Self::Group => "group",
            Self::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
    }

    fn verdict(app_id: &str, timestamp_s: i64, openid: Option<&str>) -> Result<(), Refusal> {
        let expected = Expected {
            app_id: &AppId::parse("wx1").unwrap(),
            openid: &OpenId::parse("oAlice").unwrap(),
            now: at(0),
        };
        let claims = Claims {
            app_id,
            timestamp_s,
            openid,
        };
        judge(&claims, &expected)
    }

    #[test]
    fn data_is_for_this_app_this_user_and_now() {
        let now = at(0).timestamp();
        for age in [-300, 0, 600] {
            assert_eq!(verdict("wx1", now - age, Some("oAlice")), Ok(()), "{age}");
            assert_eq!(verdict("wx1", now - age, None), Ok(()), "{age}");
        }
        for age in [-301, 601, i64::MAX - now, i64::MIN + now] {
            assert_eq!(
                verdict("wx1", now.saturating_sub(age), None),
                Err(Refusal::Time),
                "{age}"
            );
        }
        assert_eq!(verdict("wx2", now, None), Err(Refusal::App));
        assert_eq!(verdict("", now, None), Err(Refusal::App));
        for other in ["oBob", "oalice", ""] {
            assert_eq!(verdict("wx1", now, Some(other)), Err(Refusal::User));
        }
    }

    #[test]
    fn the_key_before_counts_for_ten_minutes() {
        assert!(is_previous_live(at(0), at(599)));
        assert!(!is_previous_live(at(0), at(600)));
    }

    #[test]
    fn the_tenth_failure_within_ten_minutes_ends_the_session_and_older_ones_do_not_count() {
        let mut failures = Vec::new();
        for second in 0..9 {
            let (next, is_over) = with_failure(&failures, at(second));
            assert!(!is_over);
            failures = next;
        }
        assert!(with_failure(&failures, at(599)).1);
        let (later, is_over) = with_failure(&failures, at(600));
        assert_eq!((later.len(), is_over), (9, false));
        let (much_later, is_over) = with_failure(&failures, at(10_000));
        assert_eq!((much_later, is_over), (vec![at(10_000)], false));
    }
}

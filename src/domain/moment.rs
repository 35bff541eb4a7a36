//! A moment that somebody outside names.

use chrono::{DateTime, Datelike as _, Utc};
use serde::{Deserialize, Serialize};

/// A moment of the years 1970 to 9999. What lies outside PostgreSQL cannot hold, or no id can begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "DateTime<Utc>", into = "DateTime<Utc>")]
pub struct Moment(DateTime<Utc>);

/// A moment outside these years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("out of range: a time of the years 1970 to 9999")]
pub struct MomentOutOfRange;

impl Moment {
    /// The moment.
    pub fn get(self) -> DateTime<Utc> {
        self.0
    }
}

impl TryFrom<DateTime<Utc>> for Moment {
    type Error = MomentOutOfRange;

    fn try_from(at: DateTime<Utc>) -> Result<Self, MomentOutOfRange> {
        if (1970..=9999).contains(&at.year()) {
            Ok(Self(at))
        } else {
            Err(MomentOutOfRange)
        }
    }
}

impl From<Moment> for DateTime<Utc> {
    fn from(moment: Moment) -> Self {
        moment.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_last_moment_are_inside_and_their_neighbours_are_not() {
        for (text, is_inside) in [
            ("1969-12-31T23:59:59.999999Z", false),
            ("1970-01-01T00:00:00Z", true),
            ("1970-01-01T00:00:00+08:00", false),
            ("9999-12-31T23:59:59.999999Z", true),
            ("9999-12-31T23:59:59-00:01", false),
        ] {
            let at = DateTime::parse_from_rfc3339(text).unwrap().to_utc();
            assert_eq!(Moment::try_from(at).is_ok(), is_inside, "{text}");
        }
    }
}

//! A link into a mini program: its kinds, where it leads, how long it lives. Bounds follow
//! `mini-program-apis.md`, section 2, of the protocol notes.

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};

use super::page::{PagePath, PageQuery};
use super::wxacode::EnvVersion;

/// The shortest life of a link.
pub const LIFE_MIN: TimeDelta = TimeDelta::minutes(1);
/// The longest life of a link, and the one where none is asked for; in days.
pub const LIFE_MAX_DAYS: i64 = 30;
/// The longest page with its query in a short link, in characters.
pub const PAGE_URL_CHARS_MAX: usize = 1_024;

/// Where a link leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The page.
    pub path: PagePath,
    /// What it is opened with.
    pub query: PageQuery,
}

/// A link that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// `weixin://…`: opens WeChat from a browser, a mail or another app.
    Scheme(Destination, EnvVersion, Life),
    /// `https://…`: the same from a text message or a web page.
    UrlLink(Destination, EnvVersion, Life),
    /// A text for chats within WeChat. It lives for 30 days.
    ShortLink(PageUrl),
}

/// A page with its query, as one text of at most 1,024 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageUrl(String);

impl PageUrl {
    /// Joins them; nothing when that is too long.
    pub fn join(destination: &Destination) -> Option<Self> {
        let (path, query) = (destination.path.as_str(), destination.query.as_str());
        let text = if query.is_empty() {
            path.to_owned()
        } else {
            format!("{path}?{query}")
        };
        (text.len() <= PAGE_URL_CHARS_MAX).then_some(Self(text))
    }

    /// As WeChat gets it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How long a link lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// As long as it may.
    Longest,
    /// Until then, in whole seconds.
    Until(DateTime<Utc>),
}

impl Life {
    /// Judges an end: a minute to 30 days from `now`. Parts of a second are left out, as WeChat knows none.
    /// Nothing when it is too near or too far.
    pub fn until(end: DateTime<Utc>, now: DateTime<Utc>) -> Option<Self> {
        let end = end.trunc_subsecs(0);
        let is_allowed = end >= now + LIFE_MIN && end <= now + TimeDelta::days(LIFE_MAX_DAYS);
        is_allowed.then_some(Self::Until(end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_lives_a_minute_to_thirty_days() {
        let now = DateTime::from_timestamp(1_764_000_000, 0).unwrap();
        let until = |delta| Life::until(now + delta, now);
        assert_eq!(until(LIFE_MIN), Some(Life::Until(now + LIFE_MIN)));
        assert_eq!(until(LIFE_MIN - TimeDelta::microseconds(1)), None);
        let most = TimeDelta::days(LIFE_MAX_DAYS);
        assert_eq!(
            until(most + TimeDelta::milliseconds(1)),
            Some(Life::Until(now + most))
        );
        assert_eq!(until(most + TimeDelta::seconds(1)), None);
        for far in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            assert_eq!(Life::until(far, now), None);
        }
    }

    #[test]
    fn page_and_query_share_the_length_of_a_short_link() {
        let join = |query: usize| {
            let path = PagePath::parse("pages/a".to_owned()).unwrap();
            let query = PageQuery::parse("q".repeat(query)).unwrap();
            PageUrl::join(&Destination { path, query })
        };
        assert_eq!(join(0).unwrap().as_str(), "pages/a");
        assert_eq!(join(2).unwrap().as_str(), "pages/a?qq");
        assert_eq!(join(1_016).unwrap().as_str().len(), 1_024);
        assert_eq!(join(1_017), None);
    }
}

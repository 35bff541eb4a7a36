//! Where a scanned code or a followed link leads, and which pages a mini program has published.

use std::collections::{BTreeMap, HashMap, VecDeque};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::clock::china_day;
use super::record::Record;

/// Codes and links that are remembered: past this many the oldest is forgotten.
const LANDINGS_MAX: usize = 100_000;
/// How often the links of a mini program may be followed in a day.
const VISITS_PER_DAY: u32 = 3_000_000;

/// What a phone scans or follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum LandingKind {
    Code,
    Scheme,
    UrlLink,
    ShortLink,
}

/// Where a code or a link leads.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Landing {
    /// What stands in the code, or the link itself.
    pub(super) url: String,
    pub(super) kind: LandingKind,
    pub(super) app_id: String,
    /// Empty: the first page.
    pub(super) path: String,
    pub(super) query: String,
    pub(super) env_version: String,
    pub(super) created_at: DateTime<Utc>,
    /// None: it lives for ever.
    pub(super) expires_at: Option<DateTime<Utc>>,
}

impl Landing {
    pub(super) fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

/// The pages of the published version of a mini program.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Published {
    pub(super) app_id: String,
    /// None: whatever page is asked for is there.
    pub(super) pages: Option<Vec<String>>,
}

/// How many codes of the limited kinds a mini program has had made.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct CodesUsed {
    pub(super) app_id: String,
    pub(super) count: u32,
}

/// All of it.
#[derive(Default)]
pub(super) struct Landings {
    by_url: HashMap<String, Landing>,
    /// Oldest first.
    urls: VecDeque<String>,
    published: BTreeMap<String, Published>,
    used: BTreeMap<String, CodesUsed>,
    /// By app id: the day in China, and how often its links were followed; not kept over a restart.
    visits: BTreeMap<String, (i64, u32)>,
}

impl Landings {
    pub(super) fn apply(&mut self, landing: Landing) {
        let url = landing.url.clone();
        if self.by_url.insert(url.clone(), landing).is_none() {
            self.urls.push_back(url);
        }
        while self.urls.len() > LANDINGS_MAX {
            if let Some(oldest) = self.urls.pop_front() {
                self.by_url.remove(&oldest);
            }
        }
    }

    pub(super) fn apply_published(&mut self, published: Published) {
        self.published.insert(published.app_id.clone(), published);
    }

    pub(super) fn apply_used(&mut self, used: CodesUsed) {
        self.used.insert(used.app_id.clone(), used);
    }

    pub(super) fn find(&self, url: &str) -> Option<&Landing> {
        self.by_url.get(url)
    }

    /// The pages that are published; none: whatever is asked for.
    pub(super) fn pages(&self, app_id: &str) -> Option<&[String]> {
        self.published.get(app_id)?.pages.as_deref()
    }

    /// Whether a page is there; a slash in front of it counts for nothing, and no path means the first page.
    pub(super) fn has_page(&self, app_id: &str, path: &str) -> bool {
        let path = path.strip_prefix('/').unwrap_or(path);
        self.pages(app_id).is_none_or(|pages| {
            pages.iter().any(|page| page == path) || (path.is_empty() && !pages.is_empty())
        })
    }

    pub(super) fn codes_used(&self, app_id: &str) -> u32 {
        self.used.get(app_id).map_or(0, |used| used.count)
    }

    /// Counts a link that is followed.
    pub(super) fn visit(&mut self, app_id: &str, now: DateTime<Utc>) {
        let today = china_day(now);
        let (day, count) = self.visits.entry(app_id.to_owned()).or_default();
        if *day != today {
            (*day, *count) = (today, 0);
        }
        *count = count.saturating_add(1);
    }

    /// How often links may still be followed today.
    pub(super) fn visits_left(&self, app_id: &str, now: DateTime<Utc>) -> u32 {
        let visits = self.visits.get(app_id);
        let made = visits
            .filter(|(day, _)| *day == china_day(now))
            .map_or(0, |(_, count)| *count);
        VISITS_PER_DAY.saturating_sub(made)
    }

    /// Everything worth keeping, for a fresh journal.
    pub(super) fn records(&self, now: DateTime<Utc>) -> impl Iterator<Item = Record> {
        let landings = self.urls.iter().filter_map(|url| self.by_url.get(url));
        let landings = landings.filter(move |landing| !landing.is_over(now));
        landings
            .cloned()
            .map(Record::Landing)
            .chain(self.published.values().cloned().map(Record::Published))
            .chain(self.used.values().cloned().map(Record::CodesUsed))
    }
}

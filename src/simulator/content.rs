//! What the simulated `WeChat` finds in texts, and in pictures and sounds by their addresses. The same words are
//! found in both:
//!
//! | word | suggestion | label |
//! |---|---|---|
//! | `advert`, 加我微信 | review | 10001 |
//! | `overthrow`, 颠覆 | risky | 20001 |
//! | `nude`, 裸聊 | risky | 20002 |
//! | `idiot`, 蠢货 | review | 20003 |
//! | `gamble`, 赌博 | risky | 20006 |
//! | `swindle`, 刷单 | risky | 20008 |
//! | `filthy`, 下流 | review | 20012 |
//! | `pirated`, 盗版 | review | 20013 |
//! | `unsound`, 违规 | risky | 21000 |
//! | `halfblind` | the model fails: its entry says `risky`, and that it does not count | |
//! | `unreachable`, in an address | the download fails: -1008 | |

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::clock::china_day;
use super::mini::token::Quota;

const WORDS: [(&str, &str, i64); 18] = [
    ("advert", "review", 10_001),
    ("加我微信", "review", 10_001),
    ("overthrow", "risky", 20_001),
    ("颠覆", "risky", 20_001),
    ("nude", "risky", 20_002),
    ("裸聊", "risky", 20_002),
    ("idiot", "review", 20_003),
    ("蠢货", "review", 20_003),
    ("gamble", "risky", 20_006),
    ("赌博", "risky", 20_006),
    ("swindle", "risky", 20_008),
    ("刷单", "risky", 20_008),
    ("filthy", "review", 20_012),
    ("下流", "review", 20_012),
    ("pirated", "review", 20_013),
    ("盗版", "review", 20_013),
    ("unsound", "risky", 21_000),
    ("违规", "risky", 21_000),
];
const MODEL_FAILS: &str = "halfblind";
const NOT_FETCHED: &str = "unreachable";
/// A strategy that failed.
const STRATEGY_FAILED: i64 = -1;
/// What was to be looked at could not be fetched.
pub(super) const DOWNLOAD_FAILED: i64 = -1_008;

/// What was found.
pub(super) struct Found {
    suggest: &'static str,
    label: i64,
    details: Vec<Value>,
}

impl Found {
    /// Whether it must not be shown.
    pub(super) fn is_risky(&self) -> bool {
        self.suggest == "risky"
    }

    /// The members `result` and `detail` of an answer.
    pub(super) fn members(&self) -> (Value, Value) {
        let result = json!({ "suggest": self.suggest, "label": self.label });
        (result, Value::Array(self.details.clone()))
    }
}

/// Looks at a text.
pub(super) fn look(text: &str) -> Found {
    let hits: Vec<_> = WORDS.iter().filter(|(word, ..)| text.contains(word)).collect();
    let worst = hits
        .iter()
        .find(|(_, suggest, _)| *suggest == "risky")
        .or(hits.first());
    let (suggest, label) = worst.map_or(("pass", 100), |(_, suggest, label)| (*suggest, *label));
    let model = if text.contains(MODEL_FAILS) {
        json!({ "strategy": "content_model", "errcode": STRATEGY_FAILED, "suggest": "risky", "label": 20_001, "prob": 90 })
    } else {
        json!({ "strategy": "content_model", "errcode": 0, "suggest": suggest, "label": label, "prob": 90 })
    };
    let keywords = hits.iter().map(|(word, suggest, label)| {
        json!({ "strategy": "keyword", "errcode": 0, "suggest": suggest, "label": label, "level": 90, "keyword": word })
    });
    Found {
        suggest,
        label,
        details: std::iter::once(model).chain(keywords).collect(),
    }
}

/// Whether what lies at an address can be fetched.
pub(super) fn is_fetched(media_url: &str) -> bool {
    !media_url.contains(NOT_FETCHED)
}

/// How many calls of each check a mini program has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckLimits {
    pub(super) text_per_minute: u32,
    pub(super) text_per_day: u32,
    pub(super) media_per_minute: u32,
    pub(super) media_per_day: u32,
}

impl CheckLimits {
    /// `WeChat`'s own.
    pub(super) const USUAL: Self = Self {
        text_per_minute: 4_000,
        text_per_day: 2_000_000,
        media_per_minute: 2_000,
        media_per_day: 200_000,
    };

    /// Those that a world from before there were any begins with.
    pub(super) const fn usual() -> Self {
        Self::USUAL
    }
}

/// Calls of a mini program of one kind, counted.
#[derive(Default)]
struct Counted {
    minute: Quota,
    day: Quota,
}

/// All calls that were counted. Not kept over a restart.
#[derive(Default)]
pub(super) struct CheckCounts(HashMap<(String, &'static str), Counted>);

/// Which of its calls a mini program has none left of.
pub(super) enum Exhausted {
    Minute,
    Day,
}

impl CheckCounts {
    /// Counts a call of this kind.
    pub(super) fn take(
        &mut self,
        app_id: &str,
        kind: &'static str,
        (per_minute, per_day): (u32, u32),
        now: DateTime<Utc>,
    ) -> Result<(), Exhausted> {
        let counted = self.0.entry((app_id.to_owned(), kind)).or_default();
        if !counted.day.take(china_day(now), per_day) {
            return Err(Exhausted::Day);
        }
        if !counted.minute.take(now.timestamp().div_euclid(60), per_minute) {
            return Err(Exhausted::Minute);
        }
        Ok(())
    }
}

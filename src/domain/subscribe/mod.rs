//! Subscribe messages: what may stand in one, which are sent when something happens to an order, and when a
//! send is tried again. Source: the notes on mini-program APIs, section 3.

mod keyword;
mod schedule;
mod template;
mod value;

pub use self::keyword::{KEYWORDS_MAX, Keyword, KeywordError};
pub use self::schedule::{AFTER_UNKNOWN, QUOTA_GAP, TRIES_MAX, gap};
pub use self::template::{
    EVENTS, OrderFacts, OrderTemplate, OrderText, PAGE_CHARS_MAX, PatternError, is_page,
};
pub use self::value::{VALUE_CHARS_MAX, ValueError};

/// Which version of the mini program the message opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProgramState {
    /// A developer's.
    Developer,
    /// The one on trial.
    Trial,
    /// The published one.
    #[default]
    Formal,
}

impl ProgramState {
    /// WeChat's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Developer => "developer",
            Self::Trial => "trial",
            Self::Formal => "formal",
        }
    }

    /// The state of that word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Developer, Self::Trial, Self::Formal]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// In which language WeChat writes what stands around the values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lang {
    /// Simplified Chinese.
    #[default]
    ZhCn,
    /// English.
    EnUs,
    /// Traditional Chinese of Hong Kong.
    ZhHk,
    /// Traditional Chinese of Taiwan.
    ZhTw,
}

impl Lang {
    /// WeChat's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ZhCn => "zh_CN",
            Self::EnUs => "en_US",
            Self::ZhHk => "zh_HK",
            Self::ZhTw => "zh_TW",
        }
    }

    /// The language of that word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::ZhCn, Self::EnUs, Self::ZhHk, Self::ZhTw]
            .into_iter()
            .find(|lang| lang.as_str() == text)
    }
}

/// What a person, or WeChat, answered when a page asked to be allowed a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// One message more is allowed.
    Accept,
    /// The person does not want it.
    Reject,
    /// WeChat has blocked the template.
    Ban,
    /// WeChat asked nobody, since another template has the same title.
    Filter,
}

impl Answer {
    /// WeChat's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Reject => "reject",
            Self::Ban => "ban",
            Self::Filter => "filter",
        }
    }

    /// The answer of that word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Accept, Self::Reject, Self::Ban, Self::Filter]
            .into_iter()
            .find(|answer| answer.as_str() == text)
    }
}

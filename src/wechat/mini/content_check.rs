//! `msg_sec_check` and `media_check_async`, version 2: what WeChat finds in a text, and its promise to look at a
//! picture or a sound. Source: mini-program notes, section 4.
//!
//! Texts go as UTF-8, never as `\u` escapes, which weaken the check: `serde_json` escapes nothing but quotes,
//! backslashes and control characters.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::api::{ApiCall, ApiError, ApiReply};
use crate::domain::content_check::{MediaKind, Scene, Verdict};
use crate::domain::media_url::MediaUrl;
use crate::domain::name::OpenId;
use crate::wechat::wire::{list, loose};

/// The version of both calls that gives suggestions and labels.
const VERSION: u8 = 2;
/// How many of its strategies WeChat is listened to about; there are a handful.
const FINDINGS_MAX: usize = 20;
/// Names of strategies and words are cut after so many characters.
const WORD_CHARS_MAX: usize = 100;
/// The longest name of a look, in bytes.
const TRACE_ID_BYTES_MAX: usize = 128;

/// A text, and what belongs to it.
#[derive(Clone, Debug)]
pub struct TextCheck {
    /// The text, 1 to 2,500 characters.
    pub content: String,
    /// Where it is to be shown.
    pub scene: Scene,
    /// The title above it.
    pub title: Option<String>,
    /// The name beside it.
    pub nickname: Option<String>,
    /// The signature below it.
    pub signature: Option<String>,
}

#[derive(Serialize)]
struct TextWire<'a> {
    content: &'a str,
    version: u8,
    scene: u8,
    openid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nickname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<&'a str>,
}

/// The call about a text. It changes nothing, so it may be made again after "busy".
///
/// # Errors
/// When its body cannot be written as JSON.
pub fn text_call(check: &TextCheck, openid: &OpenId) -> Result<ApiCall, serde_json::Error> {
    let wire = TextWire {
        content: &check.content,
        version: VERSION,
        scene: check.scene.number(),
        openid: openid.as_str(),
        title: check.title.as_deref(),
        nickname: check.nickname.as_deref(),
        signature: check.signature.as_deref(),
    };
    Ok(ApiCall::post("msg_sec_check", "/wxa/msg_sec_check", &wire)?.repeatable())
}

/// What WeChat found in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextFindings {
    /// What it comes to.
    pub verdict: Verdict,
    /// WeChat's name of the look; the refusal of old has none.
    pub trace_id: Option<String>,
    /// What single strategies found, those that failed and those that found nothing left out.
    pub findings: Vec<Finding>,
}

impl TextFindings {
    /// The answer of old to a text that is not fine.
    pub const REFUSED: Self = Self {
        verdict: Verdict::REFUSED,
        trace_id: None,
        findings: Vec::new(),
    };
}

/// What one strategy found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its name, such as `keyword` or `content_model`.
    pub strategy: String,
    /// What it comes to by itself.
    pub verdict: Verdict,
    /// The word that it found.
    pub keyword: Option<String>,
}

#[derive(Deserialize)]
struct TextAnswer {
    result: Suggested,
    #[serde(default, deserialize_with = "list")]
    detail: Vec<Value>,
    #[serde(deserialize_with = "loose")]
    trace_id: String,
}

#[derive(Deserialize)]
struct Suggested {
    suggest: String,
    #[serde(default, deserialize_with = "loose")]
    label: Option<i64>,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(deserialize_with = "loose")]
    strategy: String,
    #[serde(deserialize_with = "loose")]
    errcode: Option<i64>,
    #[serde(deserialize_with = "loose")]
    suggest: String,
    #[serde(default, deserialize_with = "loose")]
    label: Option<i64>,
    #[serde(default, deserialize_with = "loose")]
    keyword: Option<String>,
}

impl Detail {
    /// What it says, if the strategy worked and found something.
    fn finding(self) -> Option<Finding> {
        let verdict = Verdict::suggested(&self.suggest, self.label);
        // A strategy that found nothing may say nothing at all.
        let is_worth_telling = self.errcode == Some(0) && !matches!(self.suggest.as_str(), "" | "pass");
        is_worth_telling.then(|| Finding {
            strategy: cut(&self.strategy),
            verdict,
            keyword: self.keyword.as_deref().filter(|word| !word.is_empty()).map(cut),
        })
    }
}

fn cut(word: &str) -> String {
    word.chars().take(WORD_CHARS_MAX).collect()
}

/// What an answer about a text says. Errcode 0 alone says nothing: `result` does.
///
/// # Errors
/// [`ApiError::Unavailable`] when there is no `result`.
pub fn read_text(reply: &ApiReply) -> Result<TextFindings, ApiError> {
    let answer = reply.json::<TextAnswer>()?;
    let details = answer.detail.into_iter().take(FINDINGS_MAX);
    let findings = details.filter_map(|detail| serde_json::from_value::<Detail>(detail).ok()?.finding());
    Ok(TextFindings {
        verdict: Verdict::suggested(&answer.result.suggest, answer.result.label),
        trace_id: Some(named(answer.trace_id)?),
        findings: findings.collect(),
    })
}

#[derive(Serialize)]
struct MediaWire<'a> {
    media_url: &'a str,
    media_type: u8,
    version: u8,
    scene: u8,
    openid: &'a str,
}

/// The call that has WeChat fetch a picture or a sound and look at it. Made twice it is two looks, which cost no
/// more than one of the day's calls; so it may be made again after "busy".
///
/// # Errors
/// When its body cannot be written as JSON.
pub fn media_call(
    kind: MediaKind,
    media_url: &MediaUrl,
    scene: Scene,
    openid: &OpenId,
) -> Result<ApiCall, serde_json::Error> {
    let wire = MediaWire {
        media_url: media_url.as_str(),
        media_type: match kind {
            MediaKind::Audio => 1,
            MediaKind::Image => 2,
        },
        version: VERSION,
        scene: scene.number(),
        openid: openid.as_str(),
    };
    Ok(ApiCall::post("media_check_async", "/wxa/media_check_async", &wire)?.repeatable())
}

#[derive(Deserialize)]
struct MediaAnswer {
    #[serde(deserialize_with = "loose")]
    trace_id: String,
}

/// WeChat's name of the look that it promised.
///
/// # Errors
/// [`ApiError::Unavailable`] when there is none.
pub fn read_media(reply: &ApiReply) -> Result<String, ApiError> {
    named(reply.json::<MediaAnswer>()?.trace_id)
}

/// A name that can be kept and found again.
fn named(trace_id: String) -> Result<String, ApiError> {
    if is_trace_id(&trace_id) {
        Ok(trace_id)
    } else {
        Err(ApiError::Unavailable)
    }
}

/// Whether a text can be WeChat's name of a look: 1 to 128 visible ASCII characters.
pub fn is_trace_id(text: &str) -> bool {
    (1..=TRACE_ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What a refusal of either call says about what was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A text that is not fine, in the words of old (87014).
    NotFine,
    /// No openid of this mini program (40003, 43104).
    OpenIdUnknown,
    /// The person has not used the mini program for two hours (61010).
    PersonAway,
    /// Nothing that WeChat looks at (40004).
    MediaUnsuited,
    /// Too many calls within a minute (44991), or about the same content (87020). The numbers that say so of every
    /// API are not among them.
    TooOften,
}

impl Refusal {
    /// What a number says; nothing where it is no different from that of any other API.
    pub const fn of(errcode: i64) -> Option<Self> {
        match errcode {
            87_014 => Some(Self::NotFine),
            40_003 | 43_104 => Some(Self::OpenIdUnknown),
            61_010 => Some(Self::PersonAway),
            40_004 => Some(Self::MediaUnsuited),
            44_991 | 87_020 => Some(Self::TooOften),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn findings_are_read_however_numbers_and_gaps_are_written() {
        let read = |body| read_text(&ApiReply::of(&body));
        let plain = json!({"errcode": 0, "result": {"suggest": "risky", "label": 20002}, "trace_id": "7", "detail": [
            {"strategy": "keyword", "errcode": 0, "suggest": "risky", "label": 20002, "keyword": "77"},
        ]});
        let loose = json!({"errcode": "0", "result": {"suggest": "risky", "label": "20002"}, "trace_id": 7, "detail": [
            {"strategy": "keyword", "errcode": "0", "suggest": "risky", "label": "20002", "keyword": 77},
            {"strategy": "content_model", "errcode": 0, "suggest": null, "label": null, "keyword": null},
            {"strategy": "keyword", "errcode": null, "suggest": "risky"},
        ]});
        let found = read(plain).unwrap();
        assert_eq!(found.findings[0].keyword.as_deref(), Some("77"));
        assert_eq!(read(loose), Ok(found));
        let bare =
            read(json!({"result": {"suggest": "pass", "label": null}, "trace_id": "x", "detail": null}));
        assert_eq!(bare.unwrap().findings, []);
    }
}

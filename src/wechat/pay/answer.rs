//! What an answer of WeChat Pay means before anything in it is believed.

use std::borrow::Cow;

use reqwest::header::HeaderValue;
use serde::Deserialize;

use super::error::{PayError, UnknownReason, is_code};
use super::message::{Refusal, SignedMessage};
use crate::wechat::send::{Answer, Outcome};

/// The longest code, in bytes. WeChat's own have under 40.
const CODE_BYTES_MAX: usize = 64;
/// How the request id of a call ends that came too frequently, whatever the code says.
const TOO_FREQUENT_SUFFIX: &str = "-268447840";

#[derive(Deserialize)]
struct ErrorBody<'a> {
    #[serde(borrow)]
    code: Cow<'a, str>,
}

impl Answer {
    /// The answer as a message to verify.
    pub(super) fn signed(&self) -> Result<SignedMessage<'_>, Refusal> {
        SignedMessage::from_headers(&self.body, |name| {
            self.headers.get_all(name).iter().map(HeaderValue::as_bytes)
        })
    }

    /// The failure that leaves the outcome unknown, with this answer's request id.
    pub(super) fn unknown(&self, reason: UnknownReason) -> PayError {
        PayError::Unknown {
            reason,
            request_id: self.request_id(),
        }
    }

    pub(super) fn request_id(&self) -> Option<String> {
        let id = self.headers.get("request-id")?.to_str().ok()?;
        (id.len() <= 128).then(|| id.to_owned())
    }

    /// What an answer means that reports no success. Such answers are not signed, so they are used
    /// as errors and as nothing else. One without a code that could be WeChat's is none of WeChat's.
    pub(super) fn failure(&self) -> (PayError, Outcome) {
        let http_status = self.status;
        let code = serde_json::from_slice::<ErrorBody<'_>>(&self.body)
            .ok()
            .map(|body| body.code)
            .filter(|code| can_be_code(code));
        let is = |wanted| code.as_ref().is_some_and(|code| is_code(code, wanted));
        if http_status == 202 {
            return (self.unknown(UnknownReason::NotProcessed), Outcome::Unavailable);
        }
        let is_too_frequent = || {
            self.request_id()
                .is_some_and(|id| id.ends_with(TOO_FREQUENT_SUFFIX))
        };
        if http_status == 429 || is("FREQUENCYLIMITED") || is("RATELIMITEXCEEDED") || is_too_frequent() {
            return (self.unknown(UnknownReason::RateLimited), Outcome::RateLimited);
        }
        match code {
            Some(code) if (400..500).contains(&http_status) && !is_code(&code, "SYSTEMERROR") => {
                let refusal = PayError::Definite {
                    code: code.into_owned(),
                    http_status,
                    request_id: self.request_id(),
                };
                (refusal, Outcome::Refused)
            }
            _ => (
                self.unknown(UnknownReason::Unavailable { http_status }),
                Outcome::Unavailable,
            ),
        }
    }
}

/// Whether a text can be a code, which is kept and shown: visible ASCII, and short.
fn can_be_code(text: &str) -> bool {
    (1..=CODE_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

//! What an answer of WeChat Pay means before anything in it is believed.

use std::borrow::Cow;

use reqwest::header::HeaderValue;
use serde::Deserialize;

use super::error::{PayError, UnknownReason, is_code};
use super::message::{Refusal, SignedMessage};
use crate::wechat::send::{Answer, Outcome};

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
    /// as errors and as nothing else.
    pub(super) fn failure(&self) -> (PayError, Outcome) {
        let http_status = self.status;
        let code = serde_json::from_slice::<ErrorBody<'_>>(&self.body)
            .ok()
            .map(|body| body.code);
        let is = |wanted| code.as_ref().is_some_and(|code| is_code(code, wanted));
        if http_status == 202 {
            return (self.unknown(UnknownReason::NotProcessed), Outcome::Unavailable);
        }
        if http_status == 429 || is("FREQUENCYLIMITED") || is("RATELIMITEXCEEDED") {
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

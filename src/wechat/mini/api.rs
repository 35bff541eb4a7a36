//! One call of a mini-program API with an access token. Which token, and what to do when it is dead, is
//! decided in `service::mini`; nobody else calls [`send`].

use std::time::Instant;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::answer::{BUSY, RETRY_GAPS, is_done, is_foreign, refusal, rid};
use crate::domain::name::AppId;
use crate::wechat::error::Error;
use crate::wechat::secret::AccessToken;
use crate::wechat::send::{Answer, Outcome, Upstream, count};

/// A call, without its token.
///
/// `api` names it in metrics and logs; the rest is what WeChat's documentation of the API says. A call
/// is made once, but for a dead token; [`ApiCall::repeatable`] also repeats it after "busy".
#[derive(Clone, Debug)]
pub struct ApiCall {
    api: &'static str,
    method: Method,
    path: &'static str,
    query: Vec<(&'static str, String)>,
    body: Option<Vec<u8>>,
    is_repeatable: bool,
    is_slow: bool,
    answer_bytes_max: Option<usize>,
}

impl ApiCall {
    /// `POST` with a JSON body. `path` begins with a slash.
    ///
    /// # Errors
    /// When `body` cannot be written as JSON.
    pub fn post(
        api: &'static str,
        path: &'static str,
        body: &impl Serialize,
    ) -> Result<Self, serde_json::Error> {
        let body = serde_json::to_vec(body)?;
        Ok(Self {
            method: Method::POST,
            body: Some(body),
            ..Self::get(api, path)
        })
    }

    /// `GET`. `path` begins with a slash.
    pub fn get(api: &'static str, path: &'static str) -> Self {
        Self {
            api,
            method: Method::GET,
            path,
            query: Vec::new(),
            body: None,
            is_repeatable: false,
            is_slow: false,
            answer_bytes_max: None,
        }
    }

    /// Adds a parameter to the query, beside the token.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Says that the call may be made again after WeChat said "busy" (-1), at most twice.
    #[must_use]
    pub fn repeatable(mut self) -> Self {
        self.is_repeatable = true;
        self
    }

    /// Says that the call may take twice the sender's usual time.
    #[must_use]
    pub fn slow(mut self) -> Self {
        self.is_slow = true;
        self
    }

    /// Says how long the answer may be, in bytes as they come, in place of the sender's usual bound.
    #[must_use]
    pub fn long(mut self, answer_bytes_max: usize) -> Self {
        self.answer_bytes_max = Some(answer_bytes_max);
        self
    }

    /// Its name.
    pub fn api(&self) -> &'static str {
        self.api
    }

    fn request(&self, base: &Url, token: &AccessToken) -> Request {
        let mut url = base.clone();
        url.set_path(self.path);
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("access_token", token.expose());
            for (name, value) in &self.query {
                query.append_pair(name, value);
            }
        }
        let mut request = Request::new(self.method.clone(), url);
        if let Some(body) = &self.body {
            request
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(body.clone().into());
        }
        request
    }
}

/// An answer that is no refusal. Whether it is what the API promises is for its user to say: with
/// [`ApiReply::done`] where nothing but an `errcode` is promised. Its `Debug` output shows nothing of it.
pub struct ApiReply(Vec<u8>);

impl std::fmt::Debug for ApiReply {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "ApiReply({} bytes)", self.0.len())
    }
}

impl ApiReply {
    /// An answer for tests of what reads one.
    #[cfg(test)]
    pub(super) fn of(body: &serde_json::Value) -> Self {
        Self(body.to_string().into_bytes())
    }

    /// The bytes as they came, such as those of a picture.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as they came.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Whether it says that the call is done: an object with the `errcode` 0. A page of some gateway, nothing, or half
    /// an object is no success, whatever its status.
    ///
    /// # Errors
    /// [`ApiError::Unavailable`] when it does not say so; the call may have had its effect.
    pub fn done(&self) -> Result<(), ApiError> {
        if is_done(&self.0) {
            Ok(())
        } else {
            Err(ApiError::Unavailable)
        }
    }

    /// The answer read as JSON.
    ///
    /// # Errors
    /// [`ApiError::Unavailable`] when it is not what the API promises.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        serde_json::from_slice(&self.0).map_err(|_| ApiError::Unavailable)
    }
}

/// Why a call did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// WeChat's number says why.
    #[error("WeChat refuses the call ({errcode})")]
    Refused {
        /// WeChat's number, never 0.
        errcode: i64,
    },
    /// Broken, or an answer that is none; the call may have had its effect.
    #[error("WeChat is unavailable")]
    Unavailable,
    /// No connection came to be, so that the call had no effect.
    #[error("WeChat cannot be reached")]
    Unreached,
    /// The answer was longer than is read; the call may have had its effect.
    #[error("WeChat's answer is too long")]
    TooLong,
    /// No answer in time; the call may have had its effect.
    #[error("WeChat did not answer in time")]
    Timeout,
}

impl ApiError {
    /// What a call without an answer comes to.
    pub(super) fn of(error: &Error) -> Self {
        match error {
            _ if !error.may_have_arrived() => Self::Unreached,
            Error::TooLong { .. } => Self::TooLong,
            _ if error.is_timeout() => Self::Timeout,
            Error::Transport { .. } | Error::Stalled => Self::Unavailable,
        }
    }

    /// Whether the token is to blame, so that the call had no effect and another token may help.
    pub fn is_token_dead(self) -> bool {
        matches!(self, Self::Refused { errcode } if is_token_dead(errcode))
    }
}

/// Whether this number says that the access token is wrong, replaced or over.
pub fn is_token_dead(errcode: i64) -> bool {
    matches!(errcode, 40_001 | 40_014 | 42_001)
}

/// Makes the call at `base` with this token of a mini program, within the sender's total time, repeats included.
///
/// # Errors
/// See [`ApiError`]. Each is logged with WeChat's number and request id, and counted.
pub async fn send(
    upstream: &Upstream,
    base: &Url,
    (app_id, token): (&AppId, &AccessToken),
    call: &ApiCall,
) -> Result<ApiReply, ApiError> {
    let (started, total) = (Instant::now(), upstream.total_timeout());
    let total = total * if call.is_slow { 2 } else { 1 };
    let bytes_max = call
        .answer_bytes_max
        .unwrap_or_else(|| upstream.answer_bytes_max());
    let mut gaps = RETRY_GAPS.into_iter();
    loop {
        let time_left = total.saturating_sub(started.elapsed());
        let (error, is_without_effect) = match upstream
            .send_within(call.api, call.request(base, token), (time_left, bytes_max))
            .await
        {
            Ok(answer) => match read(app_id, call.api, answer) {
                Ok(reply) => return Ok(reply),
                Err(error) => (
                    error,
                    error == ApiError::Refused { errcode: BUSY } && call.is_repeatable,
                ),
            },
            Err(error) => (ApiError::of(&error), !error.may_have_arrived()),
        };
        match gaps.next() {
            Some(gap) if is_without_effect && started.elapsed() + gap < total => {
                tokio::time::sleep(gap).await;
            }
            Some(_) | None => return Err(error),
        }
    }
}

fn read(app_id: &AppId, api: &'static str, answer: Answer) -> Result<ApiReply, ApiError> {
    if let Some(refusal) = refusal(&answer.body) {
        let errcode = refusal.errcode;
        count(api, outcome(errcode));
        tracing::warn!(
            api,
            app.id = %app_id,
            errcode,
            rid = rid(&refusal.errmsg),
            "WeChat refuses the call"
        );
        return Err(ApiError::Refused { errcode });
    }
    if is_foreign(&answer) {
        count(api, Outcome::Unavailable);
        let http_status = answer.status;
        tracing::warn!(api, app.id = %app_id, http_status, "WeChat did not answer with what it promises");
        return Err(ApiError::Unavailable);
    }
    count(api, Outcome::Ok);
    Ok(ApiReply(answer.body))
}

fn outcome(errcode: i64) -> Outcome {
    match errcode {
        BUSY => Outcome::Unavailable,
        45_009 | 45_011 => Outcome::RateLimited,
        _ => Outcome::Refused,
    }
}

//! A delivery in the form of WeChat Pay's, sent to this server itself by its public address: whether what WeChat will
//! send arrives, and arrives unchanged. It is signed for us alone, and no server takes it for a notification.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, Request};
use url::Url;

use crate::domain::clock::Clock;
use crate::wechat::error::{Error, SetupError};
use crate::wechat::send::{SendLimits, Upstream};

/// What comes back: the receiver answers in a line.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// WeChat Pay waits for five seconds. Source: pay-v3, section 10.
const TIME_MAX: Duration = Duration::from_secs(5);

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub struct LoopBack<'a> {
    /// Names in lower case, and values.
    pub headers: &'a [(&'static str, String)],
    /// As it is to arrive.
    pub body: &'a [u8],
}

/// What was answered.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The status.
    pub http_status: u16,
    /// Where the answer points to, if it does.
    pub location: Option<String>,
    /// The body, 16 KiB at most.
    pub body: Vec<u8>,
}

/// Posts it to `url`, following nothing.
///
/// # Errors
/// [`SetupError`] when TLS cannot be set up; inside it [`Error`] when there is no whole answer.
pub async fn loop_back(
    url: Url,
    sent: LoopBack<'_>,
    clock: Clock,
) -> Result<Result<Answered, Error>, SetupError> {
    let limits = SendLimits {
        connect_timeout: TIME_MAX,
        total_timeout: TIME_MAX,
        answer_bytes_max: ANSWER_BYTES_MAX,
        needs_tls: url.scheme() == "https",
    };
    // Not the client for WeChat, which tells WeChat's time by its answers.
    let client = Upstream::new(limits, clock)?;
    let mut request = Request::new(Method::POST, url);
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in sent.headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    *request.body_mut() = Some(sent.body.to_vec().into());
    let answer = client.send("loop_back", request, TIME_MAX).await;
    Ok(answer.map(|answer| Answered {
        http_status: answer.status,
        location: answer
            .headers
            .get(LOCATION)
            .and_then(|location| location.to_str().ok())
            .map(str::to_owned),
        body: answer.body,
    }))
}

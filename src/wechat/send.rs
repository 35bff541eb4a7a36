//! The one place that sends to WeChat: a pooled keep-alive client with bounds.
//!
//! It never follows a redirect, never uses a proxy of the environment and never repeats a request by
//! itself. Every call is timed and counted under the name of its API; no URL is ever logged.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use reqwest::header::{ACCEPT, DATE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect;
use tracing::Instrument as _;

use super::error::{Error, SetupError};
use crate::domain::clock::Clock;
use crate::telemetry::upstream_span;

/// Idle connections that are kept to one host.
const IDLE_CONNECTIONS_MAX: usize = 64;
/// How long an idle connection is kept; shorter than the common 75 s of servers, so that the other
/// end does not close one just as it is used.
const IDLE_CONNECTION_LIFE: Duration = Duration::from_mins(1);
/// The room that is made at once for an answer of unstated length.
const ANSWER_BYTES_USUAL: u64 = 2_048;
/// The longest that the download of a bill may take.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_mins(15);
/// The longest wait for the next piece of one.
const PIECE_TIMEOUT: Duration = Duration::from_secs(30);
/// Stands for "no answer has told the time yet".
const SKEW_UNKNOWN: i64 = i64::MIN;

/// The bounds of one call.
#[derive(Clone, Copy, Debug)]
pub struct SendLimits {
    /// To have a connection, TLS included.
    pub connect_timeout: Duration,
    /// From the start to the last byte of the answer; of a WeChat Pay call: both hosts together.
    pub total_timeout: Duration,
    /// The longest answer that is read, in bytes.
    pub answer_bytes_max: usize,
    /// Whether `https` must work. Without it the system's root certificates are not loaded, which a
    /// simulated WeChat on this machine has no use for, and every `https` call fails.
    pub needs_tls: bool,
}

impl Default for SendLimits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(2),
            total_timeout: Duration::from_secs(5),
            answer_bytes_max: 1024 * 1024,
            needs_tls: true,
        }
    }
}

/// The sender. Cheap to clone; clones share connections and the last seen skew.
#[derive(Clone, Debug)]
pub struct Upstream(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: reqwest::Client,
    limits: SendLimits,
    clock: Clock,
    skew_s: AtomicI64,
    /// When that was measured, in seconds since 1970 by our clock.
    skew_seen_at: AtomicI64,
}

/// A whole answer, nothing of it believed yet.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// How a call ended, as the metric `weir_upstream_requests_total` spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Ok,
    Refused,
    RateLimited,
    Unavailable,
    Untrusted,
    Timeout,
    ConnectionLost,
    Unreachable,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::Untrusted => "untrusted",
            Self::Timeout => "timeout",
            Self::ConnectionLost => "connection_lost",
            Self::Unreachable => "unreachable",
        }
    }
}

impl Upstream {
    /// A sender with these bounds. `clock` is what WeChat's time is compared with.
    ///
    /// # Errors
    /// When TLS is needed and cannot be set up, which in practice means that the machine has no root
    /// certificates.
    pub fn new(limits: SendLimits, clock: Clock) -> Result<Self, SetupError> {
        let client = client(&limits).map_err(SetupError)?;
        Ok(Self(Arc::new(Inner {
            client,
            limits,
            clock,
            skew_s: AtomicI64::new(SKEW_UNKNOWN),
            skew_seen_at: AtomicI64::new(0),
        })))
    }

    /// How far this machine's clock is ahead of WeChat's, in seconds (negative: behind), by the last
    /// answer that told the time; `None` before the first.
    pub fn clock_skew_s(&self) -> Option<i64> {
        Some(self.0.skew_s.load(Ordering::Relaxed)).filter(|skew| *skew != SKEW_UNKNOWN)
    }

    /// When WeChat last told the time, by our clock, to the second; `None` before the first.
    pub fn clock_seen_at(&self) -> Option<DateTime<Utc>> {
        self.clock_skew_s()
            .and_then(|_| DateTime::from_timestamp(self.0.skew_seen_at.load(Ordering::Relaxed), 0))
    }

    /// The longest answer that is read unless a call says otherwise, in bytes.
    pub(super) fn answer_bytes_max(&self) -> usize {
        self.0.limits.answer_bytes_max
    }

    /// The longest that one call may take.
    pub(super) fn total_timeout(&self) -> Duration {
        self.0.limits.total_timeout
    }

    /// Sends one request of the API called `api` and reads the whole answer within `time_left`.
    ///
    /// A call without an answer is counted and logged here; one with an answer by the caller, who
    /// alone can tell what it says (see [`count`]).
    pub(super) async fn send(
        &self,
        api: &'static str,
        request: reqwest::Request,
        time_left: Duration,
    ) -> Result<Answer, Error> {
        let bytes_max = self.answer_bytes_max();
        self.send_within(api, request, (time_left, bytes_max)).await
    }

    /// The same for an answer of at most `bytes_max`.
    pub(super) async fn send_within(
        &self,
        api: &'static str,
        mut request: reqwest::Request,
        (time_left, bytes_max): (Duration, usize),
    ) -> Result<Answer, Error> {
        *request.timeout_mut() = Some(time_left);
        let span = upstream_span(api, request.url().host_str());
        let started = Instant::now();
        let result = self.exchange(request, bytes_max).instrument(span.clone()).await;
        metrics::histogram!("weir_upstream_request_duration_seconds", "api" => api)
            .record(started.elapsed().as_secs_f64());
        if let Err(error) = &result {
            count(api, failure_outcome(error));
            let cause = std::error::Error::source(error).map(|cause| format!("{cause:?}"));
            span.in_scope(|| tracing::warn!(api, cause, "{error}"));
        }
        result
    }

    async fn exchange(&self, request: reqwest::Request, bytes_max: usize) -> Result<Answer, Error> {
        let response = self.0.client.execute(request).await.map_err(Error::transport)?;
        self.note_time(response.headers());
        whole(response, bytes_max).await
    }

    /// Sends one request and hands its answer on to be read piece by piece, or the whole answer if it
    /// is no success. A call without an answer is counted and logged here.
    pub(super) async fn open(
        &self,
        api: &'static str,
        mut request: reqwest::Request,
    ) -> Result<Result<Incoming, Answer>, Error> {
        *request.timeout_mut() = Some(DOWNLOAD_TIMEOUT);
        let span = upstream_span(api, request.url().host_str());
        let opening = async {
            let response = self.0.client.execute(request).await.map_err(Error::transport)?;
            self.note_time(response.headers());
            match response.status().as_u16() {
                200 => Ok(Ok(Incoming(response))),
                _ => whole(response, self.answer_bytes_max()).await.map(Err),
            }
        };
        let opened = opening.instrument(span.clone()).await;
        if let Err(error) = &opened {
            count(api, failure_outcome(error));
            let cause = std::error::Error::source(error).map(|cause| format!("{cause:?}"));
            span.in_scope(|| tracing::warn!(api, cause, "{error}"));
        }
        opened
    }

    /// Sends one request and hands on its answer, whatever its status, to be read piece by piece within `time_max`
    /// from now; its head must come within `head_time_max`. A call without an answer is counted and logged here.
    pub(super) async fn begin(
        &self,
        api: &'static str,
        mut request: reqwest::Request,
        (head_time_max, time_max): (Duration, Duration),
    ) -> Result<Incoming, Error> {
        *request.timeout_mut() = Some(time_max);
        let span = upstream_span(api, request.url().host_str());
        let started = Instant::now();
        let executing = self.0.client.execute(request).instrument(span.clone());
        let begun = match tokio::time::timeout(head_time_max, executing).await {
            Ok(begun) => begun.map_err(Error::transport),
            Err(_) => Err(Error::Stalled),
        };
        metrics::histogram!("weir_upstream_request_duration_seconds", "api" => api)
            .record(started.elapsed().as_secs_f64());
        match begun {
            Ok(response) => {
                self.note_time(response.headers());
                Ok(Incoming(response))
            }
            Err(error) => {
                count(api, failure_outcome(&error));
                let cause = std::error::Error::source(&error).map(|cause| format!("{cause:?}"));
                span.in_scope(|| tracing::warn!(api, cause, "{error}"));
                Err(error)
            }
        }
    }

    fn note_time(&self, headers: &HeaderMap) {
        let theirs = headers
            .get(DATE)
            .and_then(|date| date.to_str().ok())
            .and_then(|date| DateTime::parse_from_rfc2822(date).ok());
        if let Some(theirs) = theirs {
            let skew = self.0.clock.now().timestamp().saturating_sub(theirs.timestamp());
            self.0.skew_s.store(skew, Ordering::Relaxed);
            let seen_at = self.0.clock.now().timestamp();
            self.0.skew_seen_at.store(seen_at, Ordering::Relaxed);
        }
    }
}

/// An answer of any length, read piece by piece.
#[derive(Debug)]
pub(super) struct Incoming(reqwest::Response);

impl Incoming {
    /// The status.
    pub(super) fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    /// A header, if it is there and text.
    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.0.headers().get(name)?.to_str().ok()
    }

    /// How long the answer says it is, in bytes.
    pub(super) fn length(&self) -> Option<u64> {
        self.0.content_length()
    }

    /// The next piece; nothing after the last.
    pub(super) async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let piece = tokio::time::timeout(PIECE_TIMEOUT, self.0.chunk()).await;
        match piece {
            Ok(piece) => Ok(piece.map_err(after_arrival)?.map(|bytes| bytes.to_vec())),
            Err(_) => Err(Error::Stalled),
        }
    }
}

/// Counts one call of `api`.
pub(super) fn count(api: &'static str, outcome: Outcome) {
    metrics::counter!("weir_upstream_requests_total", "api" => api, "outcome" => outcome.as_str())
        .increment(1);
}

fn failure_outcome(error: &Error) -> Outcome {
    match error {
        Error::Transport { is_timeout: true, .. } | Error::Stalled => Outcome::Timeout,
        Error::Transport {
            may_have_arrived: false,
            ..
        } => Outcome::Unreachable,
        Error::Transport { .. } => Outcome::ConnectionLost,
        Error::TooLong { .. } => Outcome::Unavailable,
    }
}

async fn whole(mut response: reqwest::Response, bytes_max: usize) -> Result<Answer, Error> {
    let status = response.status().as_u16();
    let headers = std::mem::take(response.headers_mut());
    let expected = response.content_length().unwrap_or(ANSWER_BYTES_USUAL);
    let expected = usize::try_from(expected).unwrap_or(usize::MAX);
    if response.content_length().is_some() && expected > bytes_max {
        return Err(Error::TooLong { bytes_max });
    }
    let mut body = Vec::with_capacity(expected);
    // A connection that breaks here has brought the request there all the same.
    while let Some(chunk) = response.chunk().await.map_err(after_arrival)? {
        if body.len().saturating_add(chunk.len()) > bytes_max {
            return Err(Error::TooLong { bytes_max });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status,
        headers,
        body,
    })
}

fn after_arrival(source: reqwest::Error) -> Error {
    Error::Transport {
        is_timeout: source.is_timeout(),
        may_have_arrived: true,
        source: source.without_url(),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that makes the client for WeChat, with bounds"
)]
fn client(limits: &SendLimits) -> Result<reqwest::Client, reqwest::Error> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("weir/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .connect_timeout(limits.connect_timeout)
        .pool_idle_timeout(IDLE_CONNECTION_LIFE)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX);
    if !limits.needs_tls {
        builder = builder.tls_certs_only([]);
    }
    builder.build()
}

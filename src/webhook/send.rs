//! Sending one message, within bounds. The receiver's answer is its status and nothing else: no
//! redirect is followed, and of the body only so much is read as keeps the connection usable.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect;

use super::sign::{Message, Signer};
use crate::domain::webhook_url::WebhookUrl;

/// Idle connections that are kept, and for how long.
const IDLE_CONNECTIONS_MAX: usize = 16;
const IDLE_CONNECTION_LIFE: Duration = Duration::from_mins(1);

/// The bounds of one message.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// To have a connection, TLS included.
    pub connect_timeout: Duration,
    /// From the start to the end of the answer.
    pub total_timeout: Duration,
    /// How much of an answer is read before the connection is given up, in bytes.
    pub answer_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            total_timeout: Duration::from_secs(8),
            answer_bytes_max: 16 * 1024,
        }
    }
}

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it: any status of the 200 kind.
    Taken(u16),
    /// The receiver has no use for it, and says so with 410: no repetition will help.
    Gone,
    /// Any other status, redirects included.
    Refused(u16),
    /// No answer in time.
    Timeout,
    /// The connection broke; the receiver may have it.
    ConnectionLost,
    /// There was no connection.
    Unreachable,
}

impl Outcome {
    /// The outcome in a word for the books and for people.
    pub fn text(self) -> String {
        match self {
            Self::Taken(status) | Self::Refused(status) => status.to_string(),
            Self::Gone => "410".to_owned(),
            Self::Timeout => "timeout".to_owned(),
            Self::ConnectionLost => "connection_lost".to_owned(),
            Self::Unreachable => "unreachable".to_owned(),
        }
    }
}

/// Sends to one receiver. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Sender(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: reqwest::Client,
    url: WebhookUrl,
    signer: Signer,
    limits: Limits,
}

/// The sender could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the client for events could not be set up (TLS needs the system's root certificates)")]
pub struct SetupError(#[source] reqwest::Error);

impl Sender {
    /// A sender to `url`, signing with the bytes behind `whsec_…`.
    ///
    /// # Errors
    /// When TLS is needed and cannot be set up.
    pub fn new(url: WebhookUrl, key: &[u8], limits: Limits) -> Result<Self, SetupError> {
        let client = client(&limits, url.expose().scheme() == "https").map_err(SetupError)?;
        Ok(Self(Arc::new(Inner {
            client,
            url,
            signer: Signer::new(key),
            limits,
        })))
    }

    /// Sends a message once.
    pub async fn send(&self, message: &Message<'_>) -> Outcome {
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in self.0.signer.headers(message) {
            // A UUID, a number and base64 fit a header.
            let Ok(value) = HeaderValue::try_from(value) else {
                return Outcome::Unreachable;
            };
            headers.insert(HeaderName::from_static(name), value);
        }
        let request = self.0.client.post(self.0.url.expose().clone()).headers(headers);
        self.outcome(request.body(message.body.to_vec())).await
    }

    /// Asks by GET whether somebody answers there, which tells nobody of anything.
    pub async fn knock(&self) -> Outcome {
        self.outcome(self.0.client.get(self.0.url.expose().clone())).await
    }

    async fn outcome(&self, request: reqwest::RequestBuilder) -> Outcome {
        match request.send().await {
            Ok(response) => {
                let status = response.status().as_u16();
                self.read_off(response).await;
                match status {
                    200..=299 => Outcome::Taken(status),
                    410 => Outcome::Gone,
                    _ => Outcome::Refused(status),
                }
            }
            // The error is not passed on: it holds the address, whose path and query may be secrets.
            Err(error) if error.is_timeout() => Outcome::Timeout,
            Err(error) if error.is_connect() => Outcome::Unreachable,
            Err(_) => Outcome::ConnectionLost,
        }
    }

    /// Reads the body to its end, so that the connection can be used again; a long one, or one that
    /// breaks off, costs the connection and changes nothing of the outcome.
    async fn read_off(&self, mut response: reqwest::Response) {
        let mut left = self.0.limits.answer_bytes_max;
        while let Ok(Some(chunk)) = response.chunk().await {
            match left.checked_sub(chunk.len()) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that makes the client for events, with bounds"
)]
fn client(limits: &Limits, needs_tls: bool) -> Result<reqwest::Client, reqwest::Error> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("weir/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .connect_timeout(limits.connect_timeout)
        .timeout(limits.total_timeout)
        .pool_idle_timeout(IDLE_CONNECTION_LIFE)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX);
    if !needs_tls {
        builder = builder.tls_certs_only([]);
    }
    builder.build()
}

//! Signing, sending, verifying: what every call to WeChat Pay goes through.
//!
//! A call is signed once and may go to the second host when the network or the first host fails; the
//! signature covers no host. A call that timed out is never repeated here. Source: pay-v3, sections
//! 1 to 3 and 14.

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Request};
use serde::Serialize;
use tokio::sync::Mutex;
use url::Position;

use super::error::{NotReached, PayError, UnknownReason};
use super::keys::{KeyRing, KeyStatus};
use super::merchant::{Merchant, RequestToSign};
use super::message::{Refusal, SignedMessage, Verified};
use super::notification::{self, Notification};
use super::opening::Opening;
use super::standing::{Standing, Trouble};
use super::trail;
use crate::domain::clock::Clock;
use crate::domain::entropy::Entropy;
use crate::wechat::error::Error;
use crate::wechat::send::{Answer, Incoming, Outcome, Upstream, count};

/// WeChat Pay, for one merchant. Cheap to clone; clones share keys and connections.
#[derive(Clone, Debug)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    upstream: Upstream,
    merchant: Merchant,
    clock: Clock,
    entropy: Entropy,
    ring: KeyRing,
    opening: Opening,
    standing: Standing,
    /// Held while certificates are downloaded; holds when that was last tried.
    refresh_gate: Mutex<Option<DateTime<Utc>>>,
}

/// One request, before it is signed.
pub(super) struct Call {
    pub(super) api: &'static str,
    pub(super) method: Method,
    path_and_query: String,
    body: Vec<u8>,
    is_creating: bool,
    is_absence_right: bool,
}

impl Call {
    pub(super) fn get(api: &'static str, path_and_query: String) -> Self {
        Self {
            api,
            method: Method::GET,
            path_and_query,
            body: Vec::new(),
            is_creating: false,
            is_absence_right: false,
        }
    }

    pub(super) fn post(api: &'static str, path: String, body: &impl Serialize) -> Result<Self, NotReached> {
        let body = serde_json::to_vec(body).map_err(|_| NotReached::Request)?;
        Ok(Self {
            api,
            method: Method::POST,
            path_and_query: path,
            body,
            is_creating: false,
            is_absence_right: false,
        })
    }

    /// Marks a call that makes something: if one host may have made it, the other's refusal does not
    /// mean that it is not there.
    pub(super) fn creating(self) -> Self {
        Self {
            is_creating: true,
            ..self
        }
    }

    /// Says whether "there is none" is the answer of a WeChat Pay that is as it should be.
    pub(super) fn where_absence_is_right(self, is_absence_right: bool) -> Self {
        Self {
            is_absence_right,
            ..self
        }
    }

    /// Whether an error is no failure of this call.
    pub(super) fn is_right(&self, error: &PayError) -> bool {
        self.is_absence_right && error.is_not_found()
    }
}

/// What one call brought back, and why an earlier host leaves it in doubt.
struct Brought {
    answer: Answer,
    doubt: Option<UnknownReason>,
}

impl Client {
    /// At most one download of certificates for unknown names in this time.
    pub(super) const REFRESH_GAP: TimeDelta = TimeDelta::minutes(1);

    /// A client for `merchant`. It knows the public key, if there is one, and no certificate yet:
    /// [`Client::refresh_platform_keys`] downloads them, and so does the first answer that needs one.
    pub fn new(upstream: Upstream, merchant: Merchant, clock: Clock, entropy: Entropy) -> Self {
        let ring = KeyRing::new(merchant.public_key.clone());
        Self(Arc::new(Inner {
            upstream,
            merchant,
            clock,
            entropy,
            ring,
            opening: Opening::default(),
            standing: Standing::default(),
            refresh_gate: Mutex::new(None),
        }))
    }

    /// The merchant.
    pub fn merchant(&self) -> &Merchant {
        &self.0.merchant
    }

    /// The keys that are believed, for the health page.
    pub fn keys(&self) -> Vec<KeyStatus> {
        self.0.ring.status(self.now())
    }

    /// Checks a notification with the keys that are known; does no I/O.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn verify<'a>(
        &self,
        message: &SignedMessage<'a>,
        now: DateTime<Utc>,
    ) -> Result<Verified<&'a [u8]>, Refusal> {
        self.0.ring.verify(message, now)
    }

    /// Checks a notification or an answer as of `now`; a key that is not known is looked for once, within
    /// [`Client::refresh_if_unknown`]'s bound.
    ///
    /// # Errors
    /// The first check that fails.
    pub async fn verify_refreshing<'a>(
        &self,
        message: &SignedMessage<'a>,
        now: DateTime<Utc>,
    ) -> Result<Verified<&'a [u8]>, Refusal> {
        match self.verify(message, now) {
            Err(Refusal::UnknownSerial) if self.refresh_if_unknown(message.serial()).await => {
                self.verify(message, now)
            }
            verdict => verdict,
        }
    }

    /// Decrypts and reads a verified notification.
    ///
    /// # Errors
    /// When it is not JSON, does not open, or calls itself a payment and is none.
    pub fn open(&self, body: Verified<&[u8]>) -> Result<Verified<Notification>, Refusal> {
        let opened = notification::decrypt(&self.0.merchant.resource_key, body);
        match &opened {
            Ok(_) => self.0.opening.note(true),
            Err(Refusal::DecryptFailed) => self.0.opening.note(false),
            Err(_) => {}
        }
        opened?.read()
    }

    /// Whether the `APIv3` key opens what comes, for the health page.
    pub fn opening(&self) -> &Opening {
        &self.0.opening
    }

    /// What WeChat Pay refuses for the settings, and which answers are not believed: the API, the last trouble and its
    /// time, the newest first; nothing once it works.
    pub fn troubles(&self) -> Vec<(&'static str, Trouble, DateTime<Utc>)> {
        self.0.standing.troubles()
    }

    pub(super) fn standing(&self) -> &Standing {
        &self.0.standing
    }

    pub(super) fn upstream(&self) -> &Upstream {
        &self.0.upstream
    }

    pub(super) fn ring(&self) -> &KeyRing {
        &self.0.ring
    }

    pub(super) fn refresh_gate(&self) -> &Mutex<Option<DateTime<Utc>>> {
        &self.0.refresh_gate
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.0.clock.now()
    }

    pub(super) fn nonce(&self) -> Result<String, NotReached> {
        Ok(self.0.entropy.token()?)
    }

    /// Sends a call and believes its answer only after verifying it. Whoever follows learns how it ended.
    pub(super) async fn exchange(&self, call: &Call) -> Result<Answer, PayError> {
        let result = self.exchange_unfollowed(call).await;
        trail::note(call.api, result.as_ref().map(Answer::request_id));
        self.0.standing.note(call.api, result.as_ref().err(), self.now());
        result
    }

    async fn exchange_unfollowed(&self, call: &Call) -> Result<Answer, PayError> {
        let answer = self
            .send_signed(call)
            .await
            .map_err(|error| error.logged(call.api))?;
        let verdict = match answer.signed() {
            Ok(message) => self.verify_refreshing(&message, self.now()).await.map(drop),
            Err(refusal) => Err(refusal),
        };
        match verdict {
            Ok(()) => {
                count(call.api, Outcome::Ok);
                Ok(answer)
            }
            Err(refusal) => {
                count(call.api, Outcome::Untrusted);
                Err(answer
                    .unknown(UnknownReason::BadSignature(refusal))
                    .logged(call.api))
            }
        }
    }

    /// Signs and sends a call. Gives the answer of a success, not verified yet.
    pub(super) async fn send_signed(&self, call: &Call) -> Result<Answer, PayError> {
        let Brought { answer, doubt } = self.send_to_hosts(call).await?;
        if matches!(answer.status, 200 | 204) {
            return Ok(answer);
        }
        let (error, outcome) = answer.failure();
        count(
            call.api,
            if call.is_right(&error) {
                Outcome::Ok
            } else {
                outcome
            },
        );
        match error {
            PayError::Definite { code, request_id, .. } if call.is_creating && doubt.is_some() => {
                Err(PayError::Unknown {
                    reason: UnknownReason::RefusedAfterUnclear { code },
                    request_id,
                })
            }
            error => Err(error),
        }
    }

    async fn send_to_hosts(&self, call: &Call) -> Result<Brought, PayError> {
        let Inner {
            upstream, merchant, ..
        } = &*self.0;
        let started = Instant::now();
        let headers = self.headers(call)?;
        let mut doubt = None;
        let mut failure = None;
        let last = merchant.backup_base_url.as_ref().unwrap_or(&merchant.base_url);
        for host in merchant.hosts() {
            let mut request = Request::new(call.method.clone(), call.url(host)?);
            request.headers_mut().clone_from(&headers);
            if !call.body.is_empty() {
                *request.body_mut() = Some(call.body.clone().into());
            }
            let time_left = upstream.total_timeout().saturating_sub(started.elapsed());
            match upstream.send(call.api, request, time_left).await {
                Ok(answer) if matches!(answer.status, 502 | 503) && host != last => {
                    let http_status = answer.status;
                    count(call.api, Outcome::Unavailable);
                    tracing::warn!(
                        api = call.api,
                        http_status,
                        "WeChat Pay's first host is unavailable"
                    );
                    doubt = doubt.or(Some(UnknownReason::Unavailable { http_status }));
                }
                Ok(answer) => return Ok(Brought { answer, doubt }),
                Err(error) => {
                    let reason = unclear(&error);
                    let is_final = matches!(reason, Some(UnknownReason::Timeout | UnknownReason::TooLong));
                    doubt = doubt.or(reason);
                    failure = Some(error);
                    if is_final {
                        break;
                    }
                }
            }
        }
        Err(match (doubt, failure) {
            (Some(reason), _) => PayError::Unknown {
                reason,
                request_id: None,
            },
            (None, Some(error)) => NotReached::Network(error).into(),
            (None, None) => NotReached::Request.into(),
        })
    }

    /// Signs and sends a call to this one of the merchant's hosts, and gives its answer to be read
    /// piece by piece. Such an answer carries no signature.
    pub(super) async fn open_download(&self, call: &Call, host: &url::Url) -> Result<Incoming, PayError> {
        let mut request = Request::new(call.method.clone(), call.url(host)?);
        *request.headers_mut() = self.headers(call)?;
        let opened = self.0.upstream.open(call.api, request).await;
        let error = match opened {
            Ok(Ok(incoming)) => {
                count(call.api, Outcome::Ok);
                return Ok(incoming);
            }
            Ok(Err(answer)) => {
                let (error, outcome) = answer.failure();
                count(call.api, outcome);
                error
            }
            Err(error) => NotReached::Network(error).into(),
        };
        Err(error.logged(call.api))
    }

    pub(super) fn headers(&self, call: &Call) -> Result<HeaderMap, NotReached> {
        let merchant = &self.0.merchant;
        let nonce = self.nonce()?;
        let authorization = merchant.authorization(&RequestToSign {
            method: call.method.as_str(),
            path_and_query: &call.url(&merchant.base_url)?[Position::BeforePath..Position::AfterQuery],
            timestamp: self.now().timestamp(),
            nonce: &nonce,
            body: &call.body,
        })?;
        let mut authorization = HeaderValue::try_from(authorization).map_err(|_| NotReached::Request)?;
        authorization.set_sensitive(true);
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(AUTHORIZATION, authorization);
        if call.method == Method::POST {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(serial) = &merchant.public_key_header {
            headers.insert("wechatpay-serial", serial.clone());
        }
        Ok(headers)
    }
}

impl Call {
    pub(super) fn url(&self, host: &url::Url) -> Result<url::Url, NotReached> {
        host.join(&self.path_and_query).map_err(|_| NotReached::Request)
    }
}

/// Why an error of the network leaves the outcome in doubt; `None` if nothing arrived.
pub(super) fn unclear(error: &Error) -> Option<UnknownReason> {
    match error {
        Error::TooLong { .. } => Some(UnknownReason::TooLong),
        Error::Transport {
            may_have_arrived: false,
            ..
        } => None,
        Error::Transport { is_timeout: true, .. } | Error::Stalled => Some(UnknownReason::Timeout),
        Error::Transport { .. } => Some(UnknownReason::ConnectionLost),
    }
}

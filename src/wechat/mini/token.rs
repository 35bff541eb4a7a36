//! Fetching an access token. Source: access-token notes, sections 1 and 2.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request};
use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::Zeroize as _;

use super::answer::{BUSY, RETRY_GAPS, is_foreign, refusal, rid};
use crate::domain::access_token::Issuer;
use crate::domain::name::AppId;
use crate::wechat::error::Error;
use crate::wechat::secret::{AccessToken, AppSecret};
use crate::wechat::send::{Answer, Outcome, Upstream, count};
use crate::wechat::wire::Text;

/// The longest that one fetch may take, repeats included.
pub const FETCH_TIME_MAX: Duration = Duration::from_secs(4);
/// The longest life of a token that is believed, in seconds. WeChat says 7,200 at most.
const EXPIRES_IN_MAX_S: i64 = 86_400;
/// The server's address is not among those the operator has allowed.
const ADDRESS_NOT_ALLOWED: i64 = 40_164;

/// A token as WeChat gave it.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The token.
    pub token: AccessToken,
    /// How long it lives from when it was asked for, in seconds: 1 to 86,400.
    pub expires_in_s: i64,
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// WeChat's number says why.
    #[error("WeChat gives no access token ({errcode})")]
    Refused {
        /// WeChat's number.
        errcode: i64,
        /// The address of this server that WeChat saw, if that is the trouble.
        address: Option<String>,
    },
    /// Broken, out of reach, or an answer that cannot be read.
    #[error("WeChat is unavailable")]
    Unavailable,
    /// No answer in time.
    #[error("WeChat did not answer in time")]
    Timeout,
}

#[derive(Serialize)]
struct StableRequest<'a> {
    grant_type: &'static str,
    appid: &'a str,
    secret: &'a str,
    force_refresh: bool,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    access_token: Text<'a>,
    expires_in: i64,
}

/// Asks an issuer at `base` for the token of a mini program. With `is_forced` the stable one gives another
/// one and lets the one before die; the plain one does so each time.
///
/// A try that had no effect ("busy", or no connection) is repeated, within [`FETCH_TIME_MAX`] in all.
///
/// # Errors
/// See [`FetchError`]. Each is logged with WeChat's number and request id, and counted.
pub async fn fetch(
    upstream: &Upstream,
    base: &Url,
    (app_id, secret): (&AppId, &AppSecret),
    issuer: Issuer,
    is_forced: bool,
) -> Result<Fetched, FetchError> {
    let time_max = FETCH_TIME_MAX.min(upstream.total_timeout());
    let started = Instant::now();
    let mut gaps = RETRY_GAPS.into_iter();
    loop {
        let request = request(base, (app_id, secret), issuer, is_forced)?;
        let time_left = time_max.saturating_sub(started.elapsed());
        let (error, is_without_effect) = match upstream.send(issuer.as_str(), request, time_left).await {
            Ok(answer) => match read(issuer.as_str(), answer) {
                Ok(fetched) => return Ok(fetched),
                Err(error) => {
                    let is_busy = matches!(error, FetchError::Refused { errcode: BUSY, .. });
                    (error, is_busy)
                }
            },
            Err(error) => (unreached(&error), !error.may_have_arrived()),
        };
        match gaps.next() {
            Some(gap) if is_without_effect && started.elapsed() + gap < time_max => {
                tokio::time::sleep(gap).await;
            }
            Some(_) | None => return Err(error),
        }
    }
}

fn request(
    base: &Url,
    (app_id, secret): (&AppId, &AppSecret),
    issuer: Issuer,
    is_forced: bool,
) -> Result<Request, FetchError> {
    let mut url = base.clone();
    match issuer {
        Issuer::Plain => {
            url.set_path("/cgi-bin/token");
            url.query_pairs_mut()
                .append_pair("grant_type", "client_credential")
                .append_pair("appid", app_id.as_str())
                .append_pair("secret", secret.expose());
            Ok(Request::new(Method::GET, url))
        }
        Issuer::Stable => {
            url.set_path("/cgi-bin/stable_token");
            let body = serde_json::to_vec(&StableRequest {
                grant_type: "client_credential",
                appid: app_id.as_str(),
                secret: secret.expose(),
                force_refresh: is_forced,
            })
            .map_err(|_| FetchError::Unavailable)?;
            let mut request = Request::new(Method::POST, url);
            request
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(body.into());
            Ok(request)
        }
    }
}

fn unreached(error: &Error) -> FetchError {
    if error.is_timeout() {
        FetchError::Timeout
    } else {
        FetchError::Unavailable
    }
}

fn read(api: &'static str, mut answer: Answer) -> Result<Fetched, FetchError> {
    let read = read_body(api, &answer);
    // The body holds the token.
    answer.body.zeroize();
    read
}

fn read_body(api: &'static str, answer: &Answer) -> Result<Fetched, FetchError> {
    if let Some(refusal) = refusal(&answer.body) {
        let errcode = refusal.errcode;
        let (outcome, rid) = (outcome(errcode), rid(&refusal.errmsg));
        let address = (errcode == ADDRESS_NOT_ALLOWED)
            .then(|| address(&refusal.errmsg))
            .flatten();
        count(api, outcome);
        tracing::warn!(api, errcode, rid, address, "WeChat gives no access token");
        return Err(FetchError::Refused { errcode, address });
    }
    let wire = serde_json::from_slice::<Wire<'_>>(&answer.body)
        .ok()
        .filter(|wire| !is_foreign(answer) && (1..=EXPIRES_IN_MAX_S).contains(&wire.expires_in))
        .and_then(|wire| {
            Some((
                AccessToken::parse(wire.access_token.as_str()).ok()?,
                wire.expires_in,
            ))
        });
    let Some((token, expires_in_s)) = wire else {
        count(api, Outcome::Unavailable);
        let http_status = answer.status;
        tracing::warn!(api, http_status, "WeChat did not answer with what it promises");
        return Err(FetchError::Unavailable);
    };
    count(api, Outcome::Ok);
    Ok(Fetched { token, expires_in_s })
}

fn outcome(errcode: i64) -> Outcome {
    match errcode {
        BUSY => Outcome::Unavailable,
        45_009 | 45_011 => Outcome::RateLimited,
        _ => Outcome::Refused,
    }
}

/// The address of this server in the text of a refusal, such as `invalid ip 203.0.113.9 ipv6
/// ::ffff:203.0.113.9, not in whitelist`.
fn address(errmsg: &str) -> Option<String> {
    errmsg
        .split(|letter: char| letter.is_whitespace() || letter == ',')
        .find_map(|word| word.parse::<IpAddr>().ok())
        .map(|address| address.to_canonical().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_that_wechat_saw_is_read_from_its_text() {
        for (errmsg, found) in [
            (
                "invalid ip 203.0.113.9 ipv6 ::ffff:203.0.113.9, not in whitelist, rid: 65a1",
                Some("203.0.113.9"),
            ),
            (
                "invalid ip ::ffff:203.0.113.9, not in whitelist",
                Some("203.0.113.9"),
            ),
            ("invalid ip 2001:db8::9, not in whitelist", Some("2001:db8::9")),
            ("invalid ip, not in whitelist", None),
        ] {
            assert_eq!(address(errmsg).as_deref(), found, "{errmsg}");
        }
    }
}

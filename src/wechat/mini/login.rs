//! `code2session`: a login code becomes an openid and a session key.
//!
//! A code works once. It is sent again only after WeChat said "busy" or when no connection came to
//! be, never when WeChat may have taken it. Source: login notes, section 2.

use std::time::Instant;

use reqwest::{Method, Request};
use serde::Deserialize;
use url::Url;
use zeroize::Zeroize as _;

use super::answer::{BUSY, RETRY_GAPS, rid};
use crate::domain::name::{AppId, LoginCode, OpenId, UnionId};
use crate::wechat::error::Error;
use crate::wechat::secret::{AppSecret, SessionKey};
use crate::wechat::send::{Answer, Outcome, Upstream, count};
use crate::wechat::wire::{Text, loose};

const API: &str = "code2session";

/// Who logged in.
#[derive(Clone, Debug)]
pub struct Session {
    /// The person, within this mini program.
    pub openid: OpenId,
    /// The key of what this login encrypts and signs.
    pub session_key: SessionKey,
    /// The person across the apps of one Open Platform account; absent if there is none.
    pub unionid: Option<UnionId>,
}

/// Why there is no session. The numbers are WeChat's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// The code is wrong, used or too old (40029, 40163, 42003): the page must ask for a new one.
    #[error("WeChat does not take the login code ({errcode})")]
    CodeInvalid {
        /// WeChat's number.
        errcode: i64,
    },
    /// WeChat blocks this person (40226, 50002).
    #[error("WeChat blocks the login ({errcode})")]
    Blocked {
        /// WeChat's number.
        errcode: i64,
    },
    /// Too many logins in this minute (45011).
    #[error("WeChat limits logins ({errcode})")]
    RateLimited {
        /// WeChat's number.
        errcode: i64,
    },
    /// Busy (-1), and nothing was consumed.
    #[error("WeChat is busy ({errcode})")]
    Busy {
        /// WeChat's number.
        errcode: i64,
    },
    /// Broken or out of reach.
    #[error("WeChat is unavailable")]
    Unavailable,
    /// No answer in time; the code may be consumed.
    #[error("WeChat did not answer in time")]
    Timeout,
    /// Anything else WeChat says: wrong app id or secret, frozen account, unknown numbers.
    #[error("WeChat rejects the call ({errcode})")]
    Rejected {
        /// WeChat's number.
        errcode: i64,
    },
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(default, deserialize_with = "loose")]
    errcode: i64,
    #[serde(borrow)]
    errmsg: Option<Text<'a>>,
    #[serde(borrow)]
    openid: Option<Text<'a>>,
    #[serde(borrow)]
    session_key: Option<Text<'a>>,
    #[serde(borrow)]
    unionid: Option<Text<'a>>,
}

/// What one round says.
enum Round {
    Done(Result<Session, LoginError>),
    /// Nothing was consumed: the code may be sent again.
    Again(LoginError),
}

/// Trades `code` for a session at `base` (an origin, such as `https://api.weixin.qq.com`).
///
/// Takes at most the sender's total time, repeats included. Logs WeChat's number and request id of
/// every failure.
///
/// # Errors
/// See [`LoginError`].
pub async fn code2session(
    upstream: &Upstream,
    base: &Url,
    app_id: &AppId,
    secret: &AppSecret,
    code: &LoginCode,
) -> Result<Session, LoginError> {
    let mut url = base.clone();
    url.set_path("/sns/jscode2session");
    url.query_pairs_mut()
        .append_pair("appid", app_id.as_str())
        .append_pair("secret", secret.expose())
        .append_pair("js_code", code.as_str())
        .append_pair("grant_type", "authorization_code");
    let started = Instant::now();
    let mut gaps = RETRY_GAPS.into_iter();
    loop {
        let time_left = upstream.total_timeout().saturating_sub(started.elapsed());
        let request = Request::new(Method::GET, url.clone());
        let error = match upstream.send(API, request, time_left).await {
            Ok(answer) => match read(answer) {
                Round::Done(result) => return result,
                Round::Again(error) => error,
            },
            Err(error) => match unreached(&error) {
                Round::Done(result) => return result,
                Round::Again(error) => error,
            },
        };
        match gaps.next() {
            Some(gap) if started.elapsed() + gap < upstream.total_timeout() => tokio::time::sleep(gap).await,
            Some(_) | None => return Err(error),
        }
    }
}

fn unreached(error: &Error) -> Round {
    let kind = if error.is_timeout() {
        LoginError::Timeout
    } else {
        LoginError::Unavailable
    };
    if error.may_have_arrived() {
        Round::Done(Err(kind))
    } else {
        Round::Again(kind)
    }
}

fn read(mut answer: Answer) -> Round {
    let round = read_body(answer.status, &answer.body);
    // The body holds the session key.
    answer.body.zeroize();
    round
}

fn read_body(status: u16, body: &[u8]) -> Round {
    // WeChat calls its JSON `text/plain`, so the content type tells nothing.
    let wire = match serde_json::from_slice::<Wire<'_>>(body) {
        Ok(wire) if status < 500 => wire,
        Ok(_) | Err(_) => {
            count(API, Outcome::Unavailable);
            tracing::warn!(
                api = API,
                http_status = status,
                "WeChat did not answer with what it promises"
            );
            return Round::Done(Err(LoginError::Unavailable));
        }
    };
    if wire.errcode != 0 {
        return refusal(wire.errcode, wire.errmsg.as_ref().map_or("", Text::as_str));
    }
    if let Some(session) = session(&wire) {
        count(API, Outcome::Ok);
        Round::Done(Ok(session))
    } else {
        count(API, Outcome::Unavailable);
        tracing::error!(
            api = API,
            http_status = status,
            "WeChat reports success without openid or session key"
        );
        Round::Done(Err(LoginError::Unavailable))
    }
}

fn session(wire: &Wire<'_>) -> Option<Session> {
    let openid = OpenId::parse(wire.openid.as_ref()?.as_str()).ok()?;
    let session_key = SessionKey::parse(wire.session_key.as_ref()?.as_str()).ok()?;
    let unionid = wire
        .unionid
        .as_ref()
        .and_then(|text| UnionId::parse(text.as_str()).ok());
    Some(Session {
        openid,
        session_key,
        unionid,
    })
}

fn refusal(errcode: i64, errmsg: &str) -> Round {
    let rid = rid(errmsg);
    let (error, outcome) = match errcode {
        40_029 | 40_163 | 42_003 => (LoginError::CodeInvalid { errcode }, Outcome::Refused),
        40_226 | 50_002 => (LoginError::Blocked { errcode }, Outcome::Refused),
        45_011 => (LoginError::RateLimited { errcode }, Outcome::RateLimited),
        BUSY => (LoginError::Busy { errcode }, Outcome::Unavailable),
        _ => (LoginError::Rejected { errcode }, Outcome::Refused),
    };
    count(API, outcome);
    if matches!(error, LoginError::Rejected { .. }) {
        tracing::error!(api = API, errcode, rid, "{error}");
    } else {
        tracing::warn!(api = API, errcode, rid, "{error}");
    }
    if errcode == BUSY {
        Round::Again(error)
    } else {
        Round::Done(Err(error))
    }
}

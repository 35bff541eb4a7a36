//! Calls of any API of the mini program on behalf of another service of the owner: everything but the token is the
//! caller's, the answer is handed on as it comes.
//!
//! Source: mini-program API notes; access-token notes, sections 1 and 5.

use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request};
use url::{Url, form_urlencoded};

use super::answer::refusal;
use super::api::ApiError;
use crate::wechat::secret::AccessToken;
use crate::wechat::send::{Incoming, Outcome, Upstream, count};

const API: &str = "free_call";
/// The longest wait for the head of an answer.
const HEAD_TIME_MAX: Duration = Duration::from_secs(15);
/// The longest that a call may take, answer included.
const TIME_MAX: Duration = Duration::from_mins(1);
/// The longest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;
/// A JSON answer up to this long, in bytes, is looked at before it is handed on. A refusal is far shorter.
const LOOKED_AT_MAX: usize = 64 * 1024;
/// The longest path, in characters.
const PATH_CHARS_MAX: usize = 200;

/// Paths whose answers hold a token, a session key or a key of another cloud, or which are called with the app secret:
/// these stay with this server. One that ends in a slash means all below it.
const KEPT: [&str; 8] = [
    "cgi-bin/token",
    "cgi-bin/stable_token",
    "cgi-bin/clear_quota/v2",
    "cgi-bin/component/",
    // Tells whole requests that failed, of which some hold the app secret.
    "cgi-bin/openapi/rid/get",
    "sns/",
    "tcb/getqcloudtoken",
    "wxa/resetusersessionkey",
];

/// Why a path is not called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Not segments of letters, digits, `_`, `-` and `.` between single slashes, none of them only dots.
    #[error("1 to {PATH_CHARS_MAX} letters, digits, `_`, `-`, `.`, in parts between single slashes")]
    Malformed,
    /// Its answer would hold a secret.
    #[error("what this path hands out stays with this server")]
    Kept,
}

/// A path of the API, without the slash in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiPath(String);

impl ApiPath {
    /// Takes a path that can be nothing else when it arrives: no escapes, no empty part, no dots alone.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let is_part = |part: &str| {
            !part.is_empty()
                && part.bytes().any(|byte| byte != b'.')
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        };
        if text.len() > PATH_CHARS_MAX || !text.split('/').all(is_part) {
            return Err(PathError::Malformed);
        }
        let folded = text.to_ascii_lowercase();
        let is_kept = KEPT.iter().any(|kept| match kept.strip_suffix('/') {
            Some(above) => folded == above || folded.starts_with(kept),
            None => folded == *kept,
        });
        if is_kept {
            Err(PathError::Kept)
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The method of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiMethod(Method);

impl ApiMethod {
    /// One of those that carry a request to an API.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ]
        .into_iter()
        .find(|method| method.as_str() == text)
        .map(Self)
    }
}

/// The query of a call brings a token of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the access token is put in by this server")]
pub struct OwnToken;

/// The query of a call, as it came but for the parameters that are for this server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiQuery(String);

impl ApiQuery {
    /// Takes a query string and leaves out the parameter `without`, however it is written.
    pub fn parse(text: &str, without: &str) -> Result<Self, OwnToken> {
        let mut kept: Vec<&str> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let name = form_urlencoded::parse(pair.as_bytes()).next();
            let name = name.map(|(name, _)| name.trim().to_ascii_lowercase());
            match name.as_deref() {
                Some("access_token") => return Err(OwnToken),
                Some(name) if name == without => {}
                Some(_) | None => kept.push(pair),
            }
        }
        Ok(Self(kept.join("&")))
    }
}

/// A call, without its token.
#[derive(Clone, Debug)]
pub struct FreeCall {
    /// How.
    pub method: ApiMethod,
    /// Which API.
    pub path: ApiPath,
    /// With which parameters.
    pub query: ApiQuery,
    /// What the body is.
    pub content_type: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl FreeCall {
    fn request(&self, base: &Url, token: &AccessToken) -> Request {
        let mut url = base.clone();
        url.set_path(self.path.as_str());
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("access_token", token.expose());
        let mut query = query.finish();
        if !self.query.0.is_empty() {
            query.push('&');
            query.push_str(&self.query.0);
        }
        url.set_query(Some(&query));
        let mut request = Request::new(self.method.0.clone(), url);
        let content_type = self.content_type.as_deref().map(HeaderValue::from_str);
        if let Some(Ok(content_type)) = content_type {
            request.headers_mut().insert(CONTENT_TYPE, content_type);
        }
        if !self.body.is_empty() {
            *request.body_mut() = Some(self.body.clone().into());
        }
        request
    }
}

/// An answer on its way: its head, what was looked at of it, and the rest to come.
#[derive(Debug)]
pub struct FreeAnswer {
    /// WeChat's status.
    pub status: u16,
    /// What the answer is.
    pub content_type: Option<String>,
    /// How a file is to be named.
    pub content_disposition: Option<String>,
    /// WeChat's number, if the answer is a refusal.
    pub errcode: Option<i64>,
    looked_at: Option<Vec<u8>>,
    rest: Option<Incoming>,
    bytes_left: usize,
}

impl FreeAnswer {
    /// The next piece; nothing after the last.
    ///
    /// # Errors
    /// When the answer breaks off, stands still or is longer than 32 MiB.
    pub async fn chunk(&mut self) -> Result<Option<Vec<u8>>, ApiError> {
        if let Some(looked_at) = self.looked_at.take().filter(|piece| !piece.is_empty()) {
            return Ok(Some(looked_at));
        }
        let Some(rest) = &mut self.rest else {
            return Ok(None);
        };
        let piece = rest.chunk().await.map_err(|error| {
            tracing::warn!(api = API, "{error}");
            ApiError::of(&error)
        })?;
        let length = piece.as_ref().map_or(0, Vec::len);
        self.bytes_left = self.bytes_left.checked_sub(length).ok_or_else(|| {
            tracing::warn!(api = API, "the answer is longer than {ANSWER_BYTES_MAX} bytes");
            ApiError::Unavailable
        })?;
        Ok(piece)
    }
}

/// Makes the call at `base` with this token, and gives its answer as soon as it is clear whether it is a refusal.
///
/// # Errors
/// When there is no answer. Whatever WeChat answers is none.
pub async fn send_free(
    upstream: &Upstream,
    base: &Url,
    token: &AccessToken,
    call: &FreeCall,
) -> Result<FreeAnswer, ApiError> {
    let head_time_max = HEAD_TIME_MAX.min(upstream.total_timeout().saturating_mul(3));
    let bounds = (head_time_max, TIME_MAX);
    let incoming = upstream
        .begin(API, call.request(base, token), bounds)
        .await
        .map_err(|error| ApiError::of(&error))?;
    let is_long = |length: u64| usize::try_from(length).is_ok_and(|length| length <= ANSWER_BYTES_MAX);
    if !incoming.length().is_none_or(is_long) {
        count(API, Outcome::Unavailable);
        tracing::warn!(api = API, "the answer is longer than {ANSWER_BYTES_MAX} bytes");
        return Err(ApiError::Unavailable);
    }
    let mut answer = FreeAnswer {
        status: incoming.status(),
        content_type: incoming.header(&CONTENT_TYPE).map(str::to_owned),
        content_disposition: incoming.header(&CONTENT_DISPOSITION).map(str::to_owned),
        errcode: None,
        looked_at: None,
        rest: Some(incoming),
        bytes_left: ANSWER_BYTES_MAX,
    };
    look(&mut answer).await?;
    let outcome = match answer.errcode {
        Some(45_009 | 45_011) => Outcome::RateLimited,
        Some(_) => Outcome::Refused,
        None if answer.status >= 500 => Outcome::Unavailable,
        None => Outcome::Ok,
    };
    count(API, outcome);
    Ok(answer)
}

/// Reads on for as long as the answer may be a refusal.
async fn look(answer: &mut FreeAnswer) -> Result<(), ApiError> {
    let started = Instant::now();
    let mut looked_at: Vec<u8> = Vec::new();
    loop {
        let begins_as_object = looked_at
            .trim_ascii_start()
            .first()
            .is_none_or(|first| *first == b'{');
        if !begins_as_object || looked_at.len() > LOOKED_AT_MAX || started.elapsed() > HEAD_TIME_MAX {
            break;
        }
        let Some(piece) = answer.chunk().await? else {
            answer.rest = None;
            answer.errcode = refusal(&looked_at).map(|refusal| refusal.errcode);
            break;
        };
        looked_at.extend_from_slice(&piece);
    }
    answer.looked_at = Some(looked_at);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_where_it_says_and_nowhere_else() {
        for path in [
            "wxa/getwxacodeunlimit",
            "cgi-bin/openapi/quota/get",
            "wxa/sec/order/x.y",
            "a",
        ] {
            assert_eq!(ApiPath::parse(path).unwrap().as_str(), path);
        }
        let long = "a".repeat(201);
        for path in [
            "",
            "/",
            "/wxa/a",
            "wxa/a/",
            "wxa//a",
            "..",
            "wxa/../cgi-bin/token",
            "wxa/./a",
            "wxa/.../a",
            "wxa/%2e%2e/a",
            "wxa/a?b",
            "wxa/a#b",
            "wxa\\a",
            "//host/a",
            "http://host/a",
            "@host/a",
            "wxa/a b",
            "wxa/\u{e9}",
            "wxa;a/b",
            &long,
        ] {
            assert_eq!(ApiPath::parse(path), Err(PathError::Malformed), "{path}");
        }
        for path in [
            "cgi-bin/token",
            "cgi-bin/stable_token",
            "CGI-BIN/Token",
            "sns",
            "sns/jscode2session",
            "sns/oauth2/access_token",
            "cgi-bin/clear_quota/v2",
            "cgi-bin/component/api_component_token",
            "wxa/resetusersessionkey",
            "tcb/getqcloudtoken",
        ] {
            assert_eq!(ApiPath::parse(path), Err(PathError::Kept), "{path}");
        }
        assert!(ApiPath::parse("cgi-bin/tokens").is_ok() && ApiPath::parse("snsx/a").is_ok());
    }

    #[test]
    fn a_query_stays_as_it_is_but_for_what_is_for_this_server() {
        for (text, kept) in [
            ("", ""),
            ("app_id=wx1", ""),
            ("b=2%203&app_id=wx1&a=%E4%BD%A0&c", "b=2%203&a=%E4%BD%A0&c"),
            ("app%5Fid=wx1&appid=wx2", "appid=wx2"),
        ] {
            assert_eq!(
                ApiQuery::parse(text, "app_id"),
                Ok(ApiQuery(kept.to_owned())),
                "{text}"
            );
        }
        for text in [
            "access_token=x",
            "a=1&access%5Ftoken=x",
            "ACCESS_TOKEN",
            "+access_token=x",
        ] {
            assert_eq!(ApiQuery::parse(text, "app_id"), Err(OwnToken), "{text}");
        }
    }

    #[test]
    fn the_token_is_put_in_and_the_host_stays() {
        let call = FreeCall {
            method: ApiMethod::parse("POST").unwrap(),
            path: ApiPath::parse("wxa/a").unwrap(),
            query: ApiQuery::parse("b=2%203", "app_id").unwrap(),
            content_type: Some("text/xml".to_owned()),
            body: b"<a/>".to_vec(),
        };
        let base = Url::parse("https://api.weixin.qq.com").unwrap();
        let request = call.request(&base, &AccessToken::parse("61_a+b/c=").unwrap());
        let wanted = "https://api.weixin.qq.com/wxa/a?access_token=61_a%2Bb%2Fc%3D&b=2%203";
        assert_eq!(request.url().as_str(), wanted);
        assert_eq!(request.headers()[CONTENT_TYPE], "text/xml");
        assert!(ApiMethod::parse("TRACE").is_none() && ApiMethod::parse("get").is_none());
    }
}

//! `generatescheme`, `generate_urllink` and `genwxashortlink`: links into the mini program. Source: mini-program APIs,
//! section 2.

use serde::{Deserialize, Serialize};

use super::api::{ApiCall, ApiError, ApiReply};
use crate::domain::link::{Destination, LIFE_MAX_DAYS, Life, Link};
use crate::domain::wxacode::EnvVersion;

/// The longest link that is believed, in bytes.
const LINK_BYTES_MAX: usize = 2_048;

#[derive(Serialize)]
struct Target<'a> {
    path: &'a str,
    query: &'a str,
    env_version: &'static str,
}

impl<'a> Target<'a> {
    fn of(destination: &'a Destination, env_version: EnvVersion) -> Self {
        Self {
            path: destination.path.as_str(),
            query: destination.query.as_str(),
            env_version: env_version.as_str(),
        }
    }
}

/// Type 0 is a time, type 1 a number of days.
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are WeChat's")]
struct Expiry {
    expire_type: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    expire_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expire_interval: Option<i64>,
}

impl Expiry {
    fn of(life: Life) -> Self {
        match life {
            Life::Longest => Self {
                expire_type: 1,
                expire_time: None,
                expire_interval: Some(LIFE_MAX_DAYS),
            },
            Life::Until(end) => Self {
                expire_type: 0,
                expire_time: Some(end.timestamp()),
                expire_interval: None,
            },
        }
    }
}

#[derive(Serialize)]
struct SchemeRequest<'a> {
    jump_wxa: Target<'a>,
    /// Missing from the newest documentation, and in all its examples.
    is_expire: bool,
    #[serde(flatten)]
    expiry: Expiry,
}

#[derive(Serialize)]
struct UrlLinkRequest<'a> {
    #[serde(flatten)]
    target: Target<'a>,
    #[serde(flatten)]
    expiry: Expiry,
}

#[derive(Serialize)]
struct ShortLinkRequest<'a> {
    page_url: &'a str,
    is_permanent: bool,
}

/// The call for a link. One too many harms nobody, so that it may be made again after "busy".
///
/// # Errors
/// When its body cannot be written as JSON.
pub fn call(link: &Link) -> Result<ApiCall, serde_json::Error> {
    let call = match link {
        Link::Scheme(destination, env_version, life) => {
            let request = SchemeRequest {
                jump_wxa: Target::of(destination, *env_version),
                is_expire: true,
                expiry: Expiry::of(*life),
            };
            ApiCall::post("generatescheme", "/wxa/generatescheme", &request)?
        }
        Link::UrlLink(destination, env_version, life) => {
            let request = UrlLinkRequest {
                target: Target::of(destination, *env_version),
                expiry: Expiry::of(*life),
            };
            ApiCall::post("generate_urllink", "/wxa/generate_urllink", &request)?
        }
        Link::ShortLink(page_url) => {
            let request = ShortLinkRequest {
                page_url: page_url.as_str(),
                is_permanent: false,
            };
            ApiCall::post("genwxashortlink", "/wxa/genwxashortlink", &request)?
        }
    };
    Ok(call.repeatable())
}

/// Each kind under its own name.
#[derive(Deserialize)]
struct Wire {
    openlink: Option<String>,
    url_link: Option<String>,
    link: Option<String>,
}

/// The link in an answer.
///
/// # Errors
/// [`ApiError::Unavailable`] when there is none.
pub fn read(link: &Link, reply: &ApiReply) -> Result<String, ApiError> {
    let wire: Wire = reply.json()?;
    let url = match link {
        Link::Scheme(..) => wire.openlink,
        Link::UrlLink(..) => wire.url_link,
        Link::ShortLink(_) => wire.link,
    };
    url.filter(|url| (1..=LINK_BYTES_MAX).contains(&url.len()))
        .ok_or(ApiError::Unavailable)
}

//! The mini-program side of `api.weixin.qq.com`: login codes, access tokens,
//! phone numbers, cloudIDs, cloud functions, content checks, code images and links.
//!
//! Errors come with HTTP 200 and an `errcode`, as the real host's do.

pub(super) mod answer;
pub(super) mod cloud_function;
pub(super) mod content_check;
pub(super) mod echo;
pub(super) mod link;
pub(super) mod login;
pub(super) mod open_data;
mod page;
pub(super) mod phone_number;
pub(super) mod session;
pub(super) mod token;
pub(super) mod wxacode;

use secrecy::ExposeSecret;

use super::options::App;
use super::state::Shared;

/// Finds the app that `appid` and `secret` name, or the errcode of what is wrong with them.
fn authenticated<'a>(shared: &'a Shared, app_id: Option<&str>, secret: Option<&str>) -> Result<&'a App, i64> {
    let app_id = app_id
        .filter(|text| !text.is_empty())
        .ok_or(answer::APP_ID_MISSING)?;
    let secret = secret
        .filter(|text| !text.is_empty())
        .ok_or(answer::SECRET_MISSING)?;
    let app = shared.app(Some(app_id)).ok_or(answer::APP_ID_INVALID)?;
    if app.app_secret.expose_secret() == secret {
        Ok(app)
    } else {
        Err(answer::SECRET_INVALID)
    }
}

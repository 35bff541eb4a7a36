//! `/internal`: what the owner's other services may ask. Each use leaves a line in the log: what, for which mini
//! program, from where, and how it ended; never a token.

pub mod access_token;
pub mod content_check;
pub mod document;
pub mod session;
pub mod subscribe_message;
pub mod url_link;
pub mod wechat;
pub mod wxacode;

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::domain::name::{AppId, OpenId};
use crate::error::AppError;
use crate::http::{ClientAddress, Internal};
use crate::service::content::Author;

/// Which mini program.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AppQuery {
    /// The mini program; absent: the default one.
    #[param(min_length = 1, max_length = 32, pattern = "^[A-Za-z0-9_-]+$")]
    app_id: Option<String>,
}

/// A service of the owner, known by its token, and from where it calls.
#[derive(Clone, Copy, Debug)]
pub struct Service(ClientAddress);

impl FromRequest for Service {
    type Error = AppError;
    type Future = Ready<Result<Self, AppError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let known = Internal::from_request(request, payload).into_inner();
        ready(known.and_then(|_| {
            ClientAddress::from_request(request, payload)
                .into_inner()
                .map(Self)
        }))
    }
}

/// What is told of one use.
struct Use<'a> {
    /// What was done.
    action: &'static str,
    /// For which mini program; none: the default one, or the one of the session.
    app_id: Option<&'a AppId>,
    /// Which path of WeChat's API, for a call made on behalf.
    path: Option<&'a str>,
}

/// Writes the line of one use.
fn audit(used: &Use<'_>, client: ClientAddress, failure: Option<&AppError>) {
    let app_id = used.app_id.map(AppId::as_str);
    let outcome = failure.map_or("ok", |failure| failure.code().row().text);
    tracing::info!(
        target: "weir::audit", action = used.action, app.id = app_id, wechat.path = used.path,
        client.address = %client.0, outcome, "the internal token was used"
    );
}

/// The mini program that a request names.
fn app_id(text: Option<String>, pointer: &str) -> Result<Option<AppId>, AppError> {
    text.map(AppId::parse)
        .transpose()
        .map_err(|_| AppError::field(pointer, "format", "not an app id"))
}

/// Whom a request means: `user_id`, or `openid`. Of the forms of an id only the usual one with four hyphens is taken.
fn person(user_id: Option<String>, openid: Option<String>) -> Result<Author, AppError> {
    match (user_id, openid) {
        (Some(user_id), None) => {
            let known = Uuid::try_parse(&user_id).ok().filter(|_| user_id.len() == 36);
            let known = known.ok_or_else(|| AppError::field("/user_id", "format", "not an id"))?;
            Ok(Author::User(known.into()))
        }
        (None, Some(openid)) => OpenId::parse(openid)
            .map(Author::OpenId)
            .map_err(|_| AppError::field("/openid", "format", "not an openid")),
        (None, None) => Err(AppError::field("/user_id", "required", "user_id or openid")),
        (Some(_), Some(_)) => Err(AppError::field(
            "/openid",
            "exclusive",
            "user_id or openid, not both",
        )),
    }
}

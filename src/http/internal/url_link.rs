//! `/internal/url-links`: links into the mini program, for the owner's services.

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Service, Use, app_id, audit};
use crate::domain::link::{Destination, Life, Link, PAGE_URL_CHARS_MAX, PageUrl};
use crate::domain::page::{PagePath, PageQuery};
use crate::domain::wxacode::EnvVersion;
use crate::error::{AppError, FieldError};
use crate::http::Body;
use crate::http::code_image::{Version, field};
use crate::http::problem::Problem;
use crate::service::Context;
use crate::service::mini::link::make_link;

/// A link that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkRequest {
    /// The mini program; absent: the default one.
    #[schema(min_length = 1, max_length = 32, pattern = "^[A-Za-z0-9_-]+$")]
    app_id: Option<String>,
    kind: Kind,
    /// The page, such as `pages/index/index`, without a query; a slash may stand in front.
    #[schema(
        min_length = 1,
        max_length = 256,
        pattern = "^/?[0-9A-Za-z_.-][0-9A-Za-z_./-]*$"
    )]
    path: String,
    /// What the page is opened with, encoded already, such as `id=7&from=mail`. In a short link path and query
    /// together have 1,024 characters at the most.
    #[schema(max_length = 1024, pattern = "^[0-9A-Za-z!#$&'()*+,/:;=?@._~%-]*$")]
    query: Option<String>,
    /// When the link ends, a minute to 30 days from now; parts of a second do not count. Absent: in 30 days, which
    /// is what a short link always has.
    expires_at: Option<DateTime<Utc>>,
    /// Which version opens; absent: the published one, which is what a short link always opens.
    env_version: Option<Version>,
}

/// What kind of link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `weixin://…`, for browsers, mails and other apps.
    Scheme,
    /// `https://…`, for text messages and web pages.
    UrlLink,
    /// A text for chats within WeChat.
    ShortLink,
}

/// A link.
#[derive(Debug, Serialize, ToSchema)]
pub struct LinkResponse {
    /// The link; a short link is a text that WeChat turns into one where it is pasted.
    url: String,
}

impl LinkRequest {
    /// The link, or all that is wrong with it.
    fn link(self, now: DateTime<Utc>) -> Result<Link, AppError> {
        let mut wrong = Vec::new();
        let path = PagePath::parse_any(self.path).map_err(|error| wrong.push(field("/path", error)));
        let query = PageQuery::parse(self.query.unwrap_or_default());
        let query = query.map_err(|error| wrong.push(field("/query", error)));
        let life = match self.expires_at {
            None => Some(Life::Longest),
            Some(_) if self.kind == Kind::ShortLink => {
                let what = "a short link always lives for 30 days";
                wrong.push(FieldError::new("/expires_at", "unknown", what));
                None
            }
            Some(end) => Life::until(end, now).or_else(|| {
                let what = "a minute to 30 days from now";
                wrong.push(FieldError::new("/expires_at", "range", what));
                None
            }),
        };
        if self.env_version.is_some() && self.kind == Kind::ShortLink {
            let what = "a short link always opens the published version";
            wrong.push(FieldError::new("/env_version", "unknown", what));
        }
        let (Ok(path), Ok(query), Some(life), true) = (path, query, life, wrong.is_empty()) else {
            return Err(AppError::fields(wrong));
        };
        let destination = Destination { path, query };
        let env_version = self.env_version.map_or(EnvVersion::Release, EnvVersion::from);
        match self.kind {
            Kind::Scheme => Ok(Link::Scheme(destination, env_version, life)),
            Kind::UrlLink => Ok(Link::UrlLink(destination, env_version, life)),
            Kind::ShortLink => PageUrl::join(&destination).map(Link::ShortLink).ok_or_else(|| {
                let what =
                    format!("path and query together have {PAGE_URL_CHARS_MAX} characters at the most");
                AppError::field("/query", "length", what)
            }),
        }
    }
}

/// A link into the mini program
///
/// WeChat makes a new one for each request, 500,000 a day of the first two kinds together. `rate_limited`: WeChat's
/// bound of a second or a day is reached. `link_not_allowed`: this account may not make links of this kind.
#[utoipa::path(post, path = "/internal/url-links", tag = "internal", request_body = LinkRequest, security(("internal" = [])),
    responses(
        (status = 200, body = LinkResponse),
        (status = 403, description = "`link_not_allowed`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`page_unknown`", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "`wechat_rejected`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`wechat_unavailable`", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "`wechat_timeout`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn create_url_link(
    context: web::Data<Context>,
    service: Service,
    mut body: Body<LinkRequest>,
) -> Result<HttpResponse, AppError> {
    let app_id = app_id(body.0.app_id.take(), "/app_id")?;
    let link = body.0.link(context.clock.now())?;
    let outcome = make_link(&context.into_inner(), app_id.clone(), &link).await;
    let used = Use {
        action: "create_url_link",
        app_id: app_id.as_ref(),
        path: None,
    };
    audit(&used, service.0, outcome.as_ref().err());
    Ok(HttpResponse::Ok().json(LinkResponse { url: outcome? }))
}

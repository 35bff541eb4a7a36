//! Links: `generatescheme`, `generate_urllink`, `genwxashortlink`, and what is behind one.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::answer::{BODY_INVALID, POST_REQUIRED, accepted, refused};
use super::page::{MARKS, env_version, flag, holds_only, number, split, text};
use super::token;
use super::wxacode::ARGUMENT_INVALID;
use crate::simulator::call::{Call, Reply};
use crate::simulator::fault::Api;
use crate::simulator::landing::{Landing, LandingKind};
use crate::simulator::record::Record;
use crate::simulator::state::Shared;
use crate::simulator::world::World;

const PAGE_URL_INVALID: i64 = 40_066;
const PATH_INVALID: i64 = 40_165;
const QUERY_INVALID: i64 = 40_212;
const TITLE_INVALID: i64 = 40_225;
const NOTHING_PUBLISHED: i64 = 85_079;
const EXPIRY_INVALID: i64 = 85_401;
const VERSION_INVALID: i64 = 85_402;
const LINK_UNKNOWN: i64 = 85_403;

const QUERY_CHARS_MAX: usize = 1_024;
const PAGE_URL_CHARS_MAX: usize = 1_024;
const TITLE_CHARS_MAX: usize = 20;
const LIFE_MIN: TimeDelta = TimeDelta::minutes(1);
const LIFE_MAX: TimeDelta = TimeDelta::days(30);

/// Answers `POST /wxa/generatescheme`.
pub(in crate::simulator) fn handle_scheme(shared: &Shared, call: &Call) -> Reply {
    answer(shared, call, Api::Link, |app_id, body| {
        let nothing = json!({});
        let target = body.get("jump_wxa").unwrap_or(&nothing);
        shared.step(|world, now| {
            let link = make(world, LandingKind::Scheme, app_id, (target, body), now)?;
            Ok(json!({ "errcode": 0, "errmsg": "ok", "openlink": link }))
        })
    })
}

/// Answers `POST /wxa/generate_urllink`.
pub(in crate::simulator) fn handle_url_link(shared: &Shared, call: &Call) -> Reply {
    answer(shared, call, Api::Link, |app_id, body| {
        shared.step(|world, now| {
            let link = make(world, LandingKind::UrlLink, app_id, (body, body), now)?;
            Ok(json!({ "errcode": 0, "errmsg": "ok", "url_link": link }))
        })
    })
}

/// Answers `POST /wxa/genwxashortlink`.
pub(in crate::simulator) fn handle_short_link(shared: &Shared, call: &Call) -> Reply {
    answer(shared, call, Api::Link, |app_id, body| {
        shared.step(|world, now| {
            let link = make_short(world, app_id, body, now)?;
            Ok(json!({ "errcode": 0, "errmsg": "ok", "link": link }))
        })
    })
}

/// Answers `POST /wxa/queryscheme`.
pub(in crate::simulator) fn handle_scheme_query(shared: &Shared, call: &Call) -> Reply {
    answer(shared, call, Api::LinkQuery, |app_id, body| {
        describe(shared, app_id, body, ("scheme", "scheme_info"))
    })
}

/// Answers `POST /wxa/query_urllink`.
pub(in crate::simulator) fn handle_url_link_query(shared: &Shared, call: &Call) -> Reply {
    answer(shared, call, Api::LinkQuery, |app_id, body| {
        describe(shared, app_id, body, ("url_link", "url_link_info"))
    })
}

fn answer(
    shared: &Shared,
    call: &Call,
    api: Api,
    work: impl FnOnce(&str, &Value) -> Result<Value, i64>,
) -> Reply {
    let outcome = || {
        if call.method != "POST" {
            return Err(POST_REQUIRED);
        }
        let app_id = token::owner(shared, call)?;
        let body: Value = serde_json::from_slice(&call.body).map_err(|_| BODY_INVALID)?;
        if !body.is_object() {
            return Err(BODY_INVALID);
        }
        work(&app_id, &body)
    };
    match outcome() {
        Ok(body) => accepted(api, &body),
        Err(errcode) => refused(shared, api, errcode),
    }
}

/// A scheme or a URL link to `target`, with the end that `expiry` names.
fn make(
    world: &mut World,
    kind: LandingKind,
    app_id: &str,
    (target, expiry): (&Value, &Value),
    now: DateTime<Utc>,
) -> Result<String, i64> {
    let version = env_version(target).map_err(|()| VERSION_INVALID)?;
    let path = text(target, "path")
        .map_err(|()| PATH_INVALID)?
        .unwrap_or_default();
    if version == "release" {
        if world.landings.pages(app_id).is_some_and(<[String]>::is_empty) {
            return Err(NOTHING_PUBLISHED);
        }
        if !world.landings.has_page(app_id, path) {
            return Err(PATH_INVALID);
        }
    }
    if path.contains(['?', '#']) {
        return Err(PATH_INVALID);
    }
    let query = text(target, "query")
        .map_err(|()| QUERY_INVALID)?
        .unwrap_or_default();
    if query.chars().count() > QUERY_CHARS_MAX || !holds_only(query, &format!("{MARKS}%")) {
        return Err(QUERY_INVALID);
    }
    let expires_at = end(expiry, now)?;
    let name = world.entropy.text(11);
    let url = match kind {
        LandingKind::Scheme => format!("weixin://dl/business/?t={name}"),
        _ => format!("https://wxaurl.cn/{name}"),
    };
    world.put(Record::Landing(Landing {
        url: url.clone(),
        kind,
        app_id: app_id.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        env_version: version.to_owned(),
        created_at: now,
        expires_at: Some(expires_at),
    }));
    Ok(url)
}

/// When a link ends: by a time, by a number of days, and after 30 days when nothing is said.
fn end(body: &Value, now: DateTime<Utc>) -> Result<DateTime<Utc>, i64> {
    let number = |name| number(body, name).map_err(|()| EXPIRY_INVALID);
    let (time, days) = (number("expire_time")?, number("expire_interval")?);
    let end = match (number("expire_type")?.unwrap_or(0), time, days) {
        (0, None, None) => Some(now + LIFE_MAX),
        (0, Some(time), _) => DateTime::from_timestamp(time, 0),
        (1, _, Some(days)) if (1..=30).contains(&days) => TimeDelta::try_days(days).map(|life| now + life),
        _ => None,
    };
    // The real one knows whole seconds.
    let second = DateTime::from_timestamp(now.timestamp(), 0).unwrap_or(now);
    end.filter(|end| *end >= second + LIFE_MIN && *end <= now + LIFE_MAX)
        .ok_or(EXPIRY_INVALID)
}

fn make_short(world: &mut World, app_id: &str, body: &Value, now: DateTime<Utc>) -> Result<String, i64> {
    let page_url = text(body, "page_url")
        .map_err(|()| PAGE_URL_INVALID)?
        .filter(|page_url| page_url.chars().count() <= PAGE_URL_CHARS_MAX)
        .ok_or(PAGE_URL_INVALID)?;
    if world.landings.pages(app_id).is_some_and(<[String]>::is_empty) {
        return Err(NOTHING_PUBLISHED);
    }
    let (path, query) = split(page_url);
    if !world.landings.has_page(app_id, path) {
        return Err(PAGE_URL_INVALID);
    }
    let title = text(body, "page_title")
        .map_err(|()| TITLE_INVALID)?
        .unwrap_or_default();
    if title.chars().any(char::is_control) {
        return Err(TITLE_INVALID);
    }
    let title: String = title.chars().take(TITLE_CHARS_MAX).collect();
    let is_permanent = flag(body, "is_permanent")
        .map_err(|()| ARGUMENT_INVALID)?
        .unwrap_or(false);
    let name = world.entropy.text(15);
    let url = format!("#小程序://{title}/{name}");
    world.put(Record::Landing(Landing {
        url: url.clone(),
        kind: LandingKind::ShortLink,
        app_id: app_id.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        env_version: "release".to_owned(),
        created_at: now,
        expires_at: (!is_permanent).then_some(now + LIFE_MAX),
    }));
    Ok(url)
}

/// What is behind a link of one's own (0), or how often links may still be followed today (1).
fn describe(shared: &Shared, app_id: &str, body: &Value, (field, name): (&str, &str)) -> Result<Value, i64> {
    let query_type = number(body, "query_type").map_err(|()| ARGUMENT_INVALID)?;
    shared.step(|world, now| match query_type.unwrap_or(0) {
        0 => {
            let url = text(body, field)
                .map_err(|()| ARGUMENT_INVALID)?
                .unwrap_or_default();
            let kind = if field == "scheme" {
                LandingKind::Scheme
            } else {
                LandingKind::UrlLink
            };
            let landing = world.landings.find(url);
            let landing = landing.filter(|landing| landing.kind == kind && landing.app_id == app_id);
            let landing = landing.ok_or(LINK_UNKNOWN)?;
            let info = json!({
                "appid": landing.app_id,
                "path": landing.path,
                "query": landing.query,
                "create_time": landing.created_at.timestamp(),
                "expire_time": landing.expires_at.map_or(0, |end| end.timestamp()),
                "env_version": landing.env_version,
            });
            Ok(json!({ "errcode": 0, "errmsg": "ok", name: info }))
        }
        1 => {
            let left = world.landings.visits_left(app_id, now);
            Ok(json!({ "errcode": 0, "errmsg": "ok", "quota_info": { "remain_visit_quota": left } }))
        }
        _ => Err(ARGUMENT_INVALID),
    })
}

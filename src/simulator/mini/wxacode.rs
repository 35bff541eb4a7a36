//! Code images: `POST /wxa/getwxacodeunlimit`, and the two kinds of which an account has 100,000 in all its life.
//!
//! The answer is the picture itself, or JSON with an `errcode`. The same parameters give the same code.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::answer::{POST_REQUIRED, refused};
use super::page::{MARKS, RESERVED, env_version, flag, holds_only, number, split, text};
use super::token;
use crate::simulator::call::{Call, Reply};
use crate::simulator::code_picture::{Look, content_type, draw};
use crate::simulator::fault::{Api, FaultKind};
use crate::simulator::landing::{CodesUsed, Landing, LandingKind};
use crate::simulator::record::Record;
use crate::simulator::state::Shared;
use crate::simulator::world::World;

pub(super) const ARGUMENT_INVALID: i64 = 40_097;
const SCENE_CHARACTERS: i64 = 40_129;
const PATH_INVALID: i64 = 40_159;
const SCENE_LENGTH: i64 = 40_169;
const PAGE_INVALID: i64 = 41_030;
const CODES_USED_UP: i64 = 45_029;
const WORD_RESERVED: i64 = 85_096;

const SCENE_CHARS_MAX: usize = 32;
const PATH_CHARS_MAX: usize = 1_024;
const SQUARE_PATH_CHARS_MAX: usize = 128;
const LIMITED_CODES_MAX: u32 = 100_000;

/// Answers `POST /wxa/getwxacodeunlimit`.
pub(in crate::simulator) fn handle_unlimited(shared: &Shared, call: &Call) -> Reply {
    answer(shared, call, Api::Wxacode, || {
        let (app_id, body) = body(shared, call, SCENE_LENGTH)?;
        let look = look(&body)?;
        shared.step(|world, now| {
            let (page, query, version) = opened_by_scene(world, &app_id, &body)?;
            let text = code(world, &app_id, (page, &query, version), now);
            Ok((text, look, None))
        })
    })
}

/// Answers `POST /wxa/getwxacode`.
pub(in crate::simulator) fn handle_limited(shared: &Shared, call: &Call) -> Reply {
    answer(shared, call, Api::WxacodeLimited, || {
        let (app_id, body) = body(shared, call, PATH_INVALID)?;
        let look = look(&body)?;
        let version = env_version(&body).map_err(|()| ARGUMENT_INVALID)?;
        let target = path(&body, PATH_CHARS_MAX)?;
        limited(shared, &app_id, (target, version), look)
    })
}

/// Answers `POST /cgi-bin/wxaapp/createwxaqrcode`.
pub(in crate::simulator) fn handle_square(shared: &Shared, call: &Call) -> Reply {
    answer(shared, call, Api::WxacodeLimited, || {
        let (app_id, body) = body(shared, call, PATH_INVALID)?;
        let look = Look {
            width: width(&body)?,
            line: [0; 3],
            is_hyaline: false,
        };
        let target = path(&body, SQUARE_PATH_CHARS_MAX)?;
        limited(shared, &app_id, (target, "release"), look)
    })
}

/// What stands in a code, how it looks, and how many were made so far where they are counted.
type Made = (String, Look, Option<u32>);

fn body(shared: &Shared, call: &Call, no_json: i64) -> Result<(String, Value), i64> {
    if call.method != "POST" {
        return Err(POST_REQUIRED);
    }
    let app_id = token::owner(shared, call)?;
    let body: Value = serde_json::from_slice(&call.body).map_err(|_| no_json)?;
    if body.is_object() {
        Ok((app_id, body))
    } else {
        Err(no_json)
    }
}

fn width(body: &Value) -> Result<u16, i64> {
    let width = number(body, "width")
        .map_err(|()| ARGUMENT_INVALID)?
        .unwrap_or(430);
    u16::try_from(width)
        .ok()
        .filter(|width| (280..=1_280).contains(width))
        .ok_or(ARGUMENT_INVALID)
}

fn look(body: &Value) -> Result<Look, i64> {
    let flag = |name| flag(body, name).map_err(|()| ARGUMENT_INVALID);
    let line = if flag("auto_color")?.unwrap_or(false) {
        // What the real one takes of the mini program's icon.
        [0x1a, 0xad, 0x19]
    } else {
        line(body.get("line_color"))?
    };
    Ok(Look {
        width: width(body)?,
        line,
        is_hyaline: flag("is_hyaline")?.unwrap_or(false),
    })
}

/// Decimal numbers, as texts too: the documentation shows both.
fn line(colour: Option<&Value>) -> Result<[u8; 3], i64> {
    let Some(colour) = colour.filter(|colour| !colour.is_null()) else {
        return Ok([0; 3]);
    };
    let part = |name: &str| {
        let part = colour.get(name)?;
        let number = part.as_u64().or_else(|| part.as_str()?.parse().ok())?;
        u8::try_from(number).ok()
    };
    match (part("r"), part("g"), part("b")) {
        (Some(r), Some(g), Some(b)) => Ok([r, g, b]),
        _ => Err(ARGUMENT_INVALID),
    }
}

/// Path, query and version that a code with a scene opens.
fn opened_by_scene<'a>(
    world: &World,
    app_id: &str,
    body: &'a Value,
) -> Result<(&'a str, String, &'a str), i64> {
    let scene = text(body, "scene")
        .map_err(|()| SCENE_LENGTH)?
        .filter(|scene| scene.chars().count() <= SCENE_CHARS_MAX)
        .ok_or(SCENE_LENGTH)?;
    if !holds_only(scene, MARKS) {
        return Err(SCENE_CHARACTERS);
    }
    let version = env_version(body).map_err(|()| ARGUMENT_INVALID)?;
    let page = text(body, "page").map_err(|()| PAGE_INVALID)?.unwrap_or_default();
    if page.contains(RESERVED) {
        return Err(WORD_RESERVED);
    }
    let is_checked = flag(body, "check_path")
        .map_err(|()| ARGUMENT_INVALID)?
        .unwrap_or(true);
    let is_missing = is_checked && !world.landings.has_page(app_id, page);
    if page.starts_with('/') || page.contains('?') || is_missing {
        return Err(PAGE_INVALID);
    }
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("scene", scene)
        .finish();
    Ok((page, query, version))
}

fn path(body: &Value, chars_max: usize) -> Result<&str, i64> {
    let path = text(body, "path")
        .map_err(|()| PATH_INVALID)?
        .filter(|path| path.chars().count() <= chars_max)
        .ok_or(PATH_INVALID)?;
    if path.contains(RESERVED) {
        return Err(WORD_RESERVED);
    }
    Ok(path)
}

/// A code that is counted.
fn limited(shared: &Shared, app_id: &str, (target, version): (&str, &str), look: Look) -> Result<Made, i64> {
    shared.step(|world, now| {
        let count = world.landings.codes_used(app_id).saturating_add(1);
        if count > LIMITED_CODES_MAX {
            return Err(CODES_USED_UP);
        }
        let (path, query) = split(target);
        let text = code(world, app_id, (path, query, version), now);
        world.put(Record::CodesUsed(CodesUsed {
            app_id: app_id.to_owned(),
            count,
        }));
        Ok((text, look, Some(count)))
    })
}

/// What stands in the code that opens this: the same for the same.
fn code(
    world: &mut World,
    app_id: &str,
    (path, query, version): (&str, &str, &str),
    now: DateTime<Utc>,
) -> String {
    let hash = Sha256::digest(format!("{app_id}\n{path}\n{query}\n{version}"));
    let name = hash.get(..12).map(hex::encode).unwrap_or_default();
    let url = format!("https://mp.weixin.qq.com/a/~{name}~~");
    if world.landings.find(&url).is_none() {
        world.put(Record::Landing(Landing {
            url: url.clone(),
            kind: LandingKind::Code,
            app_id: app_id.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            env_version: version.to_owned(),
            created_at: now,
            expires_at: None,
        }));
    }
    url
}

/// Makes a code and draws it, unless a fault comes between.
fn answer(shared: &Shared, call: &Call, api: Api, make: impl FnOnce() -> Result<Made, i64>) -> Reply {
    if let Some(fault) = call.struck.find(FaultKind::ImageError) {
        return Reply {
            content_type: Some("image/jpeg"),
            ..refused(shared, api, fault.errcode.unwrap_or(-1))
        };
    }
    let drawn = make().and_then(|(text, look, count)| {
        let picture = draw(&text, look).ok_or(ARGUMENT_INVALID)?;
        Ok((picture, look, count))
    });
    let (mut picture, look, count) = match drawn {
        Ok(drawn) => drawn,
        Err(errcode) => return refused(shared, api, errcode),
    };
    if call.struck.has(FaultKind::ImageTruncated) {
        picture.truncate(picture.len() / 2);
    }
    let content_type = if call.struck.has(FaultKind::ImageMislabelled) {
        "application/json; charset=UTF-8"
    } else {
        content_type(look)
    };
    Reply {
        status: 200,
        content_type: Some(content_type),
        body: picture,
        headers: count
            .map(|count| ("num-used", count.to_string()))
            .into_iter()
            .collect(),
        ..Reply::default()
    }
}

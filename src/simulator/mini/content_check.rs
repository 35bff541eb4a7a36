//! `POST /wxa/msg_sec_check` and `POST /wxa/media_check_async`: what is found in a text, and the promise to look at a
//! picture or a sound, whose result is pushed.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{
    BODY_EMPTY, BODY_INVALID, CHECKED_TOO_OFTEN, CONTENT_RISKY, MEDIA_TYPE_INVALID, OPENID_FOREIGN,
    OPENID_INVALID, PERSON_AWAY, POST_REQUIRED, QUOTA_USED_UP, SCENE_INVALID, accepted, refused,
};
use super::token;
use crate::simulator::call::{Call, Reply};
use crate::simulator::content::{self, Exhausted};
use crate::simulator::fault::{Api, FaultKind};
use crate::simulator::push::PushDraft;
use crate::simulator::state::Shared;
use crate::simulator::world::World;

/// The version that knows suggestions.
const VERSION: i64 = 2;
const CONTENT_CHARS_MAX: usize = 2_500;
/// Content is checked only of somebody who used the mini program within this time.
const USED_WITHIN: TimeDelta = TimeDelta::hours(2);
const PICTURES: [&str; 5] = ["jpg", "jpeg", "png", "bmp", "gif"];
const SOUNDS: [&str; 8] = ["mp3", "aac", "ac3", "wma", "flac", "vorbis", "opus", "wav"];

#[derive(Deserialize)]
struct TextRequest {
    content: Option<String>,
    #[serde(default)]
    version: i64,
    scene: Option<i64>,
    openid: Option<String>,
    title: Option<String>,
    nickname: Option<String>,
    signature: Option<String>,
}

impl TextRequest {
    /// All that is looked at. Escapes are not undone: what is written as `\u8d4c` is looked at as that.
    fn looked_at(&self, body: &[u8]) -> String {
        if body.windows(2).any(|two| two == b"\\u") {
            return String::from_utf8_lossy(body).into_owned();
        }
        let mut parts = vec![self.content.as_deref()];
        if self.scene == Some(1) {
            parts.extend([
                self.title.as_deref(),
                self.nickname.as_deref(),
                self.signature.as_deref(),
            ]);
        }
        parts.into_iter().flatten().collect::<Vec<_>>().join("\n")
    }
}

/// Answers `POST /wxa/msg_sec_check`.
pub(in crate::simulator) fn handle_text(shared: &Shared, call: &Call) -> Reply {
    check_text(shared, call).unwrap_or_else(|errcode| refused(shared, Api::TextCheck, errcode))
}

fn check_text(shared: &Shared, call: &Call) -> Result<Reply, i64> {
    if call.method != "POST" {
        return Err(POST_REQUIRED);
    }
    let app_id = token::owner(shared, call)?;
    let request: TextRequest = body_of(call)?;
    let content = request.content.as_deref().unwrap_or_default();
    if content.is_empty() {
        return Err(BODY_EMPTY);
    }
    let found = content::look(&request.looked_at(&call.body));
    if request.version != VERSION {
        if found.is_risky() {
            return Err(CONTENT_RISKY);
        }
        return Ok(accepted(Api::TextCheck, &json!({ "errcode": 0, "errmsg": "ok" })));
    }
    if content.chars().count() > CONTENT_CHARS_MAX {
        return Err(BODY_INVALID);
    }
    let trace_id = shared.step(|world, now| {
        let limits = world.rules().content_checks;
        let limits = (limits.text_per_minute, limits.text_per_day);
        take(world, &app_id, "text", limits, now)?;
        judge(world, &app_id, request.scene, request.openid.as_deref(), now)?;
        Ok::<_, i64>(trace_id(world))
    })?;
    let (result, detail) = found.members();
    let body = json!({
        "errcode": 0, "errmsg": "ok", "result": result, "detail": detail, "trace_id": trace_id,
    });
    Ok(accepted(Api::TextCheck, &body))
}

#[derive(Deserialize)]
struct MediaRequest {
    media_url: Option<String>,
    media_type: Option<i64>,
    #[serde(default)]
    version: i64,
    scene: Option<i64>,
    openid: Option<String>,
}

/// Answers `POST /wxa/media_check_async`.
pub(in crate::simulator) fn handle_media(shared: &Shared, call: &Call) -> Reply {
    check_media(shared, call).unwrap_or_else(|errcode| refused(shared, Api::MediaCheck, errcode))
}

fn check_media(shared: &Shared, call: &Call) -> Result<Reply, i64> {
    if call.method != "POST" {
        return Err(POST_REQUIRED);
    }
    let app_id = token::owner(shared, call)?;
    let request: MediaRequest = body_of(call)?;
    if request.version != VERSION {
        return Err(BODY_INVALID);
    }
    let media_url = request.media_url.as_deref().unwrap_or_default();
    if !(media_url.starts_with("https://") || media_url.starts_with("http://")) {
        return Err(BODY_INVALID);
    }
    let known: &[&str] = match request.media_type {
        Some(1) => &SOUNDS,
        Some(2) => &PICTURES,
        _ => return Err(MEDIA_TYPE_INVALID),
    };
    if extension(media_url).is_some_and(|own| !known.contains(&own.as_str())) {
        return Err(MEDIA_TYPE_INVALID);
    }
    let is_fetched = content::is_fetched(media_url) && !call.struck.has(FaultKind::DownloadFailed);
    let trace_id = shared.step(|world, now| {
        let limits = world.rules().content_checks;
        let limits = (limits.media_per_minute, limits.media_per_day);
        take(world, &app_id, "media", limits, now)?;
        judge(world, &app_id, request.scene, request.openid.as_deref(), now)?;
        let trace_id = trace_id(world);
        let result = result(&app_id, &trace_id, is_fetched.then_some(media_url));
        world.push(
            &app_id,
            PushDraft::event(request.openid.as_deref(), "wxa_media_check", result),
            now,
        );
        Ok::<_, i64>(trace_id)
    })?;
    let body = json!({ "errcode": 0, "errmsg": "ok", "trace_id": trace_id });
    Ok(accepted(Api::MediaCheck, &body))
}

fn body_of<'a, T: Deserialize<'a>>(call: &'a Call) -> Result<T, i64> {
    if call.body.is_empty() {
        return Err(BODY_EMPTY);
    }
    serde_json::from_slice(&call.body).map_err(|_| BODY_INVALID)
}

/// How the name of a file ends, if it has such an end.
fn extension(media_url: &str) -> Option<String> {
    let url = url::Url::parse(media_url).ok()?;
    let name = url.path_segments()?.next_back()?.to_owned();
    let (_, end) = name.rsplit_once('.')?;
    Some(end.to_ascii_lowercase())
}

fn take(
    world: &mut World,
    app_id: &str,
    kind: &'static str,
    limits: (u32, u32),
    now: DateTime<Utc>,
) -> Result<(), i64> {
    let taken = world.check_counts.take(app_id, kind, limits, now);
    taken.map_err(|exhausted| match exhausted {
        Exhausted::Minute => CHECKED_TOO_OFTEN,
        Exhausted::Day => QUOTA_USED_UP,
    })
}

/// Whether content of this person, for this scene, is looked at.
fn judge(
    world: &World,
    app_id: &str,
    scene: Option<i64>,
    openid: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), i64> {
    if !scene.is_some_and(|scene| (1..=4).contains(&scene)) {
        return Err(SCENE_INVALID);
    }
    let openid = openid.unwrap_or_default();
    let Some(user) = world.user_by_openid(app_id, openid) else {
        return Err(if world.has_openid_elsewhere(openid) {
            OPENID_FOREIGN
        } else {
            OPENID_INVALID
        });
    };
    let used_at = user.identities.get(app_id).and_then(|own| own.used_at);
    if used_at.is_some_and(|used_at| now - used_at < USED_WITHIN) {
        Ok(())
    } else {
        Err(PERSON_AWAY)
    }
}

/// What is pushed of a look; no address: it could not be fetched.
fn result(app_id: &str, trace_id: &str, media_url: Option<&str>) -> Vec<(&'static str, Value)> {
    let head = [
        ("appid", json!(app_id)),
        ("trace_id", json!(trace_id)),
        ("version", json!(VERSION)),
    ];
    let tail = match media_url {
        Some(media_url) => {
            let (result, detail) = content::look(media_url).members();
            vec![
                ("errcode", json!(0)),
                ("errmsg", json!("ok")),
                ("result", result),
                ("detail", detail),
            ]
        }
        None => vec![
            ("errcode", json!(content::DOWNLOAD_FAILED)),
            ("errmsg", json!("download failed")),
        ],
    };
    head.into_iter().chain(tail).collect()
}

fn trace_id(world: &mut World) -> String {
    let parts = [
        world.entropy.hex::<4>(),
        world.entropy.hex::<4>(),
        world.entropy.hex::<4>(),
    ];
    parts.join("-")
}

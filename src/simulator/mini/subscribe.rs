//! `POST /cgi-bin/message/subscribe/send`: one message to one user.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;

use super::answer::{
    BODY_EMPTY, BODY_INVALID, MESSAGE_DATA_INVALID, MESSAGE_PARALLEL, MESSAGE_REFUSED, MESSAGE_WORDS,
    OPENID_INVALID, POST_REQUIRED, TEMPLATE_BLOCKED, TEMPLATE_INVALID, accepted, refused,
};
use super::{keyword, token};
use crate::simulator::call::{Call, Reply};
use crate::simulator::fault::{Api, FaultKind};
use crate::simulator::log::EventKind;
use crate::simulator::record::Record;
use crate::simulator::state::Shared;
use crate::simulator::subscribe::{Message, Template, deliver};
use crate::simulator::world::World;

/// A word that nobody may send.
const BAD_WORD: &str = "违禁词";
const PAGE_BYTES_MAX: usize = 1_024;

/// Answers `POST /cgi-bin/message/subscribe/send`.
pub(in crate::simulator) fn handle(shared: &Shared, call: &Call) -> Reply {
    send(shared, call).unwrap_or_else(|errcode| refused(shared, Api::SubscribeSend, errcode))
}

#[derive(Deserialize)]
struct SendRequest {
    touser: Option<String>,
    template_id: Option<String>,
    page: Option<String>,
    #[serde(default)]
    data: BTreeMap<String, Value>,
    miniprogram_state: Option<String>,
    lang: Option<String>,
}

#[derive(Deserialize)]
struct Value {
    value: String,
}

fn send(shared: &Shared, call: &Call) -> Result<Reply, i64> {
    if call.method != "POST" {
        return Err(POST_REQUIRED);
    }
    let app_id = token::owner(shared, call)?;
    if call.body.is_empty() {
        return Err(BODY_EMPTY);
    }
    let request: SendRequest = serde_json::from_slice(&call.body).map_err(|_| BODY_INVALID)?;
    // As long as the answer takes, no other message goes to the same person.
    let waits = [
        (FaultKind::Delay, 1_000),
        (FaultKind::NoAnswerAfterAccepting, 0),
        (FaultKind::SlowBody, 2_000),
    ];
    let ms = waits
        .into_iter()
        .filter_map(|(kind, usual)| call.struck.ms(kind, usual))
        .max();
    let ms = i64::try_from(ms.unwrap_or(0)).unwrap_or(i64::MAX);
    let is_lost = call.struck.has(FaultKind::MessageUndelivered);
    let message = shared.step(|world, now| take(world, &app_id, request, (ms, is_lost), now))?;
    let title = format!("a subscribe message to {}: {}", message.user_id, message.title);
    let body = json!({ "errcode": 0, "errmsg": "ok", "msgid": message.msgid });
    shared.log.event(
        shared.clock.now(),
        EventKind::SubscribeMessage,
        title,
        json!(message),
    );
    Ok(accepted(Api::SubscribeSend, &body))
}

fn take(
    world: &mut World,
    app_id: &str,
    request: SendRequest,
    (ms, is_lost): (i64, bool),
    now: DateTime<Utc>,
) -> Result<Message, i64> {
    let openid = request.touser.ok_or(OPENID_INVALID)?;
    let user = world.user_by_openid(app_id, &openid).ok_or(OPENID_INVALID)?;
    let user_id = user.user_id.clone();
    let template_id = request.template_id.ok_or(TEMPLATE_INVALID)?;
    let template = world
        .subscriptions
        .template(app_id, &template_id)
        .ok_or(TEMPLATE_INVALID)?;
    if template.is_blocked {
        return Err(TEMPLATE_BLOCKED);
    }
    let state = one_of(request.miniprogram_state, &["formal", "trial", "developer"])?;
    let lang = one_of(request.lang, &["zh_CN", "en_US", "zh_HK", "zh_TW"])?;
    if request
        .page
        .as_deref()
        .is_some_and(|page| page.len() > PAGE_BYTES_MAX)
    {
        return Err(MESSAGE_DATA_INVALID);
    }
    let data = values(&template, request.data)?;
    let mut permission = world.subscriptions.permission(app_id, &openid, &template_id);
    if permission.is_off || permission.left == 0 {
        return Err(MESSAGE_REFUSED);
    }
    if !world.subscriptions.take_way(app_id, &openid, ms, now) {
        return Err(MESSAGE_PARALLEL);
    }
    if !template.is_long_term && !is_lost {
        permission.left = permission.left.saturating_sub(1);
        world.put(Record::SubscribePermission(permission));
    }
    let message = Message {
        // Below 2^53, as a number that any client can read.
        msgid: u64::from_be_bytes(world.entropy.bytes()) >> 11,
        at: now,
        app_id: app_id.to_owned(),
        user_id,
        openid,
        template_id,
        title: template.title,
        page: request.page.filter(|page| !page.is_empty()),
        miniprogram_state: state,
        lang,
        data,
        is_shown: !is_lost,
    };
    deliver(world, message.clone(), now);
    Ok(message)
}

/// A word out of a few, the first of them when there is none.
fn one_of(word: Option<String>, known: &[&str]) -> Result<String, i64> {
    let word = word.unwrap_or_else(|| known.first().copied().unwrap_or_default().to_owned());
    if known.contains(&word.as_str()) {
        Ok(word)
    } else {
        Err(MESSAGE_DATA_INVALID)
    }
}

/// Every keyword of the template, no other, each with a value of its kind.
fn values(template: &Template, given: BTreeMap<String, Value>) -> Result<BTreeMap<String, String>, i64> {
    if !given.keys().eq(template.keywords.keys()) {
        return Err(MESSAGE_DATA_INVALID);
    }
    let values: BTreeMap<String, String> = given
        .into_iter()
        .map(|(name, given)| (name, given.value))
        .collect();
    if !values.iter().all(|(name, value)| keyword::takes(name, value)) {
        return Err(MESSAGE_DATA_INVALID);
    }
    if values.values().any(|value| value.contains(BAD_WORD)) {
        return Err(MESSAGE_WORDS);
    }
    Ok(values)
}

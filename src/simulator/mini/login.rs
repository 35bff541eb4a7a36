//! `GET /sns/jscode2session`: a login code becomes an openid and a session key.

use base64::prelude::{BASE64_STANDARD, Engine};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::answer::{
    CODE_EXPIRED, CODE_INVALID, CODE_MISSING, CODE_USED, GET_REQUIRED, GRANT_TYPE_INVALID, USER_BLOCKED,
    accepted, refused,
};
use super::authenticated;
use crate::simulator::call::{Call, Reply};
use crate::simulator::fault::Api;
use crate::simulator::options::App;
use crate::simulator::person::identity;
use crate::simulator::record::{Identity, LoginCode, Record, User};
use crate::simulator::state::Shared;
use crate::simulator::world::World;

const CODE_LIFE: TimeDelta = TimeDelta::minutes(5);
/// A session key younger than this is not replaced by `wx.login` unless that is asked for.
const SESSION_KEY_KEPT: TimeDelta = TimeDelta::minutes(10);

/// Answers `GET /sns/jscode2session`.
pub(in crate::simulator) fn handle(shared: &Shared, call: &Call) -> Reply {
    exchange(shared, call).unwrap_or_else(|errcode| refused(shared, Api::Login, errcode))
}

fn exchange(shared: &Shared, call: &Call) -> Result<Reply, i64> {
    if call.method != "GET" {
        return Err(GET_REQUIRED);
    }
    let app = authenticated(
        shared,
        call.parameter("appid").as_deref(),
        call.parameter("secret").as_deref(),
    )?;
    let code = call
        .parameter("js_code")
        .filter(|code| !code.is_empty())
        .ok_or(CODE_MISSING)?;
    if call.parameter("grant_type").as_deref() != Some("authorization_code") {
        return Err(GRANT_TYPE_INVALID);
    }
    shared.step(|world, now| redeem(world, app, &code, now))
}

fn redeem(world: &mut World, app: &App, code: &str, now: DateTime<Utc>) -> Result<Reply, i64> {
    let known = world
        .login_code(code)
        .filter(|known| known.app_id == app.app_id)
        .ok_or(CODE_INVALID)?;
    if known.is_used {
        return Err(CODE_USED);
    }
    if now >= known.created_at + CODE_LIFE {
        return Err(CODE_EXPIRED);
    }
    let redeemed = LoginCode {
        is_used: true,
        ..known.clone()
    };
    let user = world.user(&redeemed.user_id).ok_or(CODE_INVALID)?.clone();
    let identity = user.identities.get(&app.app_id).ok_or(CODE_INVALID)?;
    let body = if app.is_bound {
        json!({ "session_key": identity.session_key, "openid": identity.openid, "unionid": user.unionid })
    } else {
        json!({ "session_key": identity.session_key, "openid": identity.openid })
    };
    world.put(Record::LoginCode(redeemed));
    if user.is_blocked {
        return Err(USER_BLOCKED);
    }
    Ok(accepted(Api::Login, &body))
}

/// `wx.login` on a phone: a new code, and perhaps a new session key. None: no such user.
pub(in crate::simulator) fn make_code(
    world: &mut World,
    app_id: &str,
    user_id: &str,
    rotate: Option<bool>,
    now: DateTime<Utc>,
) -> Option<String> {
    world.forget_login_codes(now);
    let mut user: User = world.user(user_id)?.clone();
    if let Some(identity) = user.identities.get_mut(app_id) {
        if rotate.unwrap_or(now - identity.session_key_at >= SESSION_KEY_KEPT) {
            identity.replace_key(make_session_key(world), now);
        }
        identity.used_at = Some(now);
    } else {
        // A person from before there was this mini program.
        let identity = Identity {
            used_at: Some(now),
            ..identity(world, now)
        };
        user.identities.insert(app_id.to_owned(), identity);
    }
    world.put(Record::User(user));
    let code = format!("0{}", world.entropy.text(31));
    world.put(Record::LoginCode(LoginCode {
        code: code.clone(),
        app_id: app_id.to_owned(),
        user_id: user_id.to_owned(),
        created_at: now,
        is_used: false,
    }));
    Some(code)
}

/// Base64 of 16 bytes.
pub(in crate::simulator) fn make_session_key(world: &mut World) -> String {
    BASE64_STANDARD.encode(world.entropy.bytes::<16>())
}

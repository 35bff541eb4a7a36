//! Answers of the mini-program APIs: HTTP 200, and an `errcode` when something is wrong.

use serde_json::{Value, json};

use crate::simulator::call::Reply;
use crate::simulator::fault::Api;
use crate::simulator::state::Shared;

pub(super) const BUSY: i64 = -1;
pub(in crate::simulator) const TOKEN_INVALID: i64 = 40001;
pub(super) const GRANT_TYPE_INVALID: i64 = 40002;
pub(super) const OPENID_INVALID: i64 = 40003;
pub(super) const MEDIA_TYPE_INVALID: i64 = 40004;
pub(super) const APP_ID_INVALID: i64 = 40013;
pub(super) const CODE_INVALID: i64 = 40029;
pub(super) const SECRET_INVALID: i64 = 40125;
pub(super) const SCENE_INVALID: i64 = 40129;
pub(super) const CODE_USED: i64 = 40163;
/// Its text names the caller's address: here one that is for documentation alone.
const ADDRESS_NOT_ALLOWED: i64 = 40164;
pub(super) const USER_BLOCKED: i64 = 40226;
pub(super) const TOKEN_MISSING: i64 = 41001;
pub(super) const APP_ID_MISSING: i64 = 41002;
pub(super) const SECRET_MISSING: i64 = 41004;
pub(super) const CODE_MISSING: i64 = 41008;
pub(super) const TOKEN_EXPIRED: i64 = 42001;
pub(super) const CODE_EXPIRED: i64 = 42003;
pub(super) const GET_REQUIRED: i64 = 43001;
pub(super) const POST_REQUIRED: i64 = 43002;
pub(super) const PARAMETER_MISSING: i64 = 40101;
pub(super) const OPENID_FOREIGN: i64 = 43104;
pub(super) const BODY_EMPTY: i64 = 44002;
pub(super) const CHECKED_TOO_OFTEN: i64 = 44991;
pub(super) const QUOTA_USED_UP: i64 = 45009;
pub(super) const TOO_FREQUENT: i64 = 45011;
pub(super) const BODY_INVALID: i64 = 47001;
pub(super) const PERSON_AWAY: i64 = 61010;
pub(super) const CONTENT_RISKY: i64 = 87014;
pub(super) const METHOD_OF_SIGNATURE_UNKNOWN: i64 = 87008;
pub(super) const SIGNATURE_WRONG: i64 = 87009;
/// A path that the host does not have.
const PATH_UNKNOWN: i64 = 40066;

const fn text(errcode: i64) -> &'static str {
    match errcode {
        BUSY => "system error",
        TOKEN_INVALID => "invalid credential, access_token is invalid or not latest",
        GRANT_TYPE_INVALID => "invalid grant_type",
        OPENID_INVALID => "invalid openid",
        MEDIA_TYPE_INVALID => "invalid media type",
        APP_ID_INVALID => "invalid appid",
        CODE_INVALID => "invalid code",
        PATH_UNKNOWN => "invalid url",
        SECRET_INVALID => "invalid appsecret",
        SCENE_INVALID => "invalid scene",
        CODE_USED => "code been used",
        ADDRESS_NOT_ALLOWED => "invalid ip 203.0.113.9 ipv6 ::ffff:203.0.113.9, not in whitelist",
        USER_BLOCKED => "high risk user, login blocked",
        TOKEN_MISSING => "access_token missing",
        APP_ID_MISSING => "appid missing",
        SECRET_MISSING => "appsecret missing",
        CODE_MISSING => "missing code",
        TOKEN_EXPIRED => "access_token expired",
        CODE_EXPIRED => "code expired",
        GET_REQUIRED => "require GET method",
        POST_REQUIRED => "require POST method",
        PARAMETER_MISSING => "missing parameter",
        OPENID_FOREIGN => "this appid does not have permission for this openid",
        BODY_EMPTY => "empty post data",
        CHECKED_TOO_OFTEN => "concurrent limit, retry next minute",
        QUOTA_USED_UP => "reach max api daily quota limit",
        TOO_FREQUENT => "api minute-quota reach limit, must slower, retry next minute",
        BODY_INVALID => "data format error",
        PERSON_AWAY => "the user has not used the mini program of late",
        CONTENT_RISKY => "risky content",
        METHOD_OF_SIGNATURE_UNKNOWN => "invalid sig_method",
        SIGNATURE_WRONG => "invalid signature",
        _ => "refused",
    }
}

/// A success.
pub(super) fn accepted(api: Api, body: &Value) -> Reply {
    Reply {
        status: 200,
        content_type: Some(content_type(Some(api))),
        body: body.to_string().into_bytes(),
        ..Reply::default()
    }
}

/// A refusal.
pub(in crate::simulator) fn refused(shared: &Shared, api: Api, errcode: i64) -> Reply {
    refusal(shared, Some(api), errcode)
}

/// A refusal of a path that the host does not have.
pub(in crate::simulator) fn unknown_path(shared: &Shared) -> Reply {
    refusal(shared, None, PATH_UNKNOWN)
}

fn refusal(shared: &Shared, api: Option<Api>, errcode: i64) -> Reply {
    let rid = shared.step(|world, _| {
        [
            world.entropy.hex::<4>(),
            world.entropy.hex::<4>(),
            world.entropy.hex::<4>(),
        ]
    });
    let errmsg = format!("{}, rid: {}", text(errcode), rid.join("-"));
    Reply {
        status: 200,
        content_type: Some(content_type(api)),
        body: json!({ "errcode": errcode, "errmsg": errmsg })
            .to_string()
            .into_bytes(),
        error: Some(errcode.to_string()),
        detail: Some(text(errcode).to_owned()),
        ..Reply::default()
    }
}

/// Login answers are labelled as text although they are JSON, as the real ones are.
fn content_type(api: Option<Api>) -> &'static str {
    match api {
        Some(Api::Login) => "text/plain",
        _ => "application/json; charset=UTF-8",
    }
}

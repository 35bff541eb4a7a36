//! `/wxa/echo/…`: stands for every API that a client calls with a token and knows nothing else of. The real host
//! has no such path.
//!
//! It answers what it was asked: method, path, query without the token, content type and body. With `bytes=N` (16 MiB
//! at the most) the answer is so many bytes of a picture instead, with `status=N` it has that status.

use serde_json::{Value, json};

use super::answer::{accepted, refused};
use super::token;
use crate::simulator::call::{Call, Reply};
use crate::simulator::fault::Api;
use crate::simulator::state::Shared;

/// Bodies, in bytes.
pub(in crate::simulator) const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
const PICTURE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Answers any method of `/wxa/echo/…`.
pub(in crate::simulator) fn handle(shared: &Shared, call: &Call) -> Reply {
    match token::owner(shared, call) {
        Ok(app_id) => echo(call, &app_id),
        Err(errcode) => refused(shared, Api::Echo, errcode),
    }
}

fn echo(call: &Call, app_id: &str) -> Reply {
    let wanted = |name: &str| call.parameter(name).and_then(|text| text.parse::<usize>().ok());
    let status = wanted("status").and_then(|status| u16::try_from(status).ok());
    let status = status.unwrap_or(200);
    if let Some(bytes) = wanted("bytes") {
        return Reply {
            status,
            content_type: Some("image/jpeg"),
            body: picture(bytes.min(PICTURE_BYTES_MAX)),
            ..Reply::default()
        };
    }
    let query: Vec<Value> = call
        .parameters()
        .into_iter()
        .filter(|(name, _)| name != "access_token")
        .map(|(name, value)| json!([name, value]))
        .collect();
    let headers: Vec<String> = call.headers.keys().map(|name| name.as_str().to_owned()).collect();
    let body = json!({
        "errcode": 0,
        "errmsg": "ok",
        "app_id": app_id,
        "method": call.method,
        "path": call.path,
        "query": query,
        "headers": headers,
        "content_type": call.header("content-type").ok().flatten(),
        "body": String::from_utf8_lossy(&call.body),
    });
    Reply {
        status,
        ..accepted(Api::Echo, &body)
    }
}

/// Begins as a JPEG does.
fn picture(bytes: usize) -> Vec<u8> {
    let mut picture: Vec<u8> = [0xff, 0xd8, 0xff, 0xe0]
        .into_iter()
        .cycle()
        .take(bytes.min(4))
        .collect();
    picture.resize(bytes, 0x5a);
    picture
}

//! `POST /tcb/invokecloudfunction`: a cloud environment with a few functions, made to be tried out.
//!
//! | function | what it does |
//! |---|---|
//! | `echo` | answers what it was called with |
//! | `raw` | answers with the text `resp_data` as it stands; without one, with nothing |
//! | `slow` | takes `ms`, and fails with -504003 past five seconds |
//! | `large` | answers a text of `bytes`, 8 MiB at most, each of them the byte `letter` (x) |
//! | `fail` | fails with `errcode` (-504002) |

use serde_json::{Value, json};

use super::answer::{BODY_EMPTY, BODY_INVALID, PARAMETER_MISSING, POST_REQUIRED, accepted, refused};
use super::token;
use crate::simulator::call::{Call, Reply};
use crate::simulator::fault::Api;
use crate::simulator::state::Shared;

const ENVIRONMENT_MISSING: i64 = -601_027;
const FUNCTION_UNKNOWN: i64 = -501_000;
const FUNCTION_FAILED: i64 = -504_002;
const FUNCTION_TOO_SLOW: i64 = -504_003;
/// How long a function may take.
const MS_MAX: u64 = 5_000;
const ANSWER_BYTES_MAX: u64 = 8 << 20;

/// Answers `POST /tcb/invokecloudfunction`.
pub(in crate::simulator) fn handle(shared: &Shared, call: &Call) -> Reply {
    invoke(shared, call).unwrap_or_else(|errcode| refused(shared, Api::CloudFunction, errcode))
}

fn invoke(shared: &Shared, call: &Call) -> Result<Reply, i64> {
    if call.method != "POST" {
        return Err(POST_REQUIRED);
    }
    token::owner(shared, call)?;
    let filled = |name: &str| call.parameter(name).filter(|value| !value.is_empty());
    filled("env").ok_or(ENVIRONMENT_MISSING)?;
    let name = filled("name").ok_or(PARAMETER_MISSING)?;
    if call.body.is_empty() {
        return Err(BODY_EMPTY);
    }
    let event: Value = serde_json::from_slice(&call.body).map_err(|_| BODY_INVALID)?;
    let figure = |name: &str| event.get(name).and_then(Value::as_u64).unwrap_or(0);
    match name.as_str() {
        "echo" => Ok(answered(&json!(event.to_string()))),
        "raw" => Ok(answered(event.get("resp_data").unwrap_or(&Value::Null))),
        "slow" => Ok(slow(shared, figure("ms"))),
        "large" => {
            let letter = event.get("letter").and_then(Value::as_str);
            let letter = letter.filter(|letter| letter.len() == 1).unwrap_or("x");
            Ok(large(letter, figure("bytes").min(ANSWER_BYTES_MAX)))
        }
        "fail" => Err(event
            .get("errcode")
            .and_then(Value::as_i64)
            .unwrap_or(FUNCTION_FAILED)),
        _ => Err(FUNCTION_UNKNOWN),
    }
}

fn slow(shared: &Shared, ms: u64) -> Reply {
    let reply = if ms <= MS_MAX {
        answered(&json!(json!({ "ms": ms }).to_string()))
    } else {
        refused(shared, Api::CloudFunction, FUNCTION_TOO_SLOW)
    };
    Reply {
        wait_ms: ms.min(MS_MAX),
        ..reply
    }
}

fn large(letter: &str, bytes: u64) -> Reply {
    let text = letter.repeat(usize::try_from(bytes).unwrap_or(0));
    answered(&json!(json!(text).to_string()))
}

fn answered(resp_data: &Value) -> Reply {
    let mut body = json!({ "errcode": 0, "errmsg": "ok" });
    if let (Some(members), false) = (body.as_object_mut(), resp_data.is_null()) {
        members.insert("resp_data".to_owned(), resp_data.clone());
    }
    accepted(Api::CloudFunction, &body)
}

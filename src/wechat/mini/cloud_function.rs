//! `invokecloudfunction`: a function of the cloud environment runs. Source: open-data, section 6.
//!
//! What a function does may be done only once, so no call is repeated here.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::api::{ApiCall, ApiError, ApiReply};

/// The longest answer of a function, in bytes.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// The longest that it may be where it comes as a text within JSON, in bytes: each quote in it takes two there, a letter
/// of three bytes at most six, and a little stands around it.
const ESCAPED_BYTES_MAX: usize = 2 * ANSWER_BYTES_MAX + 64 * 1024;

/// The call of a function in a cloud environment with what it is given.
///
/// # Errors
/// When its body cannot be written as JSON.
pub fn call(env: &str, name: &str, event: &impl Serialize) -> Result<ApiCall, serde_json::Error> {
    let call = ApiCall::post("invokecloudfunction", "/tcb/invokecloudfunction", event)?;
    // A function alone may take five seconds.
    Ok(call
        .query("env", env)
        .query("name", name)
        .slow()
        .long(ESCAPED_BYTES_MAX))
}

#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    resp_data: Value,
}

/// What the function answered, taken out of the text it comes in. A text that is no JSON stays a text;
/// a function that answered nothing answered `null`.
///
/// # Errors
/// [`ApiError::TooLong`] past 1 MB, [`ApiError::Unavailable`] when it cannot be written as JSON.
pub fn read(reply: &ApiReply) -> Result<Box<RawValue>, ApiError> {
    let answer = match reply.json::<Wire>()?.resp_data {
        Value::String(text) if text.len() > ANSWER_BYTES_MAX => return Err(ApiError::TooLong),
        Value::String(text) if text.is_empty() => Value::Null,
        Value::String(text) => match RawValue::from_string(text.clone()) {
            Ok(answer) => return Ok(answer),
            Err(_) => Value::String(text),
        },
        answer => answer,
    };
    serde_json::value::to_raw_value(&answer).map_err(|_| ApiError::Unavailable)
}

/// Whether this refusal says that the function itself failed: it threw an error or took too long
/// (-504001 and its neighbours), or answered more than 1 MB (-604001).
pub fn is_function_failed(errcode: i64) -> bool {
    matches!(errcode, -504_999..=-504_000 | -604_001)
}

//! `getopendata`: cloudIDs become the data they stand for. Source: open-data, section 6.
//!
//! The documentation calls an item's `json` a text and shows an object; both are read, and so is an item that says
//! itself what its `json` would. What the answer leaves out, or says so that it cannot be understood, is a failure of that item alone.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::api::{ApiCall, ApiError, ApiReply};
use crate::domain::name::{AppId, OpenId};
use crate::wechat::wire::list;

/// WeChat's number for "system error", which also stands for an item without an answer.
const SYSTEM_ERROR: i64 = -601_001;
const ILLEGAL: i64 = -601_005;
const OF_ANOTHER: i64 = -601_007;

/// Why a cloudID did not become data, as WeChat's cloud functions say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloudIdError {
    /// WeChat's number, such as -601006.
    pub errcode: i64,
}

impl CloudIdError {
    /// The words for the number; never WeChat's own.
    pub fn text(self) -> &'static str {
        match self.errcode {
            SYSTEM_ERROR => "system error",
            -601_002 => "bad parameter",
            -601_003 => "network error",
            -601_004 | -601_012..=-601_010 => "no permission",
            ILLEGAL => "illegal cloudID",
            -601_006 => "cloudID expired",
            OF_ANOTHER => "cloudID and user do not match",
            -601_008 => "timeout",
            -601_009 => "no phone number",
            _ => "refused",
        }
    }
}

/// What became of one cloudID.
pub type Opened = Result<Map<String, Value>, CloudIdError>;

#[derive(Serialize)]
struct Request<'a> {
    cloudid_list: &'a [&'a str],
}

/// The call for some cloudIDs of a user. It has no effect and may be repeated.
///
/// # Errors
/// When its body cannot be written as JSON.
pub fn call(openid: &OpenId, ids: &[&str]) -> Result<ApiCall, serde_json::Error> {
    let request = Request { cloudid_list: ids };
    Ok(ApiCall::post("getopendata", "/wxa/getopendata", &request)?
        .query("openid", openid.as_str())
        .repeatable())
}

#[derive(Deserialize)]
struct Wire {
    #[serde(default, deserialize_with = "list")]
    data_list: Vec<Value>,
}

/// What became of each of `ids`, in their order.
///
/// # Errors
/// [`ApiError::Unavailable`] when the answer is no object, or something else stands in the place of its list.
pub fn read(
    reply: &ApiReply,
    ids: &[&str],
    app_id: &AppId,
    openid: &OpenId,
) -> Result<Vec<Opened>, ApiError> {
    let wire: Wire = reply.json()?;
    let items: HashMap<String, Value> = wire.data_list.into_iter().filter_map(named).collect();
    let results = ids.iter().map(|id| {
        let content = items.get(*id).cloned().unwrap_or_default();
        item(content).and_then(|data| belonging(data, app_id, openid))
    });
    Ok(results.collect())
}

/// Which cloudID an item is about, and what it says of it.
fn named(mut item: Value) -> Option<(String, Value)> {
    let id = item.get("cloud_id").or_else(|| item.get("cloudID"))?;
    let id = id.as_str()?.to_owned();
    let content = item.get_mut("json").map(Value::take);
    Some((id, content.filter(|json| !json.is_null()).unwrap_or(item)))
}

/// The data in an item.
fn item(json: Value) -> Opened {
    let failed = CloudIdError {
        errcode: SYSTEM_ERROR,
    };
    let content = match json {
        Value::Object(content) => content,
        Value::String(text) => serde_json::from_str(&text).map_err(|_| failed)?,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => return Err(failed),
    };
    if let Some(errcode) = content.get("errCode").filter(|code| **code != 0) {
        let errcode = errcode.as_i64().unwrap_or(SYSTEM_ERROR);
        return Err(CloudIdError { errcode });
    }
    match content.get("data") {
        Some(Value::Object(data)) => Ok(data.clone()),
        _ => Err(failed),
    }
}

/// The data, if it is this mini program's and, where it names a user, this user's.
fn belonging(data: Map<String, Value>, app_id: &AppId, openid: &OpenId) -> Opened {
    let of_app = data.get("watermark").and_then(|mark| mark.get("appid"));
    if of_app.is_some_and(|of_app| of_app != app_id.as_str()) {
        return Err(CloudIdError { errcode: ILLEGAL });
    }
    if data.get("openId").is_some_and(|of| of != openid.as_str()) {
        return Err(CloudIdError { errcode: OF_ANOTHER });
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_item_is_data_or_a_number() {
        let data = json!({"a": 1}).as_object().unwrap().clone();
        for good in [
            json!({"cloudID": "x", "data": {"a": 1}}),
            json!({"data": {"a": 1}, "errCode": 0, "errMsg": "ok"}),
            json!(r#"{"cloudID": "x", "data": {"a": 1}}"#),
        ] {
            assert_eq!(item(good.clone()), Ok(data.clone()), "{good}");
        }
        for (bad, errcode) in [
            (
                json!({"cloudID": "x", "errCode": -601_006, "errMsg": "no"}),
                -601_006,
            ),
            (json!(r#"{"errCode": -601007}"#), -601_007),
            (json!({"errCode": "odd"}), SYSTEM_ERROR),
            (json!({"cloudID": "x"}), SYSTEM_ERROR),
            (json!({"data": "text"}), SYSTEM_ERROR),
            (json!("not JSON"), SYSTEM_ERROR),
            (json!("[]"), SYSTEM_ERROR),
            (json!(7), SYSTEM_ERROR),
            (Value::Null, SYSTEM_ERROR),
        ] {
            assert_eq!(item(bad.clone()), Err(CloudIdError { errcode }), "{bad}");
        }
    }

    #[test]
    fn data_of_somebody_else_is_not_handed_out() {
        let (app_id, openid) = (AppId::parse("wx1").unwrap(), OpenId::parse("oAlice").unwrap());
        let judge = |data: Value| belonging(data.as_object().unwrap().clone(), &app_id, &openid).is_ok();
        assert!(judge(json!({"watermark": {"appid": "wx1"}, "openId": "oAlice"})));
        assert!(judge(json!({"stepInfoList": []})));
        assert!(!judge(json!({"watermark": {"appid": "wx2"}})));
        assert!(!judge(json!({"openId": "oBob"})));
    }
}

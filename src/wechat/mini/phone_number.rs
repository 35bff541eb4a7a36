//! `getuserphonenumber`: a code of the phone-number button becomes a number. Source: open-data,
//! section 5.

use serde::{Deserialize, Serialize};

use super::api::{ApiCall, ApiError, ApiReply};
use crate::domain::name::{OpenId, PhoneCode};
use crate::domain::phone_number::PhoneNumber;
use crate::wechat::wire::loose;

#[derive(Serialize)]
struct Request<'a> {
    code: &'a str,
    /// WeChat compares it with the code's owner, so that nobody hands in somebody else's code.
    openid: &'a str,
}

/// The call for a code. It may be made again after "busy": then the code was not taken.
///
/// # Errors
/// When its body cannot be written as JSON.
pub fn call(code: &PhoneCode, openid: &OpenId) -> Result<ApiCall, serde_json::Error> {
    let request = Request {
        code: code.as_str(),
        openid: openid.as_str(),
    };
    Ok(ApiCall::post("getuserphonenumber", "/wxa/business/getuserphonenumber", &request)?.repeatable())
}

#[derive(Deserialize)]
struct Wire {
    phone_info: Info,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Info {
    #[serde(deserialize_with = "loose")]
    phone_number: String,
    #[serde(deserialize_with = "loose")]
    pure_phone_number: String,
    #[serde(deserialize_with = "loose")]
    country_code: String,
}

/// The number in an answer.
///
/// # Errors
/// [`ApiError::Unavailable`] when there is none. The code is used all the same.
pub fn read(reply: &ApiReply) -> Result<PhoneNumber, ApiError> {
    let info = reply.json::<Wire>()?.phone_info;
    PhoneNumber::parse(info.phone_number, info.pure_phone_number, info.country_code)
        .map_err(|_| ApiError::Unavailable)
}

/// Whether this refusal says that the code is no good: wrong, used or too old (40029, 40163, 42003), of
/// another mini program (40013; the token's own is known to be right) or of another user (40003).
pub fn is_code_invalid(errcode: i64) -> bool {
    matches!(errcode, 40_029 | 40_163 | 42_003 | 40_013 | 40_003)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn number(info: &Value) -> Option<String> {
        let reply = ApiReply::of(&json!({"errcode": 0, "errmsg": "ok", "phone_info": info}));
        read(&reply).ok().map(|number| number.masked())
    }

    #[test]
    fn a_number_is_read_whether_it_is_written_as_text_or_not() {
        for info in [
            json!({"phoneNumber": "13800000001", "purePhoneNumber": "13800000001", "countryCode": "86"}),
            json!({"phoneNumber": "13800000001", "purePhoneNumber": "13800000001", "countryCode": 86}),
            json!({"phoneNumber": 13_800_000_001_u64, "purePhoneNumber": 13_800_000_001_u64, "countryCode": 86}),
        ] {
            assert_eq!(number(&info).as_deref(), Some("138****0001"), "{info}");
        }
        for info in [
            json!({"phoneNumber": "13800000001", "purePhoneNumber": "13800000001"}),
            json!({"phoneNumber": "13800000001", "purePhoneNumber": "13800000001", "countryCode": null}),
            json!({"phoneNumber": "13800000001", "purePhoneNumber": ["13800000001"], "countryCode": "86"}),
        ] {
            assert_eq!(number(&info), None, "{info}");
        }
    }
}

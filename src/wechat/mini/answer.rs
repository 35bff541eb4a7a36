//! What answers of the mini-program API have in common: an `errcode`, or none, under status 200.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;

use crate::wechat::send::Answer;
use crate::wechat::wire::{Text, loose};

/// WeChat's "system busy": nothing was done.
pub(super) const BUSY: i64 = -1;
/// The gaps before a call that had no effect is made again; their number bounds the repeats.
pub(super) const RETRY_GAPS: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(300)];

/// A refusal under status 200.
#[derive(Debug)]
pub(super) struct Refusal<'a> {
    pub(super) errcode: i64,
    pub(super) errmsg: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(default, deserialize_with = "loose")]
    errcode: Option<i64>,
    #[serde(borrow)]
    errmsg: Option<Text<'a>>,
}

/// What an answer says of itself; nothing where it is no object, or where that cannot be read.
fn read(body: &[u8]) -> Option<Wire<'_>> {
    let begins_as_object = body.trim_ascii_start().first() == Some(&b'{');
    if begins_as_object {
        serde_json::from_slice(body).ok()
    } else {
        None
    }
}

/// The refusal that an answer is; nothing where it is a success of whatever form, or no answer at all. The content
/// type is not looked at: WeChat calls its JSON `text/plain`, and JSON stands where a picture was asked for.
pub(super) fn refusal(body: &[u8]) -> Option<Refusal<'_>> {
    let wire = read(body)?;
    Some(Refusal {
        errcode: wire.errcode.filter(|errcode| *errcode != 0)?,
        errmsg: wire.errmsg.map_or(Cow::Borrowed(""), |text| text.0),
    })
}

/// Whether an answer says that the call is done: an object with the `errcode` 0.
pub(super) fn is_done(body: &[u8]) -> bool {
    read(body).is_some_and(|wire| wire.errcode == Some(0))
}

/// Whether a gateway answered in place of the API.
pub(super) fn is_foreign(answer: &Answer) -> bool {
    !(200..300).contains(&answer.status)
}

/// The request id at the end of an `errmsg`, which WeChat's support asks for. The rest of the text
/// is not looked at.
pub(super) fn rid(errmsg: &str) -> &str {
    let tail = errmsg.rsplit_once("rid: ").map_or("", |(_, tail)| tail);
    let end = tail
        .bytes()
        .position(|byte| !byte.is_ascii_alphanumeric() && byte != b'-');
    tail.get(..end.unwrap_or(tail.len()).min(64)).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_id_is_cut_out_of_the_message() {
        assert_eq!(
            rid("invalid code, rid: 65a1b2c3-0a1b2c3d-4e5f6a7b"),
            "65a1b2c3-0a1b2c3d-4e5f6a7b"
        );
        assert_eq!(rid("busy, rid: 65a1 and more"), "65a1");
        assert_eq!(rid("busy hints: [ req_id: x ]"), "");
        assert_eq!(rid("rid: 碼"), "");
    }

    #[test]
    fn only_an_object_with_an_errcode_is_a_refusal() {
        let found = refusal(br#" {"errcode":40001,"errmsg":"invalid \"credential\""}"#).unwrap();
        assert_eq!(
            (found.errcode, &*found.errmsg),
            (40_001, "invalid \"credential\"")
        );
        assert_eq!(refusal(br#"{"errcode":-1}"#).unwrap().errcode, -1);
        assert_eq!(refusal(br#"{"errcode":"40001"}"#).unwrap().errcode, 40_001);
        for body in [
            &b""[..],
            b"{}",
            br#"{"errcode":0,"errmsg":"ok"}"#,
            br#"[40001, "x"]"#,
            br#"{"access_token":"x"}"#,
            b"\xff\xd8\xff\xe0 a picture",
            br#"{"errcode":40001"#,
        ] {
            assert!(refusal(body).is_none(), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn only_an_object_whose_errcode_is_0_says_that_a_call_is_done() {
        assert!(is_done(br#"{"errcode":0,"errmsg":"ok"}"#));
        assert!(is_done(br#" {"errmsg":"ok","errcode":"0"}"#));
        for body in [
            &b""[..],
            b"<html>ok</html>",
            b"{}",
            br#"{"errmsg":"ok"}"#,
            br#"{"errcode":null}"#,
            br#"{"errcode":""}"#,
            br#"{"errcode":0,"#,
            br#"{"errcode":0,"errcode":40001}"#,
            br#"[0, "ok"]"#,
            b"0",
        ] {
            assert!(!is_done(body), "{}", String::from_utf8_lossy(body));
        }
    }
}

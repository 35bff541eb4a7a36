//! `subscribeMessage.send`: one message to one user. Source: mini-program APIs, section 3.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::api::{ApiCall, ApiReply};
use crate::domain::name::{OpenId, TemplateId};
use crate::domain::subscribe::{Lang, ProgramState};
use crate::wechat::wire::loose;

/// A message, checked.
#[expect(missing_debug_implementations, reason = "what it says is personal")]
#[derive(Clone)]
pub struct Message {
    /// To whom.
    pub openid: OpenId,
    /// The template.
    pub template_id: TemplateId,
    /// What a tap opens; none: it cannot be tapped.
    pub page: Option<String>,
    /// Values by keyword.
    pub data: BTreeMap<String, String>,
    /// Which version of the mini program it opens.
    pub state: ProgramState,
    /// Its language.
    pub lang: Lang,
}

#[derive(Serialize)]
struct Request<'a> {
    touser: &'a str,
    template_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<&'a str>,
    data: BTreeMap<&'a str, Value<'a>>,
    miniprogram_state: &'static str,
    lang: &'static str,
}

#[derive(Serialize)]
struct Value<'a> {
    value: &'a str,
}

/// The call that sends a message. It is not repeatable: a second one would be a second message.
///
/// # Errors
/// When its body cannot be written as JSON.
pub fn call(message: &Message) -> Result<ApiCall, serde_json::Error> {
    let data = message.data.iter();
    let request = Request {
        touser: message.openid.as_str(),
        template_id: message.template_id.as_str(),
        page: message.page.as_deref(),
        data: data
            .map(|(name, value)| (name.as_str(), Value { value }))
            .collect(),
        miniprogram_state: message.state.as_str(),
        lang: message.lang.as_str(),
    };
    ApiCall::post("subscribe_send", "/cgi-bin/message/subscribe/send", &request)
}

#[derive(Deserialize)]
struct Wire {
    #[serde(default, deserialize_with = "loose")]
    msgid: Option<String>,
}

/// WeChat's number of the message, which its documentation does not promise.
pub fn msgid(reply: &ApiReply) -> Option<String> {
    let msgid = reply.json::<Wire>().ok()?.msgid?;
    is_msgid(&msgid).then_some(msgid)
}

/// Whether a text can be WeChat's number of a message.
pub fn is_msgid(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What a refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The user has not allowed it, or all that was allowed is used up (43101).
    NotGranted,
    /// No user of this mini program has this openid (40003).
    OpenId,
    /// The mini program has no such template (40037).
    Template,
    /// WeChat has blocked the template, or these messages as such (43107).
    Blocked,
    /// Another message to the same user is on its way (43108).
    Parallel,
    /// The values hold words that WeChat does not let through (45168).
    Words,
    /// The values are not what the template wants (47003).
    Data,
    /// WeChat is busy, or too many calls were made (-1, 45009, 45011): later it may go.
    Passing,
    /// Anything else.
    Other,
}

/// What WeChat's number means.
pub fn refusal(errcode: i64) -> Refusal {
    match errcode {
        43_101 => Refusal::NotGranted,
        40_003 => Refusal::OpenId,
        40_037 => Refusal::Template,
        43_107 => Refusal::Blocked,
        43_108 => Refusal::Parallel,
        45_168 => Refusal::Words,
        47_003 => Refusal::Data,
        -1 | 45_009 | 45_011 => Refusal::Passing,
        _ => Refusal::Other,
    }
}

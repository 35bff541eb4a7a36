//! A message as a whole: what it is, whom it is from, and by what a repetition is known.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use super::event::Fields;
use super::{DocumentError, PushEvent, document, event};
use crate::domain::name::OpenId;
use crate::wechat::crypto::push::fingerprint;

/// The longest name of an event, or of a kind of message, that is told as it is.
const NAME_CHARS_MAX: usize = 64;
/// What WeChat's cloud hosting tries a path with. It says nothing.
const PATH_CHECK: &str = "CheckContainerPath";

/// What WeChat told, verified and opened.
#[derive(Clone)]
pub struct PushMessage {
    /// What it is called when it is told on: `push.event.NAME` or `push.message.TYPE`. Letters, digits,
    /// dots and underscores.
    pub kind: String,
    /// Whom it is from; none where that is no openid.
    pub openid: Option<OpenId>,
    /// `MsgType`, as it came.
    pub msg_type: Option<String>,
    /// `Event`, as it came; none for a message of a person.
    pub event_name: Option<String>,
    /// What it says.
    pub event: PushEvent,
    /// Equal for repetitions of one message, and for nothing else: see the function `identity`.
    pub identity: [u8; 32],
    /// Whether it is but a test of the path, which says nothing.
    pub is_path_check: bool,
    /// The whole of it as JSON.
    pub json: Box<RawValue>,
}

/// Prints nothing that is a person's.
impl std::fmt::Debug for PushMessage {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "PushMessage({})", self.kind)
    }
}

impl PushMessage {
    /// Reads a message. Whatever is an object is one.
    ///
    /// # Errors
    /// See [`DocumentError`].
    pub fn read(text: &[u8]) -> Result<Self, DocumentError> {
        let message = document::read(text)?;
        let fields = Fields(&message);
        let msg_type = fields.text("MsgType");
        let is_event = msg_type.as_deref() == Some("event");
        let event_name = fields.text("Event").filter(|_| is_event);
        let (group, name) = match &event_name {
            Some(name) => ("event", Some(name)),
            None if is_event => ("event", None),
            None => ("message", msg_type.as_ref()),
        };
        let name = name
            .filter(|name| is_speakable(name))
            .map_or("other", String::as_str);
        Ok(Self {
            kind: format!("push.{group}.{name}"),
            openid: fields.text("FromUserName").and_then(|id| OpenId::parse(id).ok()),
            event: event_name
                .as_deref()
                .map_or(PushEvent::Other, |name| event::read(name, &message)),
            identity: identity(&message, is_event),
            is_path_check: msg_type.is_none() && fields.text("action").as_deref() == Some(PATH_CHECK),
            json: as_json(text, &message)?,
            msg_type,
            event_name,
        })
    }
}

/// JSON is told on as it came, XML as what was read.
fn as_json(text: &[u8], message: &Map<String, Value>) -> Result<Box<RawValue>, DocumentError> {
    serde_json::from_slice(text)
        .or_else(|_| to_raw_value(message))
        .map_err(|_| DocumentError::Malformed)
}

fn is_speakable(name: &str) -> bool {
    (1..=NAME_CHARS_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// By what a repetition is known: a message of a person by sender and `MsgId`; anything else by sender,
/// time, event and content, since two results of one kind may come within one second. Whatever repeats
/// a message repeats its content.
fn identity(message: &Map<String, Value>, is_event: bool) -> [u8; 32] {
    let fields = Fields(message);
    let sender = fields.text("FromUserName");
    let parts = if let Some(id) = fields.text("MsgId").filter(|_| !is_event) {
        json!(["message", sender, id])
    } else {
        let content = hex::encode(fingerprint(sorted(message).to_string().as_bytes()));
        let (time, event) = (fields.text("CreateTime"), fields.text("Event"));
        json!(["event", sender, time, event, content])
    };
    fingerprint(parts.to_string().as_bytes())
}

/// The same with the members of every object in the order of their names, as a list of pairs, whatever
/// order an object keeps.
fn sorted<T: Serialize>(value: &T) -> Value {
    match serde_json::to_value(value).unwrap_or_default() {
        Value::Object(members) => {
            let mut pairs: Vec<(&String, Value)> = members
                .iter()
                .map(|(name, value)| (name, sorted(value)))
                .collect();
            pairs.sort_unstable_by_key(|(name, _)| *name);
            json!(pairs)
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        plain => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> PushMessage {
        PushMessage::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_kind_is_made_of_bounded_names() {
        let long = format!(r#"{{"MsgType":"event","Event":"{}"}}"#, "x".repeat(65));
        for (text, kind) in [
            (
                r#"{"MsgType":"event","Event":"debug_demo"}"#,
                "push.event.debug_demo",
            ),
            (r#"{"MsgType":"event","Event":"VIEW"}"#, "push.event.VIEW"),
            (r#"{"MsgType":"event","Event":"a b"}"#, "push.event.other"),
            (r#"{"MsgType":"event","Event":""}"#, "push.event.other"),
            (long.as_str(), "push.event.other"),
            (r#"{"MsgType":"event"}"#, "push.event.other"),
            (r#"{"MsgType":"text","Event":"debug_demo"}"#, "push.message.text"),
            (r"{}", "push.message.other"),
            (
                "<xml><MsgType>event</MsgType><Event>a</Event></xml>",
                "push.event.a",
            ),
        ] {
            assert_eq!(read(text).kind, kind, "{text}");
        }
    }

    #[test]
    fn a_repetition_is_known_and_nothing_else_is_taken_for_one() {
        let event = r#"{"FromUserName":"o","CreateTime":1,"MsgType":"event","Event":"a","trace_id":"x"}"#;
        let again = r#"{"trace_id":"x", "Event":"a","CreateTime":1,"MsgType":"event","FromUserName":"o"}"#;
        assert_eq!(read(event).identity, read(again).identity);
        for (from, to) in [
            ("\"o\"", "\"p\""),
            (":1", ":2"),
            ("\"a\"", "\"b\""),
            ("\"x\"", "\"y\""),
            ("\"x\"", "[\"x\"]"),
        ] {
            assert_ne!(
                read(event).identity,
                read(&event.replace(from, to)).identity,
                "{from}"
            );
        }
        let text = r#"{"FromUserName":"o","CreateTime":1,"MsgType":"text","Content":"hi","MsgId":7}"#;
        assert_eq!(read(text).identity, read(&text.replace(":7", ":\"7\"")).identity);
        assert_eq!(read(text).identity, read(&text.replace(":1", ":2")).identity);
        for (from, to) in [(":7", ":8"), ("\"o\"", "\"p\"")] {
            assert_ne!(
                read(text).identity,
                read(&text.replace(from, to)).identity,
                "{from}"
            );
        }
        // The MsgId of an event is a matter of its content.
        let numbered = event.replace("trace_id", "MsgId");
        assert_ne!(
            read(&numbered).identity,
            read(&numbered.replace(":1", ":2")).identity
        );
    }

    #[test]
    fn json_is_told_on_as_it_came_and_xml_as_json() {
        let text = r#"{"CreateTime": 1.50, "a": 18446744073709551616}"#;
        assert_eq!(read(text).json.get(), text);
        let xml = "<xml><CreateTime>1</CreateTime><List><a>2</a></List></xml>";
        let value: Value = serde_json::from_str(read(xml).json.get()).unwrap();
        assert_eq!(value, json!({"CreateTime": "1", "List": {"a": "2"}}));
    }

    #[test]
    fn a_test_of_the_path_and_nothing_else_says_nothing() {
        assert!(read(r#"{"action":"CheckContainerPath"}"#).is_path_check);
        assert!(!read(r#"{"action":"CheckContainerPath","MsgType":"text"}"#).is_path_check);
        assert!(!read(r#"{"action":"other"}"#).is_path_check);
    }

    #[test]
    fn a_message_prints_nothing_of_a_person() {
        let message = read(r#"{"FromUserName":"oAlice","MsgType":"text","Content":"my number"}"#);
        assert_eq!(format!("{message:?}"), "PushMessage(push.message.text)");
    }
}

//! A message as text, in JSON or in XML.
//!
//! The events of subscribe messages are written in a way of their own: in JSON every number is a text and
//! a list of one item is that item; in XML the items stand below a name made of the event's.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::PushDraft;
use crate::simulator::options::PushFormat;

const LIST: &str = "List";
/// Who tells what nobody else does.
const SYSTEM: &str = "system";
/// What a document type brings in, so that a reader who follows it can be told.
const DOCTYPE: &str = "<!DOCTYPE xml [<!ENTITY x SYSTEM \"file:///etc/hostname\">]>";

type Members = Vec<(String, Value)>;

/// The original id of a mini program.
pub(super) fn original_id(app_id: &str) -> String {
    format!("gh_{}", app_id.trim_start_matches("wx"))
}

/// The message as text.
pub(super) fn text(app_id: &str, draft: &PushDraft, format: PushFormat, created_at: DateTime<Utc>) -> String {
    let mut members: Members = [
        ("ToUserName", json!(original_id(app_id))),
        ("FromUserName", json!(draft.openid.as_deref().unwrap_or(SYSTEM))),
        ("CreateTime", json!(created_at.timestamp())),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    for (name, value) in draft.members.clone() {
        // What is said by hand wins.
        match members.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => members.push((name, value)),
        }
    }
    members.retain(|(_, value)| !value.is_null());
    let is_list = members.iter().any(|(name, _)| name == LIST);
    match format {
        PushFormat::Json if is_list => json_text(&as_texts(members)),
        PushFormat::Json => json_text(&members),
        PushFormat::Xml if is_list => xml_text(&wrapped(members, draft.title())),
        PushFormat::Xml => xml_text(&members),
    }
}

/// The members as an object, in their order.
pub(super) fn json_text(members: &[(String, Value)]) -> String {
    let parts: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("{}:{value}", json!(name)))
        .collect();
    format!("{{{}}}", parts.join(","))
}

/// The members as an element.
pub(super) fn xml_text(members: &[(String, Value)]) -> String {
    let elements = members.iter().map(|(name, value)| element(name, value));
    format!("<xml>{}</xml>", elements.collect::<String>())
}

/// The same with a document type, and an entity of it in the text.
pub(super) fn with_doctype(draft: &PushDraft, app_id: &str, created_at: DateTime<Utc>) -> String {
    let text = text(app_id, draft, PushFormat::Xml, created_at);
    let text = text.replacen("<xml>", "<xml><Greeting>&x;</Greeting>", 1);
    format!("<?xml version=\"1.0\"?>{DOCTYPE}{text}")
}

fn element(name: &str, value: &Value) -> String {
    let content = match value {
        // A list is its elements side by side.
        Value::Array(items) => return items.iter().map(|item| element(name, item)).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| element(name, value)).collect(),
        // The end of such a section cannot stand in it.
        Value::String(text) => format!("<![CDATA[{}]]>", text.replace("]]>", "]]]]><![CDATA[>")),
        plain => plain.to_string(),
    };
    format!("<{name}>{content}</{name}>")
}

/// Numbers become texts, and a list of one item that item.
fn as_texts(members: Members) -> Members {
    let said = |(name, value): (String, Value)| {
        let value = match value {
            Value::Array(mut items) if name == LIST && items.len() == 1 => items.remove(0),
            value => value,
        };
        (name, numbers_as_texts(value))
    };
    members.into_iter().map(said).collect()
}

fn numbers_as_texts(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::String(number.to_string()),
        Value::Array(items) => items.into_iter().map(numbers_as_texts).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, numbers_as_texts(value)))
            .collect(),
        plain => plain,
    }
}

/// The list below a name like `SubscribeMsgPopupEvent`.
fn wrapped(members: Members, event: &str) -> Members {
    let wrapper: String = event.split('_').map(capitalised).collect();
    let wrap = |(name, value): (String, Value)| {
        if name == LIST {
            (wrapper.clone(), json!({ LIST: value }))
        } else {
            (name, value)
        }
    };
    members.into_iter().map(wrap).collect()
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(fields: Vec<(&str, Value)>) -> PushDraft {
        let members = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
        PushDraft {
            openid: Some("oAlice".to_owned()),
            members: members.collect(),
        }
    }

    fn both(fields: Vec<(&str, Value)>) -> [String; 2] {
        let (draft, at) = (draft(fields), DateTime::from_timestamp(7, 0).unwrap());
        [PushFormat::Json, PushFormat::Xml].map(|format| text("wxabc", &draft, format, at))
    }

    #[test]
    fn a_message_in_both_forms() {
        let said = both(vec![
            ("MsgType", json!("text")),
            ("Content", json!("a]]>b<")),
            ("MsgId", json!(9)),
        ]);
        assert_eq!(
            said,
            [
                r#"{"ToUserName":"gh_abc","FromUserName":"oAlice","CreateTime":7,"MsgType":"text","Content":"a]]>b<","MsgId":9}"#,
                "<xml><ToUserName><![CDATA[gh_abc]]></ToUserName><FromUserName><![CDATA[oAlice]]></FromUserName>\
                <CreateTime>7</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[a]]]]><![CDATA[>b<]]></Content>\
                <MsgId>9</MsgId></xml>"
            ]
        );
    }

    #[test]
    fn a_list_of_a_subscribe_event_has_its_own_ways() {
        let item = |number: u64| json!({"TemplateId": "T", "PopupScene": number});
        let name = ("Event", json!("subscribe_msg_popup_event"));
        let [one, one_xml] = both(vec![name.clone(), ("List", json!([item(1)]))]);
        assert!(one.contains(r#""CreateTime":"7""#), "{one}");
        assert!(
            one.ends_with(r#""List":{"PopupScene":"1","TemplateId":"T"}}"#),
            "{one}"
        );
        let list = "<List><PopupScene>1</PopupScene><TemplateId><![CDATA[T]]></TemplateId></List>";
        assert!(one_xml.contains(&format!(
            "<SubscribeMsgPopupEvent>{list}</SubscribeMsgPopupEvent>"
        )));
        let [two, two_xml] = both(vec![name, ("List", json!([item(1), item(2)]))]);
        assert!(two.contains(r#""List":[{"#), "{two}");
        assert_eq!(two_xml.matches("<List>").count(), 2);
    }
}

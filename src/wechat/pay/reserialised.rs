//! Finding out that somebody on the way read a message and wrote it again: the JSON is the same, the
//! bytes are not, and no signature fits any more. For the record alone; nothing is believed by it.
//!
//! The signed text is guessed at: compact, letters unescaped, members in the order they came in, in
//! the order that WeChat Pay documents, or by the alphabet. Source: pay-v3, sections 3 and 10.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use super::client::Client;
use super::message::SignedMessage;

/// The longest body that is looked at, in bytes.
const BODY_BYTES_MAX: usize = 65_536;
/// The members of a notification and of its resource, in the documented order.
const DOCUMENTED: [&str; 11] = [
    "id",
    "create_time",
    "resource_type",
    "event_type",
    "summary",
    "resource",
    "original_type",
    "algorithm",
    "ciphertext",
    "associated_data",
    "nonce",
];

/// What a notification's envelope is made of; whatever has anything else in it is none.
enum Node {
    Text(String),
    Object(Vec<(String, Node)>),
}

impl Client {
    /// Whether the signature of a message fits another way of writing the same JSON. Costs three
    /// checks of a signature at most.
    pub fn is_reserialised(&self, message: &SignedMessage<'_>) -> bool {
        candidates(message.body()).iter().any(|text| {
            let written_otherwise = message.with_body(text.as_bytes());
            self.ring().check(&written_otherwise, self.now()).is_ok()
        })
    }
}

/// What may have been signed.
fn candidates(body: &[u8]) -> Vec<String> {
    let is_short = body.len() <= BODY_BYTES_MAX;
    let Some(mut root) = is_short
        .then(|| serde_json::from_slice::<Node>(body).ok())
        .flatten()
    else {
        return Vec::new();
    };
    let as_it_came = root.to_text();
    root.sort(&|name| DOCUMENTED.iter().position(|known| *known == name));
    let documented = root.to_text();
    root.sort(&|name| Some(name.to_owned()));
    vec![as_it_came, documented, root.to_text()]
}

impl Node {
    fn to_text(&self) -> String {
        match self {
            Self::Text(text) => serde_json::Value::from(text.as_str()).to_string(),
            Self::Object(members) => {
                let members = members.iter().map(|(name, node)| {
                    let name = serde_json::Value::from(name.as_str());
                    format!("{name}:{}", node.to_text())
                });
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }
        }
    }

    fn sort<K: Ord>(&mut self, rank: &impl Fn(&str) -> K) {
        if let Self::Object(members) = self {
            members.sort_by_key(|(name, _)| rank(name));
            for (_, node) in members {
                node.sort(rank);
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("texts and objects of them")
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Node::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: &str = r#"{"id":"EV-1","create_time":"2026-01-01T08:00:05+08:00","resource_type":"encrypt-resource","event_type":"TRANSACTION.SUCCESS","summary":"支付成功","resource":{"original_type":"transaction","algorithm":"AEAD_AES_256_GCM","ciphertext":"a/b+c==","associated_data":"transaction","nonce":"n"}}"#;

    fn is_found(body: &str) -> bool {
        candidates(body.as_bytes()).iter().any(|text| text == SENT)
    }

    #[test]
    fn what_the_usual_writers_make_of_a_message_is_traced_back() {
        let value: serde_json::Value = serde_json::from_str(SENT).unwrap();
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        let sorted = value.to_string();
        let escaped = SENT
            .replace('/', "\\/")
            .replace("支付成功", "\\u652f\\u4ed8\\u6210\\u529f");
        let spaced = SENT
            .replace(':', ": ")
            .replace("2026-01-01T08: 00: 05+08: 00", "2026-01-01T08:00:05+08:00");
        for body in [&pretty, &sorted, &escaped, &spaced, &format!("{SENT}\n")] {
            assert_ne!(body, SENT);
            assert!(is_found(body), "{body}");
        }
    }

    #[test]
    fn what_is_no_envelope_is_not_guessed_at() {
        let deep = "[".repeat(10_000);
        let long = format!("{{\"id\":\"{}\"}}", "x".repeat(BODY_BYTES_MAX));
        let objects = "{\"a\":".repeat(10_000);
        for body in ["", "null", "{\"id\":7}", "not json", &deep, &long, &objects] {
            assert!(candidates(body.as_bytes()).is_empty());
        }
        assert!(!is_found(&SENT.replace("EV-1", "EV-2")));
    }
}

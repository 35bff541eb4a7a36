//! XML as message push writes it, read into JSON.
//!
//! An element with nothing but text is a text, one with elements is an object, and elements of one name
//! side by side are a list. Attributes and comments say nothing. Refused: a document type, processing
//! instructions, every entity but `&lt;` `&gt;` `&amp;` `&apos;` `&quot;` and characters by number, text
//! between elements, and whatever is not well formed. Nothing is ever looked up or repeated, so that what
//! comes out is no longer than what went in.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};
use serde_json::{Map, Value};

use super::document::{DEPTH_MAX, DocumentError};

/// An element that is not over yet.
struct Open {
    name: String,
    text: String,
    children: Map<String, Value>,
}

/// Reads a document: the children of its root.
pub(super) fn read(text: &str) -> Result<Map<String, Value>, DocumentError> {
    if !text.chars().all(is_allowed) {
        return Err(DocumentError::Malformed);
    }
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    loop {
        match reader.read_event().map_err(|_| DocumentError::Malformed)? {
            Event::Start(start) => begin(&mut open, root.is_some(), &start)?,
            Event::Empty(start) => {
                begin(&mut open, root.is_some(), &start)?;
                end(&mut open, &mut root)?;
            }
            Event::End(_) => end(&mut open, &mut root)?,
            Event::Text(piece) => {
                let piece = piece.decode().map_err(|_| DocumentError::Malformed)?;
                write(&mut open, &piece)?;
            }
            Event::CData(piece) => {
                let piece = piece.decode().map_err(|_| DocumentError::Malformed)?;
                write(&mut open, &piece)?;
            }
            Event::GeneralRef(reference) => {
                let letter = resolve(&reference)?;
                write(&mut open, letter.encode_utf8(&mut [0; 4]))?;
            }
            Event::Comment(_) | Event::Decl(_) => {}
            Event::DocType(_) | Event::PI(_) => return Err(DocumentError::Forbidden),
            Event::Eof => break,
        }
    }
    match root {
        Some(root) if open.is_empty() => Ok(root),
        _ => Err(DocumentError::Malformed),
    }
}

/// The characters of XML 1.0.
fn is_allowed(letter: char) -> bool {
    !matches!(letter, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

fn begin(open: &mut Vec<Open>, is_over: bool, start: &BytesStart<'_>) -> Result<(), DocumentError> {
    if is_over {
        return Err(DocumentError::Malformed);
    }
    if open.len() >= DEPTH_MAX {
        return Err(DocumentError::TooDeep);
    }
    let name = std::str::from_utf8(start.name().into_inner()).map_err(|_| DocumentError::Malformed)?;
    open.push(Open {
        name: name.to_owned(),
        text: String::new(),
        children: Map::new(),
    });
    Ok(())
}

fn end(open: &mut Vec<Open>, root: &mut Option<Map<String, Value>>) -> Result<(), DocumentError> {
    let Open { name, text, children } = open.pop().ok_or(DocumentError::Malformed)?;
    let is_blank = text.trim().is_empty();
    let Some(parent) = open.last_mut() else {
        *root = Some(children);
        return if is_blank {
            Ok(())
        } else {
            Err(DocumentError::Malformed)
        };
    };
    let value = match (children.is_empty(), is_blank) {
        (true, _) => Value::String(text),
        (false, true) => Value::Object(children),
        (false, false) => return Err(DocumentError::Malformed),
    };
    match parent.children.get_mut(&name) {
        None => {
            parent.children.insert(name, value);
        }
        // No element is a list by itself.
        Some(Value::Array(list)) => list.push(value),
        Some(first) => {
            let before = first.take();
            *first = Value::Array(vec![before, value]);
        }
    }
    Ok(())
}

fn write(open: &mut [Open], piece: &str) -> Result<(), DocumentError> {
    match open.last_mut() {
        Some(element) => element.text.push_str(piece),
        None if piece.trim().is_empty() => {}
        None => return Err(DocumentError::Malformed),
    }
    Ok(())
}

fn resolve(reference: &BytesRef<'_>) -> Result<char, DocumentError> {
    if reference.is_char_ref() {
        let letter = reference.resolve_char_ref().ok().flatten();
        return letter
            .filter(|letter| is_allowed(*letter))
            .ok_or(DocumentError::Malformed);
    }
    match &**reference {
        b"lt" => Ok('<'),
        b"gt" => Ok('>'),
        b"amp" => Ok('&'),
        b"apos" => Ok('\''),
        b"quot" => Ok('"'),
        _ => Err(DocumentError::Forbidden),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(text: &str) -> Result<Value, DocumentError> {
        read(text).map(Value::Object)
    }

    #[test]
    fn texts_objects_and_lists() {
        for (text, wanted) in [
            ("<xml/>", json!({})),
            ("<xml><a>1</a></xml>", json!({"a": "1"})),
            ("<xml><a><![CDATA[a<b&c]]></a></xml>", json!({"a": "a<b&c"})),
            ("<xml>\n <a/>\n <b></b>\n</xml>\n", json!({"a": "", "b": ""})),
            (
                "<xml><a>x<![CDATA[y]]>&amp;&#65;&#x42;</a></xml>",
                json!({"a": "xy&AB"}),
            ),
            ("<xml><a>&lt;&gt;&apos;&quot;</a></xml>", json!({"a": "<>'\""})),
            (
                "<xml><a>1</a><a>2</a><a>3</a></xml>",
                json!({"a": ["1", "2", "3"]}),
            ),
            (
                "<xml><l><a>1</a></l><l><a>2</a></l></xml>",
                json!({"l": [{"a": "1"}, {"a": "2"}]}),
            ),
            (
                "<?xml version=\"1.0\"?><!-- c --><x y='1'><a>1</a></x>",
                json!({"a": "1"}),
            ),
            ("<xml><a>😀 ]]</a></xml>", json!({"a": "😀 ]]"})),
        ] {
            assert_eq!(value(text), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn whatever_is_not_plain_is_refused() {
        for text in [
            "<!DOCTYPE xml><xml><a>1</a></xml>",
            "<?xml version=\"1.0\"?><!DOCTYPE xml [<!ENTITY x SYSTEM \"file:///etc/hostname\">]><xml><a>&x;</a></xml>",
            "<!DOCTYPE xml [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]><xml><a>&b;</a></xml>",
            "<xml><a>&nbsp;</a></xml>",
            "<xml><a>&x;</a></xml>",
            "<?php echo 1 ?><xml><a>1</a></xml>",
        ] {
            assert_eq!(value(text), Err(DocumentError::Forbidden), "{text}");
        }
        for text in [
            "",
            "x",
            "<xml>",
            "<xml><a></xml>",
            "</xml>",
            "<xml/><xml/>",
            "<xml/>x",
            "<xml>x<a/></xml>",
            "<xml>x</xml>",
            "<xml><a>&#0;</a></xml>",
            "<xml><a>&#xD800;</a></xml>",
            "<xml><a>&#1;</a></xml>",
            "<xml><a>\u{0}</a></xml>",
            "<xml><a>&</a></xml>",
            "<xml><a",
            "<xml><![CDATA[x</xml>",
        ] {
            assert_eq!(value(text), Err(DocumentError::Malformed), "{text}");
        }
    }

    #[test]
    fn the_depth_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert!(value(&nested(DEPTH_MAX)).is_ok());
        assert_eq!(value(&nested(DEPTH_MAX + 1)), Err(DocumentError::TooDeep));
    }
}

//! JSON as it is kept: numbers stay the digits that were sent. `serde_json` reads the grammar; what is
//! bounded here is what a document may be.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::schema::SCHEMA_DEPTH_MAX;
use super::{DEPTH_MAX, KEY_BYTES_MAX, Wrong, below};

/// The longest number, in characters, and the largest exponent either way. A double of JavaScript fits.
const NUMBER_BYTES_MAX: usize = 64;
const EXPONENT_MAX: u32 = 400;

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as its digits were written.
    Number(String),
    /// A text.
    Text(String),
    /// An array.
    Array(Vec<Node>),
    /// An object; its members in the order in which they came, each key once.
    Object(Vec<(String, Node)>),
}

/// What may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// A document: no key is empty, begins with `$` or holds a dot.
    Document,
    /// A filter or a patch, whose keys are operators and dotted fields as well.
    Expression,
    /// A schema, whose keys are anything and which is deeper than what it speaks of.
    Schema,
    /// What the database answered.
    Kept,
}

impl Node {
    /// Reads what is to be a document, or a value in one.
    ///
    /// # Errors
    /// For more than 16 levels, a key that no document may have, or the same key twice; a number too long;
    /// a zero character, or half of a surrogate pair.
    pub fn document(text: &str, pointer: &str) -> Result<Self, Wrong> {
        read(text, pointer, 1, Rule::Document)
    }

    /// Reads a filter or a patch.
    ///
    /// # Errors
    /// As [`Node::document`], with any keys.
    pub fn expression(text: &str, pointer: &str) -> Result<Self, Wrong> {
        read(text, pointer, 1, Rule::Expression)
    }

    /// Reads a schema.
    ///
    /// # Errors
    /// As [`Node::document`], with any keys and up to 64 levels.
    pub fn schema(text: &str, pointer: &str) -> Result<Self, Wrong> {
        read(text, pointer, 1, Rule::Schema)
    }

    /// Reads what the database answered.
    ///
    /// # Errors
    /// When it is not JSON.
    pub fn kept(text: &str) -> Result<Self, Wrong> {
        read(text, "", 1, Rule::Kept)
    }

    /// Checks a value within a filter or a patch as part of a document.
    ///
    /// # Errors
    /// For a key that no document may have.
    pub fn check_keys(&self, pointer: &str) -> Result<(), Wrong> {
        match self {
            Self::Object(members) => members.iter().try_for_each(|(key, value)| {
                check_key(key, pointer, Rule::Document)?;
                value.check_keys(&below(pointer, key))
            }),
            Self::Array(items) => items
                .iter()
                .enumerate()
                .try_for_each(|(at, item)| item.check_keys(&below(pointer, &at.to_string()))),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => Ok(()),
        }
    }

    /// How many levels it has: 0 for what is neither object nor array.
    pub fn depth(&self) -> usize {
        let inner = |deepest: Option<usize>| 1 + deepest.unwrap_or(0);
        match self {
            Self::Object(members) => inner(members.iter().map(|(_, value)| value.depth()).max()),
            Self::Array(items) => inner(items.iter().map(Self::depth).max()),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => 0,
        }
    }

    /// The value of a member, if it is an object that has it.
    pub fn member(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members
                .iter()
                .find_map(|(name, value)| (name == key).then_some(value)),
            _ => None,
        }
    }

    /// As JSON, without white space.
    pub fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(digits) => out.push_str(digits),
            Self::Text(text) => write_text(text, out),
            Self::Array(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { "," });
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (at, (key, value)) in members.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { "," });
                    write_text(key, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            // Writing to a text cannot fail.
            '\u{0}'..='\u{1f}' => drop(write!(out, "\\u{:04x}", u32::from(letter))),
            _ => out.push(letter),
        }
    }
    out.push('"');
}

/// The members of an object, unread.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

fn read(text: &str, pointer: &str, level: usize, rule: Rule) -> Result<Node, Wrong> {
    let text = text.trim();
    let first = text.bytes().next().unwrap_or(b' ');
    let depth_max = match rule {
        Rule::Document | Rule::Expression => DEPTH_MAX,
        Rule::Schema => SCHEMA_DEPTH_MAX,
        Rule::Kept => usize::MAX,
    };
    if matches!(first, b'{' | b'[') && level > depth_max {
        let detail = format!("has more than {depth_max} levels");
        return Err(Wrong::new(pointer, "range", detail));
    }
    match first {
        b'{' => read_object(text, pointer, level, rule),
        b'[' => {
            let items: Vec<&RawValue> = parse(text, pointer)?;
            let mut nodes = Vec::with_capacity(items.len());
            for (at, item) in items.into_iter().enumerate() {
                nodes.push(read(
                    item.get(),
                    &below(pointer, &at.to_string()),
                    level + 1,
                    rule,
                )?);
            }
            Ok(Node::Array(nodes))
        }
        b'"' => {
            let value: String = parse(text, pointer)?;
            if value.contains('\0') {
                return Err(Wrong::new(pointer, "characters", "holds the zero character"));
            }
            Ok(Node::Text(value))
        }
        b't' => Ok(Node::Bool(true)),
        b'f' => Ok(Node::Bool(false)),
        b'n' => Ok(Node::Null),
        _ if rule == Rule::Kept || is_number_taken(text) => Ok(Node::Number(text.to_owned())),
        _ => Err(Wrong::new(
            pointer,
            "range",
            format!("a number of at most {NUMBER_BYTES_MAX} characters, its exponent within {EXPONENT_MAX}"),
        )),
    }
}

fn read_object(text: &str, pointer: &str, level: usize, rule: Rule) -> Result<Node, Wrong> {
    let members: Members<'_> = parse(text, pointer)?;
    let mut seen = BTreeSet::new();
    let mut nodes = Vec::with_capacity(members.0.len());
    for (key, value) in members.0 {
        check_key(&key, pointer, rule)?;
        let at = below(pointer, &key);
        let value = read(value.get(), &at, level + 1, rule)?;
        if !seen.insert(key.clone()) {
            return Err(Wrong::new(at, "duplicate", "is there twice"));
        }
        nodes.push((key, value));
    }
    Ok(Node::Object(nodes))
}

/// The body has been read as JSON before, so that what fails here is half of a surrogate pair.
fn parse<'a, T: Deserialize<'a>>(text: &'a str, pointer: &str) -> Result<T, Wrong> {
    let detail = "holds half of a surrogate pair, which is no character";
    serde_json::from_str(text).map_err(|_| Wrong::new(pointer, "characters", detail))
}

fn check_key(key: &str, pointer: &str, rule: Rule) -> Result<(), Wrong> {
    let wrong = |detail: &'static str| Err(Wrong::new(below(pointer, key), "characters", detail));
    if rule == Rule::Kept {
        return Ok(());
    }
    if key.contains('\0') {
        return Err(Wrong::new(
            pointer,
            "characters",
            "a key holds the zero character",
        ));
    }
    if matches!(rule, Rule::Expression | Rule::Schema) {
        return Ok(());
    }
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(Wrong::new(
            pointer,
            "length",
            format!("a key has 1 to {KEY_BYTES_MAX} bytes"),
        ));
    }
    if key.starts_with('$') {
        return wrong("a key does not begin with $, which is for operators");
    }
    if key.contains('.') {
        return wrong("a key holds no dot, which stands between the parts of a field");
    }
    Ok(())
}

fn is_number_taken(digits: &str) -> bool {
    let exponent = digits
        .split_once(['e', 'E'])
        .map_or("0", |(_, exponent)| exponent.trim_start_matches(['+', '-']));
    digits.len() <= NUMBER_BYTES_MAX
        && exponent.trim_start_matches('0').parse().unwrap_or(
            if exponent.bytes().all(|digit| digit == b'0') {
                0
            } else {
                u32::MAX
            },
        ) <= EXPONENT_MAX
}

//! A document as the validator sees it. Numbers are their digits; each look at it is counted, so that a check
//! ends after a number of steps that is known before, whatever schema and document are.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, JsonNumber, Node as Visible, NodeIdentity, Object};
use serde_json::Value;

use super::decimal::Decimal;
use super::meter::Meter;
use crate::domain::collection::json::Node;

/// A JSON value; members in the order of their names, so that one is found without looking at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tree<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    Text(&'a str),
    Array(Vec<Tree<'a>>),
    Object(Vec<(&'a str, Tree<'a>)>),
}

impl<'a> From<&'a Node> for Tree<'a> {
    fn from(node: &'a Node) -> Self {
        match node {
            Node::Null => Self::Null,
            Node::Bool(value) => Self::Bool(*value),
            Node::Number(digits) => Self::Number(digits),
            Node::Text(text) => Self::Text(text),
            Node::Array(items) => Self::Array(items.iter().map(Self::from).collect()),
            Node::Object(members) => {
                let mut members: Vec<(&str, Self)> = members
                    .iter()
                    .map(|(key, value)| (key.as_str(), Self::from(value)))
                    .collect();
                members.sort_unstable_by_key(|(key, _)| *key);
                Self::Object(members)
            }
        }
    }
}

impl Tree<'_> {
    /// Whether it is the same value as one of a schema; numbers by their value.
    fn is(&self, expected: &Value) -> bool {
        match (self, expected) {
            (Self::Null, Value::Null) => true,
            (Self::Bool(value), Value::Bool(expected)) => value == expected,
            (Self::Text(text), Value::String(expected)) => text == expected,
            (Self::Number(digits), Value::Number(expected)) => {
                let expected = expected.to_string();
                Decimal::parse(digits).is_some_and(|digits| Some(digits) == Decimal::parse(&expected))
            }
            (Self::Array(items), Value::Array(expected)) => {
                items.len() == expected.len()
                    && items
                        .iter()
                        .zip(expected)
                        .all(|(item, expected)| item.is(expected))
            }
            (Self::Object(members), Value::Object(expected)) => {
                members.len() == expected.len()
                    && members
                        .iter()
                        .all(|(key, value)| expected.get(*key).is_some_and(|expected| value.is(expected)))
            }
            _ => false,
        }
    }

    /// A text that two values have in common if, and only if, they are the same.
    fn spell(&self, out: &mut String) {
        // Writing to a text cannot fail.
        match self {
            Self::Null => out.push('n'),
            Self::Bool(value) => out.push(if *value { 't' } else { 'f' }),
            Self::Number(digits) => drop(write!(out, "{:?}", Decimal::parse(digits))),
            Self::Text(text) => drop(write!(out, "{text:?}")),
            Self::Array(items) => {
                out.push('[');
                for item in items {
                    item.spell(out);
                    out.push(',');
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (key, value) in members {
                    Tree::Text(key).spell(out);
                    out.push(':');
                    value.spell(out);
                    out.push(',');
                }
                out.push('}');
            }
        }
    }

    /// About how many bytes it has.
    fn weight(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) => 1,
            Self::Number(text) | Self::Text(text) => text.len(),
            Self::Array(items) => items.iter().map(|item| 1 + item.weight()).sum(),
            Self::Object(members) => members
                .iter()
                .map(|(key, value)| 1 + key.len() + value.weight())
                .sum(),
        }
    }
}

/// A value that is being checked. When the steps are used up, it shows nothing any more, so that every
/// loop over it ends; what is found after that is marked, and does not count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'a> {
    pub(super) tree: &'a Tree<'a>,
    pub(super) meter: &'a Meter,
}

impl<'a> Seen<'a> {
    fn with(self, tree: &'a Tree<'a>) -> Self {
        Self { tree, ..self }
    }

    /// The number that it is.
    pub(super) fn number(&self) -> Option<Decimal<'a>> {
        match self.tree {
            Tree::Number(digits) if self.meter.take(digits.len()) => Decimal::parse(digits),
            _ => None,
        }
    }
}

/// Documents as this room shows them.
pub(super) struct Document;

impl Json for Document {
    type Node<'a> = Seen<'a>;
    type PreparedKey = String;
    type StringBuffer = ();

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>((): &mut (), string: &str, f: impl FnOnce(Seen<'_>) -> T) -> T {
        let (tree, meter) = (Tree::Text(string), Meter::running());
        f(Seen {
            tree: &tree,
            meter: &meter,
        })
    }
}

impl<'a> Visible<'a, Document> for Seen<'a> {
    type Object = Members<'a>;
    type Array = Items<'a>;
    type Number = Digits<'a>;

    fn as_object(&self) -> Option<Members<'a>> {
        match self.tree {
            Tree::Object(members) if self.meter.take(0) => Some(Members { seen: *self, members }),
            _ => None,
        }
    }

    fn as_array(&self) -> Option<Items<'a>> {
        match self.tree {
            Tree::Array(items) if self.meter.take(0) => Some(Items { seen: *self, items }),
            _ => None,
        }
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        match self.tree {
            Tree::Text(text) if self.meter.take_text(text.len()) => Some(Cow::Borrowed(text)),
            _ => None,
        }
    }

    fn as_number(&self) -> Option<Digits<'a>> {
        match self.tree {
            Tree::Number(digits) if self.meter.take(digits.len()) => Some(Digits(digits)),
            _ => None,
        }
    }

    fn as_boolean(&self) -> Option<bool> {
        match self.tree {
            Tree::Bool(value) if self.meter.take(0) => Some(*value),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        self.json_type() == JsonType::Null
    }

    fn json_type(&self) -> JsonType {
        if !self.meter.take(0) {
            return JsonType::Null;
        }
        match self.tree {
            Tree::Null => JsonType::Null,
            Tree::Bool(_) => JsonType::Boolean,
            Tree::Number(_) => JsonType::Number,
            Tree::Text(_) => JsonType::String,
            Tree::Array(_) => JsonType::Array,
            Tree::Object(_) => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &Value) -> bool {
        self.meter.take(self.tree.weight()) && self.tree.is(expected)
    }

    /// Whether what is found here still counts; the value itself is never handed out.
    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Owned(Value::Bool(self.meter.counts_error()))
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::new(std::ptr::from_ref(self.tree).addr()))
    }
}

/// The members of an object.
pub(super) struct Members<'a> {
    seen: Seen<'a>,
    members: &'a [(&'a str, Tree<'a>)],
}

/// Going through them.
pub(super) struct EachMember<'a> {
    seen: Seen<'a>,
    rest: std::slice::Iter<'a, (&'a str, Tree<'a>)>,
}

impl<'a> Iterator for EachMember<'a> {
    type Item = (&'a str, Seen<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, value) = self.rest.next()?;
        self.seen
            .meter
            .take_text(key.len())
            .then_some((*key, self.seen.with(value)))
    }
}

impl<'a> Object<'a, Document> for Members<'a> {
    type Node = Seen<'a>;
    type MemberName = &'a str;
    type MembersIter = EachMember<'a>;

    fn len(&self) -> usize {
        self.members.len()
    }

    fn get(&self, key: &String) -> Option<Seen<'a>> {
        if !self.seen.meter.take(0) {
            return None;
        }
        let at = self
            .members
            .binary_search_by_key(&key.as_str(), |(name, _)| name)
            .ok()?;
        self.members.get(at).map(|(_, value)| self.seen.with(value))
    }

    fn members(&self) -> EachMember<'a> {
        EachMember {
            seen: self.seen,
            rest: self.members.iter(),
        }
    }
}

/// The items of an array.
pub(super) struct Items<'a> {
    seen: Seen<'a>,
    items: &'a [Tree<'a>],
}

/// Going through them.
pub(super) struct EachItem<'a> {
    seen: Seen<'a>,
    rest: std::slice::Iter<'a, Tree<'a>>,
}

impl<'a> Iterator for EachItem<'a> {
    type Item = Seen<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.rest.next()?;
        self.seen.meter.take(0).then_some(self.seen.with(item))
    }
}

impl<'a> Array<'a, Document> for Items<'a> {
    type Node = Seen<'a>;
    type ElementsIter = EachItem<'a>;

    fn len(&self) -> usize {
        self.items.len()
    }

    fn elements(&self) -> EachItem<'a> {
        EachItem {
            seen: self.seen,
            rest: self.items.iter(),
        }
    }

    fn is_unique(&self) -> bool {
        let weight = self.items.iter().map(|item| 1 + item.weight()).sum();
        if !self.seen.meter.take(weight) {
            return true;
        }
        let mut known = BTreeSet::new();
        self.items.iter().all(|item| {
            let mut spelled = String::new();
            item.spell(&mut spelled);
            known.insert(spelled)
        })
    }
}

/// A number. What the validator asks of it in floats is asked only where it does not matter: limits
/// and multiples are compared by the digits ([`super::keyword`]).
pub(super) struct Digits<'a>(&'a str);

impl JsonNumber for Digits<'_> {
    fn as_u64(&self) -> Option<u64> {
        self.0.parse().ok()
    }

    fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    fn as_f64(&self) -> Option<f64> {
        self.0.parse().ok()
    }

    fn as_str(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.0)
    }

    fn to_number(&self) -> Cow<'_, serde_json::Number> {
        Cow::Owned(serde_json::from_str(self.0).unwrap_or_else(|_| 0.into()))
    }

    fn is_integer(&self) -> bool {
        Decimal::parse(self.0).is_some_and(|number| number.is_whole())
    }
}

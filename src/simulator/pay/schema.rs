//! The shape of request bodies as a table, checked field by field as strictly as anything may be.
//!
//! Lengths count bytes in UTF-8: the documentation does not say whether characters or bytes are meant,
//! and a client that keeps to the smaller one is safe with either.

use serde_json::{Map, Value};

use super::answer::Refusal;

/// A field of an object.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) is_required: bool,
    pub(super) rule: Rule,
}

/// What a value must be.
pub(super) enum Rule {
    /// Between so many bytes.
    Text(usize, usize),
    /// Like `Text`, of letters, digits and these characters.
    Name(usize, usize, &'static str),
    /// One of these.
    Choice(&'static [&'static str]),
    /// A whole number, at least this.
    Integer(i64),
    Boolean,
    Object(&'static [Field]),
    /// A list of one element at least.
    List(&'static Rule),
}

impl Field {
    pub(super) const fn required(name: &'static str, rule: Rule) -> Self {
        Self {
            name,
            is_required: true,
            rule,
        }
    }

    pub(super) const fn optional(name: &'static str, rule: Rule) -> Self {
        Self {
            name,
            is_required: false,
            rule,
        }
    }
}

/// Parses a body and holds it to a table: no unknown field, no null, no character beyond three bytes.
pub(super) fn parse(body: &[u8], fields: &'static [Field]) -> Result<Value, Refusal> {
    let text = std::str::from_utf8(body).map_err(|_| Refusal::field("", "not UTF-8"))?;
    let value: Value = serde_json::from_str(text).map_err(|_| Refusal::field("", "not JSON"))?;
    check(&value, &Rule::Object(fields), "")?;
    Ok(value)
}

fn check(value: &Value, rule: &Rule, pointer: &str) -> Result<(), Refusal> {
    match (rule, value) {
        (_, Value::Null) => Err(Refusal::field(pointer, "null; leave the field out instead")),
        (Rule::Text(shortest, longest), Value::String(text)) => {
            check_text(text, *shortest, *longest, pointer)
        }
        (Rule::Name(shortest, longest, others), Value::String(text)) => {
            check_text(text, *shortest, *longest, pointer)?;
            let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || others.contains(letter);
            if text.chars().all(is_allowed) {
                Ok(())
            } else {
                Err(Refusal::field(
                    pointer,
                    format!("only letters, digits and {others}"),
                ))
            }
        }
        (Rule::Choice(choices), Value::String(text)) => {
            if choices.contains(&text.as_str()) {
                Ok(())
            } else {
                Err(Refusal::field(pointer, format!("one of {}", choices.join(", "))))
            }
        }
        (Rule::Integer(least), Value::Number(number)) => match number.as_i64() {
            Some(number) if number >= *least => Ok(()),
            _ => Err(Refusal::field(
                pointer,
                format!("a whole number, at least {least}"),
            )),
        },
        (Rule::Boolean, Value::Bool(_)) => Ok(()),
        (Rule::Object(fields), Value::Object(members)) => check_object(members, fields, pointer),
        (Rule::List(element), Value::Array(elements)) if !elements.is_empty() => elements
            .iter()
            .enumerate()
            .try_for_each(|(index, value)| check(value, element, &format!("{pointer}/{index}"))),
        (rule, _) => Err(Refusal::field(pointer, rule.expectation())),
    }
}

fn check_object(members: &Map<String, Value>, fields: &[Field], pointer: &str) -> Result<(), Refusal> {
    for name in members.keys() {
        if !fields.iter().any(|field| field.name == name) {
            return Err(Refusal::unknown_field(&format!("{pointer}/{name}")));
        }
    }
    for field in fields {
        let pointer = format!("{pointer}/{}", field.name);
        match members.get(field.name) {
            Some(value) => check(value, &field.rule, &pointer)?,
            None if field.is_required => return Err(Refusal::field(&pointer, "missing")),
            None => {}
        }
    }
    Ok(())
}

fn check_text(text: &str, shortest: usize, longest: usize, pointer: &str) -> Result<(), Refusal> {
    if text.chars().any(|letter| letter.len_utf8() > 3) {
        return Err(Refusal::field(pointer, "a character of four bytes"));
    }
    if text.contains('\0') {
        return Err(Refusal::field(pointer, "a zero character"));
    }
    if (shortest..=longest).contains(&text.len()) {
        Ok(())
    } else {
        Err(Refusal::field(
            pointer,
            format!("{} bytes; {shortest} to {longest} are allowed", text.len()),
        ))
    }
}

impl Rule {
    const fn expectation(&self) -> &'static str {
        match self {
            Self::Text(..) | Self::Name(..) | Self::Choice(_) => "must be a string",
            Self::Integer(_) => "must be a whole number",
            Self::Boolean => "must be true or false",
            Self::Object(_) => "must be an object",
            Self::List(_) => "must be a list that is not empty",
        }
    }
}

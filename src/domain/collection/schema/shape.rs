//! What a schema may be, so that a check of a document ends in good time: one document of draft 2020-12, with no
//! word that would pass unnoticed, references within itself, and nothing that comes back to where it was
//! without having gone deeper.

use std::collections::BTreeMap;

use super::decimal::Decimal;
use super::{CHAIN_MAX, EXPANSION_MAX, PATTERN_CHARS_MAX, PATTERNS_MAX};
use crate::domain::collection::json::Node;
use crate::domain::collection::{Wrong, below};

/// The one draft.
const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// What a keyword holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    /// A value, which the library reads.
    Value,
    /// Numbers in it are compared with those of documents.
    Compared,
    /// A schema for the same value, or for one within it.
    Schema(Reach),
    /// Several, in an array or by name.
    Schemas(Reach),
    /// Several by name, which apply where they are referred to.
    Definitions,
}

/// What a schema within a schema applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// The same value.
    Here,
    /// Members or items of it.
    Deeper,
}

/// Every keyword that is understood; `x-` begins what is only a remark.
const KEYWORDS: [(&str, Holds); 50] = [
    ("$schema", Holds::Value),
    ("$comment", Holds::Value),
    ("$ref", Holds::Value),
    ("$defs", Holds::Definitions),
    ("definitions", Holds::Definitions),
    ("title", Holds::Value),
    ("description", Holds::Value),
    ("default", Holds::Value),
    ("examples", Holds::Value),
    ("deprecated", Holds::Value),
    ("readOnly", Holds::Value),
    ("writeOnly", Holds::Value),
    ("type", Holds::Value),
    ("enum", Holds::Compared),
    ("const", Holds::Compared),
    ("multipleOf", Holds::Compared),
    ("maximum", Holds::Compared),
    ("exclusiveMaximum", Holds::Compared),
    ("minimum", Holds::Compared),
    ("exclusiveMinimum", Holds::Compared),
    ("maxLength", Holds::Value),
    ("minLength", Holds::Value),
    ("pattern", Holds::Value),
    ("format", Holds::Value),
    ("maxItems", Holds::Value),
    ("minItems", Holds::Value),
    ("uniqueItems", Holds::Value),
    ("maxContains", Holds::Value),
    ("minContains", Holds::Value),
    ("maxProperties", Holds::Value),
    ("minProperties", Holds::Value),
    ("required", Holds::Value),
    ("dependentRequired", Holds::Value),
    ("allOf", Holds::Schemas(Reach::Here)),
    ("anyOf", Holds::Schemas(Reach::Here)),
    ("oneOf", Holds::Schemas(Reach::Here)),
    ("dependentSchemas", Holds::Schemas(Reach::Here)),
    ("not", Holds::Schema(Reach::Here)),
    ("if", Holds::Schema(Reach::Here)),
    ("then", Holds::Schema(Reach::Here)),
    ("else", Holds::Schema(Reach::Here)),
    ("properties", Holds::Schemas(Reach::Deeper)),
    ("patternProperties", Holds::Schemas(Reach::Deeper)),
    ("prefixItems", Holds::Schemas(Reach::Deeper)),
    ("additionalProperties", Holds::Schema(Reach::Deeper)),
    ("propertyNames", Holds::Schema(Reach::Deeper)),
    ("items", Holds::Schema(Reach::Deeper)),
    ("contains", Holds::Schema(Reach::Deeper)),
    ("unevaluatedItems", Holds::Schema(Reach::Deeper)),
    ("unevaluatedProperties", Holds::Schema(Reach::Deeper)),
];

/// Formats that are checked; another would pass for checked and would not be.
const FORMATS: [&str; 12] = [
    "date-time",
    "date",
    "time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "uri",
    "uri-reference",
    "uuid",
    "json-pointer",
];

/// A schema within the schema, and which others apply to the same value.
#[derive(Debug, Default)]
struct Place {
    pointer: String,
    here: Vec<usize>,
    reference: Option<String>,
}

/// All schemas within one.
#[derive(Debug)]
struct Shape<'a> {
    /// Where the schema stands in the body.
    root: &'a str,
    places: Vec<Place>,
    patterns: usize,
}

/// Checks a schema that an operator sent.
///
/// # Errors
/// For a word, a format or a reference that is not understood, a number that no double holds, too many or too
/// long regular expressions, and for references that lead back or branch too much.
pub(super) fn check(schema: &Node, root: &str) -> Result<(), Wrong> {
    let mut shape = Shape {
        root,
        places: Vec::new(),
        patterns: 0,
    };
    shape.gather(schema, root)?;
    shape.resolve()?;
    let mut known = vec![None; shape.places.len()];
    for at in 0..shape.places.len() {
        shape.expand(at, 0, &mut known)?;
    }
    Ok(())
}

impl Shape<'_> {
    fn gather(&mut self, schema: &Node, pointer: &str) -> Result<usize, Wrong> {
        let at = self.places.len();
        self.places.push(Place {
            pointer: pointer.to_owned(),
            ..Place::default()
        });
        let members = match schema {
            Node::Bool(_) => return Ok(at),
            Node::Object(members) => members,
            _ => {
                return Err(Wrong::new(
                    pointer,
                    "type",
                    "a schema is an object, true or false",
                ));
            }
        };
        let mut here = Vec::new();
        for (word, value) in members {
            let below = below(pointer, word);
            let Some((_, holds)) = KEYWORDS.iter().find(|(known, _)| known == word) else {
                if word.starts_with("x-") {
                    continue;
                }
                let detail = "is no keyword that is understood here; a remark begins with x-";
                return Err(Wrong::new(below, "unknown", detail));
            };
            self.check_value(word, value, &below)?;
            let (reach, inner) = match *holds {
                Holds::Value => continue,
                Holds::Compared => {
                    check_numbers(value, &below)?;
                    continue;
                }
                Holds::Schema(reach) => (reach, vec![self.gather(value, &below)?]),
                Holds::Schemas(reach) => (reach, self.gather_all(value, &below)?),
                Holds::Definitions => (Reach::Deeper, self.gather_all(value, &below)?),
            };
            if reach == Reach::Here {
                here.extend(inner);
            }
        }
        if let Some(Node::Text(reference)) = schema.member("$ref")
            && let Some(place) = self.places.get_mut(at)
        {
            place.reference = Some(reference.clone());
        }
        if let Some(place) = self.places.get_mut(at) {
            place.here = here;
        }
        Ok(at)
    }

    fn gather_all(&mut self, value: &Node, pointer: &str) -> Result<Vec<usize>, Wrong> {
        match value {
            Node::Array(items) => items
                .iter()
                .enumerate()
                .map(|(at, item)| self.gather(item, &below(pointer, &at.to_string())))
                .collect(),
            Node::Object(members) => members
                .iter()
                .map(|(key, member)| self.gather(member, &below(pointer, key)))
                .collect(),
            _ => Err(Wrong::new(
                pointer,
                "type",
                "holds schemas, in an object or an array",
            )),
        }
    }

    fn check_value(&mut self, word: &str, value: &Node, pointer: &str) -> Result<(), Wrong> {
        match (word, value) {
            ("$schema", value)
                if *value != Node::Text(DRAFT.to_owned()) || pointer != below(self.root, word) =>
            {
                Err(Wrong::new(
                    pointer,
                    "value",
                    format!("can only be {DRAFT}, at the top"),
                ))
            }
            ("format", Node::Text(format)) if !FORMATS.contains(&format.as_str()) => {
                let detail = format!("is none of {}", FORMATS.join(", "));
                Err(Wrong::new(pointer, "value", detail))
            }
            ("pattern", Node::Text(pattern)) => self.count_pattern(pattern, pointer),
            ("patternProperties", Node::Object(members)) => members
                .iter()
                .try_for_each(|(pattern, _)| self.count_pattern(pattern, &below(pointer, pattern))),
            _ => Ok(()),
        }
    }

    fn count_pattern(&mut self, pattern: &str, pointer: &str) -> Result<(), Wrong> {
        self.patterns += 1;
        if self.patterns > PATTERNS_MAX || pattern.chars().count() > PATTERN_CHARS_MAX {
            let detail =
                format!("at most {PATTERNS_MAX} regular expressions of {PATTERN_CHARS_MAX} characters");
            return Err(Wrong::new(pointer, "length", detail));
        }
        Ok(())
    }

    /// Follows every reference to the schema that it means.
    fn resolve(&mut self) -> Result<(), Wrong> {
        let targets: BTreeMap<&str, usize> = self
            .places
            .iter()
            .enumerate()
            .filter_map(|(at, place)| Some((place.pointer.strip_prefix(self.root)?, at)))
            .collect();
        let mut found = Vec::new();
        for (at, place) in self.places.iter().enumerate() {
            let Some(reference) = &place.reference else {
                continue;
            };
            let target = reference
                .strip_prefix('#')
                .and_then(|pointer| targets.get(pointer));
            let target = target.ok_or_else(|| {
                let detail =
                    "leads to no schema within this one; `#` and `#/$defs/name` do, in plain letters";
                Wrong::new(below(&place.pointer, "$ref"), "value", detail)
            })?;
            found.push((at, *target));
        }
        for (at, target) in found {
            if let Some(place) = self.places.get_mut(at) {
                place.here.push(target);
            }
        }
        Ok(())
    }

    /// How many schemas apply to one value where this one does, and how long their longest chain is.
    fn expand(
        &self,
        at: usize,
        depth: usize,
        known: &mut [Option<(usize, usize)>],
    ) -> Result<(usize, usize), Wrong> {
        if let Some(Some(found)) = known.get(at) {
            return Ok(*found);
        }
        let Some(place) = self.places.get(at) else {
            return Ok((0, 0));
        };
        // What leads back to itself is a chain without an end.
        let wrong = |detail| Err(Wrong::new(place.pointer.as_str(), "complexity", detail));
        if depth > CHAIN_MAX {
            return wrong(format!(
                "leads through more than {CHAIN_MAX} schemas for one and the same value"
            ));
        }
        let (mut count, mut chain) = (1_usize, 1);
        for inner in &place.here {
            let (inner_count, inner_chain) = self.expand(*inner, depth + 1, known)?;
            count = count.saturating_add(inner_count);
            chain = chain.max(inner_chain + 1);
        }
        if count > EXPANSION_MAX || chain > CHAIN_MAX {
            return wrong(format!(
                "means more than {EXPANSION_MAX} schemas for one and the same value, or {CHAIN_MAX} one within the other"
            ));
        }
        if let Some(known) = known.get_mut(at) {
            *known = Some((count, chain));
        }
        Ok((count, chain))
    }
}

/// Numbers of a schema are read as doubles or 64-bit integers: they must be what was written.
fn check_numbers(value: &Node, pointer: &str) -> Result<(), Wrong> {
    match value {
        Node::Number(digits) => {
            let read = serde_json::from_str::<serde_json::Number>(digits).map(|number| number.to_string());
            let is_same = read.is_ok_and(|read| Decimal::parse(&read) == Decimal::parse(digits));
            let detail = "is no number that a double holds exactly";
            if is_same {
                Ok(())
            } else {
                Err(Wrong::new(pointer, "range", detail))
            }
        }
        Node::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(at, item)| check_numbers(item, &below(pointer, &at.to_string()))),
        Node::Object(members) => members
            .iter()
            .try_for_each(|(key, member)| check_numbers(member, &below(pointer, key))),
        Node::Null | Node::Bool(_) | Node::Text(_) => Ok(()),
    }
}

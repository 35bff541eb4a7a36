//! The JSON Schema of a collection: draft 2020-12, read once, applied to every document that is written.
//!
//! The library is `jsonschema`, with nothing of it that fetches. It sees documents through `tree`, which keeps
//! numbers as digits and counts every look, so that a check ends after a known number of steps.

mod decimal;
mod keyword;
mod meter;
mod report;
mod shape;
#[cfg(test)]
mod tests;
mod tree;

use std::fmt;
use std::rc::Rc;

use jsonschema::Validator;
use serde_json::Value;

use self::meter::Meter;
use self::tree::{Document, Seen, Tree};
use super::Wrong;
use super::json::Node;

/// The longest schema, in bytes.
pub const SCHEMA_BYTES_MAX: usize = 32_768;
/// The deepest nesting of a schema. Two levels of it speak of one of a document.
pub const SCHEMA_DEPTH_MAX: usize = 64;
/// The most regular expressions of a schema, and the most characters of one.
const PATTERNS_MAX: usize = 50;
const PATTERN_CHARS_MAX: usize = 1000;
/// The most schemas that apply to one value, references followed.
const EXPANSION_MAX: usize = 1000;
/// The longest chain of schemas that apply to one value; the levels of a document times this one are nested calls.
const CHAIN_MAX: usize = 16;
/// The most errors that are told of a document.
pub const FLAWS_MAX: usize = 10;

/// A schema that documents can be checked against.
pub struct Schema {
    text: String,
    has_patterns: bool,
    validator: Validator<Document>,
}

impl fmt::Debug for Schema {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Schema")
            .field("text", &self.text)
            .finish_non_exhaustive()
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The document holds to the schema.
    Holds,
    /// It does not, for these reasons, 1 to [`FLAWS_MAX`].
    Broken(Vec<Wrong>),
    /// The steps were used up before it was known.
    Unfinished,
}

impl Schema {
    /// Reads a schema that the operator sent and that stands at `pointer` in the body.
    ///
    /// # Errors
    /// For what is no schema of draft 2020-12, or not one that can be checked in good time.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, Wrong> {
        let node = Node::schema(text, pointer)?;
        let text = node.text();
        if text.len() > SCHEMA_BYTES_MAX {
            let detail = format!("is longer than {SCHEMA_BYTES_MAX} bytes");
            return Err(Wrong::new(pointer, "length", detail));
        }
        if !matches!(node, Node::Object(_)) {
            return Err(Wrong::new(pointer, "type", "must be an object"));
        }
        shape::check(&node, pointer)?;
        Self::compile(text, pointer)
    }

    /// Reads a schema that was accepted before.
    ///
    /// # Errors
    /// When it is none.
    pub fn kept(text: String) -> Result<Self, Wrong> {
        Self::compile(text, "")
    }

    fn compile(text: String, pointer: &str) -> Result<Self, Wrong> {
        let unread = |_| Wrong::new(pointer, "type", "is no JSON that can be read");
        let value: Value = serde_json::from_str(&text).map_err(unread)?;
        let validator = keyword::options().build(&value).map_err(|error| {
            let at = format!("{pointer}{}", error.instance_path().as_str());
            Wrong::new(at, "schema", "is not what draft 2020-12 allows here")
        })?;
        Ok(Self {
            // Also for a member of that name, which costs no more than steps.
            has_patterns: text.contains("\"pattern"),
            text,
            validator,
        })
    }

    /// As JSON, without white space.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Checks a document that stands at `pointer` in the body, within so many steps; takes those that it needed.
    /// With none left, what does not hold may be told in part.
    pub fn check(&self, document: &Node, pointer: &str, steps: &mut u64) -> Verdict {
        let tree = Tree::from(document);
        let meter = Rc::new(Meter::new(*steps, self.has_patterns));
        let seen = Seen {
            tree: &tree,
            meter: &meter,
        };
        let is_valid = meter.run(|| self.validator.is_valid(seen));
        let left = meter.left();
        *steps = left;
        if left == 0 {
            return Verdict::Unfinished;
        }
        if is_valid {
            return Verdict::Holds;
        }
        Verdict::Broken(self.explain(&tree, pointer, steps))
    }

    /// Why it does not hold: as many reasons as are found within so many steps.
    fn explain(&self, tree: &Tree<'_>, pointer: &str, steps: &mut u64) -> Vec<Wrong> {
        let meter = Rc::new(Meter::new(*steps, self.has_patterns));
        let seen = Seen { tree, meter: &meter };
        let mut told: Vec<Wrong> = meter.run(|| {
            self.validator
                .iter_errors(seen)
                // What was found after the last step is an effect of the end.
                .filter(|error| **error.instance() == Value::Bool(true))
                .flat_map(|error| report::tell(&error, pointer))
                .take(FLAWS_MAX)
                .collect()
        });
        *steps = meter.left();
        if told.is_empty() {
            told.push(Wrong::new(
                pointer,
                "schema",
                "does not hold to the collection's schema",
            ));
        }
        told
    }
}

//! Sorting, a place in a sorted list, and the choice of fields.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::json::Node;
use super::path::Path;
use super::{Wrong, below};

/// The most fields to sort by.
pub const SORT_MAX: usize = 4;
/// The most fields to choose.
pub const FIELDS_MAX: usize = 50;
/// The longest number of a place in a list, in characters: 64 digits and an exponent of 400, written out.
const NUMBER_CHARS_MAX: usize = 600;

/// Up or down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Smallest first.
    Asc,
    /// Largest first.
    Desc,
}

/// What a list is sorted by: fields, then the id, in the direction of the last one. Ids carry the time at which
/// a document was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    /// The fields, the most important first.
    pub fields: Vec<(Path, Direction)>,
    /// The direction of the id, which is the last word.
    pub id: Direction,
}

impl Sort {
    /// Reads pairs of field and direction; `$id` may be the last.
    ///
    /// # Errors
    /// For too many fields, the same one twice, or one that is no field.
    pub fn parse(pairs: &[(String, Direction)], pointer: &str) -> Result<Self, Wrong> {
        if pairs.len() > SORT_MAX {
            return Err(Wrong::new(
                pointer,
                "length",
                format!("at most {SORT_MAX} fields"),
            ));
        }
        let mut fields: Vec<(Path, Direction)> = Vec::with_capacity(pairs.len());
        let mut id = None;
        for (at, (field, direction)) in pairs.iter().enumerate() {
            let at = below(pointer, &at.to_string());
            if id.is_some() {
                return Err(Wrong::new(at, "value", "nothing is left to sort behind $id"));
            }
            if field == "$id" {
                id = Some(*direction);
                continue;
            }
            let path = Path::parse(field, &below(&at, "0"))?;
            if fields.iter().any(|(other, _)| *other == path) {
                return Err(Wrong::new(at, "duplicate", "is there twice"));
            }
            fields.push((path, *direction));
        }
        let last = fields.last().map_or(Direction::Asc, |(_, direction)| *direction);
        Ok(Self {
            fields,
            id: id.unwrap_or(last),
        })
    }

    /// Whether all of it runs in one direction, as an index does.
    pub fn is_uniform(&self) -> bool {
        self.fields.iter().all(|(_, direction)| *direction == self.id)
    }

    fn spelled(&self) -> Vec<(String, Direction)> {
        let fields = self
            .fields
            .iter()
            .map(|(path, direction)| (path.text(), *direction));
        fields.chain([("$id".to_owned(), self.id)]).collect()
    }
}

/// A `document_key`, as it is kept in a cursor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SortKey {
    /// The kind of value.
    pub rank: i16,
    /// Of a number or a truth value: exact digits.
    pub number: Option<String>,
    /// Of a text, an object or an array.
    pub label: Option<String>,
}

/// The place of the last document of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    sort: Vec<(String, Direction)>,
    /// Its keys, by which the list is sorted.
    pub keys: Vec<SortKey>,
    /// Its id.
    pub id: Uuid,
}

impl Position {
    /// The place of a document in a list of this order.
    pub fn new(sort: &Sort, keys: Vec<SortKey>, id: Uuid) -> Self {
        Self {
            sort: sort.spelled(),
            keys,
            id,
        }
    }

    /// Whether it is a place in a list of this order, and could be one of ours.
    pub fn is_of(&self, sort: &Sort) -> bool {
        let is_sound = |key: &SortKey| {
            let is_number = |text: &String| {
                let digits = text.strip_prefix('-').unwrap_or(text);
                let is_digit = |byte: u8| byte.is_ascii_digit() || byte == b'.';
                text.len() <= NUMBER_CHARS_MAX
                    && digits.starts_with(|letter: char| letter.is_ascii_digit())
                    && digits.bytes().all(is_digit)
                    && digits.matches('.').count() <= 1
            };
            key.number.as_ref().is_none_or(is_number)
                && key.label.as_ref().is_none_or(|label| !label.contains('\0'))
        };
        self.sort == sort.spelled() && self.keys.len() == sort.fields.len() && self.keys.iter().all(is_sound)
    }
}

/// Reads the fields that are wanted of each document.
///
/// # Errors
/// For too many, or one that is no field.
pub fn fields(fields: &[String], pointer: &str) -> Result<Vec<Path>, Wrong> {
    if fields.is_empty() || fields.len() > FIELDS_MAX {
        return Err(Wrong::new(pointer, "length", format!("1 to {FIELDS_MAX} fields")));
    }
    fields
        .iter()
        .enumerate()
        .map(|(at, field)| Path::parse(field, &below(pointer, &at.to_string())))
        .collect()
}

/// What is left of a document when only these fields are wanted. Arrays come whole: a field within one
/// chooses nothing.
pub fn choose(node: &Node, fields: &[Path]) -> Node {
    let wanted: Vec<&[String]> = fields.iter().map(Path::parts).collect();
    part(node, &wanted)
}

fn part(node: &Node, wanted: &[&[String]]) -> Node {
    let Node::Object(members) = node else {
        return Node::Null;
    };
    let mut left = Vec::new();
    for (key, value) in members {
        let rests: Vec<&[String]> = wanted
            .iter()
            .filter_map(|path| path.split_first().filter(|(first, _)| *first == key))
            .map(|(_, rest)| rest)
            .collect();
        if rests.iter().any(|rest| rest.is_empty()) {
            left.push((key.clone(), value.clone()));
        } else if !rests.is_empty() && matches!(value, Node::Object(_)) {
            left.push((key.clone(), part(value, &rests)));
        }
    }
    Node::Object(left)
}

//! The filter of a query: the operators of the field, read into a tree that has one meaning.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::json::Node;
use super::path::Path;
use super::{RANGE_TEXT_CHARS_MAX, Wrong, below};

/// The most conditions of a filter, those in `$and`, `$or` and `$not` included.
pub const CONDITIONS_MAX: usize = 50;
/// The most values of `$in` and `$nin`.
pub const IN_MAX: usize = 100;

/// What a document must be. Every test is either true or false.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// All of them.
    All(Vec<Filter>),
    /// At least one of them.
    Any(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
    /// A field of the document.
    Field(Path, Test),
    /// `$id`.
    Id(Order, Uuid),
    /// `$owner`; null: the operator's and the services'.
    Owner(Option<Uuid>),
    /// `$created_at` or `$updated_at`.
    Time(Time, Order, DateTime<Utc>),
}

/// A test of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// Equal to a value; null is equal to nothing at all too.
    Equal(Node),
    /// Equal to one of these.
    OneOf(Vec<Node>),
    /// A number compared with a number, or a text with a text; false for everything else.
    Range(Order, Node),
    /// A text that begins with this one.
    Prefix(String),
    /// Whether the field is there, be it null.
    Exists(bool),
}

/// How two values stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `$eq`.
    Same,
    /// `$gt`.
    Above,
    /// `$gte`.
    AtLeast,
    /// `$lt`.
    Below,
    /// `$lte`.
    AtMost,
}

/// A time that the server keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// When the document was made.
    Created,
    /// When it was last changed.
    Updated,
}

impl Filter {
    /// The filter that every document passes.
    pub fn everything() -> Self {
        Self::All(Vec::new())
    }

    /// Reads a filter.
    ///
    /// # Errors
    /// For an unknown operator, a value that it does not take, or too many conditions.
    pub fn parse(node: &Node, pointer: &str) -> Result<Self, Wrong> {
        let mut left = CONDITIONS_MAX;
        object(node, pointer, &mut left)
    }
}

fn take_one(left: &mut usize, pointer: &str) -> Result<(), Wrong> {
    *left = left.checked_sub(1).ok_or_else(|| {
        Wrong::new(
            pointer,
            "range",
            format!("a filter has at most {CONDITIONS_MAX} conditions"),
        )
    })?;
    Ok(())
}

fn object(node: &Node, pointer: &str, left: &mut usize) -> Result<Filter, Wrong> {
    let Node::Object(members) = node else {
        return Err(Wrong::new(pointer, "type", "must be an object"));
    };
    let mut filters = Vec::with_capacity(members.len());
    for (key, value) in members {
        let at = below(pointer, key);
        filters.push(match key.as_str() {
            "$and" => Filter::All(list(value, &at, left)?),
            "$or" => Filter::Any(list(value, &at, left)?),
            "$not" => Filter::Not(Box::new(object(value, &at, left)?)),
            "$id" | "$owner" | "$created_at" | "$updated_at" => {
                conditions(value, &at, left, |word, operand, at| kept(key, word, operand, at))?
            }
            _ if key.starts_with('$') => {
                return Err(Wrong::new(at, "unknown", "is not an operator of a filter"));
            }
            _ => {
                let path = Path::parse(key, &at)?;
                conditions(value, &at, left, |word, operand, at| {
                    field(&path, word, operand, at)
                })?
            }
        });
    }
    Ok(one_of(filters))
}

fn one_of(mut filters: Vec<Filter>) -> Filter {
    match (filters.pop(), filters.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            filters.extend(last);
            Filter::All(filters)
        }
    }
}

fn list(node: &Node, pointer: &str, left: &mut usize) -> Result<Vec<Filter>, Wrong> {
    let Node::Array(items) = node else {
        return Err(Wrong::new(pointer, "type", "must be an array"));
    };
    if items.is_empty() {
        return Err(Wrong::new(pointer, "length", "must have at least one filter"));
    }
    items
        .iter()
        .enumerate()
        .map(|(at, item)| {
            let at = below(pointer, &at.to_string());
            take_one(left, &at)?;
            object(item, &at, left)
        })
        .collect()
}

/// The conditions of one field: a bare value is `$eq`, an object whose keys begin with `$` is operators.
fn conditions(
    node: &Node,
    pointer: &str,
    left: &mut usize,
    read: impl Fn(&str, &Node, &str) -> Result<Filter, Wrong> + Copy,
) -> Result<Filter, Wrong> {
    let operators = match node {
        Node::Object(members) if members.iter().any(|(key, _)| key.starts_with('$')) => members,
        _ => {
            take_one(left, pointer)?;
            return read("$eq", node, pointer);
        }
    };
    let mut filters = Vec::with_capacity(operators.len());
    for (word, operand) in operators {
        let at = below(pointer, word);
        if word == "$not" {
            if !matches!(operand, Node::Object(members) if members.iter().any(|(key, _)| key.starts_with('$')))
            {
                return Err(Wrong::new(at, "type", "must be an object of operators"));
            }
            filters.push(Filter::Not(Box::new(conditions(operand, &at, left, read)?)));
        } else {
            take_one(left, &at)?;
            filters.push(read(word, operand, &at)?);
        }
    }
    Ok(one_of(filters))
}

fn field(path: &Path, word: &str, operand: &Node, pointer: &str) -> Result<Filter, Wrong> {
    let passes = |test| Filter::Field(path.clone(), test);
    let fails = |test| Filter::Not(Box::new(Filter::Field(path.clone(), test)));
    operand.check_keys(pointer)?;
    Ok(match word {
        "$eq" => passes(Test::Equal(operand.clone())),
        "$ne" => fails(Test::Equal(operand.clone())),
        "$in" => passes(Test::OneOf(values(operand, pointer)?)),
        "$nin" => fails(Test::OneOf(values(operand, pointer)?)),
        "$exists" => match operand {
            Node::Bool(value) => passes(Test::Exists(*value)),
            _ => return Err(Wrong::new(pointer, "type", "must be true or false")),
        },
        "$prefix" => match operand {
            Node::Text(text) => {
                check_range_text(text, pointer)?;
                passes(Test::Prefix(text.clone()))
            }
            _ => return Err(Wrong::new(pointer, "type", "must be a string")),
        },
        _ => {
            let order = order(word, pointer)?;
            match operand {
                Node::Number(_) => {}
                Node::Text(text) => check_range_text(text, pointer)?,
                _ => return Err(Wrong::new(pointer, "type", "must be a number or a string")),
            }
            passes(Test::Range(order, operand.clone()))
        }
    })
}

fn order(word: &str, pointer: &str) -> Result<Order, Wrong> {
    match word {
        "$gt" => Ok(Order::Above),
        "$gte" => Ok(Order::AtLeast),
        "$lt" => Ok(Order::Below),
        "$lte" => Ok(Order::AtMost),
        _ => Err(Wrong::new(pointer, "unknown", "is not an operator of a field")),
    }
}

fn check_range_text(text: &str, pointer: &str) -> Result<(), Wrong> {
    if text.chars().nth(RANGE_TEXT_CHARS_MAX).is_none() {
        return Ok(());
    }
    let detail = format!("a text in a range has at most {RANGE_TEXT_CHARS_MAX} characters");
    Err(Wrong::new(pointer, "length", detail))
}

fn values(operand: &Node, pointer: &str) -> Result<Vec<Node>, Wrong> {
    match operand {
        Node::Array(items) if items.len() <= IN_MAX => Ok(items.clone()),
        Node::Array(_) => Err(Wrong::new(pointer, "length", format!("at most {IN_MAX} values"))),
        _ => Err(Wrong::new(pointer, "type", "must be an array")),
    }
}

/// A condition on what the server keeps beside the document.
fn kept(name: &str, word: &str, operand: &Node, pointer: &str) -> Result<Filter, Wrong> {
    let one = |operand: &Node| match name {
        "$id" => id(operand, pointer).map(|id| Filter::Id(Order::Same, id)),
        "$owner" if *operand == Node::Null => Ok(Filter::Owner(None)),
        "$owner" => id(operand, pointer).map(|id| Filter::Owner(Some(id))),
        _ => time(name, Order::Same, operand, pointer),
    };
    let any = |operand: &Node| {
        let filters: Result<Vec<Filter>, Wrong> = values(operand, pointer)?.iter().map(one).collect();
        filters.map(Filter::Any)
    };
    match (word, name) {
        ("$eq", _) => one(operand),
        ("$ne", _) => Ok(Filter::Not(Box::new(one(operand)?))),
        ("$in", _) => any(operand),
        ("$nin", _) => Ok(Filter::Not(Box::new(any(operand)?))),
        (_, "$id") => Ok(Filter::Id(order(word, pointer)?, id(operand, pointer)?)),
        (_, "$owner") => Err(Wrong::new(
            pointer,
            "unknown",
            "$owner takes $eq, $ne, $in and $nin",
        )),
        _ => time(name, order(word, pointer)?, operand, pointer),
    }
}

fn id(operand: &Node, pointer: &str) -> Result<Uuid, Wrong> {
    match operand {
        Node::Text(text) if text.len() == 36 => Uuid::try_parse(text).ok(),
        _ => None,
    }
    .ok_or_else(|| Wrong::new(pointer, "format", "must be an id"))
}

fn time(name: &str, order: Order, operand: &Node, pointer: &str) -> Result<Filter, Wrong> {
    let which = if name == "$created_at" {
        Time::Created
    } else {
        Time::Updated
    };
    let at = match operand {
        Node::Text(text) => DateTime::parse_from_rfc3339(text).ok(),
        _ => None,
    };
    // Years that PostgreSQL has and people mean.
    let at = at
        .map(|at| at.to_utc())
        .filter(|at| (0..253_402_300_800).contains(&at.timestamp()));
    at.map(|at| Filter::Time(which, order, at))
        .ok_or_else(|| Wrong::new(pointer, "format", "must be a time after RFC 3339, from 1970 on"))
}

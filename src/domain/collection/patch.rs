//! A patch: operators read into steps that one statement applies to the row it holds.

use chrono::{DateTime, SecondsFormat, Utc};

use super::json::Node;
use super::path::Path;
use super::{DEPTH_MAX, Wrong, below};

/// The most fields that a patch changes.
pub const STEPS_MAX: usize = 100;

/// One change of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The field.
    pub path: Path,
    /// What becomes of it.
    pub change: Change,
}

/// What becomes of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// This value.
    Set(Node),
    /// It is taken away.
    Unset,
    /// This much is added, to 0 if it is not there.
    Add(String),
    /// It is multiplied, 0 if it is not there.
    Multiply(String),
    /// These are put at the end of the array.
    Push(Vec<Node>),
    /// Those of these that the array has not.
    AddToSet(Vec<Node>),
    /// All that equal one of these leave the array.
    Pull(Vec<Node>),
}

/// Reads a patch; `$currentDate` is `now`.
///
/// # Errors
/// For an unknown operator, a value that it does not take, two steps for one field or for one within
/// the other, too many of them, or one that would make a document too deep.
pub fn parse(node: &Node, now: DateTime<Utc>) -> Result<Vec<Step>, Wrong> {
    let Node::Object(operators) = node else {
        return Err(Wrong::new("", "type", "must be an object"));
    };
    let mut steps: Vec<Step> = Vec::new();
    for (word, fields) in operators {
        let at = below("", word);
        let Node::Object(fields) = fields else {
            return Err(Wrong::new(at, "type", "must be an object"));
        };
        for (field, operand) in fields {
            let at = below(&at, field);
            let path = Path::parse(field, &at)?;
            if steps.iter().any(|step| step.path.overlaps(&path)) {
                return Err(Wrong::new(at, "duplicate", "is changed by two operators"));
            }
            if steps.len() == STEPS_MAX {
                return Err(Wrong::new(
                    at,
                    "length",
                    format!("a patch changes at most {STEPS_MAX} fields"),
                ));
            }
            let change = change(word, operand, now, &at)?;
            check_depth(&path, &change, &at)?;
            steps.push(Step { path, change });
        }
    }
    if steps.is_empty() {
        return Err(Wrong::new("", "length", "changes nothing"));
    }
    Ok(steps)
}

fn change(word: &str, operand: &Node, now: DateTime<Utc>, pointer: &str) -> Result<Change, Wrong> {
    let number = || match operand {
        Node::Number(digits) => Ok(digits.clone()),
        _ => Err(Wrong::new(pointer, "type", "must be a number")),
    };
    Ok(match word {
        "$set" => {
            operand.check_keys(pointer)?;
            Change::Set(operand.clone())
        }
        "$unset" => Change::Unset,
        "$inc" => Change::Add(number()?),
        "$mul" => Change::Multiply(number()?),
        "$push" => Change::Push(several(operand, "$each", pointer)?),
        "$addToSet" => Change::AddToSet(several(operand, "$each", pointer)?),
        "$pull" => Change::Pull(several(operand, "$in", pointer)?),
        "$currentDate" if *operand == Node::Bool(true) => {
            Change::Set(Node::Text(now.to_rfc3339_opts(SecondsFormat::Micros, true)))
        }
        "$currentDate" => return Err(Wrong::new(pointer, "type", "must be true")),
        _ => return Err(Wrong::new(pointer, "unknown", "is not an operator of a patch")),
    })
}

/// One value, or an object of `word` and an array of them.
fn several(operand: &Node, word: &str, pointer: &str) -> Result<Vec<Node>, Wrong> {
    let Some(each) = operand.member(word) else {
        operand.check_keys(pointer)?;
        return Ok(vec![operand.clone()]);
    };
    let at = below(pointer, word);
    match (operand, each) {
        (Node::Object(members), Node::Array(items)) if members.len() == 1 => {
            each.check_keys(&at)?;
            Ok(items.clone())
        }
        _ => Err(Wrong::new(at, "type", "must be an array, alone in its object")),
    }
}

/// A document stays within its levels: the object itself, one for each further part of the path, one for
/// the array, and those of the value.
fn check_depth(path: &Path, change: &Change, pointer: &str) -> Result<(), Wrong> {
    let deepest = |items: &[Node]| 1 + items.iter().map(Node::depth).max().unwrap_or(0);
    let levels = path.parts().len()
        + match change {
            Change::Set(value) => value.depth(),
            Change::Push(items) | Change::AddToSet(items) => deepest(items),
            Change::Unset | Change::Add(_) | Change::Multiply(_) | Change::Pull(_) => 0,
        };
    if levels <= DEPTH_MAX {
        return Ok(());
    }
    let detail = format!("a document has at most {DEPTH_MAX} levels");
    Err(Wrong::new(pointer, "range", detail))
}

/// The steps as the SQL function `document_patch` takes them.
pub fn text(steps: &[Step]) -> String {
    let step = |step: &Step| {
        let (op, value) = match &step.change {
            Change::Set(value) => ("set", value.clone()),
            Change::Unset => ("unset", Node::Null),
            Change::Add(digits) => ("inc", Node::Number(digits.clone())),
            Change::Multiply(digits) => ("mul", Node::Number(digits.clone())),
            Change::Push(items) => ("push", Node::Array(items.clone())),
            Change::AddToSet(items) => ("addToSet", Node::Array(items.clone())),
            Change::Pull(items) => ("pull", Node::Array(items.clone())),
        };
        let path = step.path.parts().iter().cloned().map(Node::Text).collect();
        let members = [
            ("op", Node::Text(op.to_owned())),
            ("path", Node::Array(path)),
            ("value", value),
        ];
        Node::Object(members.map(|(key, value)| (key.to_owned(), value)).into())
    };
    Node::Array(steps.iter().map(step).collect()).text()
}

//! What filters, sorts and patches mean, said again in plain Rust over values in memory: no SQL, and
//! nothing of the server.

use std::cmp::Ordering;

use serde_json::{Map, Value, json};

/// What a path leads to.
pub(super) fn at<'a>(data: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(data, |here, part| match here {
        Value::Object(members) => members.get(part),
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        _ => None,
    })
}

/// Where the kind of a value stands; nothing is like null.
fn rank(value: Option<&Value>) -> u8 {
    match value {
        None | Some(Value::Null) => 0,
        Some(Value::Number(_)) => 1,
        Some(Value::String(_)) => 2,
        Some(Value::Object(_)) => 3,
        Some(Value::Array(_)) => 4,
        Some(Value::Bool(_)) => 5,
    }
}

/// Which of two is first in a sorted list; arrays and objects are not told apart by anything that
/// could be foreseen.
pub(super) fn order(left: Option<&Value>, right: Option<&Value>) -> Ordering {
    let by_value = match (left, right) {
        (Some(Value::Number(left)), Some(Value::Number(right))) => {
            left.as_f64().partial_cmp(&right.as_f64()).unwrap()
        }
        (Some(Value::String(left)), Some(Value::String(right))) => left.as_bytes().cmp(right.as_bytes()),
        (Some(Value::Bool(left)), Some(Value::Bool(right))) => left.cmp(right),
        _ => Ordering::Equal,
    };
    rank(left).cmp(&rank(right)).then(by_value)
}

pub(super) fn is_equal(left: Option<&Value>, right: &Value) -> bool {
    match (left, right) {
        (None | Some(Value::Null), Value::Null) => true,
        (Some(Value::Number(left)), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Some(Value::Array(left)), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| is_equal(Some(left), right))
        }
        (Some(Value::Object(left)), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, left)| right.get(key).is_some_and(|right| is_equal(Some(left), right)))
        }
        (Some(left), right) => left == right,
        (None, _) => false,
    }
}

/// Whether a document passes a filter.
pub(super) fn passes(data: &Value, filter: &Value) -> bool {
    filter
        .as_object()
        .unwrap()
        .iter()
        .all(|(key, operand)| match key.as_str() {
            "$and" => operand
                .as_array()
                .unwrap()
                .iter()
                .all(|filter| passes(data, filter)),
            "$or" => operand
                .as_array()
                .unwrap()
                .iter()
                .any(|filter| passes(data, filter)),
            "$not" => !passes(data, operand),
            path => holds(at(data, path), operand),
        })
}

fn holds(value: Option<&Value>, operators: &Value) -> bool {
    let is_operators =
        matches!(operators, Value::Object(members) if members.keys().any(|key| key.starts_with('$')));
    if !is_operators {
        return is_equal(value, operators);
    }
    let is_one_of = |list: &Value| list.as_array().unwrap().iter().any(|item| is_equal(value, item));
    let compares = |operand: &Value, wanted: &[Ordering]| {
        rank(value) == rank(Some(operand)) && wanted.contains(&order(value, Some(operand)))
    };
    operators
        .as_object()
        .unwrap()
        .iter()
        .all(|(word, operand)| match word.as_str() {
            "$eq" => is_equal(value, operand),
            "$ne" => !is_equal(value, operand),
            "$in" => is_one_of(operand),
            "$nin" => !is_one_of(operand),
            "$exists" => value.is_some() == operand.as_bool().unwrap(),
            "$prefix" => value
                .and_then(Value::as_str)
                .is_some_and(|text| text.starts_with(operand.as_str().unwrap())),
            "$gt" => compares(operand, &[Ordering::Greater]),
            "$gte" => compares(operand, &[Ordering::Greater, Ordering::Equal]),
            "$lt" => compares(operand, &[Ordering::Less]),
            "$lte" => compares(operand, &[Ordering::Less, Ordering::Equal]),
            "$not" => !holds(value, operand),
            other => panic!("{other}"),
        })
}

/// The document after a patch, or the field that does not allow it.
pub(super) fn patched(data: &Value, patch: &Value) -> Result<Value, String> {
    let mut data = data.clone();
    for (word, fields) in patch.as_object().unwrap() {
        for (path, operand) in fields.as_object().unwrap() {
            step(&mut data, word, path, operand).ok_or_else(|| path.clone())?;
        }
    }
    Ok(data)
}

fn step(data: &mut Value, word: &str, path: &str, operand: &Value) -> Option<()> {
    let (parents, last) = path
        .rsplit_once('.')
        .map_or((None, path), |(parents, last)| (Some(parents), last));
    if matches!(word, "$unset" | "$pull") && at(data, path).is_none() {
        return Some(());
    }
    let mut here = data;
    for part in parents.into_iter().flat_map(|parents| parents.split('.')) {
        here = match here {
            Value::Object(members) => members.entry(part).or_insert_with(|| Value::Object(Map::new())),
            Value::Array(items) => items.get_mut(part.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    if word == "$unset" {
        here.as_object_mut()?.remove(last);
        return Some(());
    }
    let old = match here {
        Value::Object(members) => members.get(last).cloned(),
        Value::Array(items) => Some(items.get(last.parse::<usize>().ok()?)?.clone()),
        _ => return None,
    };
    let new = changed(old, word, operand)?;
    match here {
        Value::Object(members) => {
            members.insert(last.to_owned(), new);
        }
        Value::Array(items) => items[last.parse::<usize>().ok()?] = new,
        _ => return None,
    }
    Some(())
}

#[expect(
    clippy::float_arithmetic,
    reason = "halves and whole numbers, which are exact"
)]
fn changed(old: Option<Value>, word: &str, operand: &Value) -> Option<Value> {
    let listed = |word: &str| match &operand[word] {
        Value::Array(items) => items.clone(),
        _ => vec![operand.clone()],
    };
    let array = |old: Option<Value>| match old {
        None => Some(Vec::new()),
        Some(Value::Array(items)) => Some(items),
        Some(_) => None,
    };
    let number = |old: Option<Value>| old.map_or(Some(0.0), |old| old.as_f64());
    Some(match word {
        "$set" => operand.clone(),
        "$inc" => json!(number(old)? + operand.as_f64()?),
        "$mul" => json!(number(old)? * operand.as_f64()?),
        "$push" => {
            let mut items = array(old)?;
            items.extend(listed("$each"));
            json!(items)
        }
        "$addToSet" => {
            let mut items = array(old)?;
            for item in listed("$each") {
                if !items.iter().any(|one| is_equal(Some(one), &item)) {
                    items.push(item);
                }
            }
            json!(items)
        }
        "$pull" => {
            let (mut items, gone) = (array(old)?, listed("$in"));
            items.retain(|item| !gone.iter().any(|one| is_equal(Some(item), one)));
            json!(items)
        }
        other => panic!("{other}"),
    })
}

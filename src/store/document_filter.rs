//! A filter as SQL: fixed words, and everything that was sent as a bound parameter. Beside
//! `store::document` nothing makes statements of parts.

use chrono::{DateTime, Utc};
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use crate::domain::collection::RANGE_TEXT_CHARS_MAX;
use crate::domain::collection::filter::{Filter, Order, Test, Time};
use crate::domain::collection::json::Node;
use crate::domain::collection::path::Path;
use crate::domain::collection::query::{Direction, Position, Sort, SortKey};

/// A statement in the making.
pub(super) type Statement = QueryBuilder<Postgres>;

/// Writes the condition that a filter is. It is never null.
pub(super) fn push_filter(statement: &mut Statement, filter: &Filter) {
    match filter {
        Filter::All(filters) => push_list(statement, filters, " and ", "true"),
        Filter::Any(filters) => push_list(statement, filters, " or ", "false"),
        Filter::Not(filter) => {
            statement.push("not (");
            push_filter(statement, filter);
            statement.push(")");
        }
        Filter::Field(path, test) => push_test(statement, path, test),
        Filter::Id(order, id) => {
            statement.push("id").push(sign(*order)).push_bind::<Uuid>(*id);
        }
        // By equality, which an index serves, and never null, which `not` would leave as it is.
        Filter::Owner(Some(id)) => {
            statement
                .push("(owner_id is not null and owner_id = ")
                .push_bind::<Uuid>(*id)
                .push(")");
        }
        Filter::Owner(None) => {
            statement.push("owner_id is null");
        }
        Filter::Time(which, order, at) => {
            let column = match which {
                Time::Created => "created_at",
                Time::Updated => "updated_at",
            };
            statement
                .push(column)
                .push(sign(*order))
                .push_bind::<DateTime<Utc>>(*at);
        }
    }
}

fn push_list(statement: &mut Statement, filters: &[Filter], between: &'static str, none: &'static str) {
    if filters.is_empty() {
        statement.push(none);
        return;
    }
    for (at, filter) in filters.iter().enumerate() {
        statement.push(if at == 0 { "(" } else { between });
        push_filter(statement, filter);
    }
    statement.push(")");
}

fn push_test(statement: &mut Statement, path: &Path, test: &Test) {
    match test {
        Test::Equal(value) => push_equal(statement, path, value),
        Test::OneOf(values) => {
            let (hashed, plain): (Vec<&Node>, Vec<&Node>) = values.iter().partition(|value| is_hashed(value));
            statement.push("(false");
            if !plain.is_empty() {
                statement.push(" or ");
                push_key(statement, path);
                for (at, value) in plain.iter().enumerate() {
                    statement.push(if at == 0 { " in (" } else { ", " });
                    push_key_of(statement, value);
                }
                statement.push(")");
            }
            for value in hashed {
                statement.push(" or ");
                push_equal(statement, path, value);
            }
            statement.push(")");
        }
        Test::Range(order, value) => {
            statement.push("(");
            push_key(statement, path);
            statement.push(sign(*order));
            push_key_of(statement, value);
            // Within its kind: nothing is above a number but numbers.
            let rank = if matches!(value, Node::Number(_)) { 1 } else { 2 };
            statement.push(" and ");
            push_key(statement, path);
            let is_above = matches!(order, Order::Above | Order::AtLeast);
            push_edge(statement, if is_above { " < " } else { " > " }, rank, is_above);
            statement.push(")");
        }
        Test::Prefix(start) => push_prefix(statement, path, start),
        Test::Exists(is_there) => {
            statement.push("data #> ").push_bind(path.parts().to_vec());
            statement.push(if *is_there { " is not null" } else { " is null" });
        }
    }
}

/// The end of a kind of values: before the first value of the kind above, or behind the last one of the
/// kind below. In a key, null stands behind everything.
fn push_edge(statement: &mut Statement, sign: &'static str, rank: i16, is_above: bool) {
    let (other, label) = if is_above {
        (rank + 1, Some(""))
    } else {
        (rank - 1, None)
    };
    statement
        .push(sign)
        .push("row(")
        .push_bind(other)
        .push("::smallint, null::numeric, ")
        .push_bind(label)
        .push("::text)::document_key");
}

fn push_equal(statement: &mut Statement, path: &Path, value: &Node) {
    statement.push("(");
    push_key(statement, path);
    statement.push(" = ");
    push_key_of(statement, value);
    if is_hashed(value) {
        // Where the key holds a hash, the value itself has the last word.
        statement
            .push(" and data #> ")
            .push_bind(path.parts().to_vec())
            .push(" = ")
            .push_bind(value.text())
            .push("::jsonb");
    }
    statement.push(")");
}

fn push_prefix(statement: &mut Statement, path: &Path, text: &str) {
    statement.push("(");
    push_key(statement, path);
    statement.push(" >= ");
    push_text_key(statement, text);
    statement.push(" and ");
    push_key(statement, path);
    match successor(text) {
        Some(next) => {
            statement.push(" < ");
            push_text_key(statement, &next);
        }
        None => push_edge(statement, " < ", 2, true),
    }
    statement.push(")");
}

fn push_text_key(statement: &mut Statement, text: &str) {
    statement
        .push("row(2::smallint, null::numeric, ")
        .push_bind(text.to_owned())
        .push("::text)::document_key");
}

/// The first text behind all that begin with this one, in the order of code points, which is that of
/// UTF-8; none if there is none.
fn successor(text: &str) -> Option<String> {
    let mut letters: Vec<char> = text.chars().collect();
    while let Some(last) = letters.pop() {
        // The range of letters steps over the surrogates.
        if let Some(next) = (last..=char::MAX).nth(1) {
            letters.push(next);
            return Some(letters.into_iter().collect());
        }
    }
    None
}

/// The key of a field, in the words of the indexes.
pub(super) fn push_key(statement: &mut Statement, path: &Path) {
    statement
        .push("document_key(data #> ")
        .push_bind(path.parts().to_vec())
        .push(")");
}

fn push_key_of(statement: &mut Statement, value: &Node) {
    statement
        .push("document_key(")
        .push_bind(value.text())
        .push("::jsonb)");
}

/// Whether the key of this value is a hash of it.
fn is_hashed(value: &Node) -> bool {
    match value {
        Node::Array(_) | Node::Object(_) => true,
        Node::Text(text) => text.chars().nth(RANGE_TEXT_CHARS_MAX).is_some(),
        Node::Null | Node::Bool(_) | Node::Number(_) => false,
    }
}

fn sign(order: Order) -> &'static str {
    match order {
        Order::Same => " = ",
        Order::Above => " > ",
        Order::AtLeast => " >= ",
        Order::Below => " < ",
        Order::AtMost => " <= ",
    }
}

/// Writes ` order by …`.
pub(super) fn push_order(statement: &mut Statement, sort: &Sort) {
    statement.push(" order by ");
    for (path, direction) in &sort.fields {
        push_key(statement, path);
        statement.push(word(*direction)).push(", ");
    }
    statement.push("id").push(word(sort.id));
}

fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::Asc => " asc",
        Direction::Desc => " desc",
    }
}

/// Writes the condition of standing behind a place in the list.
pub(super) fn push_behind(statement: &mut Statement, sort: &Sort, position: &Position) {
    let behind = |direction| match direction {
        Direction::Asc => " > ",
        Direction::Desc => " < ",
    };
    if sort.is_uniform() {
        // In this form an index begins at the place.
        statement.push("(");
        for (path, _) in &sort.fields {
            push_key(statement, path);
            statement.push(", ");
        }
        statement.push("id)").push(behind(sort.id)).push("(");
        for key in &position.keys {
            push_sort_key(statement, key);
            statement.push(", ");
        }
        statement.push_bind(position.id).push(")");
        return;
    }
    statement.push("(");
    let columns = sort.fields.iter().zip(&position.keys);
    for ((path, direction), key) in columns.clone() {
        push_key(statement, path);
        statement.push(behind(*direction));
        push_sort_key(statement, key);
        statement.push(" or (");
        push_key(statement, path);
        statement.push(" = ");
        push_sort_key(statement, key);
        statement.push(" and (");
    }
    statement.push("id").push(behind(sort.id)).push_bind(position.id);
    for _ in columns {
        statement.push("))");
    }
    statement.push(")");
}

fn push_sort_key(statement: &mut Statement, key: &SortKey) {
    statement
        .push("row(")
        .push_bind(key.rank)
        .push("::smallint, ")
        .push_bind(key.number.clone())
        .push("::text::numeric, ")
        .push_bind(key.label.clone())
        .push("::text)::document_key");
}

#[cfg(test)]
mod tests {
    use super::successor;

    #[test]
    fn the_next_text_is_behind_all_that_begin_with_this_one() {
        for (text, next) in [
            ("a", Some("b")),
            ("ab", Some("ac")),
            ("a\u{10ffff}", Some("b")),
            ("\u{d7ff}", Some("\u{e000}")),
            ("\u{10ffff}", None),
            ("", None),
        ] {
            assert_eq!(successor(text).as_deref(), next, "{text:?}");
        }
    }
}

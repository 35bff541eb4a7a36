//! Whether a query can be answered without looking at every document: a rule, so that a page is told
//! the same each time, whatever PostgreSQL would do with the figures of the day.
//!
//! A query is served by a document's id, by the owner, or by an index or unique key whose leading fields
//! are fixed by equality and whose next fields carry a range or the sort.

use super::declaration::{Index, OWNER};
use super::filter::{Filter, Order, Test};
use super::query::Sort;

/// What the conditions that always hold say of the fields.
#[derive(Debug, Default)]
struct Hold {
    /// Fixed to one value.
    equal: Vec<String>,
    /// Within a range, or one of several values.
    range: Vec<String>,
    /// The id is fixed to few.
    has_id: bool,
}

/// The index that a query needs and that there is not; none if it is served. `is_owned` says that only
/// one user's documents are asked for anyway.
pub fn missing_index(filter: &Filter, sort: &Sort, indexes: &[Index], is_owned: bool) -> Option<Vec<String>> {
    let mut hold = Hold::default();
    gather(filter, &mut hold);
    let is_whole = hold.equal.is_empty() && hold.range.is_empty() && *filter == Filter::everything();
    let is_plain = sort.fields.is_empty();
    if is_owned || hold.has_id || hold.equal.iter().any(|field| field == OWNER) || (is_whole && is_plain) {
        return None;
    }
    let sorted: Vec<String> = sort.fields.iter().map(|(path, _)| path.text()).collect();
    let is_served = indexes
        .iter()
        .any(|index| serves(index, &hold, &sorted, sort.is_uniform()));
    if is_served {
        return None;
    }
    let mut wanted = hold.equal;
    wanted.retain(|field| !sorted.contains(field));
    let carried = if is_plain {
        hold.range.into_iter().take(1).collect()
    } else {
        sorted
    };
    for field in carried {
        if !wanted.contains(&field) {
            wanted.push(field);
        }
    }
    Some(wanted)
}

fn serves(index: &Index, hold: &Hold, sorted: &[String], is_uniform: bool) -> bool {
    let fixed = index
        .fields
        .iter()
        .take_while(|field| hold.equal.contains(field))
        .count();
    let rest = index.fields.get(fixed..).unwrap_or_default();
    if index.is_unique && rest.is_empty() {
        return true;
    }
    if sorted.is_empty() {
        return fixed > 0 || rest.first().is_some_and(|field| hold.range.contains(field));
    }
    // Fields that are fixed do not matter to the order.
    let open: Vec<&String> = sorted
        .iter()
        .filter(|field| !hold.equal.contains(field))
        .collect();
    if open.is_empty() {
        return fixed > 0;
    }
    is_uniform && rest.len() >= open.len() && rest.iter().zip(open).all(|(field, wanted)| field == wanted)
}

/// Only what holds of every document that passes: below `$or` and `$not` nothing does.
fn gather(filter: &Filter, hold: &mut Hold) {
    match filter {
        Filter::All(filters) => filters.iter().for_each(|filter| gather(filter, hold)),
        Filter::Field(path, Test::Equal(_)) => hold.equal.push(path.text()),
        Filter::Field(path, Test::OneOf(_) | Test::Range(..) | Test::Prefix(_)) => {
            hold.range.push(path.text());
        }
        Filter::Owner(Some(_)) => hold.equal.push(OWNER.to_owned()),
        Filter::Id(Order::Same, _) => hold.has_id = true,
        // `$in` on the id.
        Filter::Any(filters)
            if filters
                .iter()
                .all(|one| matches!(one, Filter::Id(Order::Same, _))) =>
        {
            hold.has_id = true;
        }
        Filter::Any(_)
        | Filter::Not(_)
        | Filter::Id(..)
        | Filter::Owner(None)
        | Filter::Time(..)
        | Filter::Field(_, Test::Exists(_)) => {}
    }
}

//! Random documents, filters, sorts and patches: the server says what the interpreter says.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};

use super::interpreter::{at, is_equal, order, passes, patched};
use super::{count, declare, fill, one, try_query};
use crate::harness::{asked_for, shop};

const KEYS: [&str; 3] = ["a", "b", "c"];
const PATHS: [&str; 13] = [
    "a", "b", "a", "b", "a", "b", "c", "a.b", "a.c", "b.a", "a.0", "b.1", "c.0.a",
];

#[expect(clippy::float_arithmetic, reason = "halves, which are exact")]
fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-3_i64..4).prop_map(|n| json!(n)),
        (-3_i32..4).prop_map(|n| json!(f64::from(n) / 2.0)),
    ]
}

fn text() -> impl Strategy<Value = String> {
    proptest::sample::select(vec![
        "", "a", "ab", "abc", "b", "B", "茶", "\u{ffff}", "🍵", "a'\"\\",
    ])
    .prop_map(str::to_owned)
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number(),
        text().prop_map(Value::String),
    ]
}

fn object(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    proptest::collection::vec((proptest::sample::select(KEYS.to_vec()), value), 0..4).prop_map(|members| {
        let members = members.into_iter().map(|(key, value)| (key.to_owned(), value));
        Value::Object(members.collect::<Map<_, _>>())
    })
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            object(inner),
        ]
    })
}

/// Mostly what meets its like.
fn few() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => (-1_i64..3).prop_map(|n| json!(n)),
        3 => proptest::sample::select(vec!["a", "ab", "b"]).prop_map(|text| json!(text)),
        1 => value(),
    ]
}

fn path() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(PATHS.to_vec())
}

fn condition() -> impl Strategy<Value = Value> {
    let range = proptest::sample::select(vec!["$gt", "$gte", "$lt", "$lte"]);
    let operand = prop_oneof![number(), text().prop_map(Value::String)];
    let operators = prop_oneof![
        few().prop_map(|value| json!({ "$eq": value })),
        few().prop_map(|value| json!({ "$ne": value })),
        proptest::collection::vec(value(), 0..4).prop_map(|values| json!({ "$in": values })),
        proptest::collection::vec(value(), 0..4).prop_map(|values| json!({ "$nin": values })),
        any::<bool>().prop_map(|is_there| json!({ "$exists": is_there })),
        text().prop_map(|text| json!({ "$prefix": text })),
        (range, operand).prop_map(|(word, operand)| json!({ word: operand })),
        (-3_i64..4, -3_i64..4).prop_map(|(low, high)| json!({"$gte": low, "$not": {"$gt": high}})),
    ];
    prop_oneof![1 => few(), 3 => operators]
}

fn filter() -> impl Strategy<Value = Value> {
    let plain = proptest::collection::vec((path(), condition()), 1..3).prop_map(|conditions| {
        let members = conditions
            .into_iter()
            .map(|(path, condition)| (path.to_owned(), condition));
        Value::Object(members.collect::<Map<_, _>>())
    });
    plain.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 1..3).prop_map(|filters| json!({ "$and": filters })),
            proptest::collection::vec(inner.clone(), 1..3).prop_map(|filters| json!({ "$or": filters })),
            inner.prop_map(|filter| json!({ "$not": filter })),
        ]
    })
}

fn patch() -> impl Strategy<Value = Value> {
    let step = prop_oneof![
        value().prop_map(|value| ("$set", value)),
        Just(("$unset", json!(true))),
        number().prop_map(|number| ("$inc", number)),
        number().prop_map(|number| ("$mul", number)),
        scalar().prop_map(|value| ("$push", value)),
        proptest::collection::vec(value(), 0..3).prop_map(|items| ("$push", json!({ "$each": items }))),
        proptest::collection::vec(value(), 0..3).prop_map(|items| ("$addToSet", json!({ "$each": items }))),
        scalar().prop_map(|value| ("$pull", value)),
        proptest::collection::vec(value(), 0..3).prop_map(|items| ("$pull", json!({ "$in": items }))),
    ];
    proptest::collection::vec((path(), step), 1..4).prop_map(|steps| {
        let mut patch = Map::new();
        let mut taken: Vec<&str> = Vec::new();
        for (path, (word, operand)) in steps {
            let overlaps = |other: &&str| {
                let (this, that) = (format!("{path}."), format!("{other}."));
                this.starts_with(&that) || that.starts_with(&this)
            };
            if !taken.iter().any(overlaps) {
                taken.push(path);
                let fields = patch.entry(word).or_insert_with(|| json!({}));
                fields[path] = operand;
            }
        }
        Value::Object(patch)
    })
}

/// Draws values from a strategy, the same ones each time.
struct Draw(TestRunner);

impl Draw {
    fn of<T: std::fmt::Debug>(&mut self, strategy: &impl Strategy<Value = T>) -> T {
        strategy.new_tree(&mut self.0).unwrap().current()
    }
}

#[tokio::test]
async fn a_filter_finds_what_the_interpreter_finds() {
    shop(async |shop| {
        let plain = json!({"permission": "all_read_owner_write"});
        let indexed =
            json!({"permission": "all_read_owner_write", "indexes": [["a"], ["a.b", "c"], ["b", "a"]]});
        declare(shop, "plain", plain).await;
        declare(shop, "indexed", indexed).await;
        let phone = shop.visitor().await;
        let mut draw = Draw(TestRunner::deterministic());
        let documents: Vec<Value> = (0..100).map(|_| draw.of(&object(few()))).collect();
        for name in ["plain", "indexed"] {
            fill(&phone, name, &documents).await;
        }
        // So small that PostgreSQL would not look at an index by itself.
        sqlx::raw_sql("analyze documents")
            .execute(&shop.db)
            .await
            .unwrap();
        let (mut found_some, cases) = (0, asked_for("WEIR_COLLECTION_FILTERS", 150));
        for case in 0..cases {
            let filter = draw.of(&filter());
            let expected: Vec<&Value> = documents.iter().filter(|data| passes(data, &filter)).collect();
            let name = if case % 2 == 0 { "plain" } else { "indexed" };
            let sort_path = draw.of(&path());
            let direction = if case % 4 < 2 { "asc" } else { "desc" };
            let body =
                json!({"filter": filter, "limit": 100, "sort": [[sort_path, direction], ["$id", "asc"]]});
            let page = try_query(&phone, name, body).await.ok(200);
            let found: Vec<&Value> = page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| &item["data"])
                .collect();
            assert_eq!(found.len(), expected.len(), "{filter}");
            let mut rest = expected.clone();
            for data in &found {
                let place = rest.iter().position(|other| is_equal(Some(other), data));
                rest.remove(place.unwrap_or_else(|| panic!("{filter} found {data}")));
            }
            for pair in found.windows(2) {
                let step = order(at(pair[0], sort_path), at(pair[1], sort_path));
                let wrong = if direction == "asc" {
                    std::cmp::Ordering::Greater
                } else {
                    std::cmp::Ordering::Less
                };
                assert_ne!(step, wrong, "{sort_path} {direction}: {} {}", pair[0], pair[1]);
            }
            let counted = count(&phone, name, filter).await;
            assert_eq!(usize::try_from(counted).unwrap(), expected.len());
            found_some += u32::from(!found.is_empty() && found.len() < documents.len());
        }
        assert!(
            u64::from(found_some) * 8 > cases,
            "few filters tell documents apart: {found_some}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_patch_does_what_the_interpreter_does() {
    shop(async |shop| {
        declare(shop, "plain", json!({"permission": "all_read_owner_write"})).await;
        let phone = shop.visitor().await;
        let mut draw = Draw(TestRunner::deterministic());
        let (mut applied, cases) = (0, asked_for("WEIR_COLLECTION_PATCHES", 300));
        let mut id = String::new();
        let mut data = json!({});
        for case in 0..cases {
            // A few patches on each document, so that each meets what others left.
            if case % 5 == 0 {
                data = draw.of(&object(value()));
                id = super::add(&phone, "plain", data.clone()).await;
            }
            let patch = draw.of(&patch());
            let answer = one(&phone, "PATCH", "plain", &id, Some(patch.clone())).await;
            if let Ok(expected) = patched(&data, &patch) {
                let now = answer.ok(200)["data"].clone();
                assert!(
                    is_equal(Some(&now), &expected),
                    "{patch} on {data}: {now}, not {expected}"
                );
                data = now;
                applied += 1;
            } else {
                answer.refused(422, "patch_not_applicable");
                let kept = one(&phone, "GET", "plain", &id, None).await.ok(200);
                assert!(is_equal(Some(&kept["data"]), &data), "{patch}");
            }
        }
        assert!(
            applied * 4 > cases && applied < cases,
            "{applied} of {cases} applied"
        );
    })
    .await;
}

//! Every operator of a filter, by table.

use serde_json::{Value, json};

use super::{count, fill, find, open, try_query};
use crate::harness::shop;

/// What is there, by name.
fn documents() -> Vec<Value> {
    let long = "x".repeat(300);
    vec![
        json!({"name": "int", "v": 5}),
        json!({"name": "negative", "v": -7}),
        json!({"name": "fraction", "v": 5.5}),
        json!({"name": "text", "v": "5"}),
        json!({"name": "tea", "v": "tea"}),
        json!({"name": "teapot", "v": "teapot"}),
        json!({"name": "茶", "v": "茶杯"}),
        json!({"name": "long", "v": format!("{long}a")}),
        json!({"name": "longer", "v": format!("{long}b")}),
        json!({"name": "true", "v": true}),
        json!({"name": "false", "v": false}),
        json!({"name": "null", "v": null}),
        json!({"name": "absent"}),
        json!({"name": "array", "v": [1, 2.0, {"k": "x"}]}),
        json!({"name": "object", "v": {"k": {"deep": 1}, "l": [10, 20]}}),
        json!({"name": "empty", "v": {}}),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn table() -> Vec<(Value, Vec<&'static str>)> {
    let long = "x".repeat(300);
    let texts = ["text", "tea", "teapot", "茶", "long", "longer"];
    vec![
        (json!({"v": 5}), vec!["int"]),
        (json!({"v": {"$eq": 5.0}}), vec!["int"]),
        (json!({"v": "5"}), vec!["text"]),
        (json!({"v": true}), vec!["true"]),
        (json!({"v": null}), vec!["null", "absent"]),
        (json!({"v": [1, 2, {"k": "x"}]}), vec!["array"]),
        (json!({"v": [2, 1, {"k": "x"}]}), vec![]),
        (json!({"v": {"l": [10, 20], "k": {"deep": 1.0}}}), vec!["object"]),
        (json!({"v": {}}), vec!["empty"]),
        (json!({"v": format!("{long}a")}), vec!["long"]),
        (json!({"v": long}), vec![]),
        (
            json!({"v": {"$ne": 5}, "name": {"$in": ["int", "text", "absent"]}}),
            vec!["text", "absent"],
        ),
        (
            json!({"v": {"$ne": null}, "name": {"$in": ["int", "null", "absent"]}}),
            vec!["int"],
        ),
        (json!({"v": {"$gt": 5}}), vec!["fraction"]),
        (json!({"v": {"$gte": 5}}), vec!["int", "fraction"]),
        (json!({"v": {"$lt": 5}}), vec!["negative"]),
        (json!({"v": {"$lte": 5}}), vec!["int", "negative"]),
        (json!({"v": {"$gt": -10, "$lt": 5.5}}), vec!["int", "negative"]),
        (
            json!({"v": {"$gt": "tea"}}),
            vec!["teapot", "茶", "long", "longer"],
        ),
        (
            json!({"v": {"$gte": "tea"}}),
            vec!["tea", "teapot", "茶", "long", "longer"],
        ),
        (json!({"v": {"$lt": "tea"}}), vec!["text"]),
        (json!({"v": {"$lte": "tea"}}), vec!["text", "tea"]),
        (json!({"v": {"$gte": ""}}), texts.to_vec()),
        (json!({"v": {"$lt": ""}}), vec![]),
        (
            json!({"v": {"$in": [5, "tea", null]}}),
            vec!["int", "tea", "null", "absent"],
        ),
        (
            json!({"v": {"$in": [{}, [1, 2, {"k": "x"}], format!("{long}b")]}}),
            vec!["longer", "array", "empty"],
        ),
        (json!({"v": {"$in": []}}), vec![]),
        (
            json!({"v": {"$nin": [5, "5", null]}, "name": {"$in": ["int", "text", "tea", "absent"]}}),
            vec!["tea"],
        ),
        (json!({"v": {"$exists": false}}), vec!["absent"]),
        (
            json!({"v": {"$exists": true}, "name": {"$in": ["null", "absent", "int"]}}),
            vec!["int", "null"],
        ),
        (json!({"v": {"$prefix": "te"}}), vec!["tea", "teapot"]),
        (json!({"v": {"$prefix": "茶"}}), vec!["茶"]),
        (json!({"v": {"$prefix": ""}}), texts.to_vec()),
        (json!({"v": {"$prefix": "x".repeat(256)}}), vec!["long", "longer"]),
        (
            json!({"v": {"$not": {"$gte": 5}}, "name": {"$in": ["int", "negative", "tea"]}}),
            vec!["negative", "tea"],
        ),
        (json!({"v.k.deep": 1}), vec!["object"]),
        (json!({"v.l.1": 20}), vec!["object"]),
        (json!({"v.2.k": "x"}), vec!["array"]),
        (json!({"v.1": 2}), vec!["array"]),
        (json!({"v.k": {"$exists": true}}), vec!["object"]),
        (json!({"$or": [{"v": 5}, {"v": "tea"}]}), vec!["int", "tea"]),
        (
            json!({"$and": [{"v": {"$gt": 0}}, {"v": {"$lt": 5.5}}]}),
            vec!["int"],
        ),
        (
            json!({"$not": {"$or": [{"name": {"$gt": "e"}}, {"name": {"$lt": "array"}}]}}),
            vec!["array"],
        ),
        (json!({"$not": {"v": {"$exists": true}}}), vec!["absent"]),
        (
            json!({"$and": [{"$or": [{"v": 5}, {"v": "5"}]}, {"$not": {"v": 5}}]}),
            vec!["text"],
        ),
        (json!({"$owner": null}), vec![]),
        (json!({"$created_at": {"$lt": "2020-01-01T00:00:00Z"}}), vec![]),
        (
            json!({"$created_at": {"$gt": "2020-01-01T00:00:00Z"}, "v": 5}),
            vec!["int"],
        ),
        (
            json!({"$updated_at": {"$gte": "2020-01-01T08:00:00+08:00"}, "v": 5}),
            vec!["int"],
        ),
    ]
}

#[tokio::test]
async fn each_operator_finds_what_it_says() {
    shop(async |shop| {
        open(shop, "values").await;
        super::declare(
            shop,
            "indexed",
            json!({"permission": "all_read_owner_write", "indexes": [["v"], ["v.k"], ["name", "v"]]}),
        )
        .await;
        let phone = shop.visitor().await;
        for name in ["values", "indexed"] {
            fill(&phone, name, &documents()).await;
            for (filter, expected) in table() {
                let found = find(&phone, name, json!({"filter": filter, "limit": 100})).await;
                let found: Vec<&str> = found.iter().map(|data| data["name"].as_str().unwrap()).collect();
                assert_eq!(found, expected, "{name} {filter}");
                let counted = count(&phone, name, filter.clone()).await;
                assert_eq!(usize::try_from(counted).unwrap(), expected.len(), "{filter}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_no_filter_is_named() {
    shop(async |shop| {
        open(shop, "values").await;
        let phone = shop.visitor().await;
        let deep = (0..20).fold(json!({"v": 1}), |inner, _| json!({"$not": inner}));
        let many: Vec<Value> = (0..51).map(|n| json!({"v": n})).collect();
        for (filter, pointer, code) in [
            (json!([]), "/filter", "type"),
            (json!("v = 1"), "/filter", "type"),
            (json!({"$where": "1"}), "/filter/$where", "unknown"),
            (json!({"$gt": 1}), "/filter/$gt", "unknown"),
            (json!({"v": {"$regex": "^a"}}), "/filter/v/$regex", "unknown"),
            (json!({"v": {"$gt": 1, "x": 1}}), "/filter/v/x", "unknown"),
            (json!({"v": {"$gt": null}}), "/filter/v/$gt", "type"),
            (json!({"v": {"$lt": [1]}}), "/filter/v/$lt", "type"),
            (json!({"v": {"$gt": "x".repeat(257)}}), "/filter/v/$gt", "length"),
            (json!({"v": {"$prefix": 1}}), "/filter/v/$prefix", "type"),
            (json!({"v": {"$exists": 1}}), "/filter/v/$exists", "type"),
            (json!({"v": {"$in": 1}}), "/filter/v/$in", "type"),
            (json!({"v": {"$in": vec![1; 101]}}), "/filter/v/$in", "length"),
            (json!({"v": {"$not": 1}}), "/filter/v/$not", "type"),
            (
                json!({"v": {"$eq": {"$gt": 1}}}),
                "/filter/v/$eq/$gt",
                "characters",
            ),
            (json!({"v": {"a.b": 1}}), "/filter/v/a.b", "characters"),
            (json!({"$or": []}), "/filter/$or", "length"),
            (json!({"$and": {"v": 1}}), "/filter/$and", "type"),
            (json!({"$or": [1]}), "/filter/$or/0", "type"),
            (json!({"": 1}), "/filter/", "format"),
            (json!({"a..b": 1}), "/filter/a..b", "format"),
            (json!({"a.$b": 1}), "/filter/a.$b", "format"),
            (json!({"$id": 7}), "/filter/$id", "format"),
            (json!({"$owner": {"$gt": "x"}}), "/filter/$owner/$gt", "unknown"),
            (json!({"$created_at": "today"}), "/filter/$created_at", "format"),
            (
                json!({"$created_at": "0001-01-01T00:00:00Z"}),
                "/filter/$created_at",
                "format",
            ),
            (deep, "", "range"),
            (json!({"$or": many}), "", "range"),
        ] {
            let answer = try_query(&phone, "values", json!({ "filter": filter })).await;
            let problem = answer.refused(422, "validation_failed");
            let error = &problem["errors"][0];
            assert_eq!(error["code"], code, "{filter}: {problem}");
            if !pointer.is_empty() {
                assert_eq!(error["pointer"], pointer, "{filter}");
            }
        }
    })
    .await;
}

//! Sorting, paging, choosing fields, and the bound on what is looked at.

use serde_json::{Value, json};
use weir::store::pool::PoolLimits;

use super::{add, as_operator, declare, fill, find, flood, open, try_query};
use crate::harness::{PATIENT, Phone, Setup, shop, shop_with};

#[tokio::test]
async fn a_list_is_sorted_by_fields_and_then_by_age() {
    shop(async |shop| {
        open(shop, "list").await;
        let phone = shop.visitor().await;
        let rows = [
            json!({"n": 2, "t": "b"}),
            json!({"n": 1, "t": "b"}),
            json!({"n": 2, "t": "a"}),
            json!({"n": "x"}),
            json!({"t": "茶"}),
            json!({"n": true}),
            json!({"n": 10, "t": "B"}),
        ];
        for row in &rows {
            add(&phone, "list", row.clone()).await;
            shop.advance(1).await;
        }
        for (sort, expected) in [
            (json!([]), vec![0, 1, 2, 3, 4, 5, 6]),
            (json!([["$id", "desc"]]), vec![6, 5, 4, 3, 2, 1, 0]),
            (json!([["n", "asc"]]), vec![4, 1, 0, 2, 6, 3, 5]),
            (json!([["n", "desc"]]), vec![5, 3, 6, 2, 0, 1, 4]),
            (json!([["n", "asc"], ["t", "asc"]]), vec![4, 1, 2, 0, 6, 3, 5]),
            (json!([["n", "asc"], ["t", "desc"]]), vec![4, 1, 0, 2, 6, 3, 5]),
            (json!([["t", "asc"]]), vec![3, 5, 6, 2, 0, 1, 4]),
            (json!([["n", "asc"], ["$id", "desc"]]), vec![4, 1, 2, 0, 6, 3, 5]),
        ] {
            let expected: Vec<Value> = expected.into_iter().map(|at: usize| rows[at].clone()).collect();
            assert_eq!(
                find(&phone, "list", json!({ "sort": sort })).await,
                expected,
                "{sort}"
            );
            // The same in pages.
            for limit in [1, 2, 3] {
                let seen = paged(&phone, &sort, limit).await;
                assert_eq!(seen, expected, "{sort} {limit}");
            }
        }
    })
    .await;
}

/// All documents, by pages of so many.
async fn paged(phone: &Phone<'_>, sort: &Value, limit: usize) -> Vec<Value> {
    let mut seen = Vec::new();
    let mut body = json!({"sort": sort, "limit": limit, "filter": {"late": null}});
    for _ in 0..10 {
        let page = try_query(phone, "list", body.clone()).await.ok(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit);
        seen.extend(items.iter().map(|item| item["data"].clone()));
        if page["next_cursor"] == Value::Null {
            return seen;
        }
        body["cursor"] = page["next_cursor"].clone();
    }
    panic!("the pages do not end: {seen:?}");
}

#[tokio::test]
async fn what_is_no_query_is_named() {
    shop(async |shop| {
        open(shop, "list").await;
        let phone = shop.visitor().await;
        fill(&phone, "list", &[json!({"n": 1}), json!({"n": 2})]).await;
        for (body, pointer) in [
            (json!({"sort": [["n", "up"]]}), "/sort/0/1"),
            (json!({"sort": [["n"]]}), "/sort/0"),
            (json!({"sort": [["n", "asc"], ["n", "desc"]]}), "/sort/1"),
            (json!({"sort": [["$id", "asc"], ["n", "asc"]]}), "/sort/1"),
            (json!({"sort": [["$owner", "asc"]]}), "/sort/0/0"),
            (json!({"sort": vec![json!(["n", "asc"]); 5]}), "/sort"),
            (json!({"limit": 0}), "/limit"),
            (json!({"limit": 101}), "/limit"),
            (json!({"fields": []}), "/fields"),
            (json!({"fields": ["$id"]}), "/fields/0"),
            (json!({"cursor": "x"}), "/cursor"),
            (json!({"page": 2}), "/page"),
        ] {
            let problem = try_query(&phone, "list", body.clone())
                .await
                .refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
        }
        let page = try_query(&phone, "list", json!({"sort": [["n", "asc"]], "limit": 1}))
            .await
            .ok(200);
        let other = json!({"sort": [["t", "asc"]], "cursor": page["next_cursor"]});
        try_query(&phone, "list", other)
            .await
            .refused(422, "validation_failed");
    })
    .await;
}

#[tokio::test]
async fn only_the_fields_that_are_wanted_come() {
    shop(async |shop| {
        open(shop, "list").await;
        let phone = shop.visitor().await;
        add(
            &phone,
            "list",
            json!({"a": {"b": 1, "c": [1, {"d": 2}]}, "e": null, "n": 1.50}),
        )
        .await;
        for (fields, expected) in [
            (json!(["a.b"]), json!({"a": {"b": 1}})),
            (
                json!(["a.b", "a.c", "e"]),
                json!({"a": {"b": 1, "c": [1, {"d": 2}]}, "e": null}),
            ),
            (json!(["a"]), json!({"a": {"b": 1, "c": [1, {"d": 2}]}})),
            (json!(["a", "a.b"]), json!({"a": {"b": 1, "c": [1, {"d": 2}]}})),
            (json!(["a.c.0", "e.x", "z"]), json!({"a": {}})),
            (json!(["n"]), json!({"n": 1.50})),
        ] {
            assert_eq!(
                find(&phone, "list", json!({"fields": fields})).await,
                [expected],
                "{fields}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_page_ends_before_it_is_too_large() {
    shop(async |shop| {
        open(shop, "list").await;
        let phone = shop.visitor().await;
        for n in 0..20 {
            add(&phone, "list", json!({"n": n, "text": "x".repeat(250_000)})).await;
        }
        let mut numbers = Vec::new();
        let mut pages = 0;
        let mut body = json!({"limit": 100, "sort": [["n", "asc"]], "fields": ["n"]});
        loop {
            let page = try_query(&phone, "list", body.clone()).await.ok(200);
            pages += 1;
            let items = page["items"].as_array().unwrap();
            numbers.extend(items.iter().map(|item| item["data"]["n"].as_i64().unwrap()));
            if page["next_cursor"] == Value::Null {
                break;
            }
            body["cursor"] = page["next_cursor"].clone();
        }
        assert_eq!(numbers, (0..20).collect::<Vec<i64>>());
        assert_eq!(pages, 2);
    })
    .await;
}

#[tokio::test]
async fn a_large_collection_is_asked_by_an_index() {
    shop(async |shop| {
        let declaration = json!({"permission": "all_read", "unique": [["name"]], "indexes": [["group", "n"], ["n"]]});
        declare(shop, "large", declaration).await;
        flood(shop, 12_000).await;
        let phone = shop.visitor().await;
        for body in [
            json!({}),
            json!({"filter": {"group": 3}}),
            json!({"filter": {"group": 3, "other": 1}}),
            json!({"filter": {"group": 3, "n": {"$gt": 5}}}),
            json!({"filter": {"group": 3}, "sort": [["n", "desc"]]}),
            json!({"filter": {"group": 3}, "sort": [["group", "asc"], ["n", "asc"]]}),
            json!({"sort": [["n", "asc"]]}),
            json!({"filter": {"n": {"$in": [5, 6]}}}),
            json!({"filter": {"name": "p7"}, "sort": [["other", "asc"]]}),
            json!({"filter": {"name": {"$prefix": "p11"}}}),
            json!({"filter": {"$id": "00000000-0000-7000-8000-000000000001"}}),
            json!({"filter": {"$owner": "00000000-0000-7000-8000-000000000001", "x": 1}}),
        ] {
            try_query(&phone, "large", body.clone()).await.ok(200);
        }
        for (body, wanted) in [
            (json!({"filter": {"other": 1}}), "[\"other\"]"),
            (json!({"filter": {"$or": [{"n": 1}, {"other": 1}]}}), "declare an index"),
            (json!({"filter": {"$not": {"n": 1}}}), "declare an index"),
            (json!({"sort": [["other", "asc"]]}), "[\"other\"]"),
            (json!({"filter": {"group": 1}, "sort": [["other", "asc"]]}), "[\"group\",\"other\"]"),
            (json!({"filter": {"x": 1, "y": {"$gt": 1}}}), "[\"x\",\"y\"]"),
            (json!({"filter": {"x": {"$exists": true}}}), "declare an index"),
            (json!({"filter": {"group": 1}, "sort": [["n", "asc"], ["$id", "desc"]]}), "one direction"),
        ] {
            let problem = try_query(&phone, "large", body.clone()).await.refused(422, "query_needs_index");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains(wanted), "{body}: {detail}");
        }
        let path = "/v1/collections/large/count";
        let counted = phone.call("POST", path, Some(&json!({"filter": {"group": 3}}))).await;
        assert_eq!(counted.ok(200)["count"], 1_200);
        let refused = phone.call("POST", path, Some(&json!({"filter": {"other": 3}}))).await;
        refused.refused(422, "query_needs_index");
        // What the rule calls served is served by the index.
        let found = find(&phone, "large", json!({"filter": {"group": 3}, "sort": [["n", "desc"]], "limit": 2})).await;
        assert_eq!(found[0]["n"], 11_993);
        assert_eq!(found[1]["n"], 11_983);
        let scans = "select coalesce(sum(seq_scan), 0)::bigint from pg_stat_user_tables where relname like 'documents_%'";
        let before = shop.count(scans).await;
        for _ in 0..5 {
            find(&phone, "large", json!({"filter": {"group": 3}, "sort": [["n", "desc"]], "limit": 20})).await;
        }
        assert_eq!(shop.count(scans).await, before);
        for _ in 0..5 {
            find(&phone, "large", json!({"filter": {"$owner": "00000000-0000-7000-8000-000000000001"}})).await;
        }
        assert_eq!(shop.count(scans).await, before, "one owner's documents are looked for among all");
        // A user's own documents are few, however many there are of others.
        shop.admin("PUT", "/admin/collections/large", Some(&json!({"permission": "owner_only"}))).await.ok(200);
        fill(&phone, "large", &[json!({"other": 1})]).await;
        assert_eq!(find(&phone, "large", json!({"filter": {"other": 1}})).await.len(), 1);
        let all = as_operator(shop, "POST", "large/query", Some(json!({"filter": {"other": 1}}))).await;
        all.refused(422, "query_needs_index");
    })
    .await;
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_given_up() {
    let limits = PoolLimits {
        statement_timeout: PoolLimits::default().statement_timeout,
        ..PATIENT
    };
    shop_with(Setup::default().pool_limits(limits), async |shop| {
        open(shop, "slow").await;
        let phone = shop.visitor().await;
        add(&phone, "slow", json!({"n": 1})).await;
        // Looking at a value takes longer than a statement may.
        sqlx::raw_sql(
            "create or replace function document_key(value jsonb) returns document_key language plpgsql immutable as
                'begin perform pg_sleep(60); return null; end'",
        )
        .execute(&shop.db)
        .await
        .unwrap();
        let trouble = "weir_db_trouble_total{code=\"57014\"}";
        for verb in ["query", "count"] {
            let path = format!("/v1/collections/slow/{verb}");
            let answer = phone.call("POST", &path, Some(&json!({"filter": {"n": 1}}))).await;
            answer.refused(422, "query_too_slow");
        }
        assert_eq!(shop.metric(trouble).await, 0, "it is no trouble of the database's");
        // The connection is whole.
        assert_eq!(find(&phone, "slow", json!({})).await.len(), 1);
    })
    .await;
}

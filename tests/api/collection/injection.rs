//! Text that would like to be SQL, in every place where text can stand.

use serde_json::json;

use super::{add, as_operator, count, find, one, open, try_query};
use crate::harness::{Phone, shop};

const ATTEMPTS: [&str; 12] = [
    "'; drop table documents; --",
    "' or '1'='1",
    "\"; select pg_sleep(10); --",
    "') or true --",
    "{a,b}') is not null or ('x' = 'x",
    "$1",
    "{\"a\":1}",
    "\\'; delete from collections; --",
    "%' or 1=1",
    "a,b}",
    "::jsonb",
    "🍵\u{2028}\u{202e}<script>alert(1)</script>",
];

#[tokio::test]
async fn what_looks_like_sql_is_a_text_like_any_other() {
    shop(async |shop| {
        open(shop, "notes").await;
        let declaration = json!({
            "permission": "all_read_owner_write",
            "unique": [["\"; drop table documents; --", "it's"]],
            "indexes": [["') or true --"], ["a,b}", "$owner"], ["'{x}'"], ["茶"], ["a\\b"]],
        });
        super::try_declare(shop, "notes", &declaration).await.ok(200);
        let phone = shop.visitor().await;
        for (at, text) in ATTEMPTS.into_iter().enumerate() {
            // As a value.
            let id = add(&phone, "notes", json!({"t": text, "it's": at})).await;
            assert_eq!(
                find(&phone, "notes", json!({"filter": {"t": text}})).await.len(),
                1,
                "{text}"
            );
            for filter in [
                json!({"t": {"$in": [text]}, "it's": at}),
                json!({"t": {"$gte": text, "$lte": text}}),
                json!({"t": {"$prefix": text}}),
                json!({"$and": [{"$or": [{"t": text}]}]}),
            ] {
                assert_eq!(count(&phone, "notes", filter.clone()).await, 1, "{filter}");
            }
            // As a key and a path, where no dot is in it.
            if !text.contains('.') && !text.starts_with('$') {
                let change = json!({"$set": {text: {text: [text]}}});
                one(&phone, "PATCH", "notes", &id, Some(change)).await.ok(200);
                let path = format!("{text}.{text}.0");
                let mut filter = json!({});
                filter[&path] = json!(text);
                assert_eq!(count(&phone, "notes", filter).await, 1, "{path}");
                let body = json!({"sort": [[path, "desc"]], "fields": [text], "limit": 1});
                let page = try_query(&phone, "notes", body).await.ok(200);
                assert_eq!(page["items"][0]["data"][text][text][0], text);
                for change in [
                    json!({"$push": {format!("{text}.{text}"): text}}),
                    json!({"$addToSet": {format!("{text}.{text}"): text}}),
                    json!({"$pull": {format!("{text}.{text}"): text}}),
                    json!({"$unset": {text: text}}),
                ] {
                    one(&phone, "PATCH", "notes", &id, Some(change)).await.ok(200);
                }
                // The one that cannot be applied names the field and nothing of the database.
                let change = json!({"$inc": {format!("t.{text}"): 1}});
                let problem = one(&phone, "PATCH", "notes", &id, Some(change)).await;
                problem.refused(422, "patch_not_applicable");
            }
            refused_elsewhere(&phone, &id, text).await;
        }
        let all = as_operator(shop, "POST", "notes/count", Some(json!({}))).await;
        assert_eq!(all.ok(200)["count"], ATTEMPTS.len());
    })
    .await;
}

/// As an operator, a name, an id or a cursor it is nothing.
async fn refused_elsewhere(phone: &Phone<'_>, id: &str, text: &str) {
    // As an operator.
    for body in [
        json!({"filter": {"t": {format!("${text}"): 1}}}),
        json!({"filter": {format!("${text}"): 1}}),
    ] {
        try_query(phone, "notes", body)
            .await
            .refused(422, "validation_failed");
    }
    let change = json!({format!("${text}"): {"t": 1}});
    one(phone, "PATCH", "notes", id, Some(change))
        .await
        .refused(422, "validation_failed");
    // As a name, an id, a cursor, a version.
    let name = format!("/v1/collections/{}/query", percent(text));
    let answer = phone.call("POST", &name, Some(&json!({}))).await;
    answer.refused(404, "collection_not_found");
    let path = format!("/v1/collections/notes/documents/{}", percent(text));
    phone
        .call("GET", &path, None)
        .await
        .refused(404, "document_not_found");
    let cursor = json!({"sort": [["$id", "asc"]], "keys": [], "id": text}).to_string();
    for cursor in [text.to_owned(), encoded(&cursor)] {
        let body = json!({ "cursor": cursor });
        try_query(phone, "notes", body)
            .await
            .refused(422, "validation_failed");
    }
}

#[tokio::test]
async fn a_cursor_of_somebody_elses_making_does_no_harm() {
    shop(async |shop| {
        open(shop, "notes").await;
        let phone = shop.visitor().await;
        add(&phone, "notes", json!({"n": 1})).await;
        let id = "0190a5a0-0000-7000-8000-000000000001";
        let keys =
            |key: serde_json::Value| json!({"sort": [["n", "asc"], ["$id", "asc"]], "keys": [key], "id": id});
        for (key, is_taken) in [
            (json!({"rank": 1, "number": "-1.5", "label": null}), true),
            (
                json!({"rank": 2, "number": null, "label": "'; drop table documents"}),
                true,
            ),
            (json!({"rank": -9, "number": null, "label": null}), true),
            (json!({"rank": 1, "number": "NaN", "label": null}), false),
            (json!({"rank": 1, "number": "1e9", "label": null}), false),
            (json!({"rank": 1, "number": "1.2.3", "label": null}), false),
            (json!({"rank": 1, "number": "", "label": null}), false),
            (
                json!({"rank": 1, "number": "9".repeat(601), "label": null}),
                false,
            ),
            (json!({"rank": 99_999, "number": null, "label": null}), false),
            (json!({"rank": 2, "number": null, "label": "a\u{0}"}), false),
        ] {
            let body = json!({"sort": [["n", "asc"]], "cursor": encoded(&keys(key.clone()).to_string())});
            let answer = try_query(&phone, "notes", body).await;
            assert_eq!(
                answer.status,
                if is_taken { 200 } else { 422 },
                "{key}: {}",
                answer.text()
            );
        }
    })
    .await;
}

fn percent(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn encoded(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}

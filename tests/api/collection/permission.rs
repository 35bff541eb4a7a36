//! Two users, all presets, all verbs: what one may not read is not there, what one may only read stays
//! as it is.

use serde_json::{Value, json};

use super::{as_operator, as_service, try_declare};
use crate::harness::{Answer, Phone, Shop, shop};

/// What a user is answered: about a document of their own, of another user, and of the operator.
struct Row {
    permission: &'static str,
    create: u16,
    read: [u16; 3],
    change: [u16; 3],
    /// How many of the three a query finds.
    seen: i64,
}

const ROWS: [Row; 4] = [
    Row {
        permission: "all_read_owner_write",
        create: 201,
        read: [200, 200, 200],
        change: [200, 403, 403],
        seen: 3,
    },
    Row {
        permission: "owner_only",
        create: 201,
        read: [200, 404, 404],
        change: [200, 404, 404],
        seen: 1,
    },
    Row {
        permission: "all_read",
        create: 403,
        read: [200, 200, 200],
        change: [403, 403, 403],
        seen: 3,
    },
    Row {
        permission: "closed",
        create: 404,
        read: [404, 404, 404],
        change: [404, 404, 404],
        seen: 0,
    },
];

fn assert_code(answer: &Answer, status: u16, is_closed: bool, what: &str) {
    let code = match status {
        403 => "document_forbidden",
        404 if is_closed => "collection_not_found",
        404 => "document_not_found",
        _ => "",
    };
    assert_eq!(answer.status, status, "{what}: {}", answer.text());
    if status >= 400 {
        assert_eq!(answer.code(), code, "{what}");
    }
}

async fn document(phone: &Phone<'_>, method: &str, id: &str, body: Option<Value>) -> Answer {
    let path = format!("/v1/collections/shared/documents/{id}");
    phone.call(method, &path, body.as_ref()).await
}

fn made(answer: &Answer) -> String {
    answer.ok(201)["id"].as_str().unwrap().to_owned()
}

/// One document of each: of the user, of another one, of the operator.
async fn three(shop: &Shop, phone: &Phone<'_>, other: &Phone<'_>) -> [String; 3] {
    let body = json!({"data": {"n": 1}});
    let declaration = json!({"permission": "all_read_owner_write"});
    try_declare(shop, "shared", &declaration).await;
    let path = "/v1/collections/shared/documents";
    [
        made(&phone.call("POST", path, Some(&body)).await),
        made(&other.call("POST", path, Some(&body)).await),
        made(&as_operator(shop, "POST", "shared/documents", Some(body)).await),
    ]
}

#[tokio::test]
async fn a_preset_says_who_sees_and_who_changes_what() {
    shop(async |shop| {
        let (phone, other) = (shop.visitor().await, shop.visitor().await);
        for row in &ROWS {
            let ids = three(shop, &phone, &other).await;
            let declaration = json!({"permission": row.permission});
            try_declare(shop, "shared", &declaration).await.ok(200);
            let is_closed = row.permission == "closed";
            for (at, id) in ids.iter().enumerate() {
                let what = |verb: &str| format!("{} {verb} {at}", row.permission);
                let read = document(&phone, "GET", id, None).await;
                assert_code(&read, row.read[at], is_closed, &what("GET"));
                for (method, body) in [
                    ("PUT", json!({"data": {"n": 2}})),
                    ("PATCH", json!({"$inc": {"n": 1}})),
                    ("POST", json!({"$inc": {"n": 1}})),
                ] {
                    let answer = document(&phone, method, id, Some(body)).await;
                    assert_code(&answer, row.change[at], is_closed, &what(method));
                }
                let kept = as_operator(shop, "GET", &format!("shared/documents/{id}"), None).await;
                let version = if row.change[at] == 200 { 4 } else { 1 };
                assert_eq!(kept.ok(200)["version"], version, "{}", what("kept"));
            }
            for (verb, body) in [
                ("query", json!({})),
                ("count", json!({"filter": {"n": {"$gte": 0}}})),
            ] {
                let path = format!("/v1/collections/shared/{verb}");
                let answer = phone.call("POST", &path, Some(&body)).await;
                if is_closed {
                    answer.refused(404, "collection_not_found");
                } else if verb == "query" {
                    let found = answer.ok(200)["items"].as_array().unwrap().len();
                    assert_eq!(i64::try_from(found).unwrap(), row.seen, "{}", row.permission);
                } else {
                    assert_eq!(answer.ok(200)["count"], row.seen, "{}", row.permission);
                }
            }
            let path = "/v1/collections/shared/documents";
            let create = phone.call("POST", path, Some(&json!({"data": {}}))).await;
            assert_code(&create, row.create, is_closed, row.permission);
            // The other user's and the operator's, then one's own.
            for at in [1, 2, 0] {
                let wanted = if row.change[at] == 200 {
                    204
                } else {
                    row.change[at]
                };
                let gone = document(&phone, "DELETE", &ids[at], None).await;
                assert_code(&gone, wanted, is_closed, row.permission);
            }
            let path = "/admin/collections/shared?confirm=shared";
            shop.admin("DELETE", path, None).await.ok(204);
        }
    })
    .await;
}

#[tokio::test]
async fn no_filter_and_no_cursor_leads_around_a_preset() {
    shop(async |shop| {
        let (phone, other) = (shop.visitor().await, shop.visitor().await);
        let ids = three(shop, &phone, &other).await;
        try_declare(shop, "shared", &json!({"permission": "owner_only"}))
            .await
            .ok(200);
        let owner = other.call("GET", "/v1/me", None).await.ok(200)["id"].clone();
        for filter in [
            json!({"$or": [{"n": 1}, {"n": {"$exists": false}}]}),
            json!({"$not": {"n": 7}}),
            json!({"$owner": owner}),
            json!({"$owner": null}),
            json!({"$id": ids[1]}),
            json!({"$id": {"$in": ids}}),
            json!({"$or": [{"$owner": owner}, {"$owner": null}, {"n": 1}]}),
        ] {
            let body = json!({ "filter": filter });
            let path = "/v1/collections/shared/query";
            let found = phone.call("POST", path, Some(&body)).await.ok(200);
            for item in found["items"].as_array().unwrap() {
                assert_eq!(item["id"], ids[0], "{filter}");
            }
        }
        // A place in the operator's list is no key to it.
        let page = as_operator(shop, "POST", "shared/query", Some(json!({"limit": 1})))
            .await
            .ok(200);
        let body = json!({"cursor": page["next_cursor"]});
        let found = phone
            .call("POST", "/v1/collections/shared/query", Some(&body))
            .await
            .ok(200);
        for item in found["items"].as_array().unwrap() {
            assert_eq!(item["id"], ids[0]);
        }
    })
    .await;
}

#[tokio::test]
async fn operator_and_services_are_bound_by_no_preset_and_own_nothing() {
    shop(async |shop| {
        let (phone, other) = (shop.visitor().await, shop.visitor().await);
        let ids = three(shop, &phone, &other).await;
        for permission in ["owner_only", "all_read", "closed"] {
            let declaration = json!({"permission": permission});
            try_declare(shop, "shared", &declaration).await.ok(200);
            for who in ["admin", "internal"] {
                let call = async |method: &str, path: &str, body: Option<Value>| match who {
                    "admin" => as_operator(shop, method, path, body).await,
                    _ => as_service(shop, method, path, body).await,
                };
                let all = json!({"filter": {"n": {"$gte": 0}}});
                let counted = call("POST", "shared/count", Some(all.clone())).await;
                assert_eq!(counted.ok(200)["count"], 3);
                let found = call("POST", "shared/query", Some(all)).await.ok(200);
                assert_eq!(found["items"].as_array().unwrap().len(), 3);
                for id in &ids {
                    let path = format!("shared/documents/{id}");
                    call("PUT", &path, Some(json!({"data": {"n": 5}}))).await.ok(200);
                    for method in ["PATCH", "POST"] {
                        let step = Some(json!({"$inc": {"n": 1}}));
                        call(method, &path, step).await.ok(200);
                    }
                    assert_eq!(call("GET", &path, None).await.ok(200)["data"]["n"], 7);
                }
                let made = call("POST", "shared/documents", Some(json!({"data": {}})))
                    .await
                    .ok(201);
                assert_eq!(made["owner"], Value::Null);
                let path = format!("shared/documents/{}", made["id"].as_str().unwrap());
                call("DELETE", &path, None).await.ok(204);
            }
        }
        // Whose a document is stays as it was, whoever changes it.
        let kept = as_operator(shop, "GET", &format!("shared/documents/{}", ids[0]), None).await;
        let me = phone.call("GET", "/v1/me", None).await.ok(200);
        assert_eq!(kept.ok(200)["owner"], me["id"]);
        // Without a token of theirs, they are nobody.
        for path in [
            "/internal/collections/shared/query",
            "/admin/collections/shared/query",
        ] {
            let answer = phone.call("POST", path, Some(&json!({}))).await;
            answer.refused(401, "unauthenticated");
        }
    })
    .await;
}

//! Declaring collections, and changing what is declared of filled ones.

use futures_util::future::join;
use serde_json::{Value, json};

use super::{add, count, declare, fill, find, flood, make, open, try_declare};
use crate::harness::{Shop, shop};

async fn read(shop: &Shop, name: &str) -> Value {
    let path = format!("/admin/collections/{name}");
    let mut declaration = shop.admin("GET", &path, None).await.ok(200);
    // An estimate says what PostgreSQL happens to know.
    declaration["document_count_estimate"] = json!(0);
    declaration
}

#[tokio::test]
async fn a_declaration_is_made_read_listed_and_removed() {
    shop(async |shop| {
        let declaration = json!({
            "permission": "owner_only",
            "apps": [crate::harness::APP],
            "unique": [["name", "address.city"], ["$owner"]],
            "indexes": [["age"], ["$owner", "age"]],
        });
        let made = try_declare(shop, "people_1-A", &declaration).await.ok(201);
        for field in ["permission", "apps", "unique", "indexes"] {
            assert_eq!(made[field], declaration[field], "{made}");
        }
        assert_eq!(made["document_count_estimate"], 0);
        assert_eq!(read(shop, "people_1-A").await, made);
        open(shop, "Notes").await;
        open(shop, "atlas").await;
        let first = shop
            .admin("GET", "/admin/collections?limit=2", None)
            .await
            .ok(200);
        let names = |page: &Value| -> Vec<String> {
            let items = page["items"].as_array().unwrap();
            items
                .iter()
                .map(|item| item["name"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(names(&first), ["Notes", "atlas"]);
        let next = format!(
            "/admin/collections?cursor={}",
            first["next_cursor"].as_str().unwrap()
        );
        let second = shop.admin("GET", &next, None).await.ok(200);
        assert_eq!(names(&second), ["people_1-A"]);
        assert_eq!(second["next_cursor"], Value::Null);

        let phone = shop.visitor().await;
        add(&phone, "Notes", json!({})).await;
        for path in [
            "/admin/collections/Notes",
            "/admin/collections/Notes?confirm=notes",
        ] {
            shop.admin("DELETE", path, None)
                .await
                .refused(422, "validation_failed");
        }
        assert_eq!(count(&phone, "Notes", json!({})).await, 1);
        let path = "/admin/collections/Notes?confirm=Notes";
        shop.admin("DELETE", path, None).await.ok(204);
        shop.admin("DELETE", path, None)
            .await
            .refused(404, "collection_not_found");
        make(&phone, "Notes", json!({"data": {}}))
            .await
            .refused(404, "collection_not_found");
        assert_eq!(shop.count("select count(*) from documents").await, 0);
        assert_eq!(
            shop.count("select count(*) from pg_class where relname = 'documents_2'")
                .await,
            0
        );
        // The name is free again, and nothing of before is in it.
        open(shop, "Notes").await;
        assert_eq!(count(&phone, "Notes", json!({})).await, 0);
    })
    .await;
}

#[tokio::test]
async fn what_is_no_declaration_is_named() {
    shop(async |shop| {
        let eleven: Vec<Value> = (0..11).map(|n| json!([format!("f{n}")])).collect();
        for (name, declaration, pointer) in [
            ("x", json!({}), "/permission"),
            ("x", json!({"permission": "public"}), "/permission"),
            ("x", json!({"permission": "closed", "apps": []}), "/apps"),
            ("x", json!({"permission": "closed", "apps": ["wx"]}), "/apps/0"),
            ("x", json!({"permission": "closed", "unique": [[]]}), "/unique/0"),
            (
                "x",
                json!({"permission": "closed", "unique": [["a", "a"]]}),
                "/unique/0/1",
            ),
            (
                "x",
                json!({"permission": "closed", "unique": [["a"], ["a"]]}),
                "/unique/1",
            ),
            (
                "x",
                json!({"permission": "closed", "unique": [["$id"]]}),
                "/unique/0/0",
            ),
            (
                "x",
                json!({"permission": "closed", "indexes": [["a..b"]]}),
                "/indexes/0/0",
            ),
            (
                "x",
                json!({"permission": "closed", "indexes": [["a", "b", "c", "d", "e", "f"]]}),
                "/indexes/0",
            ),
            (
                "x",
                json!({"permission": "closed", "indexes": eleven}),
                "/indexes/10",
            ),
            ("x", json!({"permission": "closed", "owner": 1}), "/owner"),
            ("a%20b", json!({"permission": "closed"}), "name"),
            ("a'b", json!({"permission": "closed"}), "name"),
            ("%E8%8C%B6", json!({"permission": "closed"}), "name"),
        ] {
            let problem = try_declare(shop, name, &declaration)
                .await
                .refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{declaration}");
        }
        assert_eq!(shop.count("select count(*) from collections").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_unique_key_is_added_to_a_filled_collection_only_if_it_holds() {
    shop(async |shop| {
        open(shop, "people").await;
        let phone = shop.visitor().await;
        let id = add(&phone, "people", json!({"name": "x", "n": 1})).await;
        fill(
            &phone,
            "people",
            &[json!({"name": "x", "n": 2}), json!({"name": "y"})],
        )
        .await;
        let before = read(shop, "people").await;
        let wanted = json!({"permission": "owner_only", "unique": [["n"], ["name"]], "indexes": [["n"]]});
        let problem = try_declare(shop, "people", &wanted)
            .await
            .refused(409, "declaration_conflict");
        assert_eq!(problem["errors"][0]["pointer"], "/unique");
        assert!(
            problem["errors"][0]["detail"]
                .as_str()
                .unwrap()
                .contains("[\"name\"]")
        );
        // Nothing of it holds: neither the key that could, nor the permission.
        assert_eq!(read(shop, "people").await, before);
        assert_eq!(shop.count("select count(*) from collection_indexes").await, 0);
        let left = "select count(*) from pg_indexes where indexname ~ '^documents_1_[0-9]+_(key|idx)$'";
        assert_eq!(shop.count(left).await, 0);
        fill(&phone, "people", &[json!({"n": 1})]).await;
        super::one(&phone, "DELETE", "people", &id, None).await.ok(204);

        let wanted = json!({"permission": "owner_only", "unique": [["name"]], "indexes": [["n"]]});
        let changed = try_declare(shop, "people", &wanted).await.ok(200);
        assert_eq!(
            (&changed["unique"], &changed["indexes"]),
            (&wanted["unique"], &wanted["indexes"])
        );
        assert_eq!(changed["created_at"], before["created_at"]);
        make(&phone, "people", json!({"data": {"name": "y"}}))
            .await
            .refused(409, "document_conflict");
        // Declared again, nothing is made again; left out, it is gone.
        let again = try_declare(shop, "people", &wanted).await.ok(200);
        assert_eq!(again["unique"], changed["unique"]);
        try_declare(shop, "people", &json!({"permission": "owner_only"}))
            .await
            .ok(200);
        add(&phone, "people", json!({"name": "y"})).await;
        assert_eq!(shop.count(left).await, 0);
    })
    .await;
}

#[tokio::test]
async fn one_document_for_each_user_is_a_unique_key() {
    shop(async |shop| {
        let declaration = json!({"permission": "owner_only", "unique": [["$owner"]]});
        declare(shop, "settings", declaration).await;
        let (phone, other) = (shop.visitor().await, shop.visitor().await);
        for phone in [&phone, &other] {
            add(phone, "settings", json!({})).await;
            let again = make(phone, "settings", json!({"data": {"x": 1}})).await;
            let problem = again.refused(409, "document_conflict");
            assert_eq!(problem["errors"][0]["pointer"], "/owner");
        }
    })
    .await;
}

#[tokio::test]
async fn an_index_is_made_while_pages_go_on_writing() {
    shop(async |shop| {
        open(shop, "large").await;
        flood(shop, 20_000).await;
        let phone = shop.visitor().await;
        let wanted = json!({"permission": "all_read_owner_write", "indexes": [["n"], ["group", "n"]]});
        let writing = async {
            for n in 0..40 {
                add(&phone, "large", json!({"n": -n, "group": "late"})).await;
            }
        };
        let (changed, ()) = join(try_declare(shop, "large", &wanted), writing).await;
        changed.ok(200);
        let query = json!({"filter": {"group": "late"}, "sort": [["n", "desc"]], "limit": 100});
        assert_eq!(find(&phone, "large", query).await.len(), 40);
        let invalid = "select count(*) from pg_index where not indisvalid";
        assert_eq!(shop.count(invalid).await, 0);
    })
    .await;
}

#[tokio::test]
async fn of_two_changes_at_once_one_waits_its_turn() {
    shop(async |shop| {
        open(shop, "people").await;
        // Somebody else, perhaps on another server, is at it.
        let mut other = shop.db.acquire().await.unwrap();
        sqlx::query("select pg_advisory_lock(x'77656972'::integer, 1)")
            .execute(&mut *other)
            .await
            .unwrap();
        let wanted = json!({"permission": "closed"});
        try_declare(shop, "people", &wanted)
            .await
            .refused(409, "request_in_progress");
        sqlx::query("select pg_advisory_unlock_all()")
            .execute(&mut *other)
            .await
            .unwrap();
        try_declare(shop, "people", &wanted).await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn a_document_that_no_index_can_hold_is_refused() {
    shop(async |shop| {
        let declaration = json!({"permission": "all_read_owner_write", "indexes": [["a", "b", "c", "d"]]});
        declare(shop, "wide", declaration).await;
        let phone = shop.visitor().await;
        // Four-byte characters that do not repeat, so that nothing is saved by packing them.
        let wide: String = (0..300).filter_map(|n| char::from_u32(0x20000 + n * 37)).collect();
        let data = json!({"a": wide, "b": wide.chars().rev().collect::<String>(), "c": format!("y{wide}"), "d": format!("z{wide}")});
        let answer = make(&phone, "wide", json!({ "data": data })).await;
        answer.refused(422, "validation_failed");
        add(&phone, "wide", json!({"a": wide})).await;
        assert_eq!(count(&phone, "wide", json!({"a": wide})).await, 1);
    })
    .await;
}

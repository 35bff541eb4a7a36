//! A schema declared of a filled collection: checked against what is there while pages go on writing, and
//! refused when it cannot hold.

use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use super::{add, as_operator, count, declare, fill, make, one, open, try_declare};
use crate::harness::{Answer, Shop, shop, until};

fn named() -> Value {
    json!({"permission": "all_read_owner_write", "schema": {"type": "object", "required": ["name"]}})
}

async fn schema(shop: &Shop, name: &str) -> Value {
    let path = format!("/admin/collections/{name}");
    shop.admin("GET", &path, None).await.ok(200)["schema"].clone()
}

async fn run(shop: &Shop, sql: &'static str) {
    sqlx::raw_sql(sql).execute(&shop.db).await.unwrap();
}

/// A schema as pending as it is while documents are being checked against it.
const PEND: &str = "update collections set pending_schema = '{\"required\": [\"name\"]}',
    pending_schema_id = '0190a5a0-0000-7000-8000-000000000001'";
const PENDING: &str = "select count(*) from collections where pending_schema_id is not null";

#[tokio::test]
async fn a_schema_that_the_documents_contradict_is_refused_with_the_first_of_them() {
    shop(async |shop| {
        open(shop, "people").await;
        let phone = shop.visitor().await;
        let items: Vec<Value> = (0..620).map(|n| json!({ "name": n })).collect();
        fill(&phone, "people", &items).await;
        let bad = add(&phone, "people", json!({"age": 1})).await;
        let wanted = json!({"permission": "closed", "indexes": [["age"]], "schema": {"required": ["name"]}});
        let problem = try_declare(shop, "people", &wanted)
            .await
            .refused(409, "declaration_conflict");
        let errors = problem["errors"].as_array().unwrap();
        assert_eq!((errors.len(), &errors[0]["pointer"]), (1, &json!("/schema")));
        let detail = errors[0]["detail"].as_str().unwrap();
        assert!(detail.contains(&bad) && detail.contains("/name"), "{detail}");
        // Nothing of it holds, and nothing is left of it.
        assert_eq!(schema(shop, "people").await, Value::Null);
        assert_eq!(shop.count(PENDING).await, 0);
        assert_eq!(shop.count("select count(*) from collection_indexes").await, 0);
        add(&phone, "people", json!({"age": 2})).await;
        // Of many, ten are named.
        let many: Vec<Value> = (0..30).map(|n| json!({ "age": n })).collect();
        fill(&phone, "people", &many).await;
        let problem = try_declare(shop, "people", &wanted)
            .await
            .refused(409, "declaration_conflict");
        assert_eq!(problem["errors"].as_array().unwrap().len(), 10);
    })
    .await;
}

#[tokio::test]
async fn a_schema_is_added_changed_and_taken_away() {
    shop(async |shop| {
        open(shop, "people").await;
        let phone = shop.visitor().await;
        let items: Vec<Value> = (0..1_100).map(|n| json!({ "name": n })).collect();
        fill(&phone, "people", &items).await;
        let changed = try_declare(shop, "people", &named()).await.ok(200);
        assert_eq!(changed["schema"], named()["schema"]);
        make(&phone, "people", json!({"data": {}}))
            .await
            .refused(422, "document_invalid");
        // The same again is no change, also with other parts changed.
        let id = "select count(distinct schema_id) from (select schema_id from collections) c";
        let kept = "create table kept as select schema_id from collections";
        run(shop, kept).await;
        let mut more = named();
        more["indexes"] = json!([["name"]]);
        try_declare(shop, "people", &more).await.ok(200);
        assert_eq!(
            shop.count("select count(*) from kept natural join collections")
                .await,
            1
        );
        assert_eq!(shop.count(id).await, 1);
        // Another one, which not every document holds to, leaves the first.
        let mut other = more.clone();
        other["schema"] = json!({"properties": {"name": {"maximum": 1_098}}});
        try_declare(shop, "people", &other)
            .await
            .refused(409, "declaration_conflict");
        make(&phone, "people", json!({"data": {}}))
            .await
            .refused(422, "document_invalid");
        other["schema"] = json!({"properties": {"name": {"maximum": 1_099}}});
        try_declare(shop, "people", &other).await.ok(200);
        add(&phone, "people", json!({})).await;
        make(&phone, "people", json!({"data": {"name": 1_100}}))
            .await
            .refused(422, "document_invalid");
        // Left out, it is gone.
        let free = json!({"permission": "all_read_owner_write"});
        assert_eq!(
            try_declare(shop, "people", &free).await.ok(200)["schema"],
            Value::Null
        );
        add(&phone, "people", json!({"name": 1_100})).await;
    })
    .await;
}

#[tokio::test]
async fn who_writes_while_a_schema_is_pending_obeys_both() {
    shop(async |shop| {
        let first = json!({"permission": "all_read_owner_write", "schema": {"required": ["age"]}});
        declare(shop, "people", first).await;
        let phone = shop.visitor().await;
        let id = add(&phone, "people", json!({"age": 1})).await;
        run(shop, PEND).await;
        for data in [json!({"age": 1}), json!({"name": "x"})] {
            make(&phone, "people", json!({ "data": data }))
                .await
                .refused(422, "document_invalid");
            let put = Some(json!({ "data": data }));
            one(&phone, "PUT", "people", &id, put)
                .await
                .refused(422, "document_invalid");
        }
        let patch = Some(json!({"$set": {"n": 1}}));
        one(&phone, "PATCH", "people", &id, patch)
            .await
            .refused(422, "document_invalid");
        add(&phone, "people", json!({"age": 1, "name": "x"})).await;
        // The declaration that is read is the one that holds. Whoever checked is dead: the loop gives it up.
        assert_eq!(schema(shop, "people").await, json!({"required": ["age"]}));
        shop.run_workers().await;
        assert_eq!(shop.count(PENDING).await, 0);
        add(&phone, "people", json!({"age": 1})).await;
        make(&phone, "people", json!({"data": {"name": "x"}}))
            .await
            .refused(422, "document_invalid");
        // The next change finds it as well as the loop does.
        run(shop, PEND).await;
        let free = json!({"permission": "all_read_owner_write"});
        try_declare(shop, "people", &free).await.ok(200);
        add(&phone, "people", json!({})).await;
    })
    .await;
}

#[tokio::test]
async fn who_began_to_write_before_is_waited_for() {
    shop(async |shop| {
        open(shop, "people").await;
        let phone = shop.visitor().await;
        add(&phone, "people", json!({"name": "x"})).await;
        // Somebody has written, knowing of no schema, and has not committed yet.
        let mut late = shop.db.begin().await.unwrap();
        sqlx::query("insert into documents select collection_id, gen_random_uuid(), null, 1, now(), now(), '{}' from documents")
            .execute(&mut *late)
            .await
            .unwrap();
        let wanted = named();
        let declaring = try_declare(shop, "people", &wanted);
        let committing = async {
            until(async || shop.count(PENDING).await == 1).await;
            // Long enough to look at one document many times.
            for _ in 0..20 {
                assert_eq!(count(&phone, "people", json!({})).await, 1);
            }
            late.commit().await.unwrap();
        };
        let (declared, ()) = join(declaring, committing).await;
        declared.refused(409, "declaration_conflict");
    })
    .await;
}

/// Holds every writer back at the door, does `meanwhile`, and lets them in again.
async fn held_back(shop: &Shop, writing: impl Future<Output = Answer>, meanwhile: &'static str) -> Answer {
    let mut door = shop.db.begin().await.unwrap();
    sqlx::raw_sql("lock table documents in share mode")
        .execute(&mut *door)
        .await
        .unwrap();
    let queued = "select count(*) from pg_locks where not granted and relation = 'documents'::regclass";
    let opening = async {
        until(async || shop.count(queued).await == 1).await;
        run(shop, meanwhile).await;
        door.commit().await.unwrap();
    };
    join(writing, opening).await.0
}

#[tokio::test]
async fn who_read_the_declaration_before_it_changed_writes_by_the_new_one() {
    shop(async |shop| {
        open(shop, "people").await;
        let phone = shop.visitor().await;
        let id = add(&phone, "people", json!({"n": 1})).await;
        let body = json!({"data": {"n": 2}});
        let patch = json!({"$inc": {"n": 1}});
        let made = held_back(shop, make(&phone, "people", body.clone()), PEND).await;
        made.refused(422, "document_invalid");
        run(
            shop,
            "update collections set pending_schema = null, pending_schema_id = null",
        )
        .await;
        let put = one(&phone, "PUT", "people", &id, Some(body.clone()));
        held_back(shop, put, PEND).await.refused(422, "document_invalid");
        run(
            shop,
            "update collections set pending_schema = null, pending_schema_id = null",
        )
        .await;
        let patched = one(&phone, "PATCH", "people", &id, Some(patch.clone()));
        held_back(shop, patched, PEND)
            .await
            .refused(422, "document_invalid");
        let keyed = async {
            let request = shop.request(
                "POST",
                "/v1/collections/people/documents",
                Some(&phone.token),
                Some(&body),
            );
            shop.send(request.header("idempotency-key", "k")).await
        };
        run(
            shop,
            "update collections set pending_schema = null, pending_schema_id = null",
        )
        .await;
        held_back(shop, keyed, PEND)
            .await
            .refused(422, "document_invalid");
        // A schema that is gone binds nobody who had read it.
        let gone = "update collections set pending_schema = null, pending_schema_id = null";
        let patched = one(
            &phone,
            "PATCH",
            "people",
            &id,
            Some(json!({"$set": {"name": "x"}})),
        );
        held_back(shop, patched, gone).await.ok(200);
        let kept = one(&phone, "GET", "people", &id, None).await.ok(200);
        assert_eq!(
            (&kept["version"], &kept["data"]),
            (&json!(2), &json!({"n": 1, "name": "x"}))
        );
        assert_eq!(count(&phone, "people", json!({})).await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_writers_either_all_documents_hold_or_the_schema_does_not() {
    shop(async |shop| {
        open(shop, "people").await;
        let phone = shop.visitor().await;
        let items: Vec<Value> = (0..1_500).map(|n| json!({ "name": n })).collect();
        fill(&phone, "people", &items).await;
        let bad = r#"{"filter":{"name":{"$exists":false}}}"#;
        let bad: Value = serde_json::from_str(bad).unwrap();
        for _ in 0..3 {
            let writers = join_all((0..4).map(async |at: i32| {
                for n in 0..10 {
                    let data = if (n + at) % 4 == 0 {
                        json!({ "n": n })
                    } else {
                        json!({ "name": n })
                    };
                    let answer = make(&phone, "people", json!({ "data": data })).await;
                    assert!(
                        answer.status == 201
                            || (answer.code() == "document_invalid" && data.get("name").is_none()),
                        "{data}: {}",
                        answer.text()
                    );
                }
            }));
            let wanted = named();
            let (declared, _) = join(try_declare(shop, "people", &wanted), writers).await;
            let left = as_operator(shop, "POST", "people/count", Some(bad.clone()))
                .await
                .ok(200)["count"]
                .clone();
            let holds = schema(shop, "people").await != Value::Null;
            assert_eq!(declared.status == 200, holds);
            assert!(
                !holds || left == json!(0),
                "{left} documents contradict the schema that holds"
            );
            // Once more from a clean beginning.
            try_declare(shop, "people", &json!({"permission": "all_read_owner_write"}))
                .await
                .ok(200);
            run(shop, "delete from documents where not data ? 'name'").await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_no_schema_is_named() {
    shop(async |shop| {
        let long = "x".repeat(32_768);
        let deep = (0..65).fold(json!(true), |inner, _| json!({ "not": inner }));
        let chain: Value = (0..20)
            .map(|n| (format!("d{n}"), json!({"$ref": format!("#/$defs/d{}", n + 1)})))
            .chain([("d20".to_owned(), json!(true))])
            .collect::<serde_json::Map<_, _>>()
            .into();
        for (schema, pointer) in [
            (json!([]), "/schema"),
            (json!(true), "/schema"),
            (json!({"title": long}), "/schema"),
            (json!({"minLenght": 1}), "/schema/minLenght"),
            (json!({"properties": {"a": 1}}), "/schema/properties/a"),
            (json!({"properties": 1}), "/schema/properties"),
            (json!({"minLength": "1"}), "/schema/minLength"),
            (json!({"type": "text"}), "/schema/type"),
            (json!({"pattern": "("}), "/schema/pattern"),
            (json!({"pattern": "(?=a)b"}), "/schema"),
            (json!({"pattern": "(a)\\1"}), "/schema"),
            (json!({"pattern": "(\\w{900}){900}"}), "/schema"),
            (json!({"pattern": "x".repeat(1_001)}), "/schema/pattern"),
            (json!({"format": "secret"}), "/schema/format"),
            (
                json!({"$schema": "http://json-schema.org/draft-07/schema#"}),
                "/schema/$schema",
            ),
            (json!({"$id": "https://example.com/x"}), "/schema/$id"),
            (json!({"$ref": "https://example.com/x"}), "/schema/$ref"),
            (json!({"$ref": "file:///etc/passwd"}), "/schema/$ref"),
            (json!({"$ref": "#/$defs/none"}), "/schema/$ref"),
            (json!({"const": {"a": {}}, "$ref": "#/const/a"}), "/schema/$ref"),
            (json!({"$dynamicRef": "#x"}), "/schema/$dynamicRef"),
            (json!({"$ref": "#"}), "/schema"),
            (json!({"allOf": [{"$ref": "#"}]}), "/schema"),
            (json!({"$ref": "#/$defs/d0", "$defs": chain}), "/schema"),
            (deep, "/schema/not"),
        ] {
            let declaration = json!({"permission": "closed", "schema": schema});
            let answer = try_declare(shop, "x", &declaration).await;
            let problem = answer.refused(422, "validation_failed");
            let at = problem["errors"][0]["pointer"].as_str().unwrap();
            assert!(at.starts_with(pointer), "{at}: {declaration}");
        }
        assert_eq!(shop.count("select count(*) from collections").await, 0);
    })
    .await;
}

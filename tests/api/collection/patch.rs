//! Every operator of a patch by table, and many of them at once.

use futures_util::future::join_all;
use serde_json::{Value, json};
use weir::store::pool::PoolLimits;

use super::{add, declare, make, one, open};
use crate::harness::{PATIENT, Setup, shop, shop_with};

fn before() -> Value {
    json!({"n": 5, "f": 0.1, "t": "x", "b": true, "z": null, "o": {"k": 1, "p": {"q": 2}}, "l": [1, "a", {"k": 1}, 1.0]})
}

/// A patch, and what becomes of the fields that it names.
fn table() -> Vec<(Value, Value)> {
    vec![
        (json!({"$set": {"n": 6, "new": [1]}}), json!({"n": 6, "new": [1]})),
        (
            json!({"$set": {"o.k": {"x": null}}}),
            json!({"o": {"k": {"x": null}, "p": {"q": 2}}}),
        ),
        (json!({"$set": {"a.b.c": 1}}), json!({"a": {"b": {"c": 1}}})),
        (
            json!({"$set": {"l.1": "b"}}),
            json!({"l": [1, "b", {"k": 1}, 1.0]}),
        ),
        (
            json!({"$set": {"l.2.k": 2, "l.2.m": 3}}),
            json!({"l": [1, "a", {"k": 2, "m": 3}, 1.0]}),
        ),
        (json!({"$set": {"o": 7}}), json!({"o": 7})),
        (json!({"$unset": {"n": true}}), json!({"n": null})),
        (
            json!({"$unset": {"o.p.q": "", "gone.x": ""}}),
            json!({"o": {"k": 1, "p": {}}, "gone": null}),
        ),
        (
            json!({"$inc": {"n": 2, "f": 0.2, "c": 3, "o.k": -1.5}}),
            json!({"n": 7, "f": 0.3, "c": 3, "o": {"k": -0.5, "p": {"q": 2}}}),
        ),
        (
            json!({"$mul": {"n": 3, "f": 0.1, "c": 3}}),
            json!({"n": 15, "f": 0.01, "c": 0}),
        ),
        (
            json!({"$push": {"l": "z", "m": {"k": []}}}),
            json!({"l": [1, "a", {"k": 1}, 1.0, "z"], "m": [{"k": []}]}),
        ),
        (
            json!({"$push": {"l": {"$each": [1, [2]]}}}),
            json!({"l": [1, "a", {"k": 1}, 1.0, 1, [2]]}),
        ),
        (json!({"$push": {"m": {"$each": []}}}), json!({"m": []})),
        (
            json!({"$addToSet": {"l": {"$each": [1.0, "b", "b", {"k": 1.0}]}}}),
            json!({"l": [1, "a", {"k": 1}, 1.0, "b"]}),
        ),
        (json!({"$addToSet": {"m": "x"}}), json!({"m": ["x"]})),
        (json!({"$pull": {"l": 1}}), json!({"l": ["a", {"k": 1}]})),
        (
            json!({"$pull": {"l": {"$in": ["a", {"k": 1.0}, "none"]}, "m": 1}}),
            json!({"l": [1, 1.0], "m": null}),
        ),
        (
            json!({"$set": {"n": 1}, "$inc": {"f": 1}, "$push": {"l": 2}, "$unset": {"t": 1}}),
            json!({"n": 1, "f": 1.1, "l": [1, "a", {"k": 1}, 1.0, 2], "t": null}),
        ),
    ]
}

#[tokio::test]
async fn each_operator_does_what_it_says() {
    shop(async |shop| {
        open(shop, "notes").await;
        let phone = shop.visitor().await;
        for (at, (patch, expected)) in table().into_iter().enumerate() {
            let id = add(&phone, "notes", before()).await;
            // Both ways of sending it.
            let method = if at % 2 == 0 { "PATCH" } else { "POST" };
            let changed = one(&phone, method, "notes", &id, Some(patch.clone()))
                .await
                .ok(200);
            assert_eq!(changed["version"], 2);
            let mut whole = before();
            for (key, value) in expected.as_object().unwrap() {
                whole[key] = value.clone();
                if *value == Value::Null {
                    whole.as_object_mut().unwrap().remove(key);
                }
            }
            assert_eq!(changed["data"], whole, "{patch}");
            assert_eq!(one(&phone, "GET", "notes", &id, None).await.ok(200), changed);
        }
        let id = add(&phone, "notes", json!({})).await;
        shop.advance(60).await;
        let now = Some(json!({"$currentDate": {"seen.at": true}}));
        let changed = one(&phone, "PATCH", "notes", &id, now).await.ok(200);
        let seen = changed["data"]["seen"]["at"].as_str().unwrap();
        let updated = changed["updated_at"].as_str().unwrap();
        assert_eq!(
            seen.trim_end_matches('Z').trim_end_matches('0'),
            updated.trim_end_matches('Z').trim_end_matches('0')
        );
    })
    .await;
}

#[tokio::test]
async fn a_step_that_the_document_does_not_allow_changes_nothing() {
    shop(async |shop| {
        open(shop, "notes").await;
        let phone = shop.visitor().await;
        let id = add(&phone, "notes", before()).await;
        for (patch, pointer) in [
            (json!({"$inc": {"t": 1}}), "/data/t"),
            (json!({"$inc": {"z": 1}}), "/data/z"),
            (json!({"$mul": {"o": 2}}), "/data/o"),
            (json!({"$push": {"t": 1}}), "/data/t"),
            (json!({"$addToSet": {"o.k": 1}}), "/data/o/k"),
            (json!({"$pull": {"n": 5}}), "/data/n"),
            (json!({"$set": {"n.x": 1}}), "/data/n/x"),
            (json!({"$set": {"z.x": 1}}), "/data/z/x"),
            (json!({"$set": {"l.4": 1}}), "/data/l/4"),
            (json!({"$set": {"l.-1": 1}}), "/data/l/-1"),
            (json!({"$set": {"l.x": 1}}), "/data/l/x"),
            (json!({"$unset": {"l.1": 1}}), "/data/l/1"),
            // What stands before the step that fails is undone.
            (json!({"$set": {"n": 0}, "$inc": {"b": 1}}), "/data/b"),
        ] {
            let answer = one(&phone, "PATCH", "notes", &id, Some(patch.clone())).await;
            let problem = answer.refused(422, "patch_not_applicable");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{patch}");
        }
        let kept = one(&phone, "GET", "notes", &id, None).await.ok(200);
        assert_eq!((&kept["data"], &kept["version"]), (&before(), &json!(1)));
        // A number cannot grow without end.
        let grow = json!({"$mul": {"n": 1e60}});
        let mut answer = one(&phone, "PATCH", "notes", &id, Some(grow.clone())).await;
        for _ in 0..12 {
            if answer.status != 200 {
                break;
            }
            answer = one(&phone, "PATCH", "notes", &id, Some(grow.clone())).await;
        }
        answer.refused(422, "patch_not_applicable");
        let small = json!({"$set": {"n": 1}});
        one(&phone, "PATCH", "notes", &id, Some(small)).await.ok(200);
        // Nor a document.
        let half = json!({"$set": {"big": "x".repeat(200_000)}});
        one(&phone, "PATCH", "notes", &id, Some(half)).await.ok(200);
        let more = json!({"$push": {"l": "x".repeat(100_000)}});
        one(&phone, "PATCH", "notes", &id, Some(more))
            .await
            .refused(422, "validation_failed");
    })
    .await;
}

#[tokio::test]
async fn what_is_no_patch_is_named() {
    shop(async |shop| {
        open(shop, "notes").await;
        let phone = shop.visitor().await;
        let id = add(&phone, "notes", before()).await;
        let deep = (0..14).fold(json!(1), |inner, _| json!([inner]));
        let many: Value = (0..101)
            .map(|n| (format!("f{n}"), json!(1)))
            .collect::<serde_json::Map<_, _>>()
            .into();
        for (patch, pointer, code) in [
            (json!({}), "", "length"),
            (json!({"$set": {}}), "", "length"),
            (json!({"n": 1}), "/n", "type"),
            (json!({"n": {"x": 1}}), "/n/x", "unknown"),
            (json!({"$rename": {"n": "m"}}), "/$rename/n", "unknown"),
            (json!({"$set": 1}), "/$set", "type"),
            (json!({"$inc": {"n": "1"}}), "/$inc/n", "type"),
            (json!({"$mul": {"n": null}}), "/$mul/n", "type"),
            (json!({"$push": {"l": {"$each": 1}}}), "/$push/l/$each", "type"),
            (
                json!({"$push": {"l": {"$each": [1], "$slice": 1}}}),
                "/$push/l/$each",
                "type",
            ),
            (json!({"$push": {"l": {"$x": 1}}}), "/$push/l/$x", "characters"),
            (json!({"$currentDate": {"d": false}}), "/$currentDate/d", "type"),
            (
                json!({"$set": {"o.k": 1}, "$inc": {"o.k": 1}}),
                "/$set/o.k",
                "duplicate",
            ),
            (json!({"$set": {"o": 1, "o.k": 1}}), "/$set/o.k", "duplicate"),
            (
                json!({"$set": {"o.k.m": 1}, "$unset": {"o.k": 1}}),
                "/$unset/o.k",
                "duplicate",
            ),
            (json!({"$set": {"": 1}}), "/$set/", "format"),
            (json!({"$set": {"$x": 1}}), "/$set/$x", "format"),
            (json!({"$set": {"x": {"$y": 1}}}), "/$set/x/$y", "characters"),
            (json!({"$set": {"x": {"a.b": 1}}}), "/$set/x/a.b", "characters"),
            (json!({"$set": {"x.y.z": deep}}), "/$set/x.y.z", "range"),
            (json!({"$set": many}), "", "length"),
        ] {
            let answer = one(&phone, "PATCH", "notes", &id, Some(patch.clone())).await;
            let problem = answer.refused(422, "validation_failed");
            let error = &problem["errors"][0];
            assert_eq!(error["code"], code, "{patch}: {problem}");
            if code != "length" {
                assert_eq!(error["pointer"], pointer, "{patch}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn fifty_at_once_add_up() {
    shop(async |shop| {
        open(shop, "counters").await;
        let phone = shop.visitor().await;
        let id = add(&phone, "counters", json!({"n": 0.5})).await;
        let patches = (0..50).map(|at| {
            let patch = json!({"$inc": {"n": 1}, "$push": {"seen": at}, "$addToSet": {"ones": at % 5}});
            one(&phone, "PATCH", "counters", &id, Some(patch))
        });
        for answer in join_all(patches).await {
            answer.ok(200);
        }
        let kept = one(&phone, "GET", "counters", &id, None).await.ok(200);
        assert_eq!(kept["version"], 51);
        assert_eq!(kept["data"]["n"], 50.5);
        let sorted = |field: &str| {
            let mut all: Vec<i64> = kept["data"][field]
                .as_array()
                .unwrap()
                .iter()
                .map(|value| value.as_i64().unwrap())
                .collect();
            all.sort_unstable();
            all
        };
        assert_eq!(sorted("seen"), (0..50).collect::<Vec<i64>>());
        assert_eq!(sorted("ones"), [0, 1, 2, 3, 4]);
    })
    .await;
}

#[tokio::test]
async fn a_patch_is_bound_by_unique_keys() {
    shop(async |shop| {
        let declaration = json!({"permission": "all_read_owner_write", "unique": [["name", "a.b"]]});
        declare(shop, "people", declaration).await;
        let phone = shop.visitor().await;
        add(&phone, "people", json!({"name": "x", "a": {"b": 1}})).await;
        let id = add(&phone, "people", json!({"name": "x"})).await;
        let patch = json!({"$set": {"a.b": 1.0}});
        let problem = one(&phone, "PATCH", "people", &id, Some(patch))
            .await
            .refused(409, "document_conflict");
        let pointers: Vec<&Value> = problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| &error["pointer"])
            .collect();
        assert_eq!(pointers, ["/data/name", "/data/a/b"]);
        // The names of a pointer are written as RFC 6901 wants them.
        let odd = json!({"permission": "all_read_owner_write", "unique": [["a/b~c"]]});
        declare(shop, "odd", odd).await;
        add(&phone, "odd", json!({"a/b~c": 1})).await;
        let problem = make(&phone, "odd", json!({"data": {"a/b~c": 1}}))
            .await
            .refused(409, "document_conflict");
        assert_eq!(problem["errors"][0]["pointer"], "/data/a~1b~0c");
        let put = json!({"data": {"name": "x", "a": {"b": 1}}});
        one(&phone, "PUT", "people", &id, Some(put))
            .await
            .refused(409, "document_conflict");
        one(&phone, "PATCH", "people", &id, Some(json!({"$set": {"a.b": 2}})))
            .await
            .ok(200);
    })
    .await;
}

#[tokio::test]
async fn as_many_items_are_appended_at_once_as_a_document_holds() {
    let limits = PoolLimits {
        statement_timeout: PoolLimits::default().statement_timeout,
        ..PATIENT
    };
    shop_with(Setup::default().pool_limits(limits), async |shop| {
        open(shop, "notes").await;
        let phone = shop.visitor().await;
        let id = add(&phone, "notes", json!({})).await;
        let digits: Vec<usize> = (0..80_000).map(|item| item % 10).collect();
        let others: Vec<usize> = (0..30_000).collect();
        for (op, field, items) in [("$push", "l", &digits), ("$addToSet", "m", &others)] {
            let id = add(&phone, "notes", json!({})).await;
            let patch = json!({op: {field: {"$each": items}}});
            let patched = one(&phone, "PATCH", "notes", &id, Some(patch)).await.ok(200);
            assert_eq!(patched["data"][field], json!(items), "{op}");
        }
        // Of equal items that are new the first stays, as it is written.
        let each = json!({"$each": [3, 2.0, 1, 2, 3.0, 2.00]});
        let patched = one(
            &phone,
            "PATCH",
            "notes",
            &id,
            Some(json!({"$addToSet": {"s": each}})),
        )
        .await;
        assert_eq!(patched.ok(200)["data"]["s"].to_string(), "[3,2.0,1]");
    })
    .await;
}

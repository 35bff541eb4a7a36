//! Two mini programs that share a collection.

use std::io::Write as _;

use serde_json::json;

use super::{declare, make, try_query};
use crate::harness::{APP, APP_SECRET, OTHER_APP, Phone, Setup, Shop, shop_with};

async fn visitor<'a>(shop: &'a Shop, app_id: &str) -> Phone<'a> {
    let mut phone = shop.phone().await;
    let code = phone.code(app_id).await;
    let body = json!({"code": code, "app_id": app_id});
    phone.take_token(&phone.try_login(&body).await.ok(200));
    phone
}

async fn two_apps(scenario: impl AsyncFnOnce(&Shop)) {
    let mut apps = tempfile::NamedTempFile::new().unwrap();
    write!(apps, "[[app]]\nid = \"{OTHER_APP}\"\nsecret = \"{APP_SECRET}\"\n").unwrap();
    let setup = Setup::default().with("WECHAT_APPS_FILE", apps.path().to_str().unwrap());
    shop_with(setup, scenario).await;
}

#[tokio::test]
async fn a_user_added_in_one_mini_program_is_there_in_the_other_and_not_added_twice() {
    two_apps(async |shop| {
        let declaration = json!({
            "permission": "all_read_owner_write",
            "apps": [APP, OTHER_APP],
            "unique": [["name", "phone"]],
        });
        declare(shop, "users", declaration).await;
        let a = visitor(shop, APP).await;
        let b = visitor(shop, OTHER_APP).await;
        let first = json!({"name": "王小明", "age": 31, "sex": "male", "phone": "13800138000"});
        make(&a, "users", json!({"data": first})).await.ok(201);
        let user = json!({"name": "李雷", "age": 28, "sex": "male", "phone": "13900139000"});
        make(&b, "users", json!({"data": user})).await.ok(201);
        for phone in [&b, &a] {
            let again = make(phone, "users", json!({"data": user})).await;
            let problem = again.refused(409, "document_conflict");
            let pointers = [&problem["errors"][0]["pointer"], &problem["errors"][1]["pointer"]];
            assert_eq!(pointers, ["/data/name", "/data/phone"]);
        }
        for phone in [&a, &b] {
            let body = json!({"sort": [["age", "desc"]]});
            let page = try_query(phone, "users", body).await.ok(200);
            let listed: Vec<_> = page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| &item["data"])
                .collect();
            assert_eq!(listed, [&first, &user]);
        }
    })
    .await;
}

#[tokio::test]
async fn a_collection_is_not_there_for_a_mini_program_that_does_not_share_it() {
    two_apps(async |shop| {
        let a = visitor(shop, APP).await;
        let b = visitor(shop, OTHER_APP).await;
        declare(
            shop,
            "own",
            json!({"permission": "all_read_owner_write", "apps": [APP]}),
        )
        .await;
        let made = make(&a, "own", json!({"data": {}})).await.ok(201);
        let id = made["id"].as_str().unwrap();
        let path = format!("/v1/collections/own/documents/{id}");
        for (method, path, body) in [
            ("POST", "/v1/collections/own/documents", Some(json!({"data": {}}))),
            ("POST", "/v1/collections/own/query", Some(json!({}))),
            ("POST", "/v1/collections/own/count", Some(json!({}))),
            ("GET", path.as_str(), None),
            ("PUT", path.as_str(), Some(json!({"data": {}}))),
            ("PATCH", path.as_str(), Some(json!({"$set": {"n": 1}}))),
            ("POST", path.as_str(), Some(json!({"$set": {"n": 1}}))),
            ("DELETE", path.as_str(), None),
        ] {
            let answer = b.call(method, path, body.as_ref()).await;
            answer.refused(404, "collection_not_found");
        }
        let declared = json!({"permission": "all_read_owner_write", "apps": ["wx9999999999999999"]});
        let answer = super::try_declare(shop, "own", &declared).await;
        let problem = answer.refused(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], "/apps/0");
        // Without a list, it is everybody's.
        super::try_declare(shop, "own", &json!({"permission": "all_read"}))
            .await
            .ok(200);
        b.call("GET", &path, None).await.ok(200);
    })
    .await;
}

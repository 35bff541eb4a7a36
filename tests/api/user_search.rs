//! The operator finds a user by the whole phone number, and in no other way.

use serde_json::{Value, json};

use crate::harness::{Phone, Shop, shop};

async fn search(shop: &Shop, body: Value) -> Value {
    shop.admin("POST", "/admin/users/search", Some(&body))
        .await
        .ok(200)
}

async fn ids(shop: &Shop, phone_number: &str) -> Vec<Value> {
    let found = search(shop, json!({ "phone_number": phone_number })).await;
    let items = found["items"].as_array().unwrap();
    items.iter().map(|item| item["id"].clone()).collect()
}

/// A person whose number is known here, and the user's id.
async fn known<'a>(shop: &'a Shop, pure: &str, country_code: &str) -> (Phone<'a>, Value) {
    let phone = shop.visitor().await;
    phone.change_number(pure, country_code).await;
    phone.give_number(&phone.phone_code().await).await.ok(200);
    let id = phone.call("GET", "/v1/me", None).await.ok(200)["id"].clone();
    (phone, id)
}

#[tokio::test]
async fn a_user_is_found_by_the_whole_number_alone() {
    shop(async |shop| {
        let (alice, of_alice) = known(shop, "13800000001", "86").await;
        let (_bob, of_bob) = known(shop, "91234567", "852").await;
        for text in [
            "13800000001",
            "+86 138-0000-0001",
            "0086 13800000001",
            " 138 0000 0001 ",
        ] {
            assert_eq!(ids(shop, text).await, std::slice::from_ref(&of_alice), "{text}");
        }
        assert_eq!(ids(shop, "+852 9123 4567").await, [of_bob]);
        for nobody in ["13800000002", "1380000000", "91234567", "+13800000001"] {
            assert_eq!(ids(shop, nobody).await, Vec::<Value>::new(), "{nobody}");
        }
        let found = search(shop, json!({"phone_number": "13800000001"})).await;
        let user = &found["items"][0];
        assert_eq!(user["phone_number"], "138****0001");
        assert_eq!(user["app_id"], crate::harness::APP);
        let path = format!("/admin/users/{}", of_alice.as_str().unwrap());
        let mut read = user.clone();
        read["linked"] = json!([]);
        assert_eq!(shop.admin("GET", &path, None).await.ok(200), read);
        // With another number, the former finds nobody.
        alice.change_number("13800000009", "86").await;
        alice.give_number(&alice.phone_code().await).await.ok(200);
        assert_eq!(ids(shop, "13800000001").await, Vec::<Value>::new());
        assert_eq!(ids(shop, "13800000009").await, [of_alice]);
    })
    .await;
}

#[tokio::test]
async fn several_with_one_number_come_page_by_page() {
    shop(async |shop| {
        let mut wanted = Vec::new();
        for _ in 0..3 {
            // Ids are in the order of time, by the millisecond.
            shop.advance(1).await;
            wanted.push(known(shop, "13800000001", "86").await.1);
        }
        wanted.reverse();
        assert_eq!(ids(shop, "13800000001").await, wanted);
        let first = search(shop, json!({"phone_number": "13800000001", "limit": 2})).await;
        assert_eq!(first["items"].as_array().unwrap().len(), 2);
        let rest = json!({"phone_number": "13800000001", "limit": 2, "cursor": first["next_cursor"]});
        let second = search(shop, rest).await;
        assert_eq!(
            (&second["items"][0]["id"], &second["next_cursor"]),
            (&wanted[2], &Value::Null)
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_no_number_or_no_page_is_refused() {
    shop(async |shop| {
        for (body, pointer) in [
            (json!({}), "/phone_number"),
            (json!({"phone_number": ""}), "/phone_number"),
            (json!({"phone_number": "138****0001"}), "/phone_number"),
            (json!({"phone_number": "x"}), "/phone_number"),
            (json!({"phone_number": "1".repeat(33)}), "/phone_number"),
            (json!({"phone_number": "13800000001", "limit": 0}), "/limit"),
            (json!({"phone_number": "13800000001", "limit": 101}), "/limit"),
            (json!({"phone_number": "13800000001", "cursor": "?"}), "/cursor"),
            (json!({"phone_number": "13800000001", "name": "x"}), "/name"),
        ] {
            let answer = shop.admin("POST", "/admin/users/search", Some(&body)).await;
            let problem = answer.refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
        }
        let body = json!({"phone_number": "13800000001"});
        shop.call("POST", "/admin/users/search", Some(&body))
            .await
            .refused(401, "unauthenticated");
        let phone = shop.visitor().await;
        phone
            .call("POST", "/admin/users/search", Some(&body))
            .await
            .refused(401, "unauthenticated");
        for id in ["nothing", "0190a5a0-0000-7000-8000-000000000001"] {
            shop.admin("GET", &format!("/admin/users/{id}"), None)
                .await
                .refused(404, "not_found");
        }
    })
    .await;
}

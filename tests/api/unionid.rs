//! One person in two mini programs, as far as WeChat tells.

use serde_json::{Value, json};

use crate::harness::{APP, HandPlayed, OTHER_APP, Setup, Shop, shop_with};

/// Whom the operator sees as the same person.
async fn linked(shop: &Shop, user: &Value) -> Value {
    let path = format!("/admin/users/{}", user.as_str().unwrap());
    shop.admin("GET", &path, None).await.ok(200)["linked"].clone()
}

fn one(user: &Value, app_id: &str) -> Value {
    json!([{"id": user, "app_id": app_id}])
}

#[tokio::test]
async fn a_person_in_two_bound_mini_programs_is_seen_as_one_and_stays_two_users() {
    let setup = Setup {
        is_other_bound: true,
        ..Setup::default().two_apps()
    };
    shop_with(setup, async |shop| {
        shop.stock("tea", 100, None).await;
        let mut stranger = shop.phone().await;
        let strange = stranger.login_to(OTHER_APP).await["user"]["id"].clone();
        let mut phone = shop.phone().await;
        let first = phone.login_to(APP).await["user"]["id"].clone();
        assert_eq!(linked(shop, &first).await, json!([]));
        phone.buy("tea", 1).await;
        let second = phone.login_to(OTHER_APP).await["user"]["id"].clone();
        assert_eq!(linked(shop, &first).await, one(&second, OTHER_APP));
        assert_eq!(linked(shop, &second).await, one(&first, APP));
        assert_eq!(linked(shop, &strange).await, json!([]));
        let orders = phone.call("GET", "/v1/orders", None).await.ok(200);
        assert_eq!(
            orders["items"],
            json!([]),
            "an order is of the mini program it was made in"
        );
    })
    .await;
}

#[tokio::test]
async fn a_link_needs_a_unionid_and_follows_it_when_the_mini_programs_move() {
    let wechat = HandPlayed::start().await;
    let setup = Setup::default()
        .two_apps()
        .with("WECHAT_API_BASE_URL", wechat.url());
    shop_with(setup, async |shop| {
        shop.keep_secret(["uBefore".to_owned(), "uAfter".to_owned()]);
        let login = async |app_id: &str, unionid: Option<&str>| {
            let request = json!({"code": "0a1B2c3D", "app_id": app_id});
            let mut said =
                json!({"openid": format!("oIn{app_id}"), "session_key": "QUFBQUFBQUFBQUFBQUFBQQ=="});
            if let Some(unionid) = unionid {
                said["unionid"] = json!(unionid);
            }
            let (answer, ()) = tokio::join!(shop.call("POST", "/v1/login", Some(&request)), async {
                wechat.call().await.answer(200, &said.to_string()).await;
            });
            answer.ok(200)["user"]["id"].clone()
        };
        let first = login(APP, None).await;
        let second = login(OTHER_APP, None).await;
        let is_linked = async || linked(shop, &first).await == one(&second, OTHER_APP);
        assert_eq!(
            linked(shop, &first).await,
            json!([]),
            "two without a unionid are not one"
        );
        for (app_id, unionid, expected) in [
            (APP, Some("uBefore"), false),
            (OTHER_APP, Some("uBefore"), true),
            (APP, None, true),
            (APP, Some("uAfter"), false),
            (OTHER_APP, None, false),
            (OTHER_APP, Some("uAfter"), true),
        ] {
            login(app_id, unionid).await;
            assert_eq!(is_linked().await, expected, "{app_id} {unionid:?}");
        }
        assert_eq!(shop.count("select count(*) from users").await, 2);
    })
    .await;
}

//! `POST /v1/open-data/cloud-ids`: each handle has a result of its own.

use serde_json::{Value, json};

use crate::harness::{APP, Answer, HandPlayed, OTHER_APP, Phone, Setup, shop, shop_with};

async fn open(phone: &Phone<'_>, ids: &[&str]) -> Answer {
    let body = json!({ "cloudIDs": ids });
    phone.call("POST", "/v1/open-data/cloud-ids", Some(&body)).await
}

#[tokio::test]
async fn each_handle_has_its_own_result() {
    shop(async |shop| {
        let (alice, bob) = (shop.visitor().await, shop.visitor().await);
        let late = alice.cloud_id(json!({})).await;
        shop.advance(300).await;
        let steps = json!({"stepInfoList": [{"timestamp": 1_700_000_000, "step": 7}]});
        let text = alice.cloud_id(json!({ "data": steps })).await;
        let object = alice.cloud_id(json!({"data": steps, "form": "object"})).await;
        let others = bob.cloud_id(json!({})).await;
        let answer = open(&alice, &[&text, &late, &object, &others, "nonsense"])
            .await
            .ok(200);
        let items = answer["items"].as_array().unwrap();
        for (at, id) in [(0, &text), (2, &object)] {
            assert_eq!(items[at]["cloudID"], **id);
            assert_eq!(items[at]["data"]["stepInfoList"], steps["stepInfoList"]);
            assert_eq!(items[at]["data"]["watermark"]["appid"], APP);
            assert_eq!(items[at].as_object().unwrap().len(), 2);
        }
        for (at, id, errcode, errmsg) in [
            (1, late.as_str(), -601_006, "cloudID expired"),
            (3, &others, -601_007, "cloudID and user do not match"),
            (4, "nonsense", -601_005, "illegal cloudID"),
        ] {
            assert_eq!(
                items[at],
                json!({"cloudID": id, "errCode": errcode, "errMsg": errmsg})
            );
        }
        assert_eq!(items.len(), 5);
        assert_eq!(shop.calls("open_data").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_phone_number_comes_this_way_too() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        phone.change_number("91234567", "852").await;
        let id = phone.cloud_id(json!({})).await;
        let data = open(&phone, &[&id]).await.ok(200)["items"][0]["data"].clone();
        assert_eq!(
            (&data["phoneNumber"], &data["countryCode"]),
            (&json!("+85291234567"), &json!("852"))
        );
        // It is only told.
        assert_eq!(phone.shown_number().await, Value::Null);
    })
    .await;
}

#[tokio::test]
async fn what_wechat_leaves_out_is_a_failure_and_one_twice_is_told_twice() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let gone = phone.cloud_id(json!({"form": "left_out"})).await;
        let there = phone.cloud_id(json!({"data": {"a": 1}})).await;
        let foreign = phone.cloud_id(json!({ "app_id": OTHER_APP })).await;
        let answer = open(&phone, &[&gone, &there, &there, &foreign]).await.ok(200);
        assert_eq!(answer["items"][0]["errCode"], -601_001);
        assert_eq!(answer["items"][1], answer["items"][2]);
        assert_eq!(answer["items"][1]["data"]["a"], 1);
        assert_eq!(answer["items"][3]["errCode"], -601_005);
    })
    .await;
}

#[tokio::test]
async fn the_request_is_judged_before_wechat_is_asked() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let long = "x".repeat(1_025);
        for (body, pointer) in [
            (json!({}), "/cloudIDs"),
            (json!({"cloudIDs": []}), "/cloudIDs"),
            (json!({"cloudIDs": ["a", "b", "c", "d", "e", "f"]}), "/cloudIDs"),
            (json!({"cloudIDs": "a"}), "/cloudIDs"),
            (json!({"cloudIDs": ["a", 7]}), "/cloudIDs/1"),
            (json!({"cloudIDs": ["a", ""]}), "/cloudIDs/1"),
            (json!({ "cloudIDs": [long] }), "/cloudIDs/0"),
        ] {
            let answer = phone.call("POST", "/v1/open-data/cloud-ids", Some(&body)).await;
            let problem = answer.refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        }
        assert_eq!(shop.calls("open_data").await.len(), 0);
        let body = json!({"cloudIDs": ["a"], "more": true});
        shop.call("POST", "/v1/open-data/cloud-ids", Some(&body))
            .await
            .refused(401, "unauthenticated");
        phone
            .call("POST", "/v1/open-data/cloud-ids", Some(&body))
            .await
            .ok(200);
    })
    .await;
}

#[tokio::test]
async fn trouble_of_the_whole_call_has_its_code() {
    shop(async |shop| {
        shop.announce("wechat_rejected");
        shop.announce("wechat_unavailable");
        let phone = shop.visitor().await;
        let id = phone.cloud_id(json!({"data": {"a": 1}})).await;
        for (errcode, status, code) in [
            (-1, 503, "wechat_unavailable"),
            (45011, 429, "rate_limited"),
            (40003, 502, "wechat_rejected"),
            (48001, 502, "wechat_rejected"),
            (85088, 502, "wechat_rejected"),
        ] {
            shop.faults(json!([{"kind": "errcode", "api": "open_data", "errcode": errcode}]))
                .await;
            let problem = open(&phone, &[&id]).await.refused(status, code);
            assert_eq!(problem["wechat_errcode"], errcode);
        }
        for kind in ["server_error", "no_answer_after_accepting"] {
            shop.faults(json!([{"kind": kind, "api": "open_data"}])).await;
            open(&phone, &[&id]).await.refused(503, "wechat_unavailable");
        }
        shop.faults(json!([])).await;
        // It has no effect: what was asked in vain is asked again.
        open(&phone, &[&id]).await.ok(200);
        shop.control("POST", "/simulator/access-tokens/displace", &json!({}))
            .await;
        open(&phone, &[&id]).await.ok(200);
    })
    .await;
}

/// What became of the cloudIDs `a` to `e` when WeChat answers so.
async fn told(said: Value) -> Value {
    let wechat = HandPlayed::start().await;
    let setup = Setup::default().with("WECHAT_API_BASE_URL", wechat.url());
    let mut items = Value::Null;
    shop_with(setup, async |shop| {
        let granted = r#"{"openid":"oAlice","session_key":"QUFBQUFBQUFBQUFBQUFBQQ=="}"#;
        let code = json!({"code": "0a1B2c3D"});
        let (login, ()) = tokio::join!(shop.call("POST", "/v1/login", Some(&code)), async {
            wechat.call().await.answer(200, granted).await;
        });
        let token = login.ok(200)["token"].as_str().unwrap().to_owned();
        let body = json!({"cloudIDs": ["a", "b", "c", "d", "e"]});
        let request = shop.request("POST", "/v1/open-data/cloud-ids", Some(&token), Some(&body));
        let (answer, ()) = tokio::join!(shop.send(request), async {
            let fetch = wechat.call().await;
            assert!(fetch.target.starts_with("/cgi-bin/"), "{}", fetch.target);
            fetch
                .answer(200, r#"{"access_token":"token-of-the-day","expires_in":7200}"#)
                .await;
            let call = wechat.call().await;
            assert!(call.target.starts_with("/wxa/getopendata?"), "{}", call.target);
            assert!(call.target.contains("openid=oAlice"), "{}", call.target);
            call.answer(200, &said.to_string()).await;
        });
        items = answer.ok(200)["items"].clone();
    })
    .await;
    items
}

/// The numbers of those that became no data; 0 of those that did.
fn numbers(items: &Value) -> Vec<i64> {
    let items = items.as_array().unwrap().iter();
    items
        .map(|item| item["errCode"].as_i64().unwrap_or_default())
        .collect()
}

/// Answers of a WeChat that keeps no promise.
#[tokio::test]
async fn odd_answers_harm_their_own_item_alone() {
    let items = told(json!({"errcode": 0, "data_list": [
        {"cloud_id": "a", "json": "{\"cloudID\":\"a\",\"data\":{\"openId\":\"oBob\"}}"},
        {"cloud_id": "b", "json": {"data": {"watermark": {"appid": OTHER_APP}}}},
        {"cloud_id": "c", "json": "not JSON"},
        {"cloud_id": "d"},
        {"cloud_id": "x", "json": {"data": {"never": "asked"}}},
        {"cloud_id": "e", "json": {"errCode": -609_999, "errMsg": "words of WeChat", "data": {"a": 1}}},
    ]}))
    .await;
    assert_eq!(
        numbers(&items),
        [-601_007, -601_005, -601_001, -601_001, -609_999]
    );
    assert_eq!(items[4]["errMsg"], "refused");
    let items = told(json!({"errcode": 0, "data_list": [
        {"cloudID": "a", "errCode": -601_006, "errMsg": "words of WeChat"},
        {"cloudID": "b", "data": {"a": 1}},
        {"errCode": -601_006, "errMsg": "of which?"},
        {"cloud_id": 7, "json": {"data": {"a": 1}}},
        "text",
        null,
        {"cloud_id": "c", "json": {"data": {"a": 1}}},
        {"cloud_id": "e", "json": null},
    ]}))
    .await;
    assert_eq!(numbers(&items), [-601_006, 0, 0, -601_001, -601_001]);
    assert_eq!(items[1]["data"], items[2]["data"]);
    let items = told(json!({"errcode": 0, "errmsg": "ok", "data_list": null})).await;
    assert_eq!(numbers(&items), [-601_001; 5]);
}

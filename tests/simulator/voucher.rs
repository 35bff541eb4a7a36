//! Phone numbers by code, data by cloudID, and cloud functions.

use serde_json::{Value, json};

use crate::harness::{APP, OTHER_APP, Stage};

impl Stage {
    async fn token(&self) -> String {
        self.stable_token(false).await["access_token"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    async fn phone_code(&self, user: &Value, app_id: &str) -> String {
        let body = json!({"user_id": user["user_id"], "app_id": app_id});
        let code = self.post("/simulator/phone-codes", body).await;
        code["code"].as_str().unwrap().to_owned()
    }

    async fn phone_number(&self, body: Value) -> Value {
        let path = format!(
            "/wxa/business/getuserphonenumber?access_token={}",
            self.token().await
        );
        self.post(&path, body).await
    }

    async fn cloud_id(&self, user: &Value, more: Value) -> String {
        let mut body = json!({"user_id": user["user_id"]});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let id = self.post("/simulator/cloud-ids", body).await;
        id["cloudID"].as_str().unwrap().to_owned()
    }

    async fn open_data(&self, user: &Value, ids: &[&str]) -> Value {
        let (token, openid) = (self.token().await, user["openids"][APP].as_str().unwrap());
        let path = format!("/wxa/getopendata?access_token={token}&openid={openid}");
        self.post(&path, json!({ "cloudid_list": ids })).await
    }

    async fn invoke(&self, query: &str, body: Value) -> Value {
        let path = format!(
            "/tcb/invokecloudfunction?access_token={}{query}",
            self.token().await
        );
        self.post(&path, body).await
    }
}

/// What stands in an item of an answer whose `json` is a text.
fn content(answer: &Value, at: usize) -> Value {
    serde_json::from_str(answer["data_list"][at]["json"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn a_code_becomes_a_number_once_within_five_minutes() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let code = stage.phone_code(&user, APP).await;
    let before = stage.now().await;
    let openid = &user["openids"][APP];
    let answer = stage.phone_number(json!({"code": code, "openid": openid})).await;
    let (info, now) = (&answer["phone_info"], stage.now().await);
    assert_eq!(answer["errcode"], 0);
    assert_eq!(info["purePhoneNumber"], user["phone_number"]["pure_phone_number"]);
    assert_eq!(
        (&info["phoneNumber"], &info["countryCode"]),
        (&info["purePhoneNumber"], &json!("86"))
    );
    assert_eq!(info["watermark"]["appid"], APP);
    assert!((before..=now).contains(&info["watermark"]["timestamp"].as_i64().unwrap()));
    assert_eq!(
        stage.phone_number(json!({ "code": code })).await["errcode"],
        40029
    );
    let late = stage.phone_code(&user, APP).await;
    stage.advance(299).await;
    let just = stage.phone_code(&user, APP).await;
    stage.advance(1).await;
    assert_eq!(
        stage.phone_number(json!({ "code": late })).await["errcode"],
        40029
    );
    assert_eq!(stage.phone_number(json!({ "code": just })).await["errcode"], 0);
}

#[tokio::test]
async fn a_code_belongs_to_a_person_and_a_mini_program() {
    let stage = Stage::new().await;
    let (user, other) = (stage.user().await, stage.user().await);
    let code = stage.phone_code(&user, APP).await;
    let foreign = stage.phone_code(&user, OTHER_APP).await;
    let mismatch = json!({"code": code, "openid": other["openids"][APP]});
    assert_eq!(stage.phone_number(mismatch).await["errcode"], 40003);
    assert_eq!(
        stage.phone_number(json!({ "code": foreign })).await["errcode"],
        40013
    );
    // Neither used it up.
    assert_eq!(stage.phone_number(json!({ "code": code })).await["errcode"], 0);
    for (body, errcode) in [
        (json!({"code": "unknown"}), 40029),
        (json!({}), 41008),
        (json!([]), 47001),
    ] {
        assert_eq!(stage.phone_number(body).await["errcode"], errcode);
    }
    for path in [
        "/wxa/business/getuserphonenumber",
        "/wxa/getopendata",
        "/tcb/invokecloudfunction",
    ] {
        assert_eq!(stage.get(path).await.json()["errcode"], 43002, "{path}");
        assert_eq!(stage.post(path, json!({})).await["errcode"], 41001, "{path}");
        let wrong = format!("{path}?access_token=wrong");
        assert_eq!(stage.post(&wrong, json!({})).await["errcode"], 40001, "{path}");
    }
}

#[tokio::test]
async fn a_number_is_written_as_wechat_writes_it() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let path = format!("/simulator/users/{}", user["user_id"].as_str().unwrap());
    for (pure, country_code, whole) in [
        ("13800000001", "86", "13800000001"),
        ("91234567", "852", "+85291234567"),
    ] {
        let number = json!({"pure_phone_number": pure, "country_code": country_code});
        let changed = stage
            .send("PATCH", &path, &json!({ "phone_number": number }))
            .await;
        assert_eq!(changed.json()["phone_number"], number);
        let code = stage.phone_code(&user, APP).await;
        let info = stage.phone_number(json!({ "code": code })).await["phone_info"].clone();
        assert_eq!(
            (&info["phoneNumber"], &info["purePhoneNumber"]),
            (&json!(whole), &json!(pure))
        );
        assert_eq!(info["countryCode"], country_code);
    }
    let wrong = json!({"phone_number": {"pure_phone_number": "138 0000", "country_code": "86"}});
    assert_eq!(stage.send("PATCH", &path, &wrong).await.status, 400);
}

#[tokio::test]
async fn a_cloud_id_becomes_data_in_either_form() {
    let stage = Stage::new().await;
    let (user, other) = (stage.user().await, stage.user().await);
    let data = json!({"nickName": "阿丽"});
    let text = stage.cloud_id(&user, json!({ "data": data })).await;
    let object = stage
        .cloud_id(&user, json!({"data": data, "form": "object"}))
        .await;
    let left_out = stage.cloud_id(&user, json!({"form": "left_out"})).await;
    let phone = stage.cloud_id(&user, json!({})).await;
    let others = stage.cloud_id(&other, json!({})).await;
    let foreign = stage.cloud_id(&user, json!({ "app_id": OTHER_APP })).await;
    let ids = [
        text.as_str(),
        &object,
        &left_out,
        &phone,
        &others,
        &foreign,
        "unknown",
    ];
    let answer = stage.open_data(&user, &ids).await;
    assert_eq!(answer["data_list"].as_array().unwrap().len(), 6, "{answer}");
    assert_eq!(content(&answer, 0)["data"]["nickName"], "阿丽");
    assert_eq!(content(&answer, 0)["data"]["watermark"]["appid"], APP);
    assert_eq!(answer["data_list"][1]["json"]["data"]["nickName"], "阿丽");
    assert_eq!(
        content(&answer, 2)["data"]["purePhoneNumber"],
        user["phone_number"]["pure_phone_number"]
    );
    let failures: Vec<Value> = (3..6).map(|at| content(&answer, at)["errCode"].clone()).collect();
    assert_eq!(failures, [-601_007, -601_005, -601_005]);
    stage.advance(300).await;
    assert_eq!(
        content(&stage.open_data(&user, &[&text]).await, 0)["errCode"],
        -601_006
    );
    let wrong = json!({"openids": {APP: "nobody"}});
    assert_eq!(stage.open_data(&wrong, &[]).await["errcode"], 40003);
}

#[tokio::test]
async fn functions_answer_fail_and_take_their_time() {
    let stage = Stage::new().await;
    let call = async |name: &str, body: Value| stage.invoke(&format!("&env=e&name={name}"), body).await;
    let echoed = call("echo", json!({"a": [1, "二"]})).await;
    assert_eq!(echoed["resp_data"], r#"{"a":[1,"二"]}"#);
    assert_eq!(
        call("raw", json!({"resp_data": "no JSON"})).await["resp_data"],
        "no JSON"
    );
    assert_eq!(call("raw", json!({})).await.get("resp_data"), None);
    assert_eq!(call("slow", json!({"ms": 1})).await["resp_data"], r#"{"ms":1}"#);
    assert_eq!(call("fail", json!({})).await["errcode"], -504_002);
    assert_eq!(
        call("fail", json!({"errcode": -604_001})).await["errcode"],
        -604_001
    );
    assert_eq!(call("nothing", json!({})).await["errcode"], -501_000);
    let large = call("large", json!({"bytes": 100})).await;
    assert_eq!(large["resp_data"].as_str().unwrap().len(), 102);
    assert_eq!(stage.invoke("&name=echo", json!({})).await["errcode"], -601_027);
    assert_eq!(stage.invoke("&env=e", json!({})).await["errcode"], 40101);
}

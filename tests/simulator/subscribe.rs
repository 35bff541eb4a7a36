//! Subscribe messages at the simulated `WeChat`: who may send what to whom, and how it refuses.

use serde_json::{Value, json};

use crate::harness::{APP, OTHER_APP, Stage};

const TEMPLATE: &str = "tpl_1";

impl Stage {
    async fn message(&self, user: &Value, data: Value) -> Value {
        let token = self.stable_token(false).await["access_token"]
            .as_str()
            .unwrap()
            .to_owned();
        let body = json!({"touser": user["openids"][APP], "template_id": TEMPLATE, "data": data, "lang": "zh_CN", "miniprogram_state": "formal"});
        self.post(
            &format!("/cgi-bin/message/subscribe/send?access_token={token}"),
            body,
        )
        .await
    }

    async fn allow(&self, user: &Value, answer: &str) -> Value {
        let body =
            json!({"user_id": user["user_id"], "template_ids": [TEMPLATE], "answers": {TEMPLATE: answer}});
        self.post("/simulator/subscribe-popups", body).await
    }

    async fn template(&self, more: Value) {
        let mut body = json!({"template_id": TEMPLATE, "keywords": {"thing1": "Goods"}});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let answer = self.send("PUT", "/simulator/subscribe-templates", &body).await;
        assert_eq!(answer.status, 200);
    }
}

#[tokio::test]
async fn each_acceptance_is_good_for_one_message() {
    let stage = Stage::new().await;
    stage.template(json!({})).await;
    let user = stage.user().await;
    let data = json!({"thing1": {"value": "茶"}});
    assert_eq!(stage.message(&user, data.clone()).await["errcode"], 43101);
    assert_eq!(stage.allow(&user, "reject").await[TEMPLATE], "reject");
    assert_eq!(stage.message(&user, data.clone()).await["errcode"], 43101);
    stage.allow(&user, "accept").await;
    stage.allow(&user, "accept").await;
    let first = stage.message(&user, data.clone()).await;
    assert_eq!((&first["errcode"], first["msgid"].is_u64()), (&json!(0), true));
    assert_eq!(stage.message(&user, data.clone()).await["errcode"], 0);
    assert_eq!(stage.message(&user, data.clone()).await["errcode"], 43101);
    let inbox = stage.list("/simulator/subscribe-messages").await;
    assert_eq!(
        (inbox.len(), &inbox[0]["data"], &inbox[0]["msgid"]),
        (2, &json!({"thing1": "茶"}), &first["msgid"])
    );
    // A long-term template is allowed once and for all, until it is switched off.
    stage.template(json!({"is_long_term": true})).await;
    stage.allow(&user, "accept").await;
    for _ in 0..3 {
        assert_eq!(stage.message(&user, data.clone()).await["errcode"], 0);
    }
    let off = json!({"user_id": user["user_id"], "template_id": TEMPLATE, "is_off": true});
    stage.send("POST", "/simulator/subscribe-settings", &off).await;
    assert_eq!(stage.message(&user, data).await["errcode"], 43101);
    assert_eq!(stage.allow(&user, "accept").await[TEMPLATE], "reject");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_its_number() {
    let stage = Stage::new().await;
    stage
        .template(json!({"keywords": {"thing1": "a", "amount2": "b", "time3": "c", "phrase4": "d"}}))
        .await;
    let user = stage.user().await;
    stage.allow(&user, "accept").await;
    let good = json!({"thing1": {"value": "茶"}, "amount2": {"value": "¥1.50"}, "time3": {"value": "2026-11-21 09:30"}, "phrase4": {"value": "已发货"}});
    for (keyword, value) in [
        ("thing1", "一二三四五六七八九十一二三四五六七八九十一"),
        ("thing1", ""),
        ("thing1", "a\nb"),
        ("amount2", "12345678901"),
        ("amount2", "much"),
        ("time3", "25:00"),
        ("phrase4", "一二三四五六"),
        ("phrase4", "sent"),
    ] {
        let mut data = good.clone();
        data[keyword]["value"] = json!(value);
        assert_eq!(
            stage.message(&user, data).await["errcode"],
            47003,
            "{keyword} {value}"
        );
    }
    let mut data = good.clone();
    data["thing9"] = json!({"value": "more"});
    assert_eq!(stage.message(&user, data).await["errcode"], 47003);
    let mut data = good.clone();
    data.as_object_mut().unwrap().remove("time3");
    assert_eq!(stage.message(&user, data).await["errcode"], 47003);
    let mut data = good.clone();
    data["thing1"]["value"] = json!("违禁词");
    assert_eq!(stage.message(&user, data).await["errcode"], 45168);
    let stranger = json!({"openids": {APP: user["openids"][OTHER_APP]}});
    assert_eq!(stage.message(&stranger, good.clone()).await["errcode"], 40003);
    stage.template(json!({"is_blocked": true})).await;
    assert_eq!(stage.message(&user, good.clone()).await["errcode"], 43107);
    assert_eq!(stage.allow(&user, "accept").await[TEMPLATE], "ban");
    let token = stage.stable_token(false).await["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/cgi-bin/message/subscribe/send?access_token={token}");
    let unknown = json!({"touser": user["openids"][APP], "template_id": "none", "data": good});
    assert_eq!(stage.post(&path, unknown).await["errcode"], 40037);
    assert_eq!(
        stage
            .post("/cgi-bin/message/subscribe/send?access_token=x", json!({}))
            .await["errcode"],
        40001
    );
    assert_eq!(stage.list("/simulator/subscribe-messages").await.len(), 0);
}

#[tokio::test]
async fn one_message_to_a_person_is_on_its_way_at_a_time() {
    let stage = Stage::new().await;
    stage.template(json!({})).await;
    let user = stage.user().await;
    stage.allow(&user, "accept").await;
    stage.allow(&user, "accept").await;
    stage
        .faults(json!([{"kind": "delay", "api": "subscribe_send", "ms": 300}]))
        .await;
    let data = json!({"thing1": {"value": "茶"}});
    let (first, second) = tokio::join!(stage.message(&user, data.clone()), stage.message(&user, data));
    let mut errcodes = [first["errcode"].as_i64(), second["errcode"].as_i64()];
    errcodes.sort_unstable();
    assert_eq!(errcodes, [Some(0), Some(43108)]);
}

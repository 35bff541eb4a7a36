//! What the simulated WeChat finds in texts, and what it takes to be looked at.

use serde_json::{Value, json};

use crate::harness::{APP, OTHER_APP, Stage};

impl Stage {
    async fn check(&self, path: &str, body: &Value) -> Value {
        let token = self.stable_token(false).await;
        let token = token["access_token"].as_str().unwrap();
        self.post(&format!("{path}?access_token={token}"), body.clone())
            .await
    }

    async fn check_text(&self, body: &Value) -> Value {
        self.check("/wxa/msg_sec_check", body).await
    }

    async fn check_media(&self, body: &Value) -> Value {
        self.check("/wxa/media_check_async", body).await
    }

    /// Somebody who has just opened the first mini program.
    async fn active(&self) -> Value {
        let user = self.user().await;
        self.code(&user).await;
        user
    }
}

fn text(user: &Value, content: &str) -> Value {
    json!({"content": content, "version": 2, "scene": 2, "openid": user["openids"][APP]})
}

fn media(user: &Value, media_type: i64, media_url: &str) -> Value {
    json!({"media_url": media_url, "media_type": media_type, "version": 2, "scene": 1, "openid": user["openids"][APP]})
}

#[tokio::test]
async fn a_text_is_answered_with_suggestion_label_and_strategies() {
    let stage = Stage::new().await;
    let user = stage.active().await;
    let fine = stage.check_text(&text(&user, "好茶")).await;
    assert_eq!(
        (&fine["errcode"], &fine["result"]),
        (&json!(0), &json!({"suggest": "pass", "label": 100}))
    );
    assert_eq!(fine["detail"].as_array().unwrap().len(), 1);
    assert!(fine["trace_id"].is_string());
    let found = stage.check_text(&text(&user, "加我微信 赌博")).await;
    assert_eq!(found["result"], json!({"suggest": "risky", "label": 20_006}));
    let words: Vec<&Value> = found["detail"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["keyword"])
        .collect();
    assert_eq!(words, [&Value::Null, &json!("加我微信"), &json!("赌博")]);
    let failed = stage.check_text(&text(&user, "halfblind")).await;
    assert_eq!(failed["result"]["suggest"], "pass");
    assert_eq!(
        (&failed["detail"][0]["errcode"], &failed["detail"][0]["suggest"]),
        (&json!(-1), &json!("risky"))
    );
}

#[tokio::test]
async fn what_is_escaped_is_not_found() {
    let stage = Stage::new().await;
    let user = stage.active().await;
    let openid = user["openids"][APP].as_str().unwrap();
    let token = stage.stable_token(false).await;
    let url = stage.url(&format!(
        "/wxa/msg_sec_check?access_token={}",
        token["access_token"].as_str().unwrap()
    ));
    for (written, suggestion) in [("赌博", "risky"), ("\\u8d4c\\u535a", "pass")] {
        let body = format!(r#"{{"content":"{written}","version":2,"scene":2,"openid":"{openid}"}}"#);
        let answer = stage.http.post(&url).body(body).send().await.unwrap();
        let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        assert_eq!(answer["result"]["suggest"], suggestion, "{written}");
    }
}

#[tokio::test]
async fn the_version_of_old_knows_one_number() {
    let stage = Stage::new().await;
    for (content, errcode) in [("tea", 0), ("idiot", 0), ("gamble", 87_014), ("", 44_002)] {
        let answer = stage.check_text(&json!({ "content": content })).await;
        assert_eq!(
            (&answer["errcode"], answer.get("result")),
            (&json!(errcode), None),
            "{content}"
        );
    }
}

#[tokio::test]
async fn each_text_that_is_not_looked_at_has_its_number() {
    let stage = Stage::new().await;
    let user = stage.active().await;
    let good = text(&user, "tea");
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    for (body, errcode) in [
        (good.clone(), 0),
        (with("content", json!("茶".repeat(2_500))), 0),
        (with("content", json!("茶".repeat(2_501))), 47_001),
        (with("content", json!("")), 44_002),
        (with("content", json!(7)), 47_001),
        (with("scene", json!(0)), 40_129),
        (with("scene", json!(5)), 40_129),
        (with("scene", Value::Null), 40_129),
        (with("openid", json!("oNobody")), 40_003),
        (with("openid", Value::Null), 40_003),
        (with("openid", user["openids"][OTHER_APP].clone()), 43_104),
    ] {
        assert_eq!(stage.check_text(&body).await["errcode"], errcode, "{body}");
    }
    assert_eq!(stage.check_text(&json!([])).await["errcode"], 47_001);
    // Nobody's content is looked at who was away for two hours, or never there.
    let never = stage.user().await;
    assert_eq!(stage.check_text(&text(&never, "tea")).await["errcode"], 61_010);
    stage.advance(7_199).await;
    assert_eq!(stage.check_text(&good).await["errcode"], 0);
    stage.advance(1).await;
    assert_eq!(stage.check_text(&good).await["errcode"], 61_010);
    stage.code(&user).await;
    assert_eq!(stage.check_text(&good).await["errcode"], 0);
}

#[tokio::test]
async fn each_medium_that_is_not_looked_at_has_its_number() {
    let stage = Stage::new().await;
    let user = stage.active().await;
    for (media_type, media_url, errcode) in [
        (2, "https://a.example/a.JPG", 0),
        (2, "https://a.example/picture", 0),
        (1, "https://a.example/a.mp3?x=a.png", 0),
        (1, "https://a.example/a.png", 40_004),
        (2, "https://a.example/a.mp3", 40_004),
        (3, "https://a.example/a.png", 40_004),
        (2, "ftp://a.example/a.png", 47_001),
    ] {
        let answer = stage.check_media(&media(&user, media_type, media_url)).await;
        assert_eq!(answer["errcode"], errcode, "{media_url}");
        assert_eq!(answer["trace_id"].is_string(), errcode == 0);
    }
    let mut old = media(&user, 2, "https://a.example/a.png");
    old["version"] = json!(1);
    assert_eq!(stage.check_media(&old).await["errcode"], 47_001);
}

#[tokio::test]
async fn the_calls_of_a_minute_and_a_day_are_counted() {
    let stage = Stage::new().await;
    // To the noon of China, so that neither a day nor a minute ends in between.
    let since_midnight = (stage.now().await + 8 * 3_600).rem_euclid(86_400);
    let to_noon = (43_200 - since_midnight).rem_euclid(86_400);
    stage.advance(u64::try_from(to_noon).unwrap()).await;
    let user = stage.active().await;
    let mut rules = stage.get("/simulator/rules").await.json();
    assert_eq!(
        rules["content_checks"],
        json!({"text_per_minute": 4_000, "text_per_day": 2_000_000, "media_per_minute": 2_000, "media_per_day": 200_000})
    );
    rules["content_checks"] =
        json!({"text_per_minute": 2, "text_per_day": 3, "media_per_minute": 1, "media_per_day": 9});
    assert_eq!(stage.send("PUT", "/simulator/rules", &rules).await.status, 200);
    let (text, media) = (text(&user, "tea"), media(&user, 2, "https://a.example/a.png"));
    for errcode in [0, 0, 44_991] {
        assert_eq!(stage.check_text(&text).await["errcode"], errcode);
    }
    for errcode in [0, 44_991] {
        assert_eq!(stage.check_media(&media).await["errcode"], errcode);
    }
    stage.advance(60).await;
    assert_eq!(stage.check_text(&text).await["errcode"], 45_009);
    assert_eq!(stage.check_media(&media).await["errcode"], 0);
}

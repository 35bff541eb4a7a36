//! `GET /sns/jscode2session`.

use serde_json::{Value, json};

use crate::harness::{APP, OTHER_APP, SECRET, Stage};

impl Stage {
    /// Redeems a code with parameters that a test may change; an empty one is left out.
    async fn redeem_as(&self, app_id: &str, secret: &str, code: &str, grant_type: &str) -> Value {
        let parameters = [
            ("appid", app_id),
            ("secret", secret),
            ("js_code", code),
            ("grant_type", grant_type),
        ];
        let query: Vec<String> = parameters
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let answer = self
            .get(&format!("/sns/jscode2session?{}", query.join("&")))
            .await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("text/plain"));
        answer.json()
    }

    pub(crate) async fn redeem(&self, code: &str) -> Value {
        self.redeem_as(APP, SECRET, code, "authorization_code").await
    }
}

#[tokio::test]
async fn the_names_of_people_hold_dashes_and_underscores_too() {
    let stage = Stage::new().await;
    let mut names = String::new();
    for _ in 0..16 {
        let user = stage.user().await;
        for name in [&user["openids"][APP], &user["unionid"]] {
            let name = name.as_str().unwrap();
            assert!(name.len() == 28 && name.starts_with('o'), "{name}");
            names.push_str(name);
        }
    }
    assert!(names.contains('-') && names.contains('_'), "{names}");
}

#[tokio::test]
async fn code_becomes_openid_and_session_key_once() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let code = stage.code(&user).await;
    let session = stage.redeem(&code).await;
    assert_eq!(session["openid"], user["openids"][APP]);
    assert_eq!(session["unionid"], user["unionid"]);
    assert_eq!(session["session_key"].as_str().unwrap().len(), 24);
    assert!(session.get("errcode").is_none());
    let again = stage.redeem(&code).await;
    assert_eq!(again["errcode"], 40163);
    assert!(again["errmsg"].as_str().unwrap().contains("rid: "));
}

#[tokio::test]
async fn each_fault_of_the_caller_has_its_errcode() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let code = stage.code(&user).await;
    let grant = "authorization_code";
    for (app_id, secret, js_code, grant_type, errcode) in [
        ("", SECRET, code.as_str(), grant, 41002),
        (APP, "", code.as_str(), grant, 41004),
        (APP, SECRET, "", grant, 41008),
        (APP, SECRET, code.as_str(), "client_credential", 40002),
        (APP, SECRET, code.as_str(), "", 40002),
        ("wx0000000000000000", SECRET, code.as_str(), grant, 40013),
        (APP, "wrong", code.as_str(), grant, 40125),
        (APP, SECRET, "nonsense", grant, 40029),
        (OTHER_APP, SECRET, code.as_str(), grant, 40029),
    ] {
        let refusal = stage.redeem_as(app_id, secret, js_code, grant_type).await;
        assert_eq!(refusal["errcode"], errcode, "{app_id} {js_code} {grant_type}");
    }
    // None of them used the code up.
    assert!(stage.redeem(&code).await.get("openid").is_some());
    let posted = stage.send("POST", "/sns/jscode2session", &json!({})).await;
    assert_eq!(posted.json()["errcode"], 43001);
}

#[tokio::test]
async fn code_dies_after_five_minutes() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let (early, late) = (stage.code(&user).await, stage.code(&user).await);
    stage.advance(290).await;
    assert!(stage.redeem(&early).await.get("openid").is_some());
    stage.advance(10).await;
    assert_eq!(stage.redeem(&late).await["errcode"], 42003);
}

#[tokio::test]
async fn blocked_user_cannot_log_in() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let path = format!("/simulator/users/{}", user["user_id"].as_str().unwrap());
    stage.send("PATCH", &path, &json!({ "is_blocked": true })).await;
    let code = stage.code(&user).await;
    assert_eq!(stage.redeem(&code).await["errcode"], 40226);
    stage.send("PATCH", &path, &json!({ "is_blocked": false })).await;
    let code = stage.code(&user).await;
    assert!(stage.redeem(&code).await.get("openid").is_some());
}

#[tokio::test]
async fn session_key_rotates_when_asked_or_old() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let key_of_login = async |rotate: Value| {
        let wish = json!({ "user_id": user["user_id"], "rotate": rotate });
        let code = stage.post("/simulator/login-codes", wish).await;
        stage.redeem(code["code"].as_str().unwrap()).await["session_key"].clone()
    };
    let first = key_of_login(Value::Null).await;
    assert_eq!(key_of_login(Value::Null).await, first);
    let second = key_of_login(json!(true)).await;
    assert_ne!(second, first);
    stage.advance(600).await;
    assert_eq!(key_of_login(json!(false)).await, second);
    assert_ne!(key_of_login(Value::Null).await, second);
}

#[tokio::test]
async fn unbound_app_has_no_unionid() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let wish = json!({ "user_id": user["user_id"], "app_id": OTHER_APP });
    let code = stage.post("/simulator/login-codes", wish).await["code"]
        .as_str()
        .unwrap()
        .to_owned();
    let session = stage
        .redeem_as(OTHER_APP, SECRET, &code, "authorization_code")
        .await;
    assert_eq!(session["openid"], user["openids"][OTHER_APP]);
    assert_ne!(user["openids"][OTHER_APP], user["openids"][APP]);
    assert!(session.get("unionid").is_none());
}

//! What a page gets encrypted and signed, opened with what a server knows.

use aes::Aes128;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use cbc::cipher::block_padding::{NoPadding, Pkcs7};
use cbc::cipher::{BlockModeDecrypt as _, KeyIvInit as _};
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

use crate::harness::{APP, OTHER_APP, Stage};

fn decoded(text: &Value) -> Vec<u8> {
    BASE64_STANDARD.decode(text.as_str().unwrap()).unwrap()
}

fn cipher(session_key: &Value, iv: &Value) -> cbc::Decryptor<Aes128> {
    cbc::Decryptor::new_from_slices(&decoded(session_key), &decoded(iv)).unwrap()
}

/// The text behind sealed data; none when its padding is none.
fn open(sealed: &Value, session_key: &Value) -> Option<String> {
    let cipher = cipher(session_key, &sealed["iv"]);
    let plain = cipher
        .decrypt_padded_vec::<Pkcs7>(&decoded(&sealed["encryptedData"]))
        .ok()?;
    Some(String::from_utf8(plain).unwrap())
}

impl Stage {
    async fn seal(&self, user: &Value, mut wish: Value) -> Value {
        wish["user_id"] = user["user_id"].clone();
        self.post("/simulator/open-data", wish).await
    }

    /// The session keys of the only person in the first mini program.
    async fn keys(&self) -> Value {
        let all = self.list("/simulator/session-keys").await;
        all.into_iter().find(|own| own["app_id"] == APP).unwrap()
    }
}

#[tokio::test]
async fn each_kind_says_what_wechat_says() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let key = stage.keys().await["session_key"].clone();
    for (kind, start, is_signed) in [
        ("user_info", "{\"openId\":\"", true),
        ("profile", "{\"nickName\":\"", true),
        ("phone", "{\"phoneNumber\":\"", false),
        ("werun", "{\"stepInfoList\":[{\"step\":", false),
        ("share_group", "{\"openGId\":\"", false),
        ("other", "{\"watermark\":", false),
    ] {
        let sealed = stage.seal(&user, json!({ "kind": kind })).await;
        let text = open(&sealed, &key).unwrap();
        assert!(text.starts_with(start), "{kind}: {text}");
        let data: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(data["watermark"]["appid"], APP);
        assert!((data["watermark"]["timestamp"].as_i64().unwrap() - stage.now().await).abs() < 60);
        assert_eq!(sealed["rawData"].is_string(), is_signed, "{kind}");
        assert_eq!(sealed["signature"].is_string(), is_signed, "{kind}");
    }
}

#[tokio::test]
async fn a_profile_names_the_person_only_where_wechat_does() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let keys = stage.list("/simulator/session-keys").await;
    for (app, openid, unionid) in [
        (APP, &user["openids"][APP], &user["unionid"]),
        // Not bound to an Open Platform account.
        (OTHER_APP, &user["openids"][OTHER_APP], &Value::Null),
    ] {
        let key = &keys.iter().find(|own| own["app_id"] == app).unwrap()["session_key"];
        let sealed = stage
            .seal(&user, json!({ "kind": "user_info", "app_id": app }))
            .await;
        let data: Value = serde_json::from_str(&open(&sealed, key).unwrap()).unwrap();
        assert_eq!((&data["openId"], &data["unionId"]), (openid, unionid));
        assert_eq!(data["watermark"]["appid"], app);
        let raw_data = sealed["rawData"].as_str().unwrap();
        assert!(!raw_data.contains("openId") && !raw_data.contains("unionId"));
        let signed = format!("{raw_data}{}", key.as_str().unwrap());
        assert_eq!(sealed["signature"], hex::encode(Sha1::digest(signed)));
    }
}

#[tokio::test]
async fn it_is_encrypted_under_the_key_that_is_asked_for() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    for _ in 0..4 {
        let wish = json!({ "user_id": user["user_id"], "rotate": true });
        stage.post("/simulator/login-codes", wish).await;
    }
    let keys = stage.keys().await;
    let earlier = keys["earlier"].as_array().unwrap();
    assert_eq!(earlier.len(), 3, "three are remembered");
    for (keys_back, key) in (0..).zip([&keys["session_key"]].into_iter().chain(earlier)) {
        let sealed = stage
            .seal(&user, json!({ "kind": "profile", "keys_back": keys_back }))
            .await;
        assert!(
            open(&sealed, key).unwrap().starts_with("{\"nickName\""),
            "{keys_back}"
        );
    }
    let wish = json!({ "user_id": user["user_id"], "kind": "profile", "keys_back": 4 });
    assert_eq!(
        stage.send("POST", "/simulator/open-data", &wish).await.status,
        404
    );
}

#[tokio::test]
async fn whatever_is_wished_otherwise_is_otherwise() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let key = stage.keys().await["session_key"].clone();
    let text = async |wish: Value| open(&stage.seal(&user, wish).await, &key);
    let parsed = async |wish: Value| serde_json::from_str::<Value>(&text(wish).await.unwrap()).unwrap();
    let changed = parsed(json!({"kind": "phone", "data": {"countryCode": "852", "x": [1]}})).await;
    assert_eq!(
        (&changed["countryCode"], &changed["x"]),
        (&json!("852"), &json!([1]))
    );
    let foreign = parsed(json!({"kind": "phone", "watermark_app_id": "wx9", "age_s": 1_000})).await;
    assert_eq!(foreign["watermark"]["appid"], "wx9");
    let age_s = stage.now().await - foreign["watermark"]["timestamp"].as_i64().unwrap();
    assert!((990..1_060).contains(&age_s), "{age_s}");
    assert_eq!(
        text(json!({"kind": "other", "without_watermark": true}))
            .await
            .unwrap(),
        "{}"
    );
    assert_eq!(
        text(json!({"kind": "other", "text": "any"})).await.unwrap(),
        "any"
    );
    let signed = stage
        .seal(&user, json!({"kind": "phone", "raw_data": "any"}))
        .await;
    assert_eq!(signed["rawData"], "any");
    for (padding, end) in [
        ("zero", vec![0]),
        ("too_long", vec![17]),
        ("uneven", vec![4, 3, 4, 4]),
    ] {
        for length in 0..33 {
            let wish = json!({"kind": "other", "text": "x".repeat(length), "padding": padding});
            let sealed = stage.seal(&user, wish).await;
            assert_eq!(open(&sealed, &key), None, "{padding} {length}");
            let data = decoded(&sealed["encryptedData"]);
            let blocks = cipher(&key, &sealed["iv"])
                .decrypt_padded_vec::<NoPadding>(&data)
                .unwrap();
            assert!(blocks.ends_with(&end), "{padding} {length}: {blocks:?}");
        }
    }
    for wrong in [
        json!({"user_id": "nobody", "kind": "phone"}),
        json!({"user_id": user["user_id"], "kind": "phone", "app_id": "wx9"}),
    ] {
        assert_eq!(
            stage.send("POST", "/simulator/open-data", &wrong).await.status,
            404
        );
    }
    for wrong in [
        json!({"user_id": user["user_id"]}),
        json!({"user_id": user["user_id"], "kind": "phone", "age_s": 31_536_001}),
        json!({"user_id": user["user_id"], "kind": "phone", "key": "current"}),
    ] {
        assert_eq!(
            stage.send("POST", "/simulator/open-data", &wrong).await.status,
            400
        );
    }
}

#[tokio::test]
async fn a_reset_needs_the_key_and_leaves_it_dead() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let token = stage.plain_token().await["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let openid = user["openids"][APP].as_str().unwrap();
    let ask = async |api: &str, key: &Value, method: &str| {
        let own = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key.as_str().unwrap().as_bytes());
        let signature = hex::encode(aws_lc_rs::hmac::sign(&own, b""));
        let path = format!(
            "/wxa/{api}?access_token={token}&openid={openid}&signature={signature}&sig_method={method}"
        );
        stage.get(&path).await.json()
    };
    let old = stage.keys().await["session_key"].clone();
    for (key, method, errcode) in [
        (&json!("AAAAAAAAAAAAAAAAAAAAAA=="), "hmac_sha256", 87009),
        (&old, "md5", 87008),
    ] {
        assert_eq!(ask("resetusersessionkey", key, method).await["errcode"], errcode);
    }
    assert_eq!(stage.keys().await["session_key"], old);
    let answer = ask("resetusersessionkey", &old, "hmac_sha256").await;
    assert_eq!(
        (&answer["errcode"], &answer["openid"]),
        (&json!(0), &json!(openid))
    );
    let new = answer["session_key"].clone();
    assert_eq!(stage.keys().await["session_key"], new);
    assert_ne!(new, old);
    assert_eq!(ask("checksession", &old, "hmac_sha256").await["errcode"], 87009);
    assert_eq!(ask("checksession", &new, "hmac_sha256").await["errcode"], 0);
    // The next login brings the same.
    let session = stage.redeem(&stage.code(&user).await).await;
    assert_eq!(session["session_key"], new);
    let anonymous = stage.get("/wxa/resetusersessionkey").await.json();
    assert_eq!(anonymous["errcode"], 41001);
}

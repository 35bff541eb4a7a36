//! Who a login makes: one user for each person in each mini program, with the keys WeChat gave.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use weir::domain::name::{AppId, OpenId};
use weir::store::user::session_key_place;
use weir::store::vault::Vault;

use crate::harness::{APP, DATA_KEYS, HandPlayed, OTHER_APP, Setup, Shop, Token, shop, shop_with};

const KEY_A: &str = "QUFBQUFBQUFBQUFBQUFBQQ==";
const KEY_B: &str = "QkJCQkJCQkJCQkJCQkJCQg==";
const KEY_C: &str = "Q0NDQ0NDQ0NDQ0NDQ0NDQw==";

/// Logs in with a WeChat played by hand, which grants what `said` holds.
async fn granted(shop: &Shop, wechat: &HandPlayed, said: &Value) -> Value {
    granted_by(shop, 0, wechat, said).await
}

async fn granted_by(shop: &Shop, replica: usize, wechat: &HandPlayed, said: &Value) -> Value {
    let request = json!({"code": "0a1B2c3D"});
    let request = shop.request_of(replica, "POST", "/v1/login", None, Some(&request));
    let (answer, ()) = tokio::join!(shop.send(request), async {
        wechat.call().await.answer(200, &said.to_string()).await;
    });
    answer.ok(200)
}

fn key_of(text: &str) -> [u8; 32] {
    STANDARD.decode(text).unwrap().try_into().unwrap()
}

/// The keys of Alice as they lie in the database.
#[derive(sqlx::FromRow)]
struct Kept {
    session_key: Vec<u8>,
    session_key_at: DateTime<Utc>,
    previous_session_key: Option<Vec<u8>>,
    previous_session_key_at: Option<DateTime<Utc>>,
    session_key_replaced_at: Option<DateTime<Utc>>,
}

impl Kept {
    async fn read(shop: &Shop) -> Self {
        sqlx::query_as(
            "select session_key, session_key_at, previous_session_key, previous_session_key_at,
                session_key_replaced_at from users where openid = 'oAlice'",
        )
        .fetch_one(&shop.db)
        .await
        .unwrap()
    }

    /// What the two columns open to, at their place and under the usual key.
    fn open(&self) -> (String, Option<String>) {
        let open = |sealed: &Vec<u8>| {
            let vault = Vault::new([&key_of(DATA_KEYS)]).unwrap();
            let plain = vault.open(&place(APP, "oAlice"), sealed).unwrap();
            String::from_utf8(plain.to_vec()).unwrap()
        };
        (
            open(&self.session_key),
            self.previous_session_key.as_ref().map(open),
        )
    }
}

fn place(app_id: &str, openid: &str) -> String {
    session_key_place(&AppId::parse(app_id).unwrap(), &OpenId::parse(openid).unwrap())
}

#[tokio::test]
async fn a_login_answers_with_a_session_and_its_user() {
    shop(async |shop| {
        let mut phone = shop.phone().await;
        let first = phone.login().await;
        assert_eq!(first["token_type"], "Bearer");
        assert_eq!(first["is_new_user"], true);
        let expires_at: DateTime<Utc> = first["expires_at"].as_str().unwrap().parse().unwrap();
        assert_eq!((expires_at - shop.clock.now()).num_seconds(), 604_800);
        let user = first["user"].as_object().unwrap();
        let members: BTreeSet<&str> = user.keys().map(String::as_str).collect();
        assert_eq!(
            members,
            BTreeSet::from(["id", "nickname", "avatar_url", "phone_number", "created_at"])
        );
        assert_eq!(user["nickname"], Value::Null);
        let again = phone.login().await;
        assert_eq!(again["is_new_user"], false);
        assert_eq!(again["user"], first["user"]);
        assert_ne!(again["token"], first["token"]);
    })
    .await;
}

#[tokio::test]
async fn one_person_is_another_user_in_another_mini_program() {
    shop_with(Setup::default().two_apps(), async |shop| {
        let mut phone = shop.phone().await;
        let mut users = Vec::new();
        for app_id in [APP, OTHER_APP] {
            let body = phone.login_to(app_id).await;
            assert_eq!(body["is_new_user"], true);
            assert_eq!(Token::read(&phone.token).claims["aud"], app_id);
            let session = phone.call("GET", "/v1/session", None).await.ok(200);
            assert_eq!(session["session"]["app_id"], app_id);
            users.push(body["user"]["id"].clone());
        }
        assert_ne!(users[0], users[1]);
        // Only the first mini program is bound to an Open Platform account.
        let unionids: Vec<Option<String>> = sqlx::query_scalar("select unionid from users order by app_id")
            .fetch_all(&shop.db)
            .await
            .unwrap();
        assert!(unionids[0].is_some() && unionids[1].is_none());
        // A code of one is nothing to the other.
        let code = phone.code(OTHER_APP).await;
        phone
            .try_login(&json!({"code": code, "app_id": APP}))
            .await
            .refused(400, "login_code_invalid");
    })
    .await;
}

#[tokio::test]
async fn the_unionid_is_kept_once_it_appears() {
    let wechat = HandPlayed::start().await;
    let setup = Setup::default().with("WECHAT_API_BASE_URL", wechat.url());
    shop_with(setup, async |shop| {
        shop.keep_secret(["uAlice".to_owned(), "uMoved".to_owned()]);
        for (said, kept) in [
            (None, None),
            (Some("uAlice"), Some("uAlice")),
            (None, Some("uAlice")),
            (Some("uMoved"), Some("uMoved")),
            (Some("uMoved"), Some("uMoved")),
        ] {
            let mut body = json!({"openid": "oAlice", "session_key": KEY_A});
            if let Some(said) = said {
                body["unionid"] = json!(said);
            }
            let user = granted(shop, &wechat, &body).await["user"]["id"].clone();
            let found: Option<String> = sqlx::query_scalar("select unionid from users")
                .fetch_one(&shop.db)
                .await
                .unwrap();
            assert_eq!(found.as_deref(), kept);
            let mut told = shop.lines_with("WeChat tells another unionid than before");
            told.retain(|line| line["user.id"] == user && line["app_id"] == APP);
            assert_eq!(told.len(), usize::from(kept == Some("uMoved")), "{told:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_key_lies_encrypted_and_opens_in_its_place_alone() {
    let wechat = HandPlayed::start().await;
    let setup = Setup::default().with("WECHAT_API_BASE_URL", wechat.url());
    shop_with(setup, async |shop| {
        shop.keep_secret([KEY_A.to_owned()]);
        for openid in ["oAlice", "oBob"] {
            let said = json!({"openid": openid, "session_key": KEY_A});
            granted(shop, &wechat, &said).await;
        }
        let sealed: Vec<Vec<u8>> = sqlx::query_scalar("select session_key from users order by openid")
            .fetch_all(&shop.db)
            .await
            .unwrap();
        assert_ne!(sealed[0], sealed[1], "equal keys look alike");
        for bytes in &sealed {
            let plain = STANDARD.decode(KEY_A).unwrap();
            assert!(!bytes.windows(plain.len()).any(|window| window == plain));
            assert!(
                !bytes
                    .windows(KEY_A.len())
                    .any(|window| window == KEY_A.as_bytes())
            );
        }
        let vault = Vault::new([&key_of(DATA_KEYS)]).unwrap();
        let opened = vault.open(&place(APP, "oAlice"), &sealed[0]).unwrap();
        assert_eq!(opened.as_slice(), KEY_A.as_bytes());
        assert!(vault.open(&place(APP, "oBob"), &sealed[0]).is_err());
        assert!(vault.open(&place(OTHER_APP, "oAlice"), &sealed[0]).is_err());
        assert!(
            Vault::new([&[7; 32]])
                .unwrap()
                .open(&place(APP, "oAlice"), &sealed[0])
                .is_err()
        );
    })
    .await;
}

#[tokio::test]
async fn only_another_session_key_takes_the_place_of_the_one_before() {
    let wechat = HandPlayed::start().await;
    let setup = Setup::default().with("WECHAT_API_BASE_URL", wechat.url());
    shop_with(setup, async |shop| {
        shop.keep_secret([KEY_A, KEY_B, KEY_C].map(str::to_owned));
        let start = shop.clock.now();
        let mut seen = Vec::new();
        for key in [KEY_A, KEY_A, KEY_B, KEY_B, KEY_C] {
            let said = json!({"openid": "oAlice", "session_key": key});
            granted(shop, &wechat, &said).await;
            let kept = Kept::read(shop).await;
            let since = |at: DateTime<Utc>| (at - start).num_seconds();
            let (newest, previous) = kept.open();
            seen.push((
                newest,
                since(kept.session_key_at),
                previous,
                kept.previous_session_key_at.map(since),
                kept.session_key_replaced_at.map(since),
            ));
            shop.advance(10).await;
        }
        let text = str::to_owned;
        assert_eq!(
            seen,
            [
                (text(KEY_A), 0, None, None, None),
                (text(KEY_A), 10, None, None, None),
                (text(KEY_B), 20, Some(text(KEY_A)), Some(10), Some(20)),
                (text(KEY_B), 30, Some(text(KEY_A)), Some(10), Some(20)),
                (text(KEY_C), 40, Some(text(KEY_B)), Some(30), Some(40)),
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn the_key_before_survives_a_change_of_the_data_keys() {
    const NEW_DATA_KEY: &str = "1b8DPCyR0gGEX0vNpHfzZxHCkTz3WN3Jm9kW7uQbqSY=";
    let wechat = HandPlayed::start().await;
    let setup = Setup::default().with("WECHAT_API_BASE_URL", wechat.url());
    shop_with(setup.clone(), async |shop| {
        for key in [KEY_A, KEY_B] {
            granted(shop, &wechat, &json!({"openid": "oAlice", "session_key": key})).await;
        }
        let before = Kept::read(shop).await;
        let both = setup.with("DATA_KEYS", format!("{NEW_DATA_KEY},{DATA_KEYS}"));
        let rotated = shop.join(&both).await;
        let said = json!({"openid": "oAlice", "session_key": KEY_B});
        granted_by(shop, rotated, &wechat, &said).await;
        let after = Kept::read(shop).await;
        let vault = Vault::new([&key_of(NEW_DATA_KEY)]).unwrap();
        let newest = vault.open(&place(APP, "oAlice"), &after.session_key).unwrap();
        assert_eq!(newest.as_slice(), KEY_B.as_bytes(), "sealed under the newest key");
        assert_eq!(
            after.previous_session_key, before.previous_session_key,
            "the same session key under another data key is still the same"
        );
    })
    .await;
}

#[tokio::test]
async fn wx_login_replaces_the_key_when_it_does() {
    shop(async |shop| {
        let mut phone = shop.phone().await;
        for (rotate, changes) in [(None, 0), (Some(false), 0), (Some(true), 1)] {
            let body = json!({"user_id": phone.user_id, "app_id": APP, "rotate": rotate});
            let code = shop.control("POST", "/simulator/login-codes", &body).await;
            let answer = phone.try_login(&json!({"code": code["code"]})).await.ok(200);
            phone.take_token(&answer);
            let replaced = "select count(*) from users where previous_session_key is not null";
            assert_eq!(shop.count(replaced).await, changes);
        }
    })
    .await;
}

#[tokio::test]
async fn first_logins_of_one_person_at_the_same_time_make_one_user() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let phone = shop.phone().await;
        let mut logins = Vec::new();
        for at in 0..20 {
            let body = json!({"code": phone.code(APP).await});
            logins.push(shop.send(shop.request_of(at % 2, "POST", "/v1/login", None, Some(&body))));
        }
        let answers = futures_util::future::join_all(logins).await;
        let bodies: Vec<Value> = answers.iter().map(|answer| answer.ok(200)).collect();
        let users: BTreeSet<&str> = bodies
            .iter()
            .map(|body| body["user"]["id"].as_str().unwrap())
            .collect();
        assert_eq!(users.len(), 1);
        let new = bodies.iter().filter(|body| body["is_new_user"] == true).count();
        assert_eq!(new, 1);
        assert_eq!(shop.count("select count(*) from users").await, 1);
        assert_eq!(shop.count("select count(*) from sessions").await, 20);
    })
    .await;
}

//! A simulator on a free port, with a phone, a merchant and a server that receives notifications.

use std::net::SocketAddr;

use secrecy::SecretString;
use serde_json::{Value, json};
use weir::simulator::{
    App, Delivery, KeyMode, Keys, Merchant, Options, Push, PushFormat, PushMode, Simulator,
};

use crate::receiver::Receiver;

pub(crate) const APP: &str = "wx1111111111111111";
pub(crate) const OTHER_APP: &str = "wx2222222222222222";
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const MCH_ID: &str = "1900000001";
pub(crate) const CERT_SERIAL: &str = "3775B6A45ACD588826D15E583A95F5DD00000001";
pub(crate) const API_V3_KEY: &str = "ThirtyTwoCharactersOfTheApiV3Key";
pub(crate) const PUSH_TOKEN: &str = "Kd93hFz7QwXb2VnM5tRyPcLs8JgUe4Aa";
pub(crate) const PUSH_AES_KEY: &str = "hV3kQz8XwN5bRtY2mLc9PfGs7JdUe4AaBi6oTx1KqWF";
pub(crate) const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0119000000012026010100000000000001";

pub(crate) const MERCHANT_KEY: &str = include_str!("../fixtures/keys/merchant_private_key.pem");
const MERCHANT_CERTIFICATE: &str = include_str!("../fixtures/keys/merchant_certificate.pem");
const PLATFORM_1: &str = include_str!("../fixtures/keys/platform_1_private_key.pem");
const PLATFORM_2: &str = include_str!("../fixtures/keys/platform_2_private_key.pem");
const PUBLIC_MODE: &str = include_str!("../fixtures/keys/public_mode_private_key.pem");
pub(crate) const STRANGER_KEY: &str = include_str!("../fixtures/keys/stranger_private_key.pem");

/// A running simulator and everything around it.
pub(crate) struct Stage {
    pub(crate) simulator: Simulator,
    pub(crate) receiver: Receiver,
    pub(crate) http: reqwest::Client,
}

/// An answer with everything a test may ask for.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self {
            status,
            headers,
            body: response.bytes().await.unwrap().to_vec(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| {
            panic!(
                "no JSON: {} {:?}",
                self.status,
                String::from_utf8_lossy(&self.body)
            )
        })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub(crate) fn client() -> reqwest::Client {
    #[expect(clippy::disallowed_methods, reason = "the only client of these tests")]
    let builder = reqwest::Client::builder();
    builder.no_proxy().user_agent("weir-tests").build().unwrap()
}

/// The settings of all tests: fixed keys, nothing on disk, notifications only when told.
pub(crate) fn options() -> Options {
    let app = |app_id: &str, is_bound| App {
        app_id: app_id.to_owned(),
        app_secret: SecretString::from(SECRET),
        is_bound,
        push: Some(Push {
            token: SecretString::from(PUSH_TOKEN),
            encoding_aes_key: SecretString::from(PUSH_AES_KEY),
            mode: PushMode::Secure,
            format: PushFormat::Json,
        }),
    };
    Options {
        bind: SocketAddr::from(([127, 0, 0, 1], 0)),
        is_exposed: false,
        server_url: None,
        seed: 7,
        folder: None,
        keys: Keys {
            mode: KeyMode::Certificate,
            platform: vec![SecretString::from(PLATFORM_1), SecretString::from(PLATFORM_2)],
            public: SecretString::from(PUBLIC_MODE),
            public_id: PUBLIC_KEY_ID.to_owned(),
        },
        apps: vec![app(APP, true), app(OTHER_APP, false)],
        merchant: Merchant {
            mch_id: MCH_ID.to_owned(),
            name: "Tea house".to_owned(),
            cert_serial: CERT_SERIAL.to_owned(),
            public_key: MERCHANT_CERTIFICATE.to_owned(),
            private_key: Some(SecretString::from(MERCHANT_KEY)),
            api_v3_key: SecretString::from(API_V3_KEY),
        },
        delivery: Delivery::Manual,
    }
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(options()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        Self {
            simulator: weir::simulator::start(options).await.unwrap(),
            receiver: Receiver::start(),
            http: client(),
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.simulator.url().as_str().trim_end_matches('/'))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.http.get(self.url(path)).send().await.unwrap()).await
    }

    /// A call of the control API with a JSON body.
    pub(crate) async fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.http.request(method, self.url(path));
        let request = request
            .header("content-type", "application/json")
            .body(body.to_string());
        Answer::of(request.send().await.unwrap()).await
    }

    /// A call of the control API that must go well.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.send("POST", path, &body).await;
        assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
        if answer.body.is_empty() {
            Value::Null
        } else {
            answer.json()
        }
    }

    pub(crate) async fn list(&self, path: &str) -> Vec<Value> {
        self.get(path).await.json()["items"].as_array().unwrap().clone()
    }

    /// Seconds since 1970 on the simulator's clock.
    pub(crate) async fn now(&self) -> i64 {
        let clock = self.get("/simulator/clock").await.json();
        chrono::DateTime::parse_from_rfc3339(clock["now"].as_str().unwrap())
            .unwrap()
            .timestamp()
    }

    pub(crate) async fn advance(&self, seconds: u64) {
        self.post("/simulator/clock", json!({ "advance_s": seconds }))
            .await;
    }

    pub(crate) async fn user(&self) -> Value {
        self.post("/simulator/users", json!({})).await
    }

    pub(crate) async fn code(&self, user: &Value) -> String {
        let code = self
            .post("/simulator/login-codes", json!({ "user_id": user["user_id"] }))
            .await;
        code["code"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn faults(&self, faults: Value) {
        let answer = self
            .send("PUT", "/simulator/faults", &json!({ "faults": faults }))
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Sends all notifications that are due and returns the statuses answered.
    pub(crate) async fn deliver(&self) -> Vec<Value> {
        let sent = self.post("/simulator/notifications/deliver", json!({})).await;
        sent["items"].as_array().unwrap().clone()
    }

    pub(crate) async fn deliver_statuses(&self) -> Vec<Value> {
        self.deliver()
            .await
            .iter()
            .map(|delivery| delivery["status"].clone())
            .collect()
    }

    pub(crate) async fn trade_state(&self, out_trade_no: &str) -> Value {
        let found = self
            .list(&format!("/simulator/transactions?out_trade_no={out_trade_no}"))
            .await;
        found[0]["trade_state"].clone()
    }
}

//! A person with a phone: what a page does, in its words.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Answer, Shop};

/// A person with a phone.
#[derive(Clone)]
pub(crate) struct Phone<'a> {
    pub(crate) shop: &'a Shop,
    /// The person, by the simulator's name.
    pub(crate) user_id: String,
    /// The mini program that is open.
    pub(crate) app_id: &'static str,
    /// The session's token, after a login.
    pub(crate) token: String,
    /// What WeChat calls the person.
    names: Vec<String>,
}

impl<'a> Phone<'a> {
    pub(super) async fn new(shop: &'a Shop) -> Self {
        let user = shop.control("POST", "/simulator/users", &json!({})).await;
        let openids = user["openids"].as_object().unwrap().values();
        let number = user["phone_number"]["pure_phone_number"].as_str().unwrap();
        shop.keep_from_logs([number.to_owned()]);
        let names: Vec<String> = openids
            .chain([&user["unionid"]])
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect();
        shop.keep_secret(names.clone());
        Self {
            shop,
            names,
            user_id: user["user_id"].as_str().unwrap().to_owned(),
            app_id: super::APP,
            token: String::new(),
        }
    }

    /// `wx.login` in a mini program.
    pub(crate) async fn code(&self, app_id: &str) -> String {
        let body = json!({"user_id": self.user_id, "app_id": app_id});
        let code = self.shop.control("POST", "/simulator/login-codes", &body).await;
        let code = code["code"].as_str().unwrap().to_owned();
        self.shop.keep_secret([code.clone()]);
        self.keep_session_keys().await;
        code
    }

    /// From now on the session keys of everybody at WeChat are secret, in every form.
    pub(crate) async fn keep_session_keys(&self) {
        for own in self.shop.list("/simulator/session-keys").await {
            let earlier = own["earlier"].as_array().unwrap();
            for key in earlier.iter().chain([&own["session_key"]]) {
                let text = key.as_str().unwrap();
                let bytes = STANDARD.decode(text).unwrap();
                let unpadded = text.trim_end_matches('=').to_owned();
                self.shop
                    .keep_secret([unpadded, hex::encode(&bytes), format!("{bytes:?}")]);
            }
        }
    }

    /// What a page gets that asks for open data: `encryptedData` and `iv`, for a profile `rawData` and
    /// `signature` as well.
    pub(crate) async fn sealed(&self, mut wish: Value) -> Value {
        wish["user_id"] = json!(self.user_id);
        self.shop.control("POST", "/simulator/open-data", &wish).await
    }

    /// `POST /v1/open-data`. The person's own names may stand in its answer, and in no other.
    pub(crate) async fn open(&self, sealed: &Value) -> Answer {
        let token = Some(self.token.as_str());
        let request = self.shop.request("POST", "/v1/open-data", token, Some(sealed));
        let answer = Answer::of(request.send().await.unwrap()).await;
        let mut text = answer.text();
        for name in &self.names {
            text = text.replace(name, "");
        }
        self.shop.look_at(&Answer {
            status: answer.status,
            headers: answer.headers.clone(),
            body: text.into_bytes(),
        });
        answer
    }

    /// `wx.login` that brings a new session key, and the login with its code.
    pub(crate) async fn login_anew(&mut self) {
        let wish = json!({"user_id": self.user_id, "rotate": true});
        let code = self.shop.control("POST", "/simulator/login-codes", &wish).await;
        self.keep_session_keys().await;
        let body = self.try_login(&code).await.ok(200);
        self.take_token(&body);
    }

    /// `POST /v1/login` with a fresh code of the usual mini program.
    pub(crate) async fn login(&mut self) -> Value {
        let code = self.code(super::APP).await;
        let answer = self.try_login(&json!({ "code": code })).await;
        let body = answer.ok(200);
        self.take_token(&body);
        body
    }

    /// Opens a mini program: `POST /v1/login` in its name.
    pub(crate) async fn login_to(&mut self, app_id: &'static str) -> Value {
        self.app_id = app_id;
        let code = self.code(app_id).await;
        let answer = self.try_login(&json!({"code": code, "app_id": app_id})).await;
        let body = answer.ok(200);
        self.take_token(&body);
        body
    }

    /// `POST /v1/login`. Its answer hands out a token, so it is not searched for one.
    pub(crate) async fn try_login(&self, body: &Value) -> Answer {
        self.shop.call("POST", "/v1/login", Some(body)).await
    }

    /// Uses the token of an answer from now on.
    pub(crate) fn take_token(&mut self, body: &Value) {
        body["token"].as_str().unwrap().clone_into(&mut self.token);
        self.shop.keep_secret([self.token.clone()]);
    }

    /// A request with the session's token.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.shop
            .send(self.shop.request(method, path, Some(&self.token), body))
            .await
    }

    /// `POST /v1/orders`.
    pub(crate) async fn order(&self, key: &str, body: &Value) -> Answer {
        let request = self
            .shop
            .request("POST", "/v1/orders", Some(&self.token), Some(body));
        self.shop.send(request.header("idempotency-key", key)).await
    }

    /// Orders `quantity` of a product under a new key, and gives the order's id.
    pub(crate) async fn buy(&self, product_id: &str, quantity: i64) -> String {
        let key = uuid::Uuid::from_u128(rand()).to_string();
        let body = json!({"items": [{"product_id": product_id, "quantity": quantity}]});
        self.order(&key, &body).await.ok(201)["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// `POST /v1/orders/{id}/payment`.
    pub(crate) async fn try_start_payment(&self, order_id: &str) -> Answer {
        self.call("POST", &format!("/v1/orders/{order_id}/payment"), None)
            .await
    }

    /// The parameters for `wx.requestPayment`.
    pub(crate) async fn start_payment(&self, order_id: &str) -> Value {
        self.try_start_payment(order_id).await.ok(200)
    }

    /// `wx.requestPayment`, up to the cashier's sheet.
    pub(crate) async fn cashier(&self, parameters: &Value) -> String {
        let body = self.request_payment(parameters);
        let sheet = self
            .shop
            .control("POST", "/simulator/request-payment", &body)
            .await;
        sheet["cashier_id"].as_str().unwrap().to_owned()
    }

    /// What this phone hands to WeChat: by the mini program it is logged in to, unless another is named.
    pub(super) fn request_payment(&self, parameters: &Value) -> Value {
        let mut body = parameters.clone();
        body["user_id"] = json!(self.user_id);
        if body.get("app_id").is_none() {
            body["app_id"] = json!(self.app_id);
        }
        body
    }

    /// Pays with the given parameters; no notification is sent yet. Gives WeChat's number.
    pub(crate) async fn pay_with(&self, parameters: &Value) -> String {
        let cashier = self.cashier(parameters).await;
        self.act(&cashier, json!({"action": "pay"})).await["transaction_id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Does something on the cashier's sheet.
    pub(crate) async fn act(&self, cashier: &str, action: Value) -> Value {
        self.shop
            .control("POST", &format!("/simulator/cashiers/{cashier}"), &action)
            .await
    }

    /// Starts the payment of an order and pays it; no notification is sent yet.
    pub(crate) async fn pay(&self, order_id: &str) -> String {
        let parameters = self.start_payment(order_id).await;
        self.pay_with(&parameters).await
    }

    /// `GET /v1/orders/{id}`.
    pub(crate) async fn read_order(&self, order_id: &str) -> Value {
        self.call("GET", &format!("/v1/orders/{order_id}"), None)
            .await
            .ok(200)
    }

    /// Where an order stands.
    pub(crate) async fn status(&self, order_id: &str) -> String {
        self.read_order(order_id).await["status"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// `POST /v1/orders/{id}/sync`.
    pub(crate) async fn sync(&self, order_id: &str) -> Value {
        self.call("POST", &format!("/v1/orders/{order_id}/sync"), None)
            .await
            .ok(200)
    }

    /// `POST /v1/orders/{id}/close`.
    pub(crate) async fn close(&self, order_id: &str) -> Answer {
        self.call("POST", &format!("/v1/orders/{order_id}/close"), None)
            .await
    }
}

/// Random bits for keys that only have to differ.
fn rand() -> u128 {
    u128::from_ne_bytes(weir::domain::entropy::Entropy::system().bytes().unwrap())
}

//! A person with a phone: what a page does, in its words.

use serde_json::{Value, json};

use super::{Answer, Shop};

/// A person with a phone.
pub(crate) struct Phone<'a> {
    pub(crate) shop: &'a Shop,
    /// The person, by the simulator's name.
    pub(crate) user_id: String,
    /// The session's token, after a login.
    pub(crate) token: String,
}

impl<'a> Phone<'a> {
    pub(super) async fn new(shop: &'a Shop) -> Self {
        let user = shop.control("POST", "/simulator/users", &json!({})).await;
        let openids = user["openids"].as_object().unwrap().values();
        shop.keep_secret(openids.map(|openid| openid.as_str().unwrap().to_owned()));
        let number = user["phone_number"]["pure_phone_number"].as_str().unwrap();
        shop.keep_from_logs([number.to_owned()]);
        shop.keep_secret(user["unionid"].as_str().map(str::to_owned));
        Self {
            shop,
            user_id: user["user_id"].as_str().unwrap().to_owned(),
            token: String::new(),
        }
    }

    /// `wx.login` in a mini program.
    pub(crate) async fn code(&self, app_id: &str) -> String {
        let body = json!({"user_id": self.user_id, "app_id": app_id});
        let code = self.shop.control("POST", "/simulator/login-codes", &body).await;
        let code = code["code"].as_str().unwrap().to_owned();
        self.shop.keep_secret([code.clone()]);
        code
    }

    /// `POST /v1/login` with a fresh code of the usual mini program.
    pub(crate) async fn login(&mut self) -> Value {
        let code = self.code(super::APP).await;
        let answer = self.try_login(&json!({ "code": code })).await;
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
        let mut body = parameters.clone();
        body["user_id"] = json!(self.user_id);
        let sheet = self
            .shop
            .control("POST", "/simulator/request-payment", &body)
            .await;
        sheet["cashier_id"].as_str().unwrap().to_owned()
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

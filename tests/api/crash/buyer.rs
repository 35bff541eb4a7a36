//! People who buy while servers die, and remember what they were told.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::harness::{ADMIN_TOKEN, APP, Answer, Shop};

/// What somebody was told and may rely on.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Orders that were made.
    pub(super) made: Vec<String>,
    /// Orders that were said to be paid.
    pub(super) paid: Vec<String>,
    /// Orders that were said to be closed.
    pub(super) closed: Vec<String>,
    /// Refunds that were promised: the refund, its order, and how much.
    pub(super) refunds: Vec<(String, String, i64)>,
    /// WeChat's numbers of payments that the cashier confirmed.
    pub(super) payments: Vec<String>,
}

/// After so many orders somebody else goes on.
const ORDERS_EACH: u32 = 100;

/// However many servers die meanwhile.
const ANSWERED_WITHIN: Duration = Duration::from_mins(5);

/// Some of the price of one or all of it; the same whenever it is asked for again.
fn amount_to_refund(order: &str) -> i64 {
    if order.ends_with(['0', '2', '4', '6', '8', 'a', 'c', 'e']) {
        40
    } else {
        100
    }
}

/// Whether the same is to be asked again: the server dies, waits for others, or has somebody else do it.
fn is_later(answer: &Answer) -> bool {
    match answer.status {
        429 | 502 | 503 | 504 => true,
        409 => answer.code() == "request_in_progress",
        _ => false,
    }
}

pub(super) struct Buyer<'a> {
    pub(super) shop: &'a Shop,
    pub(super) front: String,
    /// Answers that never came.
    pub(super) cut: &'a AtomicU64,
    pub(super) http: reqwest::Client,
    pub(super) told: Told,
    user_id: String,
    token: String,
    draws: u64,
}

/// A new person, by the simulator's name.
async fn person(shop: &Shop) -> String {
    let user = shop.control("POST", "/simulator/users", &json!({})).await;
    user["user_id"].as_str().unwrap().to_owned()
}

impl<'a> Buyer<'a> {
    pub(super) async fn new(shop: &'a Shop, front: String, cut: &'a AtomicU64, seed: u64) -> Self {
        Self {
            shop,
            front,
            cut,
            http: shop.http.clone(),
            told: Told::default(),
            user_id: person(shop).await,
            token: String::new(),
            draws: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        }
    }

    /// Buys and buys until told to stop.
    pub(super) async fn shop_until(mut self, stop: &CancellationToken) -> Told {
        self.log_in().await;
        // Everybody does it once at least, however short the run is.
        let order = self.order("key-0").await;
        self.pay_after_close(&order).await;
        let mut number = 0;
        while !stop.is_cancelled() {
            number += 1;
            if number % ORDERS_EACH == 0 {
                // Somebody else, since nobody may have very many that await payment.
                self.user_id = person(self.shop).await;
                self.log_in().await;
            }
            self.buy(&format!("key-{number}")).await;
        }
        self.told
    }

    /// A number below `bound`, of this person's own story.
    fn draw(&mut self, bound: u64) -> u64 {
        // Xorshift: a story, not a secret.
        self.draws ^= self.draws << 13;
        self.draws ^= self.draws >> 7;
        self.draws ^= self.draws << 17;
        self.draws % bound
    }

    pub(super) async fn log_in(&mut self) {
        loop {
            let body = json!({"user_id": self.user_id, "app_id": APP});
            let code = self.shop.control("POST", "/simulator/login-codes", &body).await;
            // A code that may have been used is never sent again.
            let answer = self
                .ask("POST", "/v1/login", None, Some(&json!({"code": code["code"]})))
                .await;
            if let Some(answer) = answer
                && answer.status == 200
            {
                answer.json()["token"]
                    .as_str()
                    .unwrap()
                    .clone_into(&mut self.token);
                return;
            }
        }
    }

    /// Makes an order, whatever it takes, and gives its id.
    pub(super) async fn order(&mut self, key: &str) -> String {
        let quantity = 1 + self.draw(3);
        let body = json!({"items": [{"product_id": "tea", "quantity": quantity}]});
        let made = self.insist("/v1/orders", Some(key), Some(&body)).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let order = made.json()["id"].as_str().unwrap().to_owned();
        self.told.made.push(order.clone());
        order
    }

    /// One tap; tells whether it was answered well.
    pub(super) async fn try_start_payment(&self, order: &str) -> bool {
        let path = format!("/v1/orders/{order}/payment");
        let answer = self.ask("POST", &path, None, None).await;
        answer.is_some_and(|answer| answer.status == 200)
    }

    /// Pays, whatever it takes, and gives our number of it; no notification is sent.
    pub(super) async fn pay_quietly(&mut self, order: &str) -> String {
        let sheet = self.sheet(order).await.expect("a cashier");
        self.act(&sheet, false).await;
        self.shop.number(order).await
    }

    /// Opens the cashier, whatever it takes; nothing where the order can no longer be paid at WeChat.
    async fn sheet(&mut self, order: &str) -> Option<String> {
        let started = self
            .insist(&format!("/v1/orders/{order}/payment"), None, None)
            .await;
        let mut body = started.ok(200);
        body["user_id"] = json!(self.user_id);
        let sheet = self
            .shop
            .try_control("POST", "/simulator/request-payment", &body)
            .await;
        (sheet.status == 200).then(|| sheet.json()["cashier_id"].as_str().unwrap().to_owned())
    }

    /// Pays on an open sheet; `despite_close`: also when the order was closed meanwhile.
    async fn act(&mut self, sheet: &str, despite_close: bool) {
        let action = json!({"action": "pay", "despite_close": despite_close});
        let paid = self
            .shop
            .try_control("POST", &format!("/simulator/cashiers/{sheet}"), &action)
            .await;
        if let Some(number) = paid.json()["transaction_id"].as_str() {
            self.told.payments.push(number.to_owned());
        }
    }

    async fn buy(&mut self, key: &str) {
        let order = self.order(key).await;
        match self.draw(10) {
            0 => {}
            1 | 2 => self.close(&order).await,
            3 => {
                self.insist(&format!("/v1/orders/{order}/payment"), None, None)
                    .await;
                self.close(&order).await;
            }
            4 => self.pay_after_close(&order).await,
            _ => self.pay(&order).await,
        }
    }

    /// Gives the order up and pays all the same, since the payment was under way: nobody wants the money.
    async fn pay_after_close(&mut self, order: &str) {
        let sheet = self.sheet(order).await;
        self.close(order).await;
        if let Some(sheet) = sheet {
            self.act(&sheet, true).await;
        }
    }

    async fn pay(&mut self, order: &str) {
        let Some(sheet) = self.sheet(order).await else {
            return;
        };
        self.act(&sheet, false).await;
        match self.draw(4) {
            // Whoever has paid may still try to close.
            0 => self.close(order).await,
            1 | 2 => {
                let synced = self.insist(&format!("/v1/orders/{order}/sync"), None, None).await;
                self.note(order, &synced);
                if synced.json()["status"] == "paid" && self.draw(2) == 0 {
                    self.refund(order).await;
                }
            }
            _ => {}
        }
    }

    /// One call of the operator for a refund; tells whether it was answered well.
    pub(super) async fn try_refund(&mut self, order: &str) -> bool {
        let path = format!("/admin/orders/{order}/refunds");
        let buyer = std::mem::replace(&mut self.token, ADMIN_TOKEN.to_owned());
        let answer = self
            .ask(
                "POST",
                &path,
                Some(order),
                Some(&json!({ "amount_fen": amount_to_refund(order) })),
            )
            .await;
        self.token = buyer;
        answer.is_some_and(|answer| answer.status == 202)
    }

    /// The operator gives some of it back.
    pub(super) async fn refund(&mut self, order: &str) {
        let amount_fen = amount_to_refund(order);
        let path = format!("/admin/orders/{order}/refunds");
        let buyer = std::mem::replace(&mut self.token, ADMIN_TOKEN.to_owned());
        let refund = self
            .insist(&path, Some(order), Some(&json!({ "amount_fen": amount_fen })))
            .await;
        self.token = buyer;
        assert_eq!(refund.status, 202, "{}", refund.text());
        let id = refund.json()["id"].as_str().unwrap().to_owned();
        self.told.refunds.push((id, order.to_owned(), amount_fen));
    }

    async fn close(&mut self, order: &str) {
        let closed = self
            .insist(&format!("/v1/orders/{order}/close"), None, None)
            .await;
        assert!([200, 409].contains(&closed.status), "{}", closed.text());
        self.note(order, &closed);
    }

    fn note(&mut self, order: &str, answer: &Answer) {
        if answer.status == 200 {
            match answer.json()["status"].as_str() {
                Some("paid") => self.told.paid.push(order.to_owned()),
                Some("closed") => self.told.closed.push(order.to_owned()),
                _ => {}
            }
        }
    }

    /// Asks again and again, as a page would, until there is an answer that is not "later".
    async fn insist(&mut self, path: &str, key: Option<&str>, body: Option<&Value>) -> Answer {
        let asking = async {
            loop {
                if let Some(answer) = self.ask("POST", path, key, body).await
                    && !is_later(&answer)
                {
                    assert!(answer.status < 500, "{path}: {}", answer.text());
                    return answer;
                }
                tokio::task::yield_now().await;
            }
        };
        let answered = tokio::time::timeout(ANSWERED_WITHIN, asking).await;
        answered.unwrap_or_else(|_| panic!("{path}: it was never answered"))
    }

    /// One request; nothing if its answer never came whole.
    async fn ask(&self, method: &str, path: &str, key: Option<&str>, body: Option<&Value>) -> Option<Answer> {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.http.request(method, format!("{}{path}", self.front));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let answered = async {
            let response = request.send().await?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let body = response.bytes().await?.to_vec();
            Ok::<_, reqwest::Error>(Answer {
                status,
                headers,
                body,
            })
        };
        let answer = answered.await.ok();
        if answer.is_none() {
            self.cut.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }
}

//! Subscribe messages: what a person allows and is shown, and what a service asks for.

use std::io::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::{Answer, Phone, Setup, Shop};

/// A template of every scenario's mini program: `thing1` and `amount2`.
pub(crate) const TEMPLATE: &str = "tpl_order_AbCdEfGhIjKlMnOpQrStUvWxYz_0123456";

impl Setup {
    /// With messages about orders; `text` is the file.
    pub(crate) fn order_messages(mut self, text: &str) -> Self {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        self.kept.push(Arc::new(file));
        self.with("SUBSCRIBE_TEMPLATES_FILE", path)
    }

    /// With one message about paid orders.
    pub(crate) fn paid_message(self) -> Self {
        self.order_messages(&format!(
            "[[template]]\nevent = \"order.paid\"\ntemplate_id = \"{TEMPLATE}\"\npage = \"pages/order?id={{order_id}}\"\n\
             [template.data]\nthing1 = \"{{title}}\"\namount2 = \"¥{{total_yuan}}\"\n"
        ))
    }
}

impl Shop {
    /// Declares the usual template in WeChat's console.
    pub(crate) async fn declare_template(&self) {
        self.declare(json!({"template_id": TEMPLATE, "title": "Paid", "keywords": {"thing1": "Goods", "amount2": "Sum"}}))
            .await;
    }

    /// Declares a template in WeChat's console, or changes it.
    pub(crate) async fn declare(&self, template: Value) {
        self.control("PUT", "/simulator/subscribe-templates", &template)
            .await;
    }

    /// What WeChat took, oldest first.
    pub(crate) async fn inbox(&self) -> Vec<Value> {
        self.list("/simulator/subscribe-messages").await
    }

    /// `POST /internal/subscribe-messages`.
    pub(crate) async fn send_message(&self, body: &Value) -> Answer {
        self.send_message_at(0, body).await
    }

    /// The same at one of several servers.
    pub(crate) async fn send_message_at(&self, replica: usize, body: &Value) -> Answer {
        self.internal_of(replica, "POST", "/internal/subscribe-messages", Some(body))
            .await
    }

    /// The states of all messages, oldest first.
    pub(crate) async fn message_states(&self) -> Vec<String> {
        sqlx::query_scalar("select state from subscribe_messages order by created_at, id")
            .fetch_all(&self.db)
            .await
            .unwrap()
    }
}

impl Phone<'_> {
    /// Our own id of the person.
    pub(crate) async fn own_id(&self) -> String {
        let me = self.call("GET", "/v1/me", None).await.ok(200);
        me["id"].as_str().unwrap().to_owned()
    }

    /// `wx.requestSubscribeMessage` for the usual template, answered; gives what the page gets.
    pub(crate) async fn popup(&self, answer: &str) -> Value {
        let body = json!({"user_id": self.user_id, "app_id": self.app_id, "template_ids": [TEMPLATE], "answers": {TEMPLATE: answer}});
        self.shop
            .control("POST", "/simulator/subscribe-popups", &body)
            .await
    }

    /// The same, accepted, and told to the server.
    pub(crate) async fn allow(&self, times: u32) {
        for _ in 0..times {
            let result = self.popup("accept").await;
            self.report(&result).await.ok(200);
        }
    }

    /// `POST /v1/subscriptions` with what `wx.requestSubscribeMessage` gave.
    pub(crate) async fn report(&self, result: &Value) -> Answer {
        self.call("POST", "/v1/subscriptions", Some(result)).await
    }

    /// How many messages of the usual template are left, as `GET /v1/subscriptions` has it.
    pub(crate) async fn left(&self) -> Option<i64> {
        let all = self.call("GET", "/v1/subscriptions", None).await.ok(200);
        let items = all["items"].as_array().unwrap();
        let own = items.iter().find(|item| item["template_id"] == TEMPLATE);
        own.map(|item| item["remaining"].as_i64().unwrap())
    }

    /// A message of the usual template to this person.
    pub(crate) async fn message(&self) -> Value {
        json!({
            "user_id": self.own_id().await,
            "template_id": TEMPLATE,
            "data": {"thing1": {"value": "Oolong"}, "amount2": {"value": "¥1.00"}},
        })
    }

    /// Another service sends a message of the usual template, with the token that weir keeps.
    pub(crate) async fn sent_by_others(&self) {
        let body = json!({
            "touser": self.openid().await, "template_id": TEMPLATE,
            "data": {"thing1": {"value": "a"}, "amount2": {"value": "1"}},
        });
        let path = "/internal/wechat/cgi-bin/message/subscribe/send";
        let answer = self.shop.internal("POST", path, Some(&body)).await.ok(200);
        assert_eq!(answer["errcode"], 0);
    }
}

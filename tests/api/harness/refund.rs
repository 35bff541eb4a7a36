//! Giving money back, in the operator's words, and what WeChat knows of it.

use serde_json::{Value, json};

use super::{ADMIN_TOKEN, Answer, Message, Phone, Shop};

impl Shop {
    /// `POST /admin/orders/{id}/refunds` at one of several servers.
    pub(crate) async fn try_refund_at(&self, replica: usize, order: &str, key: &str, body: &Value) -> Answer {
        let path = format!("/admin/orders/{order}/refunds");
        let request = self.request_of(replica, "POST", &path, Some(ADMIN_TOKEN), Some(body));
        self.send(request.header("idempotency-key", key)).await
    }

    /// `POST /admin/orders/{id}/refunds`.
    pub(crate) async fn try_refund(&self, order: &str, key: &str, body: &Value) -> Answer {
        self.try_refund_at(0, order, key, body).await
    }

    /// Asks for a refund of so much, under a key made of the sum; gives it.
    pub(crate) async fn refund(&self, order: &str, amount_fen: i64) -> Value {
        let key = format!("{order}-{amount_fen}");
        let body = json!({ "amount_fen": amount_fen });
        self.try_refund(order, &key, &body).await.ok(202)
    }

    /// Where a refund stands now.
    pub(crate) async fn refund_now(&self, refund: &Value) -> Value {
        let path = format!("/admin/refunds/{}", refund["id"].as_str().unwrap());
        self.admin("GET", &path, None).await.ok(200)
    }

    /// Where a refund stands now, in a word.
    pub(crate) async fn refund_status(&self, refund: &Value) -> String {
        self.refund_now(refund).await["status"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// What WeChat knows of all refunds, oldest first.
    pub(crate) async fn refunds_at_wechat(&self) -> Vec<Value> {
        self.list("/simulator/refunds").await
    }

    /// Has WeChat end a refund.
    pub(crate) async fn end_refund(&self, refund: &Value, status: &str) {
        let number = refund["out_refund_no"].as_str().unwrap();
        let path = format!("/simulator/refunds/{number}");
        self.control("POST", &path, &json!({ "status": status })).await;
    }

    /// Brings the books back to before every refund, as a restore does. WeChat keeps what it has.
    pub(crate) async fn lose_refunds(&self) {
        let sql = "begin;
            alter table refunds disable trigger user;
            alter table refund_balances disable trigger user;
            delete from refunds;
            delete from refund_balances;
            alter table refunds enable trigger user;
            alter table refund_balances enable trigger user;
            commit";
        sqlx::raw_sql(sql).execute(&self.db).await.unwrap();
    }

    /// Sets one of WeChat's rules otherwise.
    pub(crate) async fn rule(&self, name: &str, value: Value) {
        let mut rules = self.control("GET", "/simulator/rules", &Value::Null).await;
        rules[name] = value;
        self.control("PUT", "/simulator/rules", &rules).await;
    }

    /// Sends a notification to the route of refunds.
    pub(crate) async fn post_refund_notice(&self, message: &Message) -> Answer {
        let mut request = self.http.post(self.url("/wechat/pay/refund-notify"));
        for (name, value) in &message.headers {
            request = request.header(name, value.as_bytes());
        }
        self.send(request.body(message.body.clone())).await
    }

    /// The open exceptions, oldest first: kind and subject.
    pub(crate) async fn open_exceptions(&self) -> Vec<(String, String)> {
        let sql = "select kind, subject from exceptions where resolved_at is null order by created_at, id";
        sqlx::query_as(sql).fetch_all(&self.db).await.unwrap()
    }
}

impl Phone<'_> {
    /// A paid order of `quantity` of a product, told and all.
    pub(crate) async fn paid_order(&self, product: &str, quantity: i64) -> String {
        let order = self.buy(product, quantity).await;
        self.pay(&order).await;
        self.shop.deliver().await;
        assert_eq!(self.status(&order).await, "paid");
        order
    }
}

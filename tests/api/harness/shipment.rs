//! Sending goods, in the operator's words, and what WeChat knows of it.

use serde_json::{Value, json};

use super::{ADMIN_TOKEN, Answer, Shop};

impl Shop {
    /// `POST /admin/orders/{id}/shipment` at one of several servers.
    pub(crate) async fn try_ship_at(
        &self,
        replica: usize,
        order: &str,
        key: Option<&str>,
        body: &Value,
    ) -> Answer {
        let path = format!("/admin/orders/{order}/shipment");
        let mut request = self.request_of(replica, "POST", &path, Some(ADMIN_TOKEN), Some(body));
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        self.send(request).await
    }

    /// `POST /admin/orders/{id}/shipment` without a key.
    pub(crate) async fn try_ship(&self, order: &str, body: &Value) -> Answer {
        self.try_ship_at(0, order, None, body).await
    }

    /// Says that an order was sent; gives the shipment.
    pub(crate) async fn ship(&self, order: &str, body: &Value) -> Value {
        self.try_ship(order, body).await.ok(202)
    }

    /// Says that parcels with these numbers were sent by one carrier.
    pub(crate) async fn ship_parcels(&self, order: &str, numbers: &[&str], is_complete: bool) -> Value {
        self.ship(order, &parcels(numbers, is_complete)).await
    }

    /// What the operator sees of an order's shipment.
    pub(crate) async fn shipment_of(&self, order: &str) -> Value {
        let path = format!("/admin/orders/{order}");
        self.admin("GET", &path, None).await.ok(200)["shipment"].clone()
    }

    /// Where the calls about an order's shipment stand, oldest first.
    pub(crate) async fn shipment_statuses(&self, order: &str) -> Vec<String> {
        let shipment = self.shipment_of(order).await;
        let calls = shipment["calls"].as_array().unwrap();
        let status = |call: &Value| call["status"].as_str().unwrap().to_owned();
        calls.iter().map(status).collect()
    }

    /// What WeChat knows of an order's shipment.
    pub(crate) async fn shipment_at_wechat(&self, order: &str) -> Value {
        let number = self.number(order).await;
        let path = format!("/simulator/shipments?out_trade_no={number}");
        self.list(&path).await.pop().expect("a paid order")
    }

    /// Lets time pass, and the loops do what is due then.
    pub(crate) async fn pass(&self, seconds: i64) {
        self.advance(seconds).await;
        self.run_workers().await;
    }

    /// How often WeChat was told of shipments, and how often asked about them.
    pub(crate) async fn shipping_calls(&self) -> (usize, usize) {
        let (told, asked) = (
            self.calls("upload_shipping").await,
            self.calls("shipping_order").await,
        );
        (told.len(), asked.len())
    }

    /// One part of the health page.
    pub(crate) async fn health_of(&self, part: &str) -> Value {
        let request = self.request("GET", "/admin/health", Some(ADMIN_TOKEN), None);
        let answer = Answer::of(request.send().await.unwrap()).await;
        answer.json()["checks"][part].clone()
    }
}

/// Parcels with these numbers, by one carrier.
pub(crate) fn parcels(numbers: &[&str], is_complete: bool) -> Value {
    let parcel = |number: &&str| json!({"tracking_no": number, "carrier": "STO", "description": "tea"});
    let parcels: Vec<Value> = numbers.iter().map(parcel).collect();
    json!({"kind": "express", "parcels": parcels, "is_complete": is_complete})
}

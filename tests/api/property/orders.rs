//! What people do with their orders.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::model::{Order, Payment, Standing};
use super::news::News;
use super::story::{ORDER_TTL_S, Story};

/// The wait after which a key may have been forgotten.
const KEY_KEPT: TimeDelta = TimeDelta::days(7);

impl Story<'_> {
    pub(super) async fn order(&mut self, who: usize, quantity: i64) -> News {
        let key = self.new_key();
        let now = self.shop.clock.now();
        let body = json!({"items": [{"product_id": self.product, "quantity": quantity}]});
        let answer = self.people[who].order(&key, &body).await;
        if quantity > self.model.stock() {
            answer.refused(409, "stock_insufficient");
            self.tally.note("sold out");
            return News::default();
        }
        let made = answer.ok(201);
        self.model.orders.push(Order {
            id: made["id"].as_str().unwrap().to_owned(),
            owner: who,
            key,
            quantity,
            made_at: now,
            expires_at: now + TimeDelta::seconds(ORDER_TTL_S),
            standing: Standing::Unpaid,
            sheets: Vec::new(),
            payments: Vec::new(),
            refunds: Vec::new(),
            shipments: 0,
            is_shipped: false,
        });
        News::default()
    }

    pub(super) async fn order_again(&mut self, index: usize, is_same: bool) -> News {
        let order = &self.model.orders[index];
        if self.shop.clock.now() - order.made_at >= KEY_KEPT {
            return News::default();
        }
        let quantity = order.quantity + i64::from(!is_same);
        let body = json!({"items": [{"product_id": self.product, "quantity": quantity}]});
        let answer = self.phone(index).order(&order.key, &body).await;
        if is_same {
            assert_eq!(answer.ok(201)["id"], order.id);
            assert_eq!(answer.header("idempotent-replayed"), Some("true"));
        } else {
            answer.refused(422, "idempotency_key_reused");
        }
        News::default()
    }

    pub(super) async fn start(&mut self, index: usize, replica: usize) -> News {
        let order = &self.model.orders[index];
        let is_over = order.expires_at <= self.shop.clock.now();
        let allowed: &[(u16, &str)] = match order.standing {
            Standing::Unpaid | Standing::Closed if is_over => &[(409, "order_expired")],
            // WeChat may say so, when it is asked for another prepay id.
            Standing::Unpaid if !order.payments.is_empty() => &[(200, ""), (409, "order_state_conflict")],
            Standing::Unpaid => &[(200, "")],
            Standing::Paid(_) | Standing::Closed => &[(409, "order_state_conflict")],
        };
        let is_unpaid = order.standing == Standing::Unpaid;
        let id = order.id.clone();
        self.tapped_at = self.shop.clock.now();
        let answer = self.phone(index).start_payment_at(replica, &id).await;
        let code = self.judge(&answer, allowed).await;
        if answer.status == 200 {
            self.open_sheet(index, &answer.json()).await;
        }
        News {
            paid: Vec::from_iter((is_unpaid && code == "order_state_conflict").then_some(index)),
            ..News::asked(index)
        }
    }

    /// `wx.requestPayment` with these parameters.
    async fn open_sheet(&mut self, index: usize, parameters: &Value) {
        let phone = self.phone(index);
        let order = &self.model.orders[index];
        // With a clock that stands still, the newest cannot be told by its time.
        let attempts = self.shop.attempts(&order.id).await;
        let open = attempts.into_iter().find(|(_, state)| state == "prepaid");
        let (number, _) = open.expect("a payment that was begun");
        if order.payments.iter().any(|payment| payment.number == number) {
            // The server has not heard of it yet; the cashier knows better.
            let refusal = phone.cashier_refusal(parameters).await;
            assert_eq!(refusal, "requestPayment:fail the order is paid");
        } else {
            let sheet = phone.cashier(parameters).await;
            self.model.orders[index].sheets.push((sheet, number));
        }
    }

    /// Pays on the newest sheet, or on all of them: payments that were under way when their attempts
    /// were closed.
    pub(super) async fn pay(&mut self, index: usize, despite_close: bool) -> News {
        let sheets = if despite_close {
            self.model.orders[index].sheets.len()
        } else {
            1
        };
        for _ in 0..sheets {
            let Some((sheet, number)) = self.model.orders[index].sheets.pop() else {
                break;
            };
            let action = json!({"action": "pay", "despite_close": despite_close});
            let done = self.phone(index).act(&sheet, action).await;
            if let Some(transaction_id) = done["transaction_id"].as_str() {
                self.model.orders[index].payments.push(Payment {
                    transaction_id: transaction_id.to_owned(),
                    number,
                    paid_at: self.shop.clock.now(),
                });
            }
        }
        News::default()
    }

    /// The number of an order's attempt that may be paid as far as the server knows, if WeChat has the
    /// money for it.
    pub(super) async fn paid_unheard(&self, index: usize) -> bool {
        let order = &self.model.orders[index];
        if order.standing != Standing::Unpaid {
            return false;
        }
        let attempts = self.shop.attempts(&order.id).await;
        attempts.iter().any(|(number, state)| {
            let is_open = ["created", "unknown", "prepaid"].contains(&state.as_str());
            is_open && order.payments.iter().any(|payment| payment.number == *number)
        })
    }

    pub(super) async fn sync(&mut self, index: usize, replica: usize) -> News {
        let now = self.shop.clock.now();
        let is_paid = self.paid_unheard(index).await;
        let path = format!("/v1/orders/{}/sync", self.model.orders[index].id);
        self.phone(index).call_at(replica, "POST", &path).await.ok(200);
        // Once a second at most.
        let is_first = !self.synced_at.contains(&(index, now));
        self.synced_at.push((index, now));
        let is_struck = self.has_struck().await;
        News {
            paid: Vec::from_iter((is_paid && is_first && !is_struck).then_some(index)),
            ..News::asked(index)
        }
    }

    pub(super) async fn close(&mut self, index: usize, replica: usize) -> News {
        let order = &self.model.orders[index];
        let is_paid = self.paid_unheard(index).await;
        let is_unpaid = order.standing == Standing::Unpaid;
        let allowed = if is_unpaid && !is_paid {
            (200, "")
        } else {
            (409, "order_state_conflict")
        };
        let path = format!("/v1/orders/{}/close", order.id);
        let answer = self.phone(index).call_at(replica, "POST", &path).await;
        let code = self.judge(&answer, &[allowed]).await;
        if answer.status == 200 {
            self.tally.note("closed by its buyer");
            self.assert_unpayable(index).await;
        }
        News {
            closed: (answer.status == 200).then_some(index),
            paid: Vec::from_iter((is_unpaid && code == "order_state_conflict").then_some(index)),
            ..News::asked(index)
        }
    }

    /// Nobody can pay any of an order's numbers at WeChat.
    pub(super) async fn assert_unpayable(&self, index: usize) {
        for (number, _) in self.shop.attempts(&self.model.orders[index].id).await {
            let truth = self.shop.truth(&number).await;
            let state = truth.map(|truth| truth["trade_state"].clone());
            assert_ne!(state, Some(json!("NOTPAY")), "closed here, and open at WeChat");
        }
    }

    pub(super) async fn pry(&mut self, index: usize, replica: usize) -> News {
        let stranger = &self.people[1 - self.model.orders[index].owner];
        let id = &self.model.orders[index].id;
        for (method, action) in [
            ("GET", ""),
            ("POST", "/payment"),
            ("POST", "/sync"),
            ("POST", "/close"),
        ] {
            let path = format!("/v1/orders/{id}{action}");
            let answer = stranger.call_at(replica, method, &path).await;
            answer.refused(404, "order_not_found");
        }
        News::default()
    }

    pub(super) async fn notice_twice(&mut self, index: usize) -> News {
        let Some(payment) = self.model.orders[index].payments.last() else {
            return News::default();
        };
        let number = payment.number.clone();
        let twice = json!({"out_trade_no": number, "copies": 2, "parallel": true});
        assert_eq!(self.shop.notify(twice).await, [204, 204]);
        News {
            told: BTreeSet::from([number]),
            ..News::default()
        }
    }
}

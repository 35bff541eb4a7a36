//! Looking at the real shop after a step: what each person, a visitor and the operator see, and what
//! WeChat says.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::model::{Progress, Seen, SeenOrder, SeenRefund, Standing};
use super::news::News;
use super::story::Story;

type RefundRow = (String, String, String, String, i64, String, String, DateTime<Utc>);

impl Story<'_> {
    /// Compares all that is seen with the shop in memory, and the books with themselves.
    pub(super) async fn look(&mut self, news: &News) {
        let unpaid = self.unpaid();
        let mut orders = BTreeMap::new();
        for owner in 0..self.people.len() {
            let list = self.people[owner]
                .call("GET", "/v1/orders?limit=100", None)
                .await
                .ok(200);
            for order in list["items"].as_array().unwrap() {
                orders.insert(order["id"].as_str().unwrap().to_owned(), seen_order(owner, order));
            }
        }
        let at_wechat = if self.has_paid() {
            self.at_wechat().await
        } else {
            Vec::new()
        };
        self.assert_within_bounds(&at_wechat);
        let truths = at_wechat.iter().map(|refund| {
            let is_it = |progress: &Progress| refund["status"] == progress.code();
            let truth = Progress::ALL.into_iter().find(is_it).unwrap();
            (refund["out_refund_no"].as_str().unwrap().to_owned(), truth)
        });
        let seen = Seen {
            orders,
            stock: self.shop.stock_left(&self.product).await.unwrap(),
            truths: truths.collect(),
            refunds: self.written_refunds().await,
        };
        news.compare(&mut self.model, &seen, self.shop.clock.now());
        for index in unpaid {
            if self.model.orders[index].standing == Standing::Closed {
                self.assert_unpayable(index).await;
            }
        }
        self.shop.assert_balanced().await;
    }

    fn has_paid(&self) -> bool {
        self.model.orders.iter().any(|order| !order.payments.is_empty())
    }

    fn unpaid(&self) -> Vec<usize> {
        let orders = self.model.orders.iter().enumerate();
        let unpaid = orders.filter(|(_, order)| order.standing == Standing::Unpaid);
        unpaid.map(|(index, _)| index).collect()
    }

    async fn written_refunds(&self) -> Vec<SeenRefund> {
        let ids: Vec<String> = self.model.orders.iter().map(|order| order.id.clone()).collect();
        let sql = "select id::text, order_id::text, out_refund_no, transaction_id, amount_fen, cause, status, submit_at
            from refunds where order_id = any($1::text[]::uuid[]) order by id";
        let rows: Vec<RefundRow> = sqlx::query_as(sql)
            .bind(ids)
            .fetch_all(&self.shop.db)
            .await
            .unwrap();
        let seen = rows.into_iter().map(|row| SeenRefund {
            id: row.0,
            order_id: row.1,
            number: row.2,
            transaction_id: row.3,
            amount_fen: row.4,
            is_by_policy: row.5 == "surplus",
            progress: progress(&row.6),
            submit_at: row.7,
        });
        seen.collect()
    }

    /// WeChat has no refund that nobody asked for, and of no payment more than was paid.
    fn assert_within_bounds(&self, at_wechat: &[Value]) {
        for payment in self.model.orders.iter().flat_map(|order| &order.payments) {
            let is_of =
                |refund: &&Value| refund["out_trade_no"] == payment.number && refund["status"] != "CLOSED";
            let of_it: Vec<&Value> = at_wechat.iter().filter(is_of).collect();
            let sum: i64 = of_it
                .iter()
                .map(|refund| refund["amount_fen"].as_i64().unwrap())
                .sum();
            let paid = of_it
                .first()
                .map_or(0, |refund| refund["total_fen"].as_i64().unwrap());
            assert!(sum <= paid, "{sum} fen of {paid} went back");
        }
    }
}

fn seen_order(owner: usize, order: &Value) -> SeenOrder {
    let fen = |name: &str| order[name].as_i64().unwrap();
    SeenOrder {
        owner,
        status: order["status"].as_str().unwrap().to_owned(),
        total_fen: fen("total_fen"),
        refunded_fen: fen("refunded_fen"),
        refunding_fen: fen("refunding_fen"),
        number: order["out_trade_no"].as_str().map(str::to_owned),
        is_shipped: order["shipped_at"].is_string(),
    }
}

/// As the operator is told.
fn progress(status: &str) -> Progress {
    let found = Progress::ALL
        .into_iter()
        .find(|progress| progress.as_str() == status);
    found.unwrap_or(Progress::Processing)
}

//! Looking into the books, and at what WeChat holds to be true.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join;
use serde_json::{Value, json};

use super::{Answer, Phone, Shop};

/// Every table that a request may change, but for sessions.
const TABLES: [&str; 10] = [
    "select coalesce(jsonb_agg(t order by t.id), '[]') from orders t",
    "select coalesce(jsonb_agg(t order by t.id), '[]') from payment_attempts t",
    "select coalesce(jsonb_agg(t order by t.transaction_id), '[]') from payments t",
    "select coalesce(jsonb_agg(t order by t.id), '[]') from refunds t",
    "select coalesce(jsonb_agg(t order by t.refund_id), '[]') from refund_entries t",
    "select coalesce(jsonb_agg(t order by t.id), '[]') from shipments t",
    "select coalesce(jsonb_agg(t order by t.id), '[]') from notifications t",
    "select coalesce(jsonb_agg(t order by t.id), '[]') from exceptions t",
    "select coalesce(jsonb_agg(t order by t.id), '[]') from events t",
    "select coalesce(jsonb_agg(t order by t.id), '[]') from products t",
];

/// Waits until a condition holds, by looking again and again; fails after two minutes.
pub(crate) async fn until(condition: impl AsyncFn() -> bool) {
    let looking = async {
        while !condition().await {
            tokio::task::yield_now().await;
        }
    };
    let deadline = std::time::Duration::from_mins(2);
    assert!(
        tokio::time::timeout(deadline, looking).await.is_ok(),
        "it never came"
    );
}

impl Shop {
    /// The attempts of an order, oldest first: number and state.
    pub(crate) async fn attempts(&self, order_id: &str) -> Vec<(String, String)> {
        sqlx::query_as(
            "select out_trade_no, state from payment_attempts where order_id = $1::uuid order by id",
        )
        .bind(order_id)
        .fetch_all(&self.db)
        .await
        .unwrap()
    }

    /// The number of an order's newest attempt.
    pub(crate) async fn number(&self, order_id: &str) -> String {
        self.attempts(order_id).await.pop().expect("an attempt").0
    }

    /// The state of an order's newest attempt.
    pub(crate) async fn state(&self, order_id: &str) -> String {
        self.attempts(order_id).await.pop().expect("an attempt").1
    }

    /// Where an order stands in the books, without a request.
    pub(crate) async fn order_status(&self, order_id: &str) -> String {
        sqlx::query_scalar("select status from orders where id = $1::uuid")
            .bind(order_id)
            .fetch_one(&self.db)
            .await
            .unwrap()
    }

    /// Asserts in the middle of a scenario what must hold after it anyway.
    pub(crate) async fn assert_balanced(&self) {
        super::books::assert_balanced(&self.books).await;
    }

    /// The named differences, oldest first: kind and order.
    pub(crate) async fn exceptions(&self) -> Vec<(String, Option<String>)> {
        sqlx::query_as("select kind, order_id::text from exceptions order by created_at, id")
            .fetch_all(&self.db)
            .await
            .unwrap()
    }

    /// The verdicts of the recorded deliveries, in alphabetical order.
    pub(crate) async fn verdicts(&self) -> Vec<String> {
        sqlx::query_scalar("select verdict from notifications order by verdict")
            .fetch_all(&self.db)
            .await
            .unwrap()
    }

    /// The moves of an order, oldest first: kind and cause.
    pub(crate) async fn events(&self, order_id: &str) -> Vec<(String, String)> {
        sqlx::query_as("select kind, cause from events where order_id = $1::uuid order by sequence")
            .bind(order_id)
            .fetch_all(&self.db)
            .await
            .unwrap()
    }

    /// Everything the books hold, to be compared with what they hold later.
    pub(crate) async fn snapshot(&self) -> Vec<Value> {
        let mut tables = Vec::new();
        for sql in TABLES {
            tables.push(sqlx::query_scalar(sql).fetch_one(&self.db).await.unwrap());
        }
        tables
    }

    /// What WeChat knows of a number; nothing if it does not know it.
    pub(crate) async fn truth(&self, out_trade_no: &str) -> Option<Value> {
        self.list(&format!("/simulator/transactions?out_trade_no={out_trade_no}"))
            .await
            .pop()
    }

    /// How many calls of an API were struck by a kind of fault.
    pub(crate) async fn struck(&self, api: &str, kind: &str) -> usize {
        let calls = self.calls(api).await;
        let is_struck = |call: &&Value| call["faults"].as_array().unwrap().contains(&json!(kind));
        calls.iter().filter(is_struck).count()
    }

    /// A series of `/metrics`, by its name with labels; 0 before its first sample.
    pub(crate) async fn metric(&self, series: &str) -> u64 {
        let answer = self.admin("GET", "/metrics", None).await;
        let text = answer.text();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().unwrap())
    }

    /// Waits until so many calls of an API have arrived at WeChat.
    pub(crate) async fn calls_until(&self, api: &str, count: usize) {
        until(async || self.calls(api).await.len() >= count).await;
    }

    /// Whether somebody is asking WeChat about an order's payment right now.
    pub(crate) async fn is_leased(&self, order_id: &str) -> bool {
        sqlx::query_scalar("select lease_until is not null from payment_attempts where order_id = $1::uuid")
            .bind(order_id)
            .fetch_one(&self.db)
            .await
            .unwrap()
    }

    /// How many statements of the server wait for a lock.
    pub(crate) async fn lock_waiters(&self) -> i64 {
        let sql = "select count(*) from pg_stat_activity
            where datname = current_database() and application_name = 'weir' and wait_event_type = 'Lock'";
        sqlx::query_scalar(sql).fetch_one(&self.db).await.unwrap()
    }

    /// Has all of it arrive at the books at the very same moment: holds every order until `count`
    /// statements wait, and lets them all go at once.
    pub(crate) async fn at_the_same_moment<T>(&self, count: i64, all: impl Future<Output = T>) -> T {
        let mut held = self.db.begin().await.unwrap();
        sqlx::query("select 1 from orders for update")
            .execute(&mut *held)
            .await
            .unwrap();
        let letting_go = async {
            until(async || self.lock_waiters().await >= count).await;
            held.rollback().await.unwrap();
        };
        join(all, letting_go).await.0
    }

    /// Sets the server's clock, which stands still, to WeChat's, which does not.
    pub(crate) async fn catch_up(&self) {
        self.clock.advance(self.behind().await);
    }

    /// The same, never back: for those of whom several do it at once.
    pub(crate) async fn keep_up(&self) {
        self.clock.advance(self.behind().await.max(TimeDelta::zero()));
    }

    async fn behind(&self) -> TimeDelta {
        let theirs = self.control("GET", "/simulator/clock", &Value::Null).await;
        let theirs: DateTime<Utc> = theirs["now"].as_str().unwrap().parse().unwrap();
        theirs.signed_duration_since(self.clock.now())
    }
}

impl Phone<'_> {
    /// A request to one of several servers.
    pub(crate) async fn call_at(&self, replica: usize, method: &str, path: &str) -> Answer {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.shop.http.request(method, self.shop.url_of(replica, path));
        self.shop.send(request.bearer_auth(&self.token)).await
    }

    /// `POST /v1/orders/{id}/payment` at one of several servers.
    pub(crate) async fn start_payment_at(&self, replica: usize, order_id: &str) -> Answer {
        self.call_at(replica, "POST", &format!("/v1/orders/{order_id}/payment"))
            .await
    }

    /// What a page is told that hands over parameters the cashier does not take.
    pub(crate) async fn cashier_refusal(&self, parameters: &Value) -> String {
        let body = self.request_payment(parameters);
        let answer = self
            .shop
            .try_control("POST", "/simulator/request-payment", &body)
            .await;
        assert_eq!(answer.status, 400, "{answer:?}");
        answer.json()["errMsg"].as_str().unwrap().to_owned()
    }

    /// Pays on an open sheet although the order was closed meanwhile, as happens when the payment
    /// was under way; gives WeChat's number.
    pub(crate) async fn pay_despite_close(&self, cashier: &str) -> String {
        let paid = self
            .act(cashier, json!({"action": "pay", "despite_close": true}))
            .await;
        paid["transaction_id"].as_str().unwrap().to_owned()
    }
}

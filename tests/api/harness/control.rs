//! What a scenario has WeChat do, and what it sees of it.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{Answer, Shop};

/// A fault that leaves every call of an API waiting until [`Shop::let_go`].
pub(crate) fn held(kind: &str, api: &str) -> Value {
    json!({"kind": kind, "api": api, "ms": 100_000, "is_held": true})
}

impl Shop {
    /// A call of the simulator's control API that must go well.
    pub(crate) async fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.try_control(method, path, body).await;
        assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
        if answer.body.is_empty() {
            Value::Null
        } else {
            answer.json()
        }
    }

    /// A call of the simulator's control API.
    pub(crate) async fn try_control(&self, method: &str, path: &str, body: &Value) -> Answer {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("{}{path}", self.simulator.url().as_str().trim_end_matches('/'));
        let request = self.http.request(method.clone(), url);
        let request = if method == reqwest::Method::GET {
            request
        } else {
            request
                .header("content-type", "application/json")
                .body(body.to_string())
        };
        Answer::of(request.send().await.unwrap()).await
    }

    /// What the simulator lists under a path.
    pub(crate) async fn list(&self, path: &str) -> Vec<Value> {
        self.control("GET", path, &Value::Null).await["items"]
            .as_array()
            .unwrap()
            .clone()
    }

    /// Lets things go wrong at WeChat from now on.
    pub(crate) async fn faults(&self, faults: Value) {
        self.control("PUT", "/simulator/faults", &json!({ "faults": faults }))
            .await;
    }

    /// Ends what goes wrong at WeChat, and the waits of the calls that it holds.
    pub(crate) async fn let_go(&self) {
        self.faults(json!([])).await;
    }

    /// The calls of an API that arrived at WeChat.
    pub(crate) async fn calls(&self, api: &str) -> Vec<Value> {
        self.list("/simulator/calls")
            .await
            .into_iter()
            .filter(|call| call["api"] == api)
            .collect()
    }

    /// Has WeChat send every notification that is due, and gives the deliveries.
    pub(crate) async fn deliver(&self) -> Vec<Value> {
        let sent = self
            .control("POST", "/simulator/notifications/deliver", &json!({}))
            .await;
        sent["items"].as_array().unwrap().clone()
    }

    /// Has WeChat send a notification made by hand; gives the statuses of the answers.
    pub(crate) async fn notify(&self, craft: Value) -> Vec<u64> {
        let sent = self.control("POST", "/simulator/notifications", &craft).await;
        sent["answers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|answer| answer["status"].as_u64().unwrap())
            .collect()
    }

    /// Pushes the clocks of server and WeChat alike.
    pub(crate) async fn advance(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
        self.control("POST", "/simulator/clock", &json!({ "advance_s": seconds }))
            .await;
    }
}

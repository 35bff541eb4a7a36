//! Messages that WeChat pushes: sent by the simulator, or held back so that a test may spoil them first.

use serde_json::{Value, json};

use super::{Answer, Shop};

/// A push that WeChat would make.
#[derive(Clone, Debug)]
pub(crate) struct Pushed {
    /// Path and query.
    pub(crate) target: String,
    pub(crate) body: String,
}

impl Shop {
    /// Has WeChat push a message made by hand; gives statuses and bodies of the answers.
    pub(crate) async fn push(&self, craft: Value) -> Vec<(u64, String)> {
        let sent = self.control("POST", "/simulator/push", &craft).await;
        let answers = sent["answers"].as_array().unwrap().iter();
        let told = answers.map(|answer| {
            let body = answer["body"].as_str().unwrap().to_owned();
            (answer["status"].as_u64().unwrap(), body)
        });
        told.collect()
    }

    /// Has WeChat push an event, which must be taken.
    pub(crate) async fn push_event(&self, openid: &str, mut fields: Value) {
        fields["MsgType"] = json!("event");
        let answers = self.push(json!({"openid": openid, "message": fields})).await;
        assert_eq!(answers, [(200, "success".to_owned())]);
    }

    /// Has WeChat make pushes and not send them.
    pub(crate) async fn made_pushes(&self, mut craft: Value) -> Vec<Pushed> {
        craft["send"] = json!(false);
        let made = self.control("POST", "/simulator/push", &craft).await;
        let requests = made["requests"].as_array().unwrap().iter();
        let target = |url: &str| {
            let path = url.find("/wechat/").unwrap();
            url[path..].to_owned()
        };
        let made = requests.map(|request| Pushed {
            target: target(request["url"].as_str().unwrap()),
            body: request["body"].as_str().unwrap().to_owned(),
        });
        made.collect()
    }

    /// The same for one.
    pub(crate) async fn made_push(&self, craft: Value) -> Pushed {
        self.made_pushes(craft).await.remove(0)
    }

    /// Sends a push to the server.
    pub(crate) async fn post_push(&self, pushed: &Pushed) -> Answer {
        let request = self.http.post(self.url(&pushed.target)).body(pushed.body.clone());
        self.send(request).await
    }

    /// Has WeChat push all that is due, and gives the deliveries.
    pub(crate) async fn deliver_pushes(&self) -> Vec<Value> {
        let sent = self.control("POST", "/simulator/push/deliver", &json!({})).await;
        sent["items"].as_array().unwrap().clone()
    }

    /// What WeChat's console says of message push from now on.
    pub(crate) async fn push_console(&self, app_id: &str, settings: Value) {
        let path = format!("/simulator/push/settings/{app_id}");
        self.control("PATCH", &path, &settings).await;
    }
}

impl super::Phone<'_> {
    /// What WeChat calls the person in the mini program that is open.
    pub(crate) async fn openid(&self) -> String {
        let users = self.shop.list("/simulator/users").await;
        let user = users.iter().find(|user| user["user_id"] == self.user_id.as_str());
        user.unwrap()["openids"][self.app_id].as_str().unwrap().to_owned()
    }
}

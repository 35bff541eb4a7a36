//! What is not for pages: the use cases behind the routes, and the routes of the owner's other services.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use weir::service::Context;

use super::{Answer, INTERNAL_TOKEN, Shop, log};

impl Shop {
    /// What the use cases of a server work with.
    pub(crate) fn context_of(&self, replica: usize) -> Arc<Context> {
        let replicas = self.replicas.lock().unwrap();
        Arc::clone(replicas[replica].app.as_ref().unwrap().context())
    }

    /// The access tokens that WeChat gave of late, the newest last.
    pub(crate) async fn access_tokens(&self) -> Vec<String> {
        let tokens = self.list("/simulator/access-tokens").await;
        let value = |token: &Value| token["access_token"].as_str().unwrap().to_owned();
        tokens.iter().map(value).collect()
    }

    /// What no log line may hold, access tokens included.
    pub(super) async fn all_secrets(&self) -> BTreeSet<String> {
        self.keep_secret(self.access_tokens().await);
        self.secrets.lock().unwrap().clone()
    }

    /// The line that a use of the internal token left.
    pub(crate) fn audit_line(&self, answer: &Answer) -> Value {
        let id = answer.header("x-request-id").unwrap();
        log::since(self.log_from)
            .iter()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .find(|line| line["target"] == "weir::audit" && line["request.id"] == id)
            .unwrap()
    }

    /// A request of one of the owner's services, whose answer may tell it what is nobody else's business.
    pub(crate) async fn internal(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.internal_of(0, method, path, body).await
    }

    /// The same to one of the servers.
    pub(crate) async fn internal_of(
        &self,
        replica: usize,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Answer {
        let request = self.request_of(replica, method, path, Some(INTERNAL_TOKEN), body);
        Answer::of(request.send().await.unwrap()).await
    }
}

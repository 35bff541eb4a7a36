//! A notification as WeChat would send it, held back so that a test may spoil it first.

use serde_json::{Value, json};
use weir::wechat::crypto::SigningKey;

use super::{Answer, Shop, settings};

/// A request that WeChat would make.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Shop {
    /// Has WeChat make a notification and not send it.
    pub(crate) async fn message(&self, mut craft: Value) -> Message {
        craft["send"] = json!(false);
        let made = self.control("POST", "/simulator/notifications", &craft).await;
        let made = &made["messages"][0];
        let headers = made["headers"].as_object().unwrap().iter();
        Message {
            headers: headers
                .map(|(name, value)| (name.to_ascii_lowercase(), value.as_str().unwrap().to_owned()))
                .collect(),
            body: made["body"].as_str().unwrap().as_bytes().to_vec(),
        }
    }

    /// Sends a notification to the server.
    pub(crate) async fn post(&self, message: &Message) -> Answer {
        self.post_at(0, message).await
    }

    /// Sends a notification to one of several servers.
    pub(crate) async fn post_at(&self, replica: usize, message: &Message) -> Answer {
        let url = self.url_of(replica, "/wechat/pay/notify");
        let mut request = self.http.post(url).body(message.body.clone());
        for (name, value) in &message.headers {
            request = request.header(name, value.as_bytes());
        }
        self.send(request).await
    }
}

impl Message {
    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        &found.expect("the header").1
    }

    /// The same without a header.
    pub(crate) fn without(&self, name: &str) -> Self {
        let mut message = self.clone();
        message.headers.retain(|(known, _)| known != name);
        message
    }

    /// The same with a header once more.
    pub(crate) fn and(&self, name: &str, value: &str) -> Self {
        let mut message = self.clone();
        message.headers.push((name.to_owned(), value.to_owned()));
        message
    }

    /// The same with another value of a header.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    /// The same with other bytes under the same signature.
    pub(crate) fn with_body(&self, body: impl Into<Vec<u8>>) -> Self {
        let mut message = self.clone();
        message.body = body.into();
        message
    }

    /// The same with other bytes, rightly signed by the platform's first certificate.
    pub(crate) fn signed_over(&self, body: impl Into<Vec<u8>>) -> Self {
        let message = self.with_body(body);
        let key = SigningKey::from_pem(settings::PLATFORM_1).unwrap();
        let parts = [
            message.header("wechatpay-timestamp").as_bytes(),
            b"\n",
            message.header("wechatpay-nonce").as_bytes(),
            b"\n",
            &message.body,
            b"\n",
        ];
        let signature = key.sign(&parts).unwrap();
        message.with("wechatpay-signature", &signature)
    }

    /// The envelope with a member changed, rightly signed.
    pub(crate) fn with_member(&self, pointer: &str, value: Value) -> Self {
        let mut envelope: Value = serde_json::from_slice(&self.body).unwrap();
        *envelope.pointer_mut(pointer).expect("the member") = value;
        self.signed_over(envelope.to_string())
    }
}

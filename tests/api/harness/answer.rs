//! An answer with everything a test may ask for.

use serde_json::Value;

/// The client that gets them.
pub(super) fn client() -> reqwest::Client {
    #[expect(clippy::disallowed_methods, reason = "the client of these tests")]
    let builder = reqwest::Client::builder();
    builder.no_proxy().build().unwrap()
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self {
            status,
            headers,
            body: response.bytes().await.unwrap().to_vec(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("not JSON: {} {}", self.status, self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The stable code of a problem.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Asserts a refusal with this status and code, and gives its document.
    pub(crate) fn refused(&self, status: u16, code: &str) -> Value {
        assert_eq!(
            (self.status, self.code().as_str()),
            (status, code),
            "{}",
            self.text()
        );
        self.json()
    }

    /// Asserts this status and gives the body.
    pub(crate) fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        if self.body.is_empty() {
            Value::Null
        } else {
            self.json()
        }
    }

    /// A failure is a problem document, or WeChat's own form of a failure, and nothing else.
    pub(super) fn assert_shape(&self) {
        // A refused push.
        if self.status < 400 || (self.status == 403 && self.body.is_empty()) {
            return;
        }
        let body = self.json();
        if body["code"] == "FAIL" {
            assert!(body["message"].is_string(), "{body}");
            return;
        }
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}",
            self.text()
        );
        assert_eq!(body["status"], self.status);
        for member in ["type", "title", "detail", "instance", "code"] {
            assert!(body[member].is_string(), "{member} is missing: {body}");
        }
        let instance = body["instance"].as_str().unwrap();
        assert_eq!(Some(instance), self.header("x-request-id"));
        // No repetition helps where a setting is missing.
        let is_final =
            ["payment_not_configured", "cloud_not_configured"].contains(&body["code"].as_str().unwrap());
        if [408, 429, 503, 504].contains(&self.status) && !is_final {
            assert!(self.header("retry-after").is_some(), "{body}");
        }
    }
}

//! Session tokens, looked into and forged.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// A token taken apart.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) header: Value,
    pub(crate) claims: Value,
}

impl Token {
    pub(crate) fn read(token: &str) -> Self {
        let mut parts = token.split('.').map(|part| {
            let bytes = URL_SAFE_NO_PAD.decode(part).unwrap();
            serde_json::from_slice(&bytes).unwrap_or(Value::Null)
        });
        Self {
            header: parts.next().unwrap(),
            claims: parts.next().unwrap(),
        }
    }

    /// The same with another member in its header.
    pub(crate) fn with_header(mut self, name: &str, value: Value) -> Self {
        self.header[name] = value;
        self
    }

    /// The same with another claim.
    pub(crate) fn with_claim(mut self, name: &str, value: Value) -> Self {
        self.claims[name] = value;
        self
    }

    /// The same without a claim.
    pub(crate) fn without_claim(mut self, name: &str) -> Self {
        self.claims.as_object_mut().unwrap().remove(name);
        self
    }

    fn unsigned(&self) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}", part(&self.header), part(&self.claims))
    }

    /// Signed with HMAC under a base64 key, whatever its header says.
    pub(crate) fn signed(&self, algorithm: hmac::Algorithm, key: &str) -> String {
        let key = hmac::Key::new(algorithm, &STANDARD.decode(key).unwrap());
        let text = self.unsigned();
        let signature = hmac::sign(&key, text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    /// With `alg` `none` and no signature.
    pub(crate) fn bare(&self) -> String {
        format!("{}.", self.clone().with_header("alg", json!("none")).unsigned())
    }
}

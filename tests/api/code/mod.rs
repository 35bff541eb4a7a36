//! Code images: what reaches WeChat, what is shown, what is kept, and what goes wrong.

mod flight;
mod hand;
mod kept;
mod quota;
mod request;
mod retire;
mod trouble;

use serde_json::{Value, json};
use weir::file::place::sha256;

use crate::harness::{Answer, Phone, Shop};
use crate::scan::{Scanned, scan};

impl Phone<'_> {
    /// `POST /v1/wxacodes`.
    pub(crate) async fn code_image(&self, body: &Value) -> Answer {
        self.call("POST", "/v1/wxacodes", Some(body)).await
    }
}

impl Shop {
    /// `POST /internal/wxacodes`.
    pub(crate) async fn code_as_service(&self, body: &Value) -> Answer {
        self.internal("POST", "/internal/wxacodes", Some(body)).await
    }

    /// What opens on a phone that scans the picture.
    pub(crate) async fn opened(&self, seen: &Scanned) -> Value {
        self.control("POST", "/simulator/scans", &json!({ "url": seen.text }))
            .await
    }

    /// How often WeChat was asked for an image.
    pub(crate) async fn codes_made(&self) -> usize {
        self.calls("wxacode").await.len()
    }
}

/// A picture that is shown as one.
pub(crate) fn shown(answer: &Answer) -> Scanned {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let is_png = answer.body.starts_with(b"\x89PNG");
    let (kind, name) = if is_png { ("png", "png") } else { ("jpeg", "jpg") };
    for (header, value) in [
        ("content-type", format!("image/{kind}")),
        ("etag", format!("\"{}\"", hex::encode(sha256(&answer.body)))),
        ("cache-control", "private, max-age=31536000, immutable".to_owned()),
        (
            "content-security-policy",
            "default-src 'none'; sandbox".to_owned(),
        ),
        ("x-content-type-options", "nosniff".to_owned()),
        (
            "content-disposition",
            format!("inline; filename=\"wxacode.{name}\""),
        ),
    ] {
        assert_eq!(answer.header(header), Some(value.as_str()));
    }
    scan(&answer.body)
}

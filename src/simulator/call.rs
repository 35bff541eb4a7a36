//! A request as it arrived, and what is answered to it, free of the web framework's types.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderMap;
use actix_web::web::Bytes;
use percent_encoding::percent_decode_str;

use super::bill::Download;
use super::fault::Struck;
use super::key::Signer;

/// A request as it arrived.
pub(super) struct Call {
    pub(super) method: String,
    /// Path and query exactly as they were sent: this is what was signed.
    pub(super) target: String,
    pub(super) path: String,
    query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// The faults that strike it.
    pub(super) struck: Struck,
}

impl Call {
    pub(super) fn new(request: &HttpRequest, body: Bytes, struck: Struck) -> Self {
        let uri = &request.head().uri;
        Self {
            method: request.method().as_str().to_owned(),
            target: uri
                .path_and_query()
                .map_or_else(|| uri.path().to_owned(), ToString::to_string),
            path: uri.path().to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
            headers: request.headers().clone(),
            body,
            struck,
        }
    }

    /// A header that must not come twice: `Err` when it does, or is no text.
    pub(super) fn header(&self, name: &str) -> Result<Option<&str>, ()> {
        let mut values = self.headers.get_all(name);
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(());
        }
        value.to_str().map(Some).map_err(|_| ())
    }

    /// A parameter of the query, decoded; the first one when it comes twice.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        self.parameters()
            .into_iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }

    /// All parameters of the query, decoded.
    pub(super) fn parameters(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.query.as_bytes())
            .into_owned()
            .collect()
    }

    /// The `index`-th segment of the path, counted from 0, decoded.
    pub(super) fn segment(&self, index: usize) -> Option<String> {
        let segment = self
            .path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .nth(index)?;
        percent_decode_str(segment)
            .decode_utf8()
            .ok()
            .map(std::borrow::Cow::into_owned)
    }
}

/// What is answered.
#[derive(Default)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// None: no body.
    pub(super) content_type: Option<&'static str>,
    pub(super) body: Vec<u8>,
    /// A bill in place of the body.
    pub(super) download: Option<Download>,
    pub(super) headers: Vec<(&'static str, String)>,
    /// For the log: the error code, and what was wrong.
    pub(super) error: Option<String>,
    pub(super) detail: Option<String>,
    /// For the log: the order it was about.
    pub(super) out_trade_no: Option<String>,
    /// The key that signs it; none: it is not signed.
    pub(super) signer: Option<Arc<Signer>>,
    /// `WeChat Pay`'s numeric code, the end of `Request-ID`; none for other APIs.
    pub(super) request_number: Option<u32>,
    /// How long what was asked for takes, in milliseconds.
    pub(super) wait_ms: u64,
}

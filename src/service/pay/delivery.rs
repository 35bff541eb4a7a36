//! A delivery of a notification as it arrived, nothing of it believed.

use std::borrow::Cow;

use crate::domain::entropy::EntropyError;
use crate::domain::id::NotificationId;
use crate::service::Context;
use crate::store::notification::NewDelivery;

/// The headers that a signature stands in, in lower case.
const SIGNED_HEADERS: [&str; 4] = [
    "wechatpay-timestamp",
    "wechatpay-nonce",
    "wechatpay-signature",
    "wechatpay-serial",
];

/// The headers that are kept of a delivery that is not believed: the signed ones, and those that
/// tell where it came by.
pub const RECORDED_HEADERS: [&str; 9] = [
    "wechatpay-timestamp",
    "wechatpay-nonce",
    "wechatpay-signature",
    "wechatpay-serial",
    "wechatpay-signature-type",
    "request-id",
    "content-type",
    "content-encoding",
    "user-agent",
];

/// A delivery as it arrived, owned so that its work outlives the connection.
#[derive(Debug)]
pub struct Delivery {
    /// Every value that came under one of [`RECORDED_HEADERS`], in the order it came.
    pub headers: Vec<(&'static str, Vec<u8>)>,
    /// The raw body.
    pub body: Vec<u8>,
}

impl Delivery {
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.headers
            .iter()
            .filter(move |(known, _)| *known == name)
            .map(|(_, value)| value.as_slice())
    }

    /// The one value of a header that was verified, which makes it text.
    fn text(&self, name: &str) -> Cow<'_, str> {
        self.values(name)
            .next()
            .map_or(Cow::Borrowed(""), String::from_utf8_lossy)
    }
}

/// The verified headers as text, for the recorder.
pub(super) struct Texts<'a> {
    values: [Cow<'a, str>; 4],
    body: &'a [u8],
}

impl<'a> Texts<'a> {
    pub(super) fn of(delivery: &'a Delivery) -> Self {
        Self {
            values: SIGNED_HEADERS.map(|name| delivery.text(name)),
            body: &delivery.body,
        }
    }

    pub(super) fn record<'b>(
        &'b self,
        context: &Context,
        notify_id: &'b str,
    ) -> Result<NewDelivery<'b>, EntropyError> {
        let received_at = context.clock.now();
        let [timestamp, nonce, signature, serial] = &self.values;
        Ok(NewDelivery {
            id: NotificationId::from(context.entropy.uuid(received_at)?),
            notify_id,
            received_at,
            timestamp,
            nonce,
            serial,
            signature,
            body: self.body,
            replay: None,
        })
    }
}

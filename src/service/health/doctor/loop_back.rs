//! Whether what WeChat Pay sends by the public address arrives at a server with these settings, and arrives unchanged.
//!
//! A delivery in WeChat's form goes out to the address of the notifications, with a token signed by the newest key of
//! session tokens, which says that it is one of these. The server that it reaches tells back what it got, and does nothing.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Finding;
use crate::service::Context;
use crate::service::pay::delivery::Delivery;
use crate::wechat::pay::{Answered, LoopBack, loop_back};

/// The header of the token.
pub const LOOP_BACK_HEADER: &str = "weir-loop-back";

/// The routes that WeChat Pay calls, below the public address.
const ROUTES: [&str; 2] = ["wechat/pay/notify", "wechat/pay/refund-notify"];
/// As many bytes as WeChat's own notifications have, about.
const PADDING_BYTES: usize = 2_048;
/// As WeChat's signatures are.
const SIGNATURE_BYTES: usize = 256;

/// What a server got.
#[derive(Debug, Serialize, Deserialize)]
pub struct Arrived {
    /// SHA-256 of the body, in hex.
    body_sha256: String,
    /// The headers that a notification is recorded with.
    headers: Vec<(String, String)>,
}

/// What arrived, if it is a delivery that somebody with our settings sent within the last minute to try the way here.
pub fn arrived(context: &Context, token: &[u8], delivery: &Delivery) -> Option<Arrived> {
    let token = str::from_utf8(token).ok()?;
    context.tokens.verify_loop_back(token, context.clock.now()).ok()?;
    let headers = delivery.headers.iter();
    Some(Arrived {
        body_sha256: sha256(&delivery.body),
        headers: headers
            .map(|(name, value)| ((*name).to_owned(), String::from_utf8_lossy(value).into_owned()))
            .collect(),
    })
}

pub(super) async fn examine(context: &Context) -> Vec<Finding> {
    let mut found = Vec::new();
    for route in ROUTES {
        found.push(send(context, route).await);
    }
    found
}

async fn send(context: &Context, route: &str) -> Finding {
    let subject = format!("POST /{route}");
    let prepared = context.public_base_url.join(route).ok().zip(Sent::new(context));
    let Some((url, sent)) = prepared else {
        return Finding::fails(
            subject,
            "a delivery to try it with cannot be made: the system gives no randomness",
        );
    };
    let message = LoopBack {
        headers: &sent.headers,
        body: sent.body.as_bytes(),
    };
    let said = match loop_back(url.clone(), message, context.clock.clone()).await {
        Err(error) => Err(error.to_string()),
        Ok(Err(error)) => Err(format!(
            "{url} cannot be reached ({}): start `weir serve`, and look at PUBLIC_BASE_URL, the name, the certificate and the \
            proxy",
            causes(&error)
        )),
        Ok(Ok(answered)) => sent.judge(&answered),
    };
    match said {
        Ok(()) => Finding::holds(subject, format!("what is sent to {url} arrives, unchanged")),
        Err(trouble) => Finding::fails(subject, trouble),
    }
}

struct Sent {
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Sent {
    /// What whoever reads JSON and writes it again would change, in a body and under headers like those of WeChat's.
    fn new(context: &Context) -> Option<Self> {
        let now = context.clock.now();
        let token = context.tokens.issue_loop_back(now).ok()?;
        let id = Uuid::from_bytes(context.entropy.bytes().ok()?);
        let padding = "0".repeat(PADDING_BYTES);
        let body = format!(
            "{{\"id\": \"{id}\",  \"summary\" : \"\\u652f\\u4ed8成功 🍵 \\/\",\n\t\"number\": 1.10e2,\r\n \"padding\":\"{padding}\"}}\n"
        );
        let signature = STANDARD.encode(context.entropy.bytes::<SIGNATURE_BYTES>().ok()?);
        let headers = vec![
            ("wechatpay-timestamp", now.timestamp().to_string()),
            ("wechatpay-nonce", context.entropy.token().ok()?),
            ("wechatpay-signature", signature),
            ("wechatpay-serial", "weir-loop-back".to_owned()),
            ("wechatpay-signature-type", "WECHATPAY2-SHA256-RSA2048".to_owned()),
            (LOOP_BACK_HEADER, token),
        ];
        Some(Self { headers, body })
    }

    fn judge(&self, answered: &Answered) -> Result<(), String> {
        let status = answered.http_status;
        match (status, serde_json::from_slice::<Arrived>(&answered.body)) {
            (200, Ok(arrived)) => self.compare(&arrived),
            (300..=399, _) => Err(format!(
                "redirected ({status}) to {}: WeChat follows no redirect; PUBLIC_BASE_URL must be the address that answers by \
                itself",
                answered.location.as_deref().unwrap_or("nowhere")
            )),
            (408 | 429 | 502..=504, _) => Err(format!(
                "the answer is {status}: nobody behind the proxy, or a server that is busy or without its database; look at \
                GET /readyz, and try again"
            )),
            (401, _) => Err(
                "a server answers that does not know these settings, or the header weir-loop-back was lost on its way: run this \
                with the SESSION_JWT_KEYS, the version and the time of the server, and have the proxy pass on every header"
                    .to_owned(),
            ),
            _ => Err(format!(
                "the answer ({status}) is none of weir's: have the proxy pass on POST and this path, to weir"
            )),
        }
    }

    fn compare(&self, arrived: &Arrived) -> Result<(), String> {
        for (name, sent) in &self.headers {
            if *name == LOOP_BACK_HEADER {
                continue;
            }
            let mut came = arrived.headers.iter().filter(|(of, _)| of == name);
            let is_once = came.next().is_some_and(|(_, value)| value == sent) && came.next().is_none();
            if !is_once {
                return Err(format!(
                    "the header {name} does not arrive once and as it was sent: have the proxy pass on every header"
                ));
            }
        }
        if arrived.body_sha256 == sha256(self.body.as_bytes()) {
            Ok(())
        } else {
            Err("the body is changed on its way, so that no signature of WeChat's would fit: have the proxy, or what looks \
                into requests there, pass it on as it is"
                .to_owned())
        }
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

/// An error with what is behind it.
fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

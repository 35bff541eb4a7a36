//! Whether WeChat Pay believes us, and we it.

use url::Url;

use super::super::pay_keys;
use super::Finding;
use crate::domain::entropy::Entropy;
use crate::domain::name::OutTradeNo;
use crate::service::Context;
use crate::wechat::pay::{Client, KeyKind, PayError, Trouble, UnknownReason};

const ACCOUNT: &str = "merchant";
/// What WeChat Pay's hosts are called, and the settings that name them.
const HOSTS: [(&str, &str); 2] = [
    (ACCOUNT, "WXPAY_API_BASE_URL"),
    ("merchant, second host", "WXPAY_API_BACKUP_BASE_URL"),
];
const API_V3_KEY: &str = "APIv3 key";
const PLATFORM_KEYS: &str = "WeChat Pay's keys";

pub(super) async fn examine(context: &Context) -> Vec<Finding> {
    let Some(merchant) = &context.merchant else {
        let detail = "payment is not set up: its routes answer payment_not_configured until WXPAY_MCH_ID and what belongs \
            to it are set";
        return vec![Finding::untried(ACCOUNT, detail)];
    };
    let mut found = Vec::new();
    for (host, part) in merchant.hosts().zip(HOSTS) {
        found.push(account(merchant, context.entropy, host, part).await);
    }
    let downloaded = merchant.refresh_platform_keys().await;
    found.push(api_v3_key(merchant, downloaded.as_ref()));
    found.push(platform_keys(merchant, downloaded.err()));
    found
}

async fn account(
    merchant: &Client,
    entropy: Entropy,
    host: &Url,
    (subject, variable): (&str, &str),
) -> Finding {
    let number = entropy
        .token()
        .ok()
        .and_then(|token| OutTradeNo::parse(token).ok());
    let Some(number) = number else {
        return Finding::fails(subject, "the system gives no randomness");
    };
    let mch_id = merchant.merchant().mch_id();
    match merchant.query_nothing_at(host, &number).await {
        Ok(()) => Finding::holds(
            subject,
            format!(
                "{host} believes the signature of {mch_id}, so that key, certificate serial and merchant belong together"
            ),
        ),
        Err(error) => Finding::fails(
            subject,
            complaint(
                "pay_query",
                &error,
                &format!("{host}: look at its network and at {variable}"),
            ),
        ),
    }
}

fn api_v3_key(merchant: &Client, downloaded: Result<&usize, &PayError>) -> Finding {
    match (merchant.opening().is_working(), downloaded) {
        (Some(true), _) => Finding::holds(API_V3_KEY, "opens WeChat Pay's certificates"),
        (Some(false), _) => Finding::fails(API_V3_KEY, pay_keys::NOT_OPENING),
        (None, Ok(_)) => Finding::untried(
            API_V3_KEY,
            "has its 32 bytes; in public-key mode there is no certificate to try it on: the first notification shows it, on \
            the health page under pay_keys",
        ),
        (None, Err(_)) => Finding::untried(
            API_V3_KEY,
            "has its 32 bytes; no certificate came that it could be tried on",
        ),
    }
}

fn platform_keys(merchant: &Client, not_downloaded: Option<PayError>) -> Finding {
    let unverified = merchant
        .troubles()
        .into_iter()
        .find(|(_, trouble, _)| matches!(trouble, Trouble::Unverified(_)));
    if let Some((api, trouble, _)) = unverified {
        return Finding::of(PLATFORM_KEYS, &pay_keys::refused(api, &trouble));
    }
    if let Some(error) = not_downloaded {
        let way = "WeChat Pay: look at its network, at WXPAY_API_BASE_URL and at WXPAY_API_BACKUP_BASE_URL";
        let complaint = complaint("pay_certificates", &error, way);
        return Finding::fails(
            PLATFORM_KEYS,
            format!("no certificate can be downloaded: {complaint}"),
        );
    }
    let keys = merchant.keys();
    let standing = Finding::of(PLATFORM_KEYS, &pay_keys::standing(&keys));
    let untried = keys
        .iter()
        .find(|key| key.kind == KeyKind::PublicKey && key.verified == 0);
    match untried {
        Some(key) => Finding::untried(
            PLATFORM_KEYS,
            format!(
                "{} is a whole id; WeChat Pay has signed nothing yet that it could be tried on: compare it with the one in the \
                merchant console",
                key.serial
            ),
        ),
        None => standing,
    }
}

/// What mends it, where that is known; else where this server must come to, and what to look at.
fn complaint(api: &str, error: &PayError, way: &str) -> String {
    if let Some(trouble) = Trouble::of(error) {
        return pay_keys::refused(api, &trouble).detail;
    }
    match error {
        PayError::Definite { request_id, .. } => {
            let request_id = request_id.as_deref().unwrap_or("none was given");
            format!("{error}: WeChat Pay's support can tell why, by the request id ({request_id})")
        }
        PayError::Unknown {
            reason: UnknownReason::RateLimited,
            ..
        } => format!("{error}: try again in a minute"),
        PayError::Unknown { .. } | PayError::NotReached(_) => {
            format!("{error}: this server must reach {way}")
        }
    }
}

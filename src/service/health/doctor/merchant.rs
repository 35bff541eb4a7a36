//! Whether WeChat Pay believes us, and we it.

use super::super::pay_keys;
use super::Finding;
use crate::domain::entropy::Entropy;
use crate::domain::name::OutTradeNo;
use crate::service::Context;
use crate::wechat::pay::{Client, KeyKind, PayError, Trouble, UnknownReason};

const ACCOUNT: &str = "merchant";
const API_V3_KEY: &str = "APIv3 key";
const PLATFORM_KEYS: &str = "WeChat Pay's keys";

pub(super) async fn examine(context: &Context) -> Vec<Finding> {
    let Some(merchant) = &context.merchant else {
        let detail = "payment is not set up: its routes answer payment_not_configured until WXPAY_MCH_ID and what belongs \
            to it are set";
        return vec![Finding::untried(ACCOUNT, detail)];
    };
    // One after the other: what an answer is believed by is downloaded first.
    let downloaded = merchant.refresh_platform_keys().await;
    let account = account(merchant, context.entropy).await;
    vec![
        account,
        api_v3_key(merchant, downloaded.as_ref()),
        platform_keys(merchant, downloaded.err()),
    ]
}

/// That WeChat Pay has no such order is what it says to a merchant whose signature it believes.
async fn account(merchant: &Client, entropy: Entropy) -> Finding {
    let number = entropy
        .token()
        .ok()
        .and_then(|token| OutTradeNo::parse(token).ok());
    let Some(number) = number else {
        return Finding::fails(ACCOUNT, "the system gives no randomness");
    };
    let mch_id = merchant.merchant().mch_id();
    match merchant.query(&number).await {
        Err(error) if !error.is_not_found() => Finding::fails(ACCOUNT, complaint(merchant, &error)),
        Ok(_) | Err(_) => Finding::holds(
            ACCOUNT,
            format!(
                "WeChat Pay believes the signature of {mch_id}, so that key, certificate serial and merchant belong together"
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
        let complaint = complaint(merchant, &error);
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

/// What mends it, where that is known.
fn complaint(merchant: &Client, error: &PayError) -> String {
    if let Some((api, trouble, _)) = merchant.troubles().first() {
        return pay_keys::refused(api, trouble).detail;
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
        PayError::Unknown { .. } | PayError::NotReached(_) => format!(
            "{error}: this server must reach WeChat Pay; look at its network, at WXPAY_API_BASE_URL and at \
            WXPAY_API_BACKUP_BASE_URL"
        ),
    }
}

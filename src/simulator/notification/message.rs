//! A notification as a request: the envelope, its encrypted resource, its headers.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::simulator::clock::china_text;
use crate::simulator::error::Error;
use crate::simulator::key::Signer;
use crate::simulator::pay::answer::{PROBE_PREFIX, signed_message};
use crate::simulator::seal::seal;

/// What an envelope is made of.
pub(super) struct Content<'a> {
    pub(super) id: &'a str,
    pub(super) event_type: &'a str,
    pub(super) original_type: &'a str,
    pub(super) summary: &'a str,
    pub(super) created_at: DateTime<Utc>,
    pub(super) plaintext: &'a Value,
}

/// The body: an envelope around the encrypted resource.
pub(super) fn envelope(content: &Content, api_v3_key: &str, nonce: &str) -> Result<Vec<u8>, Error> {
    let plaintext = content.plaintext.to_string();
    let ciphertext = seal(api_v3_key, nonce, content.original_type, plaintext.as_bytes())
        .ok_or(Error::Setting("the APIv3 key has 32 characters"))?;
    let envelope = json!({
        "id": content.id,
        "create_time": china_text(content.created_at),
        "event_type": content.event_type,
        "resource_type": "encrypt-resource",
        "summary": content.summary,
        "resource": {
            "original_type": content.original_type,
            "algorithm": "AEAD_AES_256_GCM",
            "ciphertext": ciphertext,
            "associated_data": content.original_type,
            "nonce": nonce,
        },
    });
    Ok(envelope.to_string().into_bytes())
}

/// How a signature is spoilt, if at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoiling {
    None,
    Probe,
    Wrong,
    Missing,
    NotBase64,
}

/// The headers of a request with this body, signed at this time.
pub(super) fn headers(
    signer: &Signer,
    at: DateTime<Utc>,
    nonce: String,
    body: &[u8],
    spoiling: Spoiling,
) -> Result<BTreeMap<String, String>, Error> {
    let timestamp = at.timestamp().to_string();
    let mut message = signed_message(&timestamp, &nonce, body);
    if spoiling == Spoiling::Wrong {
        message.push(b'!');
    }
    let signature = signer.sign(&message)?;
    let signature = match spoiling {
        Spoiling::None | Spoiling::Wrong => Some(signature),
        Spoiling::Probe => Some(format!("{PROBE_PREFIX}{signature}")),
        Spoiling::NotBase64 => Some("this is *not* base64".to_owned()),
        Spoiling::Missing => None,
    };
    let headers = [
        ("Accept", Some("*/*".to_owned())),
        ("Content-Type", Some("application/json".to_owned())),
        ("Wechatpay-Timestamp", Some(timestamp)),
        ("Wechatpay-Nonce", Some(nonce)),
        ("Wechatpay-Serial", Some(signer.serial().to_owned())),
        (
            "Wechatpay-Signature-Type",
            Some("WECHATPAY2-SHA256-RSA2048".to_owned()),
        ),
        ("Wechatpay-Signature", signature),
    ];
    Ok(headers
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| (name.to_owned(), value)))
        .collect())
}

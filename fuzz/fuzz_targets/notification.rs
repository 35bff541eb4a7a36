//! The way of a notification from raw headers and bytes to what it reports, without a database.
//!
//! The first byte of an input says where it gets in: `h`, as a stranger's request, four headers and the
//! body, a line each; `b`, as a body that is rightly signed; `p` and `r`, as the inside of a payment's
//! or a refund's notification that is rightly sealed and signed. A stranger is never believed, and
//! nothing ever panics.

#![no_main]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use weir::domain::name::KeySerial;
use weir::wechat::crypto::{ResourceKey, SigningKey, VerifyingKey};
use weir::wechat::pay::{KeyRing, Notification, PlatformKey, Refusal, SignedMessage, decrypt};

const SERIAL: &str = "5157F09EFDC096DE15EBE81A47057A7200000001";
const API_V3_KEY: &[u8; 32] = b"GeneratedApiV3Key0123456789abcde";
const NONCE: &[u8; 12] = b"fdasflkja484";
const NOW_S: i64 = 1_767_225_600;
const HEADERS: [&str; 4] = [
    "wechatpay-timestamp",
    "wechatpay-nonce",
    "wechatpay-serial",
    "wechatpay-signature",
];

/// A platform whose keys are known here, as only a test's are.
struct Platform {
    ring: KeyRing,
    signing: SigningKey,
    key: ResourceKey,
    /// Everything that it ever signed, as it was signed.
    signed: BTreeSet<Vec<u8>>,
}

static PLATFORM: LazyLock<Platform> = LazyLock::new(|| {
    let vectors: Value = serde_json::from_str(include_str!("../../tests/vectors/vectors.json")).unwrap();
    let pem = |kind: &str| vectors["keys"]["platform"][kind].as_str().unwrap();
    let verifying = VerifyingKey::from_pem(pem("public_key_pem")).unwrap();
    let serial = KeySerial::parse(SERIAL).unwrap();
    let ring = KeyRing::new(Some(PlatformKey::public_key(serial, verifying)));
    let of_vectors = vectors["vectors"].as_array().unwrap();
    let signed = of_vectors
        .iter()
        .filter_map(|vector| vector["expected"]["string_to_verify"].as_str())
        .map(|text| text.as_bytes().to_vec());
    Platform {
        ring,
        signing: SigningKey::from_pem(pem("private_key_pkcs8_pem")).unwrap(),
        key: ResourceKey::new(API_V3_KEY).unwrap(),
        signed: signed.collect(),
    }
});

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW_S, 0).unwrap()
}

fn receive(headers: [&[u8]; 4], body: &[u8]) -> Result<Notification, Refusal> {
    let values = |name: &'static str| {
        let position = HEADERS.iter().position(|known| *known == name);
        position.map(|position| headers[position]).into_iter()
    };
    let message = SignedMessage::from_headers(body, values)?;
    let verified = PLATFORM.ring.verify(&message, now())?;
    let notification = decrypt(&PLATFORM.key, verified)?.read()?;
    Ok(notification.into_inner())
}

/// The request of a stranger.
fn knock(input: &[u8]) {
    let mut lines = input.splitn(5, |byte| *byte == b'\n');
    let headers = [(); 4].map(|()| lines.next().unwrap_or_default());
    let body = lines.next().unwrap_or_default();
    let is_believed = receive(headers, body).map_or_else(|refusal| refusal.is_signed(), |_| true);
    if is_believed {
        let signed = [headers[0], headers[1], body, b""].join(&b'\n');
        assert!(PLATFORM.signed.contains(&signed), "a stranger was believed");
    }
}

/// A body that the platform signed.
fn deliver(body: &[u8]) -> Result<Notification, Refusal> {
    let timestamp = NOW_S.to_string();
    let parts: [&[u8]; 6] = [timestamp.as_bytes(), b"\n", b"nonce", b"\n", body, b"\n"];
    let signature = PLATFORM.signing.sign(&parts).unwrap();
    let headers = [
        timestamp.as_bytes(),
        b"nonce",
        SERIAL.as_bytes(),
        signature.as_bytes(),
    ];
    let received = receive(headers, body);
    if let Err(refusal) = &received {
        assert!(
            refusal.is_signed(),
            "what was rightly signed is refused: {refusal}"
        );
    }
    received
}

/// The inside of a notification, sealed and signed.
fn seal(event_type: &str, original_type: &str, plaintext: &[u8]) {
    let payload = Payload {
        msg: plaintext,
        aad: original_type.as_bytes(),
    };
    let sealed = aes_gcm::Aes256Gcm::new(API_V3_KEY.into())
        .encrypt(NONCE.into(), payload)
        .unwrap();
    let body = json!({
        "id": "EV-1", "event_type": event_type,
        "resource": {
            "original_type": original_type, "algorithm": "AEAD_AES_256_GCM", "nonce": std::str::from_utf8(NONCE).unwrap(),
            "associated_data": original_type, "ciphertext": STANDARD.encode(sealed),
        },
    });
    match deliver(body.to_string().as_bytes()) {
        Ok(Notification::Payment { .. }) => assert_eq!(original_type, "transaction"),
        Ok(Notification::Refund { report, .. }) => {
            assert_eq!(original_type, "refund");
            assert!(report.out_refund_no.as_str().len() <= 64);
        }
        Ok(other @ Notification::Other { .. }) => panic!("it says what it is, and became {other:?}"),
        Err(Refusal::PlaintextUnreadable { .. } | Refusal::RefundUnreadable { .. }) => {}
        Err(refusal) => panic!("rightly sealed, and refused: {refusal}"),
    }
}

fuzz_target!(|input: &[u8]| {
    match input.split_first() {
        Some((b'h', rest)) => knock(rest),
        Some((b'b', rest)) => drop(deliver(rest)),
        Some((b'p', rest)) => seal("TRANSACTION.SUCCESS", "transaction", rest),
        Some((b'r', rest)) => seal("REFUND.SUCCESS", "refund", rest),
        _ => {}
    }
});

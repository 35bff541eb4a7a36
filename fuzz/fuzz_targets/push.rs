//! A pushed message, from query and body to what it says.
//!
//! The first byte of an input says where it gets in: `h`, as a stranger's request, the query and the body,
//! a line each; `e`, as a body that is rightly signed over its ciphertext; `s`, as a text that is rightly
//! sealed, padding and all; `m`, as a message that is rightly sealed, signed and in time. A stranger is
//! never believed, what opens is the text itself, what is told is an object, and nothing ever panics.

#![no_main]

use std::sync::LazyLock;

use aws_lc_rs::cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use aws_lc_rs::iv::FixedLength;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use weir::domain::name::AppId;
use weir::wechat::push::{Knock, PushKeys, PushMessage, PushQuery, Refusal};

const APP_ID: &str = "wxba5fad812f8e6fb9";
const TOKEN: &str = "ATokenOfThirtyTwoCharactersInAll";
const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
/// What the key above stands for, its last two bits left out.
const AES_KEY_HEX: &str = "69b71d79f8218a39259a7a29aabb2dbafc31cb3d35db7e39ebbf3d0010831051";
const NOW_S: i64 = 1_767_225_600;
const NONCE: &str = "1514711492";

static KEYS: LazyLock<[PushKeys; 2]> =
    LazyLock::new(|| [Some(AES_KEY), None].map(|key| PushKeys::parse(TOKEN, key).unwrap()));

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW_S, 0).unwrap()
}

fn receive(keys: &PushKeys, query: &str, body: &[u8]) -> Result<(Vec<u8>, PushMessage), Refusal> {
    let app_id = AppId::parse(APP_ID).unwrap();
    let query = PushQuery::parse(query)?;
    let knock = Knock { app_id: &app_id, keys, query: &query, now: now() };
    assert!(knock.shake_hands().is_err(), "a stranger's handshake was answered");
    knock.receive(body)
}

fn sign(parts: &[&str]) -> String {
    let mut parts = parts.to_vec();
    parts.sort_unstable();
    let mut hash = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    for part in parts {
        hash.update(part.as_bytes());
    }
    hex::encode(hash.finish())
}

/// The request of a stranger, to a mini program with a key and to one without.
fn knock(input: &[u8]) {
    let mut lines = input.splitn(2, |byte| *byte == b'\n');
    let query = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let body = lines.next().unwrap_or_default();
    for keys in &*KEYS {
        let refusal = receive(keys, &query, body).expect_err("a stranger was believed");
        assert!(!refusal.is_signed(), "a stranger signed: {refusal}");
    }
}

/// A ciphertext that WeChat signed.
fn deliver(encrypted: &str) -> Result<(Vec<u8>, PushMessage), Refusal> {
    let timestamp = NOW_S.to_string();
    let signature = sign(&[TOKEN, &timestamp, NONCE, encrypted]);
    let query = format!("timestamp={timestamp}&nonce={NONCE}&msg_signature={signature}");
    let body = json!({ "Encrypt": encrypted }).to_string();
    let received = receive(&KEYS[0], &query, body.as_bytes());
    if let Err(refusal) = &received {
        assert!(refusal.is_signed(), "what was rightly signed is refused: {refusal}");
    }
    assert_eq!(receive(&KEYS[1], &query, body.as_bytes()).unwrap_err(), Refusal::KeyMissing);
    received
}

/// Whole blocks under the key.
fn encrypt(mut blocks: Vec<u8>) -> String {
    let key = hex::decode(AES_KEY_HEX).unwrap();
    let iv: [u8; 16] = key[..16].try_into().unwrap();
    let cipher = EncryptingKey::cbc(UnboundCipherKey::new(&AES_256, &key).unwrap()).unwrap();
    let context = EncryptionContext::Iv128(FixedLength::from(iv));
    cipher.less_safe_encrypt(&mut blocks, context).unwrap();
    STANDARD.encode(blocks)
}

/// A message as WeChat seals it.
fn tell(message: &[u8]) {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let mut text = [b"sixteen letters!", length.as_slice(), message, APP_ID.as_bytes()].concat();
    let padding = 32 - text.len() % 32;
    text.resize(text.len() + padding, u8::try_from(padding).unwrap());
    match deliver(&encrypt(text)) {
        Ok((opened, said)) => {
            assert_eq!(opened, message);
            let told: Value = serde_json::from_str(said.json.get()).unwrap();
            assert!(told.is_object());
            assert!(said.kind.len() <= 80);
            let again = PushMessage::read(message).unwrap();
            assert_eq!((again.identity, again.kind), (said.identity, said.kind));
        }
        Err(refusal) => assert!(matches!(refusal, Refusal::Message(_)), "rightly sealed: {refusal}"),
    }
}

fuzz_target!(|input: &[u8]| {
    match input.split_first() {
        Some((b'h', rest)) => knock(rest),
        Some((b'e', rest)) => drop(deliver(&String::from_utf8_lossy(rest))),
        Some((b's', rest)) => drop(deliver(&encrypt(rest[..rest.len() - rest.len() % 16].to_vec()))),
        Some((b'm', rest)) => tell(rest),
        _ => {}
    }
});

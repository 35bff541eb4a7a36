//! Pushed messages: what was sealed opens to the byte, and nothing at all panics.

use aes::Aes256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cbc::Encryptor;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeEncrypt as _, KeyIvInit as _};
use chrono::{DateTime, Utc};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use weir::domain::name::AppId;
use weir::wechat::push::{Knock, PushKeys, PushMessage, PushQuery, Refusal};

const APP: &str = "wxba5fad812f8e6fb9";
const TOKEN: &str = "ATokenOfThirtyTwoCharactersInAll";
const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
/// What the key above stands for, its last two bits left out.
const AES_KEY_HEX: &str = "69b71d79f8218a39259a7a29aabb2dbafc31cb3d35db7e39ebbf3d0010831051";
const NOW_S: i64 = 1_767_225_600;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW_S, 0).unwrap()
}

fn keys() -> PushKeys {
    PushKeys::parse(TOKEN, Some(AES_KEY)).unwrap()
}

fn sign(parts: &[&str]) -> String {
    let mut parts = parts.to_vec();
    parts.sort_unstable();
    hex::encode(Sha1::digest(parts.concat()))
}

/// Encrypts whole blocks, which these are.
fn encrypt(mut text: Vec<u8>) -> String {
    let key: [u8; 32] = hex::decode(AES_KEY_HEX).unwrap().try_into().unwrap();
    let iv: [u8; 16] = key[..16].try_into().unwrap();
    let length = text.len();
    Encryptor::<Aes256>::new((&key).into(), (&iv).into())
        .encrypt_padded::<NoPadding>(&mut text, length)
        .unwrap();
    STANDARD.encode(text)
}

fn padded(mut text: Vec<u8>) -> Vec<u8> {
    let padding = 32 - text.len() % 32;
    text.resize(text.len() + padding, u8::try_from(padding).unwrap());
    text
}

fn sealed(random: [u8; 16], length: u32, message: &[u8], app_id: &str) -> Vec<u8> {
    [
        &random,
        length.to_be_bytes().as_slice(),
        message,
        app_id.as_bytes(),
    ]
    .concat()
}

/// What becomes of a ciphertext that is rightly signed.
fn open(encrypted: &str) -> Result<Vec<u8>, Refusal> {
    let (timestamp, nonce) = (NOW_S.to_string(), "1514711492");
    let signature = sign(&[TOKEN, &timestamp, nonce, encrypted]);
    let query = PushQuery::parse(&format!(
        "timestamp={timestamp}&nonce={nonce}&msg_signature={signature}"
    ))
    .unwrap();
    let knock = Knock {
        app_id: &AppId::parse(APP).unwrap(),
        keys: &keys(),
        query: &query,
        now: now(),
    };
    knock.open(json!({ "Encrypt": encrypted }).to_string().as_bytes())
}

#[test]
fn a_length_or_a_padding_that_is_wrong_does_not_open() {
    let message = b"{\"MsgType\":\"event\"}";
    let length = u32::try_from(message.len()).unwrap();
    let good = |length| padded(sealed([7; 16], length, message, APP));
    assert_eq!(open(&encrypt(good(length))).as_deref(), Ok(message.as_slice()));
    for wrong in [length + 1, length - 1, 0] {
        assert_eq!(open(&encrypt(good(wrong))), Err(Refusal::AppMismatch), "{wrong}");
    }
    for wrong in [u32::MAX, 1 << 31, length + 19] {
        assert_eq!(open(&encrypt(good(wrong))), Err(Refusal::Unopened), "{wrong}");
    }
    for end in [0, 33, 255] {
        let mut text = good(length);
        *text.last_mut().unwrap() = end;
        assert_eq!(open(&encrypt(text)), Err(Refusal::Unopened), "{end}");
    }
    for short in [
        "",
        "*",
        "AAAA",
        &STANDARD.encode([0; 15]),
        &STANDARD.encode([0; 17]),
    ] {
        assert_eq!(open(short), Err(Refusal::Unopened), "{short}");
    }
}

proptest! {
    #[test]
    fn what_was_sealed_opens_to_the_byte(message in any::<Vec<u8>>(), random in any::<[u8; 16]>()) {
        let length = u32::try_from(message.len()).unwrap();
        let text = sealed(random, length, &message, APP);
        prop_assert_eq!(open(&encrypt(padded(text.clone()))), Ok(message.clone()));
        let astray = sealed(random, length, &message, "wx0000000000000000");
        prop_assert_eq!(open(&encrypt(padded(astray))), Err(Refusal::AppMismatch));
    }

    #[test]
    fn whatever_is_signed_is_opened_or_refused(bytes in any::<Vec<u8>>()) {
        // What is no message of ours is none, sealed by the right key or not.
        prop_assert!(open(&STANDARD.encode(&bytes)).is_err());
        let length = bytes.len() - bytes.len() % 16;
        let refused = open(&encrypt(bytes[..length].to_vec()));
        prop_assert!(refused.is_err());
    }

    #[test]
    fn whatever_knocks_is_answered(query in ".{0,80}", body in any::<Vec<u8>>()) {
        let Ok(query) = PushQuery::parse(&format!("timestamp=1767225600&nonce=1&{query}")) else {
            return Ok(());
        };
        let knock = Knock { app_id: &AppId::parse(APP).unwrap(), keys: &keys(), query: &query, now: now() };
        prop_assert!(knock.receive(&body).is_err());
        prop_assert!(knock.shake_hands().is_err());
    }

    #[test]
    fn whatever_reads_is_told_as_json(text in "[<>/a-z&;#0-9\"{}:,\\[\\]! ]{0,120}") {
        for text in [text.clone(), format!("<xml>{text}</xml>"), format!("{{{text}}}")] {
            if let Ok(message) = PushMessage::read(text.as_bytes()) {
                let told: Value = serde_json::from_str(message.json.get()).unwrap();
                prop_assert!(told.is_object());
                prop_assert!(message.kind.len() <= 80);
            }
        }
    }

    #[test]
    fn what_is_written_in_xml_is_read(texts in proptest::collection::vec("\\PC{0,20}", 1..6)) {
        let items: Vec<String> = texts
            .iter()
            .map(|text| format!("<a><![CDATA[{}]]></a>", text.replace("]]>", "]]]]><![CDATA[>")))
            .collect();
        let items = items.concat();
        let message = PushMessage::read(format!("<xml><l>{items}</l></xml>").as_bytes()).unwrap();
        let told: Value = serde_json::from_str(message.json.get()).unwrap();
        let wanted = match texts.as_slice() {
            [one] => json!(one),
            many => json!(many),
        };
        prop_assert_eq!(&told["l"]["a"], &wanted);
    }
}

//! Open data, from what a page hands over to what it says.
//!
//! The first byte of an input says where it gets in: `f`, as the form, the texts of `encryptedData`,
//! `iv`, `rawData` and `signature`, a line each; `c`, as a stranger's initialisation vector and
//! ciphertext; `p`, as a text that was rightly encrypted under the newest key, `q` under the one before.
//! A stranger is never believed, what is believed is the text itself and says whose it is, and nothing
//! ever panics.

#![no_main]

use std::sync::LazyLock;

use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use weir::domain::name::{AppId, OpenId};
use weir::domain::open_data::{Expected, Refusal};
use weir::wechat::mini::open_data::{Opened, Sealed, Signed};
use weir::wechat::secret::SessionKey;

const APP_ID: &str = "wx1";
const OPENID: &str = "oAlice";
const NOW_S: i64 = 1_700_000_000;
const IV: [u8; 16] = *b"sixteen bytes iv";

static KEYS: LazyLock<[SessionKey; 2]> =
    LazyLock::new(|| [7, 9].map(|byte| SessionKey::parse(&STANDARD.encode([byte; 16])).unwrap()));

fn open(sealed: &Sealed) -> Result<Opened, Refusal> {
    let expected = Expected {
        app_id: &AppId::parse(APP_ID).unwrap(),
        openid: &OpenId::parse(OPENID).unwrap(),
        now: DateTime::from_timestamp(NOW_S, 0).unwrap(),
    };
    sealed.open(&*KEYS, &expected)
}

/// Texts as a page sends them.
fn hand_over(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.splitn(4, '\n');
    let [data, iv, raw_data, signature] = [(); 4].map(|()| lines.next().unwrap_or_default());
    let signed = Signed::parse(raw_data.to_owned(), signature.to_owned());
    if let Ok(signed) = &signed {
        assert!(!signed.is_valid(&*KEYS), "a stranger's signature was believed");
    }
    if let Ok(sealed) = Sealed::parse(data, iv, signed.ok()) {
        assert!(open(&sealed).is_err(), "a stranger was believed");
    }
}

/// Bytes that nobody encrypted.
fn knock(input: &[u8]) {
    let Some((iv, data)) = input.split_first_chunk::<16>() else {
        return;
    };
    if let Ok(sealed) = Sealed::parse(&STANDARD.encode(data), &STANDARD.encode(iv), None) {
        assert!(open(&sealed).is_err(), "a stranger was believed");
    }
}

/// A text that the user's own phone encrypted.
fn encrypt(text: &[u8], key_index: usize) {
    let padding = 16 - text.len() % 16;
    let mut blocks = text.to_vec();
    blocks.resize(text.len() + padding, u8::try_from(padding).unwrap());
    let key = UnboundCipherKey::new(&AES_128, KEYS[key_index].expose_bytes()).unwrap();
    let context = EncryptionContext::Iv128(FixedLength::from(IV));
    let cipher = EncryptingKey::cbc(key).unwrap();
    cipher.less_safe_encrypt(&mut blocks, context).unwrap();
    let Ok(sealed) = Sealed::parse(&STANDARD.encode(&blocks), &STANDARD.encode(IV), None) else {
        return;
    };
    if let Ok(opened) = open(&sealed) {
        assert_eq!(opened.json.as_bytes(), text);
        assert_eq!(opened.key_index, key_index);
        let said: Value = serde_json::from_str(&opened.json).unwrap();
        assert_eq!(said["watermark"]["appid"], APP_ID);
        let age_s = NOW_S - said["watermark"]["timestamp"].as_i64().unwrap();
        assert!((-300..=600).contains(&age_s), "{age_s}");
        assert!(said.get("openId").is_none_or(|openid| openid.is_null() || openid == OPENID));
    }
}

fuzz_target!(|input: &[u8]| {
    match input.split_first() {
        Some((b'f', rest)) => hand_over(rest),
        Some((b'c', rest)) => knock(rest),
        Some((b'p', rest)) => encrypt(rest, 0),
        Some((b'q', rest)) => encrypt(rest, 1),
        _ => {}
    }
});

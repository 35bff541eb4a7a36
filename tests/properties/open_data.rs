//! Open data of any kind, any bytes in its place, and what a flip of one bit can do.

use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use proptest::prelude::*;
use weir::domain::name::{AppId, OpenId};
use weir::domain::open_data::{Expected, Payload, Refusal};
use weir::domain::phone_number::PhoneNumber;
use weir::wechat::crypto::open_data::{decrypt, is_signature_of};
use weir::wechat::mini::open_data::{Opened, Sealed, Signed};
use weir::wechat::secret::SessionKey;

pub(crate) const NOW_S: i64 = 1_700_000_000;
pub(crate) const WATERMARK: &str = r#""watermark":{"timestamp":1700000000,"appid":"wx1"}"#;
const IV: [u8; 16] = *b"sixteen bytes iv";

pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW_S, 0).unwrap()
}

pub(crate) fn key(byte: u8) -> SessionKey {
    SessionKey::parse(&STANDARD.encode([byte; 16])).unwrap()
}

/// Whole blocks, encrypted by another library than the one that opens them.
pub(crate) fn encrypt(key: &SessionKey, iv: [u8; 16], mut blocks: Vec<u8>) -> Vec<u8> {
    let key = UnboundCipherKey::new(&AES_128, key.expose_bytes()).unwrap();
    let context = EncryptionContext::Iv128(FixedLength::from(iv));
    let cipher = EncryptingKey::cbc(key).unwrap();
    cipher.less_safe_encrypt(&mut blocks, context).unwrap();
    blocks
}

pub(crate) fn padded(text: &[u8]) -> Vec<u8> {
    let length = 16 - text.len() % 16;
    let mut blocks = text.to_vec();
    blocks.resize(text.len() + length, u8::try_from(length).unwrap());
    blocks
}

pub(crate) fn sealed(data: &[u8], iv: [u8; 16]) -> Sealed {
    Sealed::parse(&STANDARD.encode(data), &STANDARD.encode(iv), None).unwrap()
}

pub(crate) fn open(sealed: &Sealed, keys: &[SessionKey]) -> Result<Opened, Refusal> {
    let expected = Expected {
        app_id: &AppId::parse("wx1").unwrap(),
        openid: &OpenId::parse("oAlice").unwrap(),
        now: now(),
    };
    sealed.open(keys, &expected)
}

/// The bits of the initialisation vector and of the data whose flip still opens, as what opens then.
fn flips_that_open(text: &str) -> Vec<(bool, String)> {
    let own = key(7);
    let data = encrypt(&own, IV, padded(text.as_bytes()));
    let flip = |bytes: &[u8], bit: usize| {
        let mut altered = bytes.to_vec();
        altered[bit / 8] ^= 1 << (bit % 8);
        altered
    };
    let keys = [own];
    let of_iv = (0..128).map(|bit| {
        let iv = flip(&IV, bit).try_into().unwrap();
        (true, sealed(&data, iv))
    });
    let of_data = (0..data.len() * 8).map(|bit| (false, sealed(&flip(&data, bit), IV)));
    of_iv
        .chain(of_data)
        .filter_map(|(is_iv, altered)| Some((is_iv, open(&altered, &keys).ok()?.json)))
        .collect()
}

#[test]
fn no_flip_of_a_bit_opens_a_phone_number_or_a_whole_profile() {
    let profile = r#"{"openId":"oAlice","nickName":"阿丽","avatarUrl":"https://a","unionId":"uAlice","#;
    for start in [
        r#"{"phoneNumber":"13800138000","purePhoneNumber":"13800138000","countryCode":"86","#,
        r#"{"phoneNumber":"+85251234567","purePhoneNumber":"51234567","countryCode":"852","#,
        profile,
    ] {
        let text = format!("{start}{WATERMARK}}}");
        let own = key(7);
        let data = encrypt(&own, IV, padded(text.as_bytes()));
        assert!(open(&sealed(&data, IV), &[own]).is_ok());
        assert_eq!(flips_that_open(&text), [], "{start}");
    }
}

#[test]
fn numbers_with_signs_in_them_open() {
    let own = [key(7)];
    for (whole, pure, country) in [
        (r#""+852 9123 4567""#, r#""9123 4567""#, r#""852""#),
        (r#""13800138000""#, r#""13800138000""#, r#""+86""#),
        (r#""+17875550123""#, r#""5550123""#, r#""1-787""#),
        ("13800138000", "13800138000", "86"),
    ] {
        let text = format!(
            r#"{{"phoneNumber":{whole},"purePhoneNumber":{pure},"countryCode":{country},{WATERMARK}}}"#
        );
        let opened = open(&sealed(&encrypt(&own[0], IV, padded(text.as_bytes())), IV), &own);
        assert!(matches!(opened.unwrap().payload, Payload::Phone(_)), "{text}");
    }
}

#[test]
fn white_space_behind_a_text_is_no_padding() {
    let mut text = format!("{{\"x\":\"\",{WATERMARK}}}");
    while text.len() % 16 != 15 {
        text.insert(6, 'x');
    }
    let own = [key(7)];
    // As JSON it would do: ten more of these bytes, and it would be padded.
    let blocks = format!("{text}\n").into_bytes();
    let refusal = open(&sealed(&encrypt(&own[0], IV, blocks), IV), &own).err();
    assert_eq!(refusal, Some(Refusal::NoKey));
    assert!(open(&sealed(&encrypt(&own[0], IV, padded(text.as_bytes())), IV), &own).is_ok());
}

/// What no server can tell, since the initialisation vector is no part of what is encrypted: a bit of the
/// first sixteen bytes. What follows is as WeChat wrote it, to the byte.
#[test]
fn of_the_other_kinds_only_the_first_sixteen_bytes_can_be_altered() {
    for start in [
        r#"{"stepInfoList":[{"timestamp":1699891200,"step":1234}],"#,
        r#"{"openGId":"tGAbcdefghijklmnop","#,
        r#"{"nickName":"Alice","avatarUrl":"https://a","#,
    ] {
        let text = format!("{start}{WATERMARK}}}");
        let opened = flips_that_open(&text);
        assert!((1..128).contains(&opened.len()), "{start}: {}", opened.len());
        for (is_iv, altered) in opened {
            assert!(is_iv, "{altered}");
            assert_eq!(altered.as_bytes()[16..], text.as_bytes()[16..]);
        }
    }
}

proptest! {
    #[test]
    fn what_was_encrypted_comes_out(text in any::<Vec<u8>>(), iv in any::<[u8; 16]>(), byte in any::<u8>()) {
        let key = key(byte);
        let decrypted = decrypt(key.expose_bytes(), &iv, &encrypt(&key, iv, padded(&text)));
        prop_assert!(decrypted.is_padded());
        prop_assert_eq!(decrypted.text(), text);
    }

    #[test]
    fn any_member_comes_out_as_it_was_written(name in any::<String>(), value in any::<String>(), second in any::<bool>()) {
        prop_assume!(!["openId", "unionId", "stepInfoList"].contains(&name.as_str()));
        let member = format!("{}:{}", serde_json::json!(name), serde_json::json!(value));
        let text = format!("{{\"nickName\":\"x\",\"avatarUrl\":\"y\",\"extra\":{{{member}}},{WATERMARK}}}");
        let keys = [key(1), key(2)];
        let data = encrypt(&keys[usize::from(second)], IV, padded(text.as_bytes()));
        let opened = open(&sealed(&data, IV), &keys).unwrap();
        prop_assert_eq!(opened.json, text);
        prop_assert_eq!(opened.key_index, usize::from(second));
    }

    #[test]
    fn any_text_and_any_bytes_are_refused_and_nothing_panics(
        data in any::<Vec<u8>>(),
        iv in any::<[u8; 16]>(),
        texts in any::<[String; 4]>(),
        plain in any::<Vec<u8>>(),
    ) {
        drop(decrypt(&iv, &iv, &data));
        let [encrypted, vector, raw_data, signature] = texts;
        let signed = || Signed::parse(raw_data.clone(), signature.clone()).ok();
        prop_assert!(Sealed::parse(&encrypted, &vector, signed()).is_err());
        let keys = [key(3), key(4)];
        let mut blocks = data;
        blocks.resize(blocks.len().next_multiple_of(16).max(16), 0);
        prop_assert!(open(&sealed(&blocks, iv), &keys).is_err());
        // Rightly encrypted nonsense is nonsense.
        let encrypted = encrypt(&keys[1], iv, padded(&plain));
        prop_assert!(open(&sealed(&encrypted, iv), &keys).is_err());
        if let Some(signed) = signed() {
            prop_assert!(!signed.is_valid(&keys));
        }
    }

    #[test]
    fn any_json_in_place_of_a_member_is_taken_or_refused(at in 0_usize..9, value in "[\\[\\]{}\":,0-9a-z\\\\ -]{0,24}") {
        let names = ["openId", "unionId", "nickName", "avatarUrl", "phoneNumber", "countryCode", "stepInfoList", "openGId", "x"];
        let text = format!("{{\"{}\":{value},{WATERMARK}}}", names[at]);
        let keys = [key(5)];
        let data = encrypt(&keys[0], IV, padded(text.as_bytes()));
        if let Ok(opened) = open(&sealed(&data, IV), &keys) {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&opened.json).is_ok());
        }
    }

    #[test]
    fn encrypted_data_holds_a_phone_number_where_a_code_would_have_brought_it(
        (prefix, pure) in ("[+]?[0-9]{0,4}[ ().-]{0,2}", "[0-9]{0,3}[ -]?[0-9]{0,14}"),
        other in proptest::option::of("[0-9a +-]{0,12}"),
        country in "[+]?[0-9]{0,3}[ -]?[0-9]{0,5}",
    ) {
        let whole = format!("{prefix}{}", other.as_ref().unwrap_or(&pure));
        let text = format!(
            "{{\"phoneNumber\":\"{whole}\",\"purePhoneNumber\":\"{pure}\",\"countryCode\":\"{country}\",{WATERMARK}}}"
        );
        let keys = [key(6)];
        let opened = open(&sealed(&encrypt(&keys[0], IV, padded(text.as_bytes())), IV), &keys);
        let expected = PhoneNumber::parse(whole, pure, country).map(Payload::Phone);
        prop_assert_eq!(opened.map(|opened| opened.payload).ok(), expected.ok());
    }

    #[test]
    fn a_signature_fits_one_text_and_one_key(raw in any::<String>(), other in any::<String>(), byte in any::<u8>()) {
        let (own, signature) = (key(byte), signature_of(&raw, &key(byte)));
        let fits = |text: &str, key: &SessionKey| {
            bool::from(is_signature_of(signature.as_bytes(), text, key.expose_text()))
        };
        prop_assert!(fits(&raw, &own));
        prop_assert_eq!(fits(&other, &own), raw == other);
        prop_assert!(!fits(&raw, &key(byte.wrapping_add(1))));
    }
}

fn signature_of(raw_data: &str, key: &SessionKey) -> String {
    let text = format!("{raw_data}{}", key.expose_text());
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    hex::encode(hash)
}

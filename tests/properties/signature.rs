//! Signatures and encryption: a round trip holds, and one flipped bit anywhere breaks it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;
use std::sync::LazyLock;
use weir::domain::name::KeySerial;
use weir::wechat::crypto::{ResourceKey, SigningKey, VerifyingKey};
use weir::wechat::pay::{KeyRing, PlatformKey, Refusal, SignedMessage};

const NOW_S: i64 = 1_767_225_600;
const SERIAL: &str = "PUB_KEY_ID_01";

/// The generated keys of the vectors.
static KEYS: LazyLock<Value> = LazyLock::new(|| {
    let vectors: Value = serde_json::from_str(include_str!("../vectors/vectors.json")).unwrap();
    vectors["keys"].clone()
});

pub(crate) static PLATFORM: LazyLock<SigningKey> = LazyLock::new(|| {
    SigningKey::from_pem(KEYS["platform"]["private_key_pkcs8_pem"].as_str().unwrap()).unwrap()
});

pub(crate) static RING: LazyLock<KeyRing> = LazyLock::new(|| {
    let key = VerifyingKey::from_pem(KEYS["platform"]["public_key_pem"].as_str().unwrap()).unwrap();
    KeyRing::new(Some(PlatformKey::public_key(
        KeySerial::parse(SERIAL).unwrap(),
        key,
    )))
});

/// A message as it travels.
#[derive(Clone, Debug)]
pub(crate) struct Travelling {
    timestamp: Vec<u8>,
    nonce: Vec<u8>,
    signature: Vec<u8>,
    body: Vec<u8>,
}

impl Travelling {
    /// A message that WeChat Pay signed now.
    pub(crate) fn signed(nonce: &str, body: Vec<u8>) -> Self {
        let timestamp = NOW_S.to_string().into_bytes();
        let parts = [&timestamp[..], b"\n", nonce.as_bytes(), b"\n", &body, b"\n"];
        let signature = PLATFORM.sign(&parts).unwrap().into_bytes();
        Self {
            timestamp,
            nonce: nonce.as_bytes().to_vec(),
            signature,
            body,
        }
    }

    pub(crate) fn message(&self) -> SignedMessage<'_> {
        SignedMessage::from_headers(&self.body, |name| {
            std::iter::once(match name {
                "wechatpay-timestamp" => self.timestamp.as_slice(),
                "wechatpay-nonce" => self.nonce.as_slice(),
                "wechatpay-signature" => self.signature.as_slice(),
                _ => SERIAL.as_bytes(),
            })
        })
        .unwrap()
    }

    fn verdict(&self) -> Result<(), Refusal> {
        RING.verify(&self.message(), DateTime::from_timestamp(NOW_S, 0).unwrap())
            .map(drop)
    }
}

fn flip(bytes: &mut [u8], at: Index) {
    let bit = at.index(bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
}

proptest! {
    #[test]
    fn a_signed_message_verifies_and_one_flipped_bit_breaks_it(
        nonce in "[A-Za-z0-9]{1,32}",
        body in prop::collection::vec(any::<u8>(), 1..600),
        at in any::<Index>(),
    ) {
        let message = Travelling::signed(&nonce, body);
        prop_assert_eq!(message.verdict(), Ok(()));

        let mut changed = message.clone();
        flip(&mut changed.body, at);
        prop_assert_eq!(changed.verdict(), Err(Refusal::SignatureWrong));

        let mut changed = message.clone();
        flip(&mut changed.nonce, at);
        prop_assert_eq!(changed.verdict(), Err(Refusal::SignatureWrong));

        let mut changed = message.clone();
        flip(&mut changed.timestamp, at);
        prop_assert!(changed.verdict().is_err());

        let mut changed = message.clone();
        flip(&mut changed.signature, at);
        prop_assert!(matches!(
            changed.verdict(),
            Err(Refusal::SignatureWrong | Refusal::SignatureNotBase64)
        ));

        let mut bytes = STANDARD.decode(&message.signature).unwrap();
        flip(&mut bytes, at);
        let changed = Travelling { signature: STANDARD.encode(bytes).into_bytes(), ..message };
        prop_assert_eq!(changed.verdict(), Err(Refusal::SignatureWrong));
    }

    #[test]
    fn bytes_do_not_move_between_the_parts_of_a_message(
        nonce in "[A-Za-z0-9]{2,32}",
        body in "[A-Za-z0-9]{1,64}",
    ) {
        let message = Travelling::signed(&nonce, body.into_bytes());
        let mut moved = message.clone();
        let last = moved.nonce.pop().unwrap();
        moved.body.insert(0, last);
        prop_assert_eq!(moved.verdict(), Err(Refusal::SignatureWrong));
    }

    #[test]
    fn a_resource_opens_and_one_flipped_bit_breaks_it(
        key in any::<[u8; 32]>(),
        nonce in any::<[u8; 12]>(),
        associated_data in prop::collection::vec(any::<u8>(), 0..40),
        plaintext in prop::collection::vec(any::<u8>(), 0..400),
        at in any::<Index>(),
    ) {
        let sealed = seal(&key, &nonce, &associated_data, &plaintext);
        let open = |key: &[u8], nonce: &[u8], associated_data: &[u8], sealed: &[u8]| {
            ResourceKey::new(key).unwrap().open(nonce, associated_data, STANDARD.encode(sealed).as_bytes()).ok()
        };
        prop_assert_eq!(open(&key, &nonce, &associated_data, &sealed), Some(plaintext));

        let (mut other_key, mut other_nonce, mut other_sealed) = (key, nonce, sealed.clone());
        flip(&mut other_key, at);
        prop_assert_eq!(open(&other_key, &nonce, &associated_data, &sealed), None);
        flip(&mut other_nonce, at);
        prop_assert_eq!(open(&key, &other_nonce, &associated_data, &sealed), None);
        flip(&mut other_sealed, at);
        prop_assert_eq!(open(&key, &nonce, &associated_data, &other_sealed), None);
        let cut = &sealed[..at.index(sealed.len())];
        prop_assert_eq!(open(&key, &nonce, &associated_data, cut), None);
        let mut other_data = associated_data.clone();
        other_data.push(0);
        prop_assert_eq!(open(&key, &nonce, &other_data, &sealed), None);
        if !associated_data.is_empty() {
            let mut other_data = associated_data.clone();
            flip(&mut other_data, at);
            prop_assert_eq!(open(&key, &nonce, &other_data, &sealed), None);
        }
    }
}

/// Seals with another library than the one that opens.
pub(crate) fn seal(key: &[u8; 32], nonce: &[u8; 12], associated_data: &[u8], plaintext: &[u8]) -> Vec<u8> {
    use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
    let cipher = aes_gcm::Aes256Gcm::new(key.into());
    cipher
        .encrypt(
            nonce.into(),
            Payload {
                msg: plaintext,
                aad: associated_data,
            },
        )
        .unwrap()
}

#[test]
fn a_key_that_cannot_be_used_says_why() {
    use weir::wechat::crypto::KeyError;
    let private = KEYS["platform"]["private_key_pkcs8_pem"].as_str().unwrap();
    let public = KEYS["platform"]["public_key_pem"].as_str().unwrap();
    let wrong_kind = |found: &str, wanted| KeyError::WrongKind {
        found: found.to_owned(),
        wanted,
    };
    assert_eq!(
        SigningKey::from_pem(public).unwrap_err(),
        wrong_kind("PUBLIC KEY", "private key")
    );
    assert_eq!(
        VerifyingKey::from_pem(private).unwrap_err(),
        wrong_kind("PRIVATE KEY", "public key")
    );
    assert_eq!(SigningKey::from_pem("").unwrap_err(), KeyError::NotPem);
    assert_eq!(
        SigningKey::from_pem(&private[..400]).unwrap_err(),
        KeyError::NotPem
    );
    let locked = private.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    assert_eq!(SigningKey::from_pem(&locked).unwrap_err(), KeyError::Encrypted);
    let mislabelled = private.replace("PRIVATE KEY", "RSA PRIVATE KEY");
    assert_eq!(SigningKey::from_pem(&mislabelled).unwrap_err(), KeyError::NotRsa);
    assert!(!format!("{:?}", *PLATFORM).contains("MII"));
}

#[test]
fn a_short_key_is_refused_and_the_older_form_is_taken() {
    use rsa::pkcs1::EncodeRsaPrivateKey as _;
    use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
    use weir::wechat::crypto::KeyError;
    let private = KEYS["merchant"]["private_key_pkcs8_pem"].as_str().unwrap();
    let older = rsa::RsaPrivateKey::from_pkcs8_pem(private)
        .unwrap()
        .to_pkcs1_pem(LineEnding::CRLF)
        .unwrap();
    let signature = SigningKey::from_pem(&older).unwrap().sign(&[b"one"]).unwrap();
    assert_eq!(
        signature,
        SigningKey::from_pem(private)
            .unwrap()
            .sign(&[b"o", b"", b"ne"])
            .unwrap()
    );
    let short = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 1024).unwrap();
    let pem = short.to_pkcs8_pem(LineEnding::LF).unwrap();
    assert_eq!(SigningKey::from_pem(&pem).unwrap_err(), KeyError::BadLength);
    let pem = short.to_public_key().to_public_key_pem(LineEnding::LF).unwrap();
    assert_eq!(VerifyingKey::from_pem(&pem).unwrap_err(), KeyError::BadLength);
}

//! How a push is sealed and signed. Made with another library than the one that a server of this crate
//! opens it with.

use aws_lc_rs::cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use aws_lc_rs::iv::FixedLength;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::{BASE64_STANDARD, Engine};

/// The padding fills up to a multiple of this, which is twice a block of AES.
const FILLED_TO: usize = 32;
/// The key of a console has 43 letters for 256 bits; what is left over may be anything.
const KEY_BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Seals a text for a mini program: base64. None when the key is none.
pub(super) fn seal(encoding_aes_key: &str, random: [u8; 16], text: &str, app_id: &str) -> Option<String> {
    let key = KEY_BASE64.decode(format!("{encoding_aes_key}=")).ok()?;
    let iv: [u8; 16] = key.get(..16)?.try_into().ok()?;
    let length = u32::try_from(text.len()).ok()?;
    let mut bytes = [
        &random,
        length.to_be_bytes().as_slice(),
        text.as_bytes(),
        app_id.as_bytes(),
    ]
    .concat();
    let fill = FILLED_TO - bytes.len() % FILLED_TO;
    bytes.resize(bytes.len() + fill, u8::try_from(fill).ok()?);
    let key = EncryptingKey::cbc(UnboundCipherKey::new(&AES_256, &key).ok()?).ok()?;
    let context = EncryptionContext::Iv128(FixedLength::from(iv));
    key.less_safe_encrypt(&mut bytes, context).ok()?;
    Some(BASE64_STANDARD.encode(bytes))
}

/// The signature over texts: sorted, one after the other, SHA-1 in hexadecimal.
pub(super) fn sign(texts: &[&str]) -> String {
    let mut texts = texts.to_vec();
    texts.sort_unstable();
    let mut hash = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    for text in texts {
        hash.update(text.as_bytes());
    }
    hex::encode(hash.finish())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{seal, sign};

    fn vectors(kind: &str) -> Vec<Value> {
        let file: Value = serde_json::from_str(include_str!("../../../tests/vectors/vectors.json")).unwrap();
        let all = file["vectors"].as_array().unwrap();
        all.iter()
            .filter(|vector| vector["kind"] == kind)
            .cloned()
            .collect()
    }

    #[test]
    fn the_documentations_reply_comes_out() {
        let vectors = vectors("message_push_encrypt");
        assert_eq!(vectors.len(), 1);
        for vector in vectors {
            let (inputs, expected) = (&vector["inputs"], &vector["expected"]);
            let text = |name: &str| inputs[name].as_str().unwrap();
            let random: [u8; 16] = text("random").as_bytes().try_into().unwrap();
            let sealed = seal(text("encoding_aes_key"), random, text("msg"), text("appid")).unwrap();
            assert_eq!(sealed, expected["Encrypt"]);
            let time = inputs["timestamp"].to_string();
            assert_eq!(
                sign(&[text("token"), &time, text("nonce"), &sealed]),
                expected["MsgSignature"]
            );
        }
    }

    #[test]
    fn the_documentations_signatures_come_out() {
        let vectors = vectors("message_push_signature");
        assert_eq!(vectors.len(), 2);
        for vector in vectors {
            let text = |name: &str| vector["inputs"][name].as_str().unwrap().to_owned();
            let signature = sign(&[&text("token"), &text("timestamp"), &text("nonce")]);
            assert_eq!(signature, vector["expected"]["signature"]);
        }
    }
}

//! What the owner and WeChat's console agreed on for one mini program.

use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use zeroize::Zeroize as _;

use crate::wechat::crypto::push::KEY_BYTES;

/// Length of an `EncodingAESKey`, in characters of base64: 258 bits for 256, and the last two may be
/// anything.
const AES_KEY_CHARS: usize = 43;
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// What is wrong with the settings of message push. Never says what they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushKeyError {
    /// Empty.
    #[error("a push token is not empty")]
    Token,
    /// Not 43 characters of base64.
    #[error("an EncodingAESKey has exactly {AES_KEY_CHARS} characters of base64")]
    AesKey,
}

/// The token that signs, and the key that opens what is sealed; without a key pushes come in the clear.
#[derive(Clone, Debug)]
pub struct PushKeys {
    token: SecretString,
    aes_key: Option<Arc<SecretBox<[u8; KEY_BYTES]>>>,
}

impl PushKeys {
    /// Takes the token and, for the safe form, the `EncodingAESKey`.
    ///
    /// # Errors
    /// See [`PushKeyError`].
    pub fn parse(token: &str, aes_key: Option<&str>) -> Result<Self, PushKeyError> {
        if token.is_empty() {
            return Err(PushKeyError::Token);
        }
        Ok(Self {
            token: SecretString::from(token),
            aes_key: aes_key.map(decoded).transpose()?.map(Arc::new),
        })
    }

    /// The token.
    pub(super) fn token(&self) -> &[u8] {
        self.token.expose_secret().as_bytes()
    }

    /// The key behind the `EncodingAESKey`.
    pub(super) fn aes_key(&self) -> Option<&[u8; KEY_BYTES]> {
        self.aes_key.as_ref().map(|key| key.expose_secret())
    }
}

fn decoded(text: &str) -> Result<SecretBox<[u8; KEY_BYTES]>, PushKeyError> {
    // Room for one group more than fits, which is what the decoder asks for up front.
    let mut room = [0_u8; KEY_BYTES + 4];
    let is_decoded = text.len() == AES_KEY_CHARS
        && LENIENT
            .decode_slice(text, &mut room)
            .is_ok_and(|length| length == KEY_BYTES);
    let mut key = Box::new([0_u8; KEY_BYTES]);
    if let Some(decoded) = room.first_chunk::<KEY_BYTES>() {
        *key = *decoded;
    }
    room.zeroize();
    let key = SecretBox::new(key);
    if is_decoded {
        Ok(key)
    } else {
        Err(PushKeyError::AesKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_43_characters_and_its_last_two_bits_do_not_matter() {
        // The last characters differ in nothing but the two bits that are left over.
        let stem = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEF";
        let keys: Vec<[u8; 32]> = ["E", "F", "G", "H"]
            .map(|last| PushKeys::parse("t", Some(&format!("{stem}{last}"))).unwrap())
            .iter()
            .map(|keys| *keys.aes_key().unwrap())
            .collect();
        assert!(keys.iter().all(|key| *key == keys[0]));
        for bad in [
            stem.to_owned(),
            format!("{stem}GA"),
            format!("{stem}="),
            format!("{stem}*"),
        ] {
            let refused = PushKeys::parse("t", Some(&bad)).unwrap_err();
            assert_eq!(refused, PushKeyError::AesKey, "{bad}");
        }
        assert_eq!(PushKeys::parse("", None).unwrap_err(), PushKeyError::Token);
    }

    #[test]
    fn keys_print_as_a_mark() {
        let keys = PushKeys::parse("TheTokenOfThePush", Some(&"q".repeat(43))).unwrap();
        let printed = format!("{keys:?}");
        for secret in ["TheToken", "qqq", "170"] {
            assert!(!printed.contains(secret), "{printed}");
        }
    }
}

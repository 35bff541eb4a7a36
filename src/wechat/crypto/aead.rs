//! `AEAD_AES_256_GCM`: opening what WeChat Pay encrypted with the merchant's APIv3 key.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The APIv3 key, made ready once.
pub struct ResourceKey(LessSafeKey);

/// It did not open. One error for every cause, so that none can be told from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the resource does not open with the APIv3 key")]
pub struct OpenError;

impl ResourceKey {
    /// Makes a key of exactly 32 bytes ready.
    pub fn new(key: &[u8]) -> Result<Self, OpenError> {
        UnboundKey::new(&AES_256_GCM, key)
            .map(|key| Self(LessSafeKey::new(key)))
            .map_err(|_| OpenError)
    }

    /// Opens `ciphertext` (base64 of the encrypted bytes and a tag of 16) with a nonce of 12 bytes.
    pub fn open(
        &self,
        nonce: &[u8],
        associated_data: &[u8],
        ciphertext: &[u8],
    ) -> Result<Vec<u8>, OpenError> {
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| OpenError)?;
        let mut data = STANDARD.decode(ciphertext).map_err(|_| OpenError)?;
        let length = self
            .0
            .open_in_place(nonce, Aad::from(associated_data), &mut data)
            .map_err(|_| OpenError)?
            .len();
        data.truncate(length);
        Ok(data)
    }
}

impl std::fmt::Debug for ResourceKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("ResourceKey([REDACTED])")
    }
}

//! `AEAD_AES_256_GCM`, as `WeChat Pay` encrypts certificates and the resources of notifications.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::prelude::{BASE64_STANDARD, Engine};

/// Encrypts with the 32 characters of an `APIv3` key and a nonce of 12 characters: base64 of the
/// encrypted bytes and the tag. None when key or nonce have another length.
pub(super) fn seal(key: &str, nonce: &str, associated_data: &str, plaintext: &[u8]) -> Option<String> {
    let cipher = Aes256Gcm::new_from_slice(key.as_bytes()).ok()?;
    let nonce: [u8; 12] = nonce.as_bytes().try_into().ok()?;
    let payload = Payload {
        msg: plaintext,
        aad: associated_data.as_bytes(),
    };
    let sealed = cipher.encrypt(&Nonce::from(nonce), payload).ok()?;
    Some(BASE64_STANDARD.encode(sealed))
}

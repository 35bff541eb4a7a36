//! RSASSA-PKCS1-v1_5 with SHA-256 by the merchant's private key.

use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroize as _;

use super::{KeyError, RSA_BYTES_MAX, pem, sha256};

/// The merchant's private key, parsed once.
pub struct SigningKey(RsaKeyPair);

/// The library refused to sign, which a key that was loaded whole gives no reason for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("signing failed")]
pub struct SignError;

impl SigningKey {
    /// Loads the key from PEM: PKCS#8 (`PRIVATE KEY`, as `apiclient_key.pem` has it) or PKCS#1
    /// (`RSA PRIVATE KEY`), unencrypted, 2048 to 8192 bits.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let mut block = pem::first_block(text)?;
        let loaded = match block.label.as_str() {
            "PRIVATE KEY" => RsaKeyPair::from_pkcs8(&block.contents),
            "RSA PRIVATE KEY" => RsaKeyPair::from_der(&block.contents),
            found => {
                return Err(KeyError::WrongKind {
                    found: found.to_owned(),
                    wanted: "private key",
                });
            }
        };
        block.contents.zeroize();
        loaded
            .map(Self)
            .map_err(|rejected| match rejected.description_() {
                "TooSmall" | "TooLarge" => KeyError::BadLength,
                _ => KeyError::NotRsa,
            })
    }

    /// The signature over `parts` one after the other, in base64.
    pub fn sign(&self, parts: &[&[u8]]) -> Result<String, SignError> {
        let mut room = [0_u8; RSA_BYTES_MAX];
        let signature = room.get_mut(..self.0.public_modulus_len()).ok_or(SignError)?;
        self.0
            .sign_digest(&RSA_PKCS1_SHA256, &sha256(parts), signature)
            .map_err(|_| SignError)?;
        Ok(STANDARD.encode(signature))
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("SigningKey([REDACTED])")
    }
}

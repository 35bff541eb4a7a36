//! Checking RSASSA-PKCS1-v1_5 signatures with SHA-256 by WeChat Pay's public keys.

use aws_lc_rs::rsa::PublicKey;
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{KeyError, RSA_BITS_MIN, RSA_BYTES_MAX, pem, sha256};

/// A public key of WeChat Pay, parsed once.
#[derive(Clone, Debug)]
pub struct VerifyingKey(ParsedPublicKey);

/// Why a signature is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The text is not strict base64 of at most 1024 bytes.
    #[error("the signature is not base64")]
    NotBase64,
    /// It is not this key's signature of these bytes.
    #[error("the signature is wrong")]
    Wrong,
}

impl VerifyingKey {
    /// Loads a public key from PEM (`PUBLIC KEY`, as `pub_key.pem` has it, or `RSA PUBLIC KEY`).
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let block = pem::first_block(text)?;
        match block.label.as_str() {
            "PUBLIC KEY" | "RSA PUBLIC KEY" => Self::from_der(&block.contents),
            found => Err(KeyError::WrongKind {
                found: found.to_owned(),
                wanted: "public key",
            }),
        }
    }

    /// Loads a public key from DER: a `SubjectPublicKeyInfo` or a bare PKCS#1 key.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let key = PublicKey::from_der(der).map_err(|_| KeyError::NotRsa)?;
        if !(RSA_BITS_MIN / 8..=RSA_BYTES_MAX).contains(&key.modulus_len()) {
            return Err(KeyError::BadLength);
        }
        ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der)
            .map(Self)
            .map_err(|_| KeyError::NotRsa)
    }

    /// Checks a signature, given in base64, over `parts` one after the other.
    pub fn verify(&self, parts: &[&[u8]], signature: &[u8]) -> Result<(), VerifyError> {
        // Room for one group more than the longest signature: the decoder asks for it up front.
        let mut room = [0_u8; RSA_BYTES_MAX + 3];
        let length = STANDARD
            .decode_slice(signature, &mut room)
            .map_err(|_| VerifyError::NotBase64)?;
        let signature = room.get(..length).ok_or(VerifyError::NotBase64)?;
        self.0
            .verify_digest_sig(&sha256(parts), signature)
            .map_err(|_| VerifyError::Wrong)
    }
}

//! Bytes to bytes: the cryptography of WeChat Pay v3, on `aws-lc-rs`, and that of open data and of
//! message push.
//!
//! Keys are parsed once and held parsed. Nothing here knows a header, a field name or JSON, and
//! nothing says more about a failed check than that it failed.
//!
//! Source: pay-v3, sections 2, 3 and 5; open-data, sections 1 and 2; mini-program-apis, section 6.

mod aead;
pub mod open_data;
mod pem;
pub mod push;
mod sign;
mod verify;

pub use aead::{OpenError, ResourceKey};
pub use sign::{SignError, SigningKey};
pub use verify::{VerifyError, VerifyingKey};

use aws_lc_rs::digest::{Context, Digest, SHA256};

/// The shortest RSA modulus that is taken, in bits.
pub const RSA_BITS_MIN: usize = 2_048;
/// The longest RSA modulus that is taken, in bytes.
const RSA_BYTES_MAX: usize = 1_024;

/// Why a key could not be loaded. Says what is wrong with the file, never what is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No PEM block in it, or a broken one.
    #[error("is not a PEM file, or is cut off: it needs the lines -----BEGIN …----- and -----END …-----")]
    NotPem,
    /// The key is locked with a passphrase.
    #[error("is encrypted with a passphrase: take that off first (openssl pkcs8 -topk8 -nocrypt)")]
    Encrypted,
    /// A PEM file of something else.
    #[error("holds a {found}, where a {wanted} is needed")]
    WrongKind {
        /// The label of the PEM block.
        found: String,
        /// What was expected.
        wanted: &'static str,
    },
    /// The label is right, the content is no usable RSA key.
    #[error("is damaged, or not an RSA key")]
    NotRsa,
    /// Not safe any more.
    #[error("is an RSA key of less than {RSA_BITS_MIN} bits, or of more than 8192")]
    BadLength,
}

/// The SHA-256 of the parts one after the other, without joining them first.
fn sha256(parts: &[&[u8]]) -> Digest {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    context.finish()
}

//! The first block of a PEM file, and plain words for what is wrong with it.

use x509_parser::pem::Pem;

use super::KeyError;

/// The first PEM block of `text`. The caller wipes its content if it is secret.
pub(super) fn first_block(text: &str) -> Result<Pem, KeyError> {
    if text.contains("ENCRYPTED") {
        return Err(KeyError::Encrypted);
    }
    let block = Pem::iter_from_buffer(text.as_bytes()).next();
    block.and_then(Result::ok).ok_or(KeyError::NotPem)
}

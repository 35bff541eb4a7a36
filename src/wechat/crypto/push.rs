//! Message push: SHA-1 over sorted parts, and AES-256-CBC with a padding to 32 bytes.
//!
//! A ciphertext is covered by its signature and looked at only after that, so that nobody without the
//! token can try paddings. Source: mini-program-apis, section 6.

use aes::Aes256;
use aws_lc_rs::digest::{SHA256, digest};
use cbc::Decryptor;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt as _, KeyIvInit as _};
use sha1::{Digest as _, Sha1};
use subtle::{Choice, ConstantTimeEq as _};

/// The length of the key, in bytes.
pub const KEY_BYTES: usize = 32;
/// The length of a signature, in hexadecimal digits.
const SIGNATURE_DIGITS: usize = 40;
/// What a text is padded to a multiple of, in bytes: twice a block, which a padding for blocks refuses.
const PADDED_TO: usize = 32;
/// Random bytes before the length.
const RANDOM_BYTES: usize = 16;

/// It did not open, or what came out is none of WeChat's: a wrong key, or a broken text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// No whole blocks, or a padding that is none: what another key brings out.
    #[error("the message does not open with the AES key")]
    Padding,
    /// The length inside points outside.
    #[error("the message is shorter than it says")]
    Length,
}

/// What was sealed: a message, and for whom.
#[derive(PartialEq, Eq)]
pub struct Opened {
    /// The message.
    pub message: Vec<u8>,
    /// The app id behind it, unchecked.
    pub app_id: Vec<u8>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Opened({} bytes)", self.message.len())
    }
}

/// Whether `signature` is the lower-case SHA-1 of the parts, sorted as bytes, one after the other. Takes
/// the same time wherever they differ.
pub fn is_signature_of(signature: &[u8], mut parts: [&[u8]; 4]) -> Choice {
    // The sum of the plain form has three parts; an empty one adds nothing to it.
    parts.sort_unstable();
    let hash = parts.iter().fold(Sha1::new(), Sha1::chain_update);
    let mut expected = [0_u8; SIGNATURE_DIGITS];
    let is_written = hex::encode_to_slice(hash.finalize(), &mut expected).is_ok();
    expected.ct_eq(signature) & Choice::from(u8::from(is_written))
}

/// Decrypts whole blocks, the padding left on. The first half of the key is the initialisation vector.
///
/// # Errors
/// When there is nothing, or a part of a block.
pub fn decrypt(key: &[u8; KEY_BYTES], sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
    let iv = key.first_chunk::<16>().ok_or(OpenError::Padding)?;
    let mut bytes = sealed.to_vec();
    let length = Decryptor::<Aes256>::new(key.into(), iv.into())
        .decrypt_padded::<NoPadding>(&mut bytes)
        .map_err(|_| OpenError::Padding)?
        .len();
    bytes.truncate(length);
    if bytes.is_empty() {
        return Err(OpenError::Padding);
    }
    Ok(bytes)
}

/// Opens a message: 16 random bytes, its length in four bytes, the message, the app id, the padding.
///
/// # Errors
/// See [`OpenError`].
pub fn open(key: &[u8; KEY_BYTES], sealed: &[u8]) -> Result<Opened, OpenError> {
    let text = decrypt(key, sealed)?;
    let text = unpadded(&text).ok_or(OpenError::Padding)?;
    let rest = text.get(RANDOM_BYTES..).ok_or(OpenError::Length)?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or(OpenError::Length)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| OpenError::Length)?;
    let (message, app_id) = rest.split_at_checked(length).ok_or(OpenError::Length)?;
    Ok(Opened {
        message: message.to_vec(),
        app_id: app_id.to_vec(),
    })
}

/// The text without its padding: 1 to 32 bytes, each of them their number.
fn unpadded(text: &[u8]) -> Option<&[u8]> {
    let claimed = *text.last()?;
    let padding = usize::from(claimed);
    let start = text.len().checked_sub(padding)?;
    let (text, padded) = text.split_at_checked(start)?;
    let is_right = (1..=PADDED_TO).contains(&padding) && padded.iter().all(|byte| *byte == claimed);
    is_right.then_some(text)
}

/// A short name for a text: its SHA-256.
pub fn fingerprint(text: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    for (to, from) in hash.iter_mut().zip(digest(&SHA256, text).as_ref()) {
        *to = *from;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_padding_is_1_to_32_bytes_that_say_so() {
        for claimed in 0..=u8::MAX {
            let mut text = vec![0xaa; 64];
            let first = text.len() - usize::from(claimed).min(64);
            text[first..].fill(claimed);
            // Nobody says anything with no byte at all.
            *text.last_mut().unwrap() = claimed;
            let is_right = (1..=32).contains(&claimed);
            assert_eq!(unpadded(&text).is_some(), is_right, "{claimed}");
            for position in first..63 {
                let mut altered = text.clone();
                altered[position] ^= 0x80;
                assert_eq!(unpadded(&altered), None, "{claimed} at {position}");
            }
        }
        assert_eq!(unpadded(&[]), None);
        assert_eq!(unpadded(&[2]), None);
    }

    #[test]
    fn nothing_but_the_lower_case_digits_is_the_signature() {
        let parts: [&[u8]; 4] = [b"token", b"1714037059", b"486452656", b""];
        let good = hex::encode(Sha1::digest("1714037059486452656token"));
        let is = |signature: &str| bool::from(is_signature_of(signature.as_bytes(), parts));
        assert!(is(&good));
        for bad in [
            good.to_uppercase(),
            good[1..].to_owned(),
            format!("{good}0"),
            String::new(),
        ] {
            assert!(!is(&bad), "{bad}");
        }
    }
}

//! Open data: AES-128-CBC without any authentication, and the two signatures under a session key.
//!
//! The format gives whoever sends the bytes a say in what comes out, and nobody a way to tell. So
//! nothing here ends early: a padding is judged without a branch on it, and the caller goes on with
//! the text whether it was right or not. Source: open-data, sections 1 and 2; login, section 3.

use aes::Aes128;
use aws_lc_rs::hmac;
use cbc::Decryptor;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt as _, KeyIvInit as _};
use sha1::{Digest as _, Sha1};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _, ConstantTimeGreater as _};

/// The length of a block, of the key and of the initialisation vector, in bytes.
pub const BLOCK_BYTES: usize = 16;
/// The length of a signature of `rawData`, in hexadecimal digits.
pub const SIGNATURE_DIGITS: usize = 40;

/// What came out of a decryption. Says nothing of whether the text makes sense.
#[derive(Debug)]
pub struct Decrypted {
    bytes: Vec<u8>,
    padding: u8,
    is_padded: Choice,
}

impl Decrypted {
    /// The text without its padding; all of it where the padding is wrong.
    pub fn text(&self) -> &[u8] {
        let end = self.bytes.len().saturating_sub(usize::from(self.padding));
        self.bytes.get(..end).unwrap_or_default()
    }

    /// Whether the padding was right. To be asked after everything else was looked at.
    pub fn is_padded(&self) -> bool {
        self.is_padded.into()
    }
}

/// Decrypts whole blocks. Bytes behind the last whole block are left out, and what is shorter than a
/// block has no right padding.
pub fn decrypt(key: &[u8; BLOCK_BYTES], iv: &[u8; BLOCK_BYTES], data: &[u8]) -> Decrypted {
    let whole = data.len() - data.len() % BLOCK_BYTES;
    let mut bytes = data.get(..whole).unwrap_or_default().to_vec();
    let outcome = Decryptor::<Aes128>::new(key.into(), iv.into()).decrypt_padded::<NoPadding>(&mut bytes);
    let is_decrypted = Choice::from(u8::from(outcome.is_ok()));
    let (padding, is_padded) = bytes
        .last_chunk::<BLOCK_BYTES>()
        .map_or((0, Choice::from(0)), padding);
    Decrypted {
        bytes,
        padding,
        is_padded: is_padded & is_decrypted,
    }
}

/// The length of the padding at the end of the last block, 0 where it is wrong, and whether it is
/// right: 1 to 16 bytes, each of them their number. Takes the same steps for every block.
fn padding(block: &[u8; BLOCK_BYTES]) -> (u8, Choice) {
    let [.., claimed] = *block;
    let mut is_right = !claimed.ct_eq(&0) & !claimed.ct_gt(&16);
    for (byte, from_end) in block.iter().rev().zip(0_u8..) {
        let is_beyond = !claimed.ct_gt(&from_end);
        is_right &= is_beyond | byte.ct_eq(&claimed);
    }
    (u8::conditional_select(&0, &claimed, is_right), is_right)
}

/// Whether `signature` is the lower-case SHA-1 of `raw_data` followed by the key as text. Takes the
/// same time wherever they differ.
pub fn is_signature_of(signature: &[u8], raw_data: &str, key_text: &str) -> Choice {
    let hash = Sha1::new()
        .chain_update(raw_data.as_bytes())
        .chain_update(key_text.as_bytes())
        .finalize();
    let mut expected = [0_u8; SIGNATURE_DIGITS];
    let is_written = hex::encode_to_slice(hash, &mut expected).is_ok();
    expected.ct_eq(signature) & Choice::from(u8::from(is_written))
}

/// The login-state signature of a call that has no body: HMAC-SHA256 in lower-case hexadecimal digits,
/// under the key as text, not under the bytes it stands for.
pub fn login_state_signature(key_text: &str, message: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key_text.as_bytes());
    hex::encode(hmac::sign(&key, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_padding_is_1_to_16_bytes_that_say_so() {
        for length in 0..=u8::MAX {
            let mut block = [0xaa; BLOCK_BYTES];
            let first = BLOCK_BYTES.saturating_sub(usize::from(length)).min(15);
            block[first..].fill(length);
            let is_right = (1..=16).contains(&length);
            let expected = if is_right { length } else { 0 };
            let (found, verdict) = padding(&block);
            assert_eq!((found, bool::from(verdict)), (expected, is_right), "{length}");
            for position in first..BLOCK_BYTES - 1 {
                let mut altered = block;
                altered[position] ^= 0x80;
                assert!(!bool::from(padding(&altered).1), "{length} at {position}");
            }
        }
    }

    #[test]
    fn what_stands_before_the_padding_does_not_matter() {
        let mut block = [7; BLOCK_BYTES];
        block[15] = 1;
        assert_eq!(padding(&block).0, 1);
    }

    #[test]
    fn less_than_a_block_is_never_padded() {
        for length in 0..BLOCK_BYTES {
            let decrypted = decrypt(&[1; 16], &[2; 16], &vec![0; length]);
            assert!(!decrypted.is_padded() && decrypted.text().is_empty());
        }
    }

    #[test]
    fn nothing_but_the_lower_case_digits_is_the_signature() {
        let (raw, key) = ("{}", "AAECAwQFBgcICQoLDA0ODw==");
        let good = hex::encode(Sha1::digest(format!("{raw}{key}")));
        assert!(bool::from(is_signature_of(good.as_bytes(), raw, key)));
        for bad in [
            good.to_uppercase(),
            good[1..].to_owned(),
            format!("{good}0"),
            String::new(),
        ] {
            assert!(!bool::from(is_signature_of(bad.as_bytes(), raw, key)), "{bad}");
        }
    }
}

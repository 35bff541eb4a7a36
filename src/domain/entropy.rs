//! Randomness as a parameter, and what is made of it: ids, nonces and numbers.

use chrono::{DateTime, Utc};
use uuid::Uuid;

const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// The source of unpredictable bytes: the operating system's generator, by way of `aws-lc-rs`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Entropy(());

/// The operating system gave no random bytes; nothing that needs a secret may go on.
#[derive(Debug, thiserror::Error)]
#[error("the operating system's random generator failed")]
pub struct EntropyError;

impl Entropy {
    /// The operating system's generator.
    pub fn system() -> Self {
        Self(())
    }

    /// `N` unpredictable bytes.
    ///
    /// # Errors
    /// When the operating system's generator fails.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks for random bytes"
    )]
    pub fn bytes<const N: usize>(self) -> Result<[u8; N], EntropyError> {
        let mut bytes = [0_u8; N];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| EntropyError)?;
        Ok(bytes)
    }

    /// A UUID v7 for a row made at `now`: in order of time, with 74 random bits. Not a secret.
    pub fn uuid(self, now: DateTime<Utc>) -> Result<Uuid, EntropyError> {
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        Ok(uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes()?).into_uuid())
    }

    /// 32 characters of `A-Z2-9` with 160 random bits: a nonce, or a number that nobody can guess.
    pub fn token(self) -> Result<String, EntropyError> {
        self.bytes::<32>().map(|bytes| letters(&bytes))
    }
}

/// One character of `A-Z2-9` for each byte, by its lowest five bits.
pub fn letters(bytes: &[u8]) -> String {
    bytes
        .iter()
        .filter_map(|byte| ALPHABET.get(usize::from(byte & 31)))
        .map(|letter| char::from(*letter))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Entropy;
    use chrono::DateTime;

    #[test]
    fn ids_are_version_seven_and_carry_the_time() {
        let now = DateTime::from_timestamp_millis(1_764_000_000_123).unwrap();
        let id = Entropy::system().uuid(now).unwrap();
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(
            id.get_timestamp().unwrap().to_unix(),
            (1_764_000_000, 123_000_000)
        );
    }

    #[test]
    fn tokens_fit_wechat_and_differ() {
        let entropy = Entropy::system();
        let (one, two) = (entropy.token().unwrap(), entropy.token().unwrap());
        assert_eq!(one.len(), 32);
        assert!(
            one.bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        );
        assert_ne!(one, two);
    }
}

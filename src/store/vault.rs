//! Secrets at rest: AES-256-GCM under the newest of `DATA_KEYS`, the place of the value as
//! associated data, so that a sealed value moved to another row or column does not open.
//!
//! Sealed form: version 1, four bytes naming the key, a nonce of twelve, ciphertext and tag.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{digest, hmac};
use zeroize::Zeroizing;

use crate::domain::entropy::{Entropy, EntropyError};

const VERSION: u8 = 1;
const KEY_NAME_BYTES: usize = 4;
const NONCE_BYTES: usize = 12;
const HEAD_BYTES: usize = 1 + KEY_NAME_BYTES + NONCE_BYTES;

/// Why a value cannot be sealed or opened. Says nothing about the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// No key was given.
    #[error("there is no data key")]
    NoKey,
    /// Sealed under a key that is no longer among `DATA_KEYS`.
    #[error("the value is sealed under a data key that is not configured")]
    UnknownKey,
    /// Not a sealed value, or not from this place, or altered.
    #[error("the sealed value does not open")]
    Damaged,
    /// The random generator failed.
    #[error("the random generator failed")]
    Entropy,
}

impl From<EntropyError> for VaultError {
    fn from(_: EntropyError) -> Self {
        Self::Entropy
    }
}

/// What names a data key in the values that are sealed under it: the beginning of its SHA-256.
/// Prints as eight hexadecimal digits. Tells nothing of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyName([u8; KEY_NAME_BYTES]);

impl KeyName {
    /// The bytes as they stand in a sealed value.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Display for KeyName {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&hex::encode(self.0))
    }
}

/// The keys. All open, the newest seals.
pub struct Vault {
    newest: VaultKey,
    /// Those before it, newest first.
    older: Vec<VaultKey>,
}

struct VaultKey {
    name: KeyName,
    seal: LessSafeKey,
    hash: hmac::Key,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Vault({} keys)", self.keys().count())
    }
}

impl Vault {
    /// A vault over `keys`, newest first.
    ///
    /// # Errors
    /// When there is none.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a [u8; 32]>) -> Result<Self, VaultError> {
        let mut keys = keys.into_iter().map(VaultKey::new);
        let newest = keys.next().ok_or(VaultError::NoKey)??;
        let older = keys.collect::<Result<_, _>>()?;
        Ok(Self { newest, older })
    }

    /// Newest first.
    fn keys(&self) -> impl Iterator<Item = &VaultKey> {
        std::iter::once(&self.newest).chain(&self.older)
    }

    /// The key that seals.
    pub fn newest(&self) -> KeyName {
        self.newest.name
    }

    /// The keys that only open, newest first.
    pub fn older(&self) -> impl Iterator<Item = KeyName> {
        self.older.iter().map(|key| key.name)
    }

    /// Seals `plain` for `place`, a text that names table, column and row. The column has an entry in
    /// [`super::sealed::COLUMNS`], or a change of the keys loses what is in it.
    pub fn seal(&self, place: &str, plain: &[u8], entropy: Entropy) -> Result<Vec<u8>, VaultError> {
        let key = &self.newest;
        let nonce: [u8; NONCE_BYTES] = entropy.bytes()?;
        let mut body = plain.to_vec();
        key.seal
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.as_bytes()),
                &mut body,
            )
            .map_err(|_| VaultError::Damaged)?;
        let mut sealed = Vec::with_capacity(HEAD_BYTES + body.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(key.name.as_bytes());
        sealed.extend_from_slice(&nonce);
        sealed.append(&mut body);
        Ok(sealed)
    }

    /// Opens what was sealed for the same `place`, under any of the keys.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let (head, body) = sealed.split_at_checked(HEAD_BYTES).ok_or(VaultError::Damaged)?;
        let (version, rest) = head.split_first().ok_or(VaultError::Damaged)?;
        let (name, nonce) = rest.split_at_checked(KEY_NAME_BYTES).ok_or(VaultError::Damaged)?;
        if *version != VERSION {
            return Err(VaultError::Damaged);
        }
        let key = self
            .keys()
            .find(|key| key.name.as_bytes() == name)
            .ok_or(VaultError::UnknownKey)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| VaultError::Damaged)?;
        let mut plain = Zeroizing::new(body.to_vec());
        let length = key
            .seal
            .open_in_place(nonce, Aad::from(place.as_bytes()), &mut plain)
            .map_err(|_| VaultError::Damaged)?
            .len();
        plain.truncate(length);
        Ok(plain)
    }

    /// Keyed hashes of a secret, one under each key, newest first: two secrets are equal when they
    /// share one. Tells nothing without the keys.
    pub fn hashes(&self, secret: &[u8]) -> Vec<Vec<u8>> {
        self.keys()
            .map(|key| hmac::sign(&key.hash, secret).as_ref().to_vec())
            .collect()
    }
}

impl VaultKey {
    fn new(key: &[u8; 32]) -> Result<Self, VaultError> {
        let name = digest::digest(&digest::SHA256, key);
        let unbound = UnboundKey::new(&AES_256_GCM, key).map_err(|_| VaultError::NoKey)?;
        // Another key for hashing than for sealing, both from the one that is configured.
        let hash = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), b"weir data key: hash");
        Ok(Self {
            name: KeyName(*name.as_ref().first_chunk().ok_or(VaultError::NoKey)?),
            seal: LessSafeKey::new(unbound),
            hash: hmac::Key::new(hmac::HMAC_SHA256, hash.as_ref()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_opens_only_in_its_place_unaltered_and_under_a_known_key() {
        let vault = Vault::new([&[1; 32]]).unwrap();
        let sealed = vault
            .seal("users.session_key/1", b"secret", Entropy::system())
            .unwrap();
        assert_eq!(
            vault.open("users.session_key/1", &sealed).unwrap().as_slice(),
            b"secret"
        );
        assert_eq!(
            vault.open("users.session_key/2", &sealed),
            Err(VaultError::Damaged)
        );
        for position in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[position] ^= 1;
            assert!(
                vault.open("users.session_key/1", &altered).is_err(),
                "byte {position}"
            );
        }
        assert_eq!(
            Vault::new([&[2; 32]])
                .unwrap()
                .open("users.session_key/1", &sealed),
            Err(VaultError::UnknownKey)
        );
    }

    #[test]
    fn after_a_rotation_the_newest_key_seals_and_older_ones_still_open() {
        let old = Vault::new([&[1; 32]]).unwrap();
        let both = Vault::new([&[2; 32], &[1; 32]]).unwrap();
        let sealed = old.seal("p", b"x", Entropy::system()).unwrap();
        assert_eq!(both.open("p", &sealed).unwrap().as_slice(), b"x");
        let sealed = both.seal("p", b"x", Entropy::system()).unwrap();
        assert_eq!(old.open("p", &sealed), Err(VaultError::UnknownKey));
    }

    #[test]
    fn after_a_rotation_an_equal_secret_is_still_known_as_equal() {
        let old = Vault::new([&[1; 32]]).unwrap();
        let both = Vault::new([&[2; 32], &[1; 32]]).unwrap();
        let known = old.hashes(b"x").remove(0);
        assert!(both.hashes(b"x").contains(&known));
        assert_ne!(both.hashes(b"x")[0], known);
        assert!(!both.hashes(b"y").contains(&known));
    }
}

//! `DATA_KEYS`

use secrecy::{ExposeSecret as _, SecretBox};

use super::{Noted, Reader, secret};

/// The length of a data key.
pub const DATA_KEY_BYTES: usize = 32;

/// Keys that encrypt secrets in the database.
#[derive(Debug)]
pub struct DataKeySettings {
    /// Newest first: the first encrypts, all decrypt. Never empty.
    pub keys: Vec<SecretBox<[u8; DATA_KEY_BYTES]>>,
}

impl DataKeySettings {
    /// Reads the section.
    pub fn read(reader: &Reader<'_>) -> Result<Self, Noted> {
        let keys = secret::keys(reader, "DATA_KEYS", DATA_KEY_BYTES, true)?;
        let keys = keys
            .iter()
            .filter_map(|key| <[u8; DATA_KEY_BYTES]>::try_from(key.expose_secret().as_slice()).ok())
            .map(|key| SecretBox::new(Box::new(key)))
            .collect();
        Ok(Self { keys })
    }
}

//! `SESSION_…`

use secrecy::SecretBox;

use super::{Noted, Reader, secret};

/// Session tokens.
#[derive(Debug)]
pub struct SessionSettings {
    /// Signing keys, newest first, at least 32 bytes each: the first signs, all verify. Never empty.
    pub jwt_keys: Vec<SecretBox<Vec<u8>>>,
    /// Life of a session, in seconds.
    pub ttl_s: u32,
}

impl SessionSettings {
    /// Reads the section.
    pub fn read(reader: &Reader<'_>) -> Result<Self, Noted> {
        let jwt_keys = secret::keys(reader, "SESSION_JWT_KEYS", 32, false);
        // A minute at least, so that a page can use it at all; a year at most.
        let ttl_s = reader.number("SESSION_TTL_S", 604_800, 60..=31_536_000);
        Ok(Self {
            jwt_keys: jwt_keys?,
            ttl_s: ttl_s?,
        })
    }
}

//! `RATE_LIMIT_…`

use super::{Noted, Reader};

/// Rate limits; 0 switches one off.
#[derive(Clone, Copy, Debug)]
pub struct LimitSettings {
    /// Logins per client address and minute.
    pub login_per_min: u32,
    /// Requests per session and second.
    pub session_per_s: u32,
    /// Requests to `/internal` per second.
    pub internal_per_s: u32,
}

impl LimitSettings {
    /// Reads the section.
    pub fn read(reader: &Reader<'_>) -> Result<Self, Noted> {
        let login_per_min = reader.number("RATE_LIMIT_LOGIN_PER_MIN", 600, 0..=1_000_000);
        let session_per_s = reader.number("RATE_LIMIT_SESSION_PER_S", 50, 0..=1_000_000);
        let internal_per_s = reader.number("RATE_LIMIT_INTERNAL_PER_S", 1_000, 0..=1_000_000);
        Ok(Self {
            login_per_min: login_per_min?,
            session_per_s: session_per_s?,
            internal_per_s: internal_per_s?,
        })
    }
}

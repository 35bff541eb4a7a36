//! `DATABASE_…`

use secrecy::SecretString;
use url::Url;

use super::{Noted, Reader};

/// PostgreSQL.
#[derive(Debug)]
pub struct DatabaseSettings {
    /// Where it is. Holds a password as a rule.
    pub url: SecretString,
    /// Connections of this process, at most.
    pub pool_max: u32,
}

impl DatabaseSettings {
    /// Reads the section.
    pub fn read(reader: &Reader<'_>) -> Result<Self, Noted> {
        let url = reader.required("DATABASE_URL");
        let pool_max = reader.number("DATABASE_POOL_MAX", 16, 1..=1000);
        let url = url?;
        let is_postgres = Url::parse(&url).is_ok_and(|url| matches!(url.scheme(), "postgres" | "postgresql"));
        if !is_postgres {
            return Err(reader.problem("DATABASE_URL", "must be a URL that begins with postgres://"));
        }
        Ok(Self {
            url: url.into(),
            pool_max: pool_max?,
        })
    }
}

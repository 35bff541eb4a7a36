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
        let problem = match Url::parse(&url) {
            Ok(url) if matches!(url.scheme(), "postgres" | "postgresql") => None,
            Ok(_) => Some("must be a URL that begins with postgres://"),
            // A password that a person or a generator chose is the usual cause.
            Err(_) => Some(
                "is not a URL: it begins with postgres://, and signs in its password are percent-encoded, such as \
                 %2F for /, %23 for #, %3F for ?",
            ),
        };
        if let Some(problem) = problem {
            return Err(reader.problem("DATABASE_URL", problem));
        }
        Ok(Self {
            url: url.into(),
            pool_max: pool_max?,
        })
    }
}

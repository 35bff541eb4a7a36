//! `ADMIN_TOKEN`, `INTERNAL_TOKEN`

use secrecy::SecretString;

use super::{Noted, Reader, secret};

/// The shortest token, in characters.
const TOKEN_MIN: usize = 24;

/// Tokens of the operator and of the owner's other services.
#[derive(Debug)]
pub struct AdminSettings {
    /// The bearer token of `/admin` and `/metrics`.
    pub token: SecretString,
    /// The bearer token of `/internal`; none: `/internal` answers 404.
    pub internal_token: Option<SecretString>,
}

impl AdminSettings {
    /// Reads the section.
    pub fn read(reader: &Reader<'_>) -> Result<Self, Noted> {
        let token = reader.required("ADMIN_TOKEN");
        let internal = reader.optional("INTERNAL_TOKEN");
        let token = token.and_then(|token| judge(reader, "ADMIN_TOKEN", token));
        let internal_token = internal
            .map(|token| judge(reader, "INTERNAL_TOKEN", token))
            .transpose();
        Ok(Self {
            token: token?,
            internal_token: internal_token?,
        })
    }
}

fn judge(reader: &Reader<'_>, variable: &'static str, token: String) -> Result<SecretString, Noted> {
    let problem = if token.len() < TOKEN_MIN {
        Some("must have at least 24 characters")
    } else if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some("must be visible ASCII characters without spaces")
    } else {
        secret::weakness(&token)
    };
    match problem {
        Some(problem) => Err(reader.problem(variable, problem)),
        None => Ok(token.into()),
    }
}

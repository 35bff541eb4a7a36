//! The session token: a JWT that names a session. The session's row decides, the token only
//! spares it from strangers.
//!
//! HS256 alone is accepted, whatever a header says; `kid` picks among the configured keys and
//! nothing else. Claims: `iss`, `aud` (the app id), `sub` (the user), `sid` (the session), `iat`,
//! `exp`.

use aws_lc_rs::digest;
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::domain::id::{SessionId, UserId};
use crate::domain::name::AppId;

const ISSUER: &str = "weir";
/// The longest token that is looked at, in bytes. Ours are around 400.
const TOKEN_BYTES_MAX: usize = 1_024;

/// What a token says, believed because its signature and its fields are ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSubject {
    /// The mini program it is good for.
    pub app_id: AppId,
    /// The session it names.
    pub session_id: SessionId,
    /// Whose.
    pub user_id: UserId,
}

impl TokenSubject {
    /// Whether the session that it names is its own: of that user, in that mini program.
    pub fn is_of(&self, user_id: UserId, app_id: &AppId) -> bool {
        self.user_id == user_id && self.app_id == *app_id
    }
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is not one of ours.
    #[error("the token is not valid")]
    Invalid,
    /// It was one of ours.
    #[error("the token has expired")]
    Expired,
    /// It cannot be signed.
    #[error("the token cannot be signed")]
    Signing,
}

#[derive(Deserialize)]
struct Claims {
    aud: AppId,
    sub: UserId,
    sid: SessionId,
    exp: i64,
}

#[derive(Serialize)]
struct NewClaims<'a> {
    iss: &'static str,
    aud: &'a AppId,
    sub: UserId,
    sid: SessionId,
    iat: i64,
    exp: i64,
}

struct SigningKey {
    kid: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

/// The signing keys, newest first: all verify, the first signs.
pub struct SessionTokens {
    keys: Vec<SigningKey>,
    validation: Validation,
}

impl std::fmt::Debug for SessionTokens {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "SessionTokens({} keys)", self.keys.len())
    }
}

impl SessionTokens {
    /// Tokens for these mini programs, signed with the first of `keys`.
    pub fn new<'a>(
        keys: impl IntoIterator<Item = &'a [u8]>,
        audience: impl Iterator<Item = &'a AppId>,
    ) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&audience.map(AppId::as_str).collect::<Vec<_>>());
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // The clock is a parameter here; `exp` is compared below, to the second.
        validation.validate_exp = false;
        let keys = keys
            .into_iter()
            .map(|key| SigningKey {
                kid: hex::encode(
                    digest::digest(&digest::SHA256, key)
                        .as_ref()
                        .first_chunk::<6>()
                        .unwrap_or(&[0; 6]),
                ),
                encoding: EncodingKey::from_secret(key),
                decoding: DecodingKey::from_secret(key),
            })
            .collect();
        Self { keys, validation }
    }

    /// A token for a session.
    pub fn issue(
        &self,
        subject: &TokenSubject,
        now: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<String, TokenError> {
        let key = self.keys.first().ok_or(TokenError::Signing)?;
        let header = Header {
            kid: Some(key.kid.clone()),
            ..Header::new(Algorithm::HS256)
        };
        let claims = NewClaims {
            iss: ISSUER,
            aud: &subject.app_id,
            sub: subject.user_id,
            sid: subject.session_id,
            iat: now.timestamp(),
            exp: expires_at.timestamp(),
        };
        jsonwebtoken::encode(&header, &claims, &key.encoding).map_err(|_| TokenError::Signing)
    }

    /// What a token says, if it is one of ours and not over at `now`.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<TokenSubject, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Invalid);
        }
        let kid = jsonwebtoken::decode_header(token)
            .map_err(|_| TokenError::Invalid)?
            .kid;
        let key = self
            .keys
            .iter()
            .find(|key| Some(key.kid.as_str()) == kid.as_deref())
            .ok_or(TokenError::Invalid)?;
        let claims = jsonwebtoken::decode::<Claims>(token, &key.decoding, &self.validation)
            .map_err(|_| TokenError::Invalid)?
            .claims;
        if claims.exp <= now.timestamp() {
            return Err(TokenError::Expired);
        }
        Ok(TokenSubject {
            app_id: claims.aud,
            session_id: claims.sid,
            user_id: claims.sub,
        })
    }
}

//! The session token: a JWT that names a session. The session's row decides, the token only
//! spares it from strangers.
//!
//! HS256 alone is accepted, whatever a header says; `kid` picks among the configured keys and
//! nothing else. Claims: `iss`, `aud` (the app id), `sub` (the user), `sid` (the session), `iat`,
//! `exp`.

use aws_lc_rs::digest;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::domain::id::{SessionId, UserId};
use crate::domain::name::AppId;

const ISSUER: &str = "weir";
/// The audience of a token of [`SessionTokens::issue_loop_back`]; no mini program's id looks like it.
const LOOP_BACK: &str = "weir-loop-back";
/// How long such a one is good for.
const LOOP_BACK_LIFE: TimeDelta = TimeDelta::minutes(1);
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

/// What somebody with our keys says who tries the way to this server.
#[derive(Serialize, Deserialize)]
struct LoopBackClaims {
    iss: String,
    aud: String,
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
        let claims = NewClaims {
            iss: ISSUER,
            aud: &subject.app_id,
            sub: subject.user_id,
            sid: subject.session_id,
            iat: now.timestamp(),
            exp: expires_at.timestamp(),
        };
        self.sign(&claims)
    }

    fn sign(&self, claims: &impl Serialize) -> Result<String, TokenError> {
        let key = self.keys.first().ok_or(TokenError::Signing)?;
        let header = Header {
            kid: Some(key.kid.clone()),
            ..Header::new(Algorithm::HS256)
        };
        jsonwebtoken::encode(&header, claims, &key.encoding).map_err(|_| TokenError::Signing)
    }

    /// A token for a delivery by which the way to this server is tried; good for a minute, and for nothing else.
    pub fn issue_loop_back(&self, now: DateTime<Utc>) -> Result<String, TokenError> {
        self.sign(&LoopBackClaims {
            iss: ISSUER.to_owned(),
            aud: LOOP_BACK.to_owned(),
            exp: (now + LOOP_BACK_LIFE).timestamp(),
        })
    }

    /// Whether a token is one of [`SessionTokens::issue_loop_back`], and not over at `now`.
    pub fn verify_loop_back(&self, token: &str, now: DateTime<Utc>) -> Result<(), TokenError> {
        let mut validation = self.validation.clone();
        validation.set_audience(&[LOOP_BACK]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        let claims: LoopBackClaims = self.decode(token, &validation)?;
        judge_end(claims.exp, now)
    }

    /// What a token says, if it is one of ours and not over at `now`.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<TokenSubject, TokenError> {
        let claims: Claims = self.decode(token, &self.validation)?;
        judge_end(claims.exp, now)?;
        Ok(TokenSubject {
            app_id: claims.aud,
            session_id: claims.sid,
            user_id: claims.sub,
        })
    }

    fn decode<T: DeserializeOwned>(&self, token: &str, validation: &Validation) -> Result<T, TokenError> {
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
        jsonwebtoken::decode::<T>(token, &key.decoding, validation)
            .map(|decoded| decoded.claims)
            .map_err(|_| TokenError::Invalid)
    }
}

fn judge_end(expires_at: i64, now: DateTime<Utc>) -> Result<(), TokenError> {
    if expires_at <= now.timestamp() {
        return Err(TokenError::Expired);
    }
    Ok(())
}

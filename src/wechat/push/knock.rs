//! A request that says it is WeChat's: verified, opened, or refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{DocumentError, PushKeys, PushMessage, PushQuery, document};
use crate::domain::name::AppId;
use crate::wechat::crypto::push::{is_signature_of, open};

/// How old a push may be, and how far ahead of our clock, in seconds. WeChat sets no limit; what comes
/// again within it is known by its identity.
pub const TIME_WINDOW_S: i64 = 300;

/// Why a push is not taken. The outside is told nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such mini program here, or one without the settings of message push.
    #[error("no message push is set up for this app id")]
    NotConfigured,
    /// A parameter is missing, too long, or there twice.
    #[error("a parameter is missing, too long, or there twice")]
    QueryMalformed,
    /// Too large, compressed, broken off or late.
    #[error("the body could not be read")]
    BodyUnreadable,
    /// The body is no document.
    #[error("the body is {0}")]
    Body(DocumentError),
    /// The signature is missing, or of another token, time, nonce or ciphertext.
    #[error("the signature is missing or wrong")]
    SignatureWrong,
    /// Rightly signed, too long ago.
    #[error("signed {age_s} s ago")]
    Stale {
        /// How long ago.
        age_s: i64,
    },
    /// Rightly signed, too far ahead.
    #[error("signed {ahead_s} s ahead")]
    Future {
        /// How far ahead.
        ahead_s: i64,
    },
    /// In the clear, to a mini program whose pushes are sealed.
    #[error("in the clear, although there is an AES key")]
    PlainRefused,
    /// Sealed, to a mini program without an AES key.
    #[error("sealed, and there is no AES key")]
    KeyMissing,
    /// Rightly signed, and it does not open.
    #[error("it does not open with the AES key")]
    Unopened,
    /// Sealed for another mini program.
    #[error("sealed for another app id")]
    AppMismatch,
    /// What was sealed is no document.
    #[error("what was sealed is {0}")]
    Message(DocumentError),
}

impl Refusal {
    /// Its name in metrics and on the health page.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotConfigured => "not_configured",
            Self::QueryMalformed => "query_malformed",
            Self::BodyUnreadable => "body_unreadable",
            Self::Body(DocumentError::Forbidden) | Self::Message(DocumentError::Forbidden) => "xml_forbidden",
            Self::Body(_) => "body_malformed",
            Self::SignatureWrong => "signature_wrong",
            Self::Stale { .. } => "stale",
            Self::Future { .. } => "future",
            Self::PlainRefused => "plain_refused",
            Self::KeyMissing => "aes_key_missing",
            Self::Unopened => "unopened",
            Self::AppMismatch => "app_mismatch",
            Self::Message(_) => "message_malformed",
        }
    }

    /// Whether whoever sent it knows the token: WeChat, or somebody who repeats it.
    pub fn is_signed(self) -> bool {
        match self {
            Self::Stale { .. }
            | Self::Future { .. }
            | Self::PlainRefused
            | Self::KeyMissing
            | Self::Unopened
            | Self::AppMismatch
            | Self::Message(_) => true,
            Self::NotConfigured
            | Self::QueryMalformed
            | Self::BodyUnreadable
            | Self::Body(_)
            | Self::SignatureWrong => false,
        }
    }
}

/// A request, and under what it is judged.
#[derive(Clone, Copy, Debug)]
pub struct Knock<'a> {
    /// The mini program that it is for.
    pub app_id: &'a AppId,
    /// Its keys.
    pub keys: &'a PushKeys,
    /// The query.
    pub query: &'a PushQuery,
    /// Now.
    pub now: DateTime<Utc>,
}

impl<'a> Knock<'a> {
    /// Answers the handshake: what WeChat wants back.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn shake_hands(&self) -> Result<&'a str, Refusal> {
        let echo = self.query.echostr.as_deref().ok_or(Refusal::QueryMalformed)?;
        self.check_plain()?;
        self.check_time()?;
        Ok(echo)
    }

    /// Verifies a body, opens it and reads what is inside. Gives that as it was and as what it says.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn receive(&self, body: &[u8]) -> Result<(Vec<u8>, PushMessage), Refusal> {
        let text = self.open(body)?;
        let message = PushMessage::read(&text).map_err(Refusal::Message)?;
        Ok((text, message))
    }

    /// Verifies a body and opens it. Where an AES key is set, what stands in the clear beside the sealed
    /// text is not looked at, and what is in the clear alone is refused: its signature says nothing of it.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn open(&self, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        let document = document::read(body).map_err(Refusal::Body)?;
        let sealed = document.get("Encrypt").and_then(Value::as_str);
        let Some(sealed) = sealed else {
            self.check_plain()?;
            self.check_time()?;
            return match self.keys.aes_key() {
                Some(_) => Err(Refusal::PlainRefused),
                None => Ok(body.to_vec()),
            };
        };
        self.check(self.query.msg_signature.as_deref(), sealed)?;
        self.check_time()?;
        let key = self.keys.aes_key().ok_or(Refusal::KeyMissing)?;
        let sealed = STANDARD.decode(sealed).map_err(|_| Refusal::Unopened)?;
        let opened = open(key, &sealed).map_err(|_| Refusal::Unopened)?;
        if opened.app_id == self.app_id.as_str().as_bytes() {
            Ok(opened.message)
        } else {
            Err(Refusal::AppMismatch)
        }
    }

    fn check_plain(&self) -> Result<(), Refusal> {
        self.check(self.query.signature.as_deref(), "")
    }

    fn check(&self, signature: Option<&str>, sealed: &str) -> Result<(), Refusal> {
        let parts = [
            self.keys.token(),
            self.query.timestamp.as_bytes(),
            self.query.nonce.as_bytes(),
            sealed.as_bytes(),
        ];
        let signature = signature.ok_or(Refusal::SignatureWrong)?;
        if bool::from(is_signature_of(signature.as_bytes(), parts)) {
            Ok(())
        } else {
            Err(Refusal::SignatureWrong)
        }
    }

    /// Digits alone: the parts are signed without anything between them, so that a sign or a space must
    /// not make another number of the same text.
    fn check_time(&self) -> Result<(), Refusal> {
        let text = &self.query.timestamp;
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let signed_at: i64 = text
            .parse()
            .ok()
            .filter(|_| is_number)
            .ok_or(Refusal::QueryMalformed)?;
        let age_s = self.now.timestamp().saturating_sub(signed_at);
        if age_s > TIME_WINDOW_S {
            return Err(Refusal::Stale { age_s });
        }
        if age_s < -TIME_WINDOW_S {
            return Err(Refusal::Future {
                ahead_s: age_s.saturating_neg(),
            });
        }
        Ok(())
    }
}

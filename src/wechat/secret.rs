//! Secrets as types: they print as a fixed mark, are wiped when dropped and cannot be serialised.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use zeroize::Zeroize as _;

/// The longest app secret that is taken, in characters.
const APP_SECRET_CHARS_MAX: usize = 128;

/// The longest access token that is taken, in characters. WeChat asks for room for 512 at least.
const ACCESS_TOKEN_CHARS_MAX: usize = 4_096;

/// What is wrong with a secret. Never says what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Not 1 to 128 visible ASCII characters.
    #[error("an app secret has 1 to {APP_SECRET_CHARS_MAX} visible ASCII characters")]
    AppSecret,
    /// Not 32 ASCII characters.
    #[error("an APIv3 key has exactly 32 ASCII characters, this one has {0} bytes")]
    ApiV3Key(usize),
    /// Not the base64 of 16 bytes.
    #[error("a session key is the base64 of 16 bytes")]
    SessionKey,
    /// Not 1 to 4,096 visible ASCII characters.
    #[error("an access token has 1 to {ACCESS_TOKEN_CHARS_MAX} visible ASCII characters")]
    AccessToken,
}

/// The secret of a mini program.
#[derive(Clone, Debug)]
pub struct AppSecret(SecretString);

impl AppSecret {
    /// Takes 1 to 128 visible ASCII characters.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let is_valid = (1..=APP_SECRET_CHARS_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_valid {
            Ok(Self(SecretString::from(text)))
        } else {
            Err(SecretError::AppSecret)
        }
    }

    /// The secret itself, for the query of a call.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// The key that the merchant set for API v3: opens notifications and certificates.
#[derive(Clone, Debug)]
pub struct ApiV3Key(Arc<SecretBox<[u8; 32]>>);

impl ApiV3Key {
    /// Takes exactly 32 visible ASCII characters.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let mut bytes =
            <[u8; 32]>::try_from(text.as_bytes()).map_err(|_| SecretError::ApiV3Key(text.len()))?;
        let key = bytes
            .iter()
            .all(u8::is_ascii_graphic)
            .then(|| Self(Arc::new(SecretBox::new(Box::new(bytes)))))
            .ok_or(SecretError::ApiV3Key(text.len()));
        bytes.zeroize();
        key
    }

    /// The key itself.
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose_secret()
    }
}

/// The session key of one user's login at WeChat. Signatures use its text as it came, decryption
/// the 16 bytes behind it.
#[derive(Clone, Debug)]
pub struct SessionKey {
    text: SecretString,
    bytes: Arc<SecretBox<[u8; 16]>>,
}

impl SessionKey {
    /// Takes the base64 of 16 bytes.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let mut bytes = Box::new([0_u8; 16]);
        // Room for one group more than fits, which is what the decoder asks for up front.
        let mut room = [0_u8; 18];
        let is_decoded =
            text.len() == 24 && STANDARD.decode_slice(text, &mut room).is_ok_and(|len| len == 16);
        let decoded = room.first_chunk::<16>().filter(|_| is_decoded);
        if let Some(decoded) = decoded {
            *bytes = *decoded;
        }
        room.zeroize();
        let bytes = Arc::new(SecretBox::new(bytes));
        if is_decoded {
            Ok(Self {
                text: SecretString::from(text),
                bytes,
            })
        } else {
            Err(SecretError::SessionKey)
        }
    }

    /// The key as WeChat spells it, 24 characters of base64.
    pub fn expose_text(&self) -> &str {
        self.text.expose_secret()
    }

    /// The 16 bytes behind the text.
    pub fn expose_bytes(&self) -> &[u8; 16] {
        self.bytes.expose_secret()
    }
}

/// What calls of the mini-program API are made with.
#[derive(Clone, Debug)]
pub struct AccessToken(SecretString);

impl AccessToken {
    /// Takes 1 to 4,096 visible ASCII characters.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let is_valid = (1..=ACCESS_TOKEN_CHARS_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_valid {
            Ok(Self(SecretString::from(text)))
        } else {
            Err(SecretError::AccessToken)
        }
    }

    /// The token itself, for the query of a call.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_print_as_a_mark() {
        let app = AppSecret::parse("0123456789abcdef0123456789abcdef").unwrap();
        let api = ApiV3Key::parse("GeneratedApiV3Key0123456789abcde").unwrap();
        let session = SessionKey::parse("AAECAwQFBgcICQoLDA0ODw==").unwrap();
        let access = AccessToken::parse("61_AccessTokenOfThisMiniProgram").unwrap();
        let printed = format!("{app:?} {api:?} {session:?} {access:?}");
        for secret in [
            "0123456789abcdef",
            "61_",
            "Generated",
            "AAEC",
            "71, 101",
            "0, 1, 2",
        ] {
            assert!(!printed.contains(secret), "{printed}");
        }
    }

    #[test]
    fn only_the_right_shape_is_taken() {
        assert_eq!(
            SessionKey::parse("AAECAwQFBgcICQoLDA0ODw==")
                .unwrap()
                .expose_bytes()[15],
            15
        );
        for text in [
            "",
            "AAECAwQFBgcICQoLDA0ODw",
            "AAECAwQFBgcICQoLDA0ODxA=",
            "AAECAwQFBgcICQoLDA0ODxAR",
        ] {
            assert_eq!(SessionKey::parse(text).unwrap_err(), SecretError::SessionKey);
        }
        assert_eq!(ApiV3Key::parse("short").unwrap_err(), SecretError::ApiV3Key(5));
        assert_eq!(
            ApiV3Key::parse(&"é".repeat(16)).unwrap_err(),
            SecretError::ApiV3Key(32)
        );
        for text in ["", "with space", "\u{e9}", &"x".repeat(129)] {
            assert_eq!(AppSecret::parse(text).unwrap_err(), SecretError::AppSecret);
        }
        for text in ["", "with space", "\u{e9}", &"x".repeat(4_097)] {
            assert_eq!(AccessToken::parse(text).unwrap_err(), SecretError::AccessToken);
        }
        assert_eq!(
            AccessToken::parse(&"x".repeat(4_096)).unwrap().expose().len(),
            4_096
        );
    }
}

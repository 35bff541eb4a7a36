//! What a simulator is started with.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use super::error::Error;
use super::key::KeyMode;

/// What a simulator is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub bind: SocketAddr,
    /// Whether an address that other machines reach is allowed.
    pub is_exposed: bool,
    /// The server that the phone talks to; none: the phone page has nobody to talk to.
    pub server_url: Option<Url>,
    /// Same seed, same ids.
    pub seed: u64,
    /// Where the state is kept; none: nothing on disk.
    pub folder: Option<PathBuf>,
    /// `WeChat Pay`'s keys.
    pub keys: Keys,
    /// The mini programs, one at least; the first is the default of the control API.
    pub apps: Vec<App>,
    /// The merchant that all mini programs are bound to.
    pub merchant: Merchant,
    /// When notifications are sent.
    pub delivery: Delivery,
}

/// A mini program.
#[derive(Debug, Clone)]
pub struct App {
    /// `wx…`
    pub app_id: String,
    /// 32 characters.
    pub app_secret: SecretString,
    /// Whether it is bound to an Open Platform account, so that users have a unionid.
    pub is_bound: bool,
    /// Message push, as its console has it; none: nothing is pushed.
    pub push: Option<Push>,
}

/// Message push of a mini program. It goes to `/wechat/push/{app_id}` of the server, until the control API
/// says otherwise.
#[derive(Debug, Clone)]
pub struct Push {
    /// What signs.
    pub token: SecretString,
    /// `EncodingAESKey`: 43 characters of base64.
    pub encoding_aes_key: SecretString,
    /// Whether it is sealed.
    pub mode: PushMode,
    /// How it is written.
    pub format: PushFormat,
}

/// Whether a push is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PushMode {
    /// In the clear.
    Plain,
    /// In the clear, and sealed beside it.
    Compatible,
    /// Sealed.
    Secure,
}

/// How a push is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PushFormat {
    /// As an object.
    Json,
    /// As an element.
    Xml,
}

/// A merchant of `WeChat Pay`.
#[derive(Clone)]
pub struct Merchant {
    /// Ten digits.
    pub mch_id: String,
    /// Who is paid, as the cashier shows it.
    pub name: String,
    /// Serial number of the API certificate, upper-case hexadecimal.
    pub cert_serial: String,
    /// PEM of the API certificate or of its public key.
    pub public_key: String,
    /// PEM of the private key; needed only to forge notifications with it.
    pub private_key: Option<SecretString>,
    /// 32 ASCII characters.
    pub api_v3_key: SecretString,
}

/// `WeChat Pay`'s keys, each an RSA private key in PEM.
#[derive(Clone)]
pub struct Keys {
    /// What signs at the start; a mode set later and kept in the folder wins.
    pub mode: KeyMode,
    /// Of the platform certificates: the first signs, each rotation takes the next. When none is
    /// left a rotation generates one, which takes a while.
    pub platform: Vec<SecretString>,
    /// Of the public-key mode.
    pub public: SecretString,
    /// Name of the public key: `PUB_KEY_ID_` and digits.
    pub public_id: String,
}

/// When notifications are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// By themselves; the waits between attempts are divided by `speed`.
    Automatic {
        /// 1: as long as the real ones.
        speed: NonZeroU32,
    },
    /// Only when `POST /simulator/notifications/deliver` says so.
    Manual,
}

impl Delivery {
    /// By themselves, with the real waits.
    pub const REAL: Self = Self::Automatic {
        speed: NonZeroU32::MIN,
    };
}

impl Options {
    /// `127.0.0.1:8081`
    pub const DEFAULT_BIND: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);

    /// Refuses settings that cannot work, before anything is started.
    pub(super) fn check(&self) -> Result<(), Error> {
        if !self.is_exposed && !self.bind.ip().is_loopback() {
            return Err(Error::NotLoopback { bind: self.bind });
        }
        if self.apps.is_empty() {
            return Err(Error::Setting("the simulator needs a mini program"));
        }
        if self.keys.platform.is_empty() {
            return Err(Error::Setting("the simulator needs a platform key"));
        }
        if !self.keys.public_id.starts_with("PUB_KEY_ID_") {
            return Err(Error::Setting(
                "the name of the public key starts with PUB_KEY_ID_",
            ));
        }
        Ok(())
    }
}

impl fmt::Debug for Merchant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Merchant")
            .field("mch_id", &self.mch_id)
            .field("cert_serial", &self.cert_serial)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Keys")
            .field("mode", &self.mode)
            .field("public_id", &self.public_id)
            .finish_non_exhaustive()
    }
}

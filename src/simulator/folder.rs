//! A folder with everything a simulator needs to be started again: keys, secrets, and its state beside them.

use std::io::Write;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::certificate::{self_signed_pem, serial_from};
use super::clock::Clock;
use super::entropy::Entropy;
use super::error::Error;
use super::journal::{create_folder, private_file};
use super::key::{KeyMode, Signer, generate_private_pem};
use super::options::{App, Delivery, Keys, Merchant, Options, Push, PushFormat, PushMode};

const IDENTITY: &str = "identity.json";
const MERCHANT_KEY: &str = "merchant_private_key.pem";
const MERCHANT_CERTIFICATE: &str = "merchant_certificate.pem";
const PLATFORM_KEY: &str = "platform_private_key.pem";
const PUBLIC_MODE_KEY: &str = "public_mode_private_key.pem";
const PUBLIC_KEY: &str = "wechat_pay_public_key.pem";

/// Where the files of a simulator lie, for whoever configures a server beside it.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

/// Names and secrets, made once.
#[derive(Clone, Serialize, Deserialize)]
struct Identity {
    seed: u64,
    app_id: String,
    app_secret: String,
    /// A folder from before there was message push has none yet.
    #[serde(default)]
    push: Option<PushIdentity>,
    /// The second mini program; a folder from before there was one has none yet.
    #[serde(default)]
    second_app: Option<AppIdentity>,
    mch_id: String,
    cert_serial: String,
    api_v3_key: String,
    public_key_id: String,
}

/// A mini program's name and secret.
#[derive(Clone, Serialize, Deserialize)]
struct AppIdentity {
    app_id: String,
    app_secret: String,
    #[serde(default)]
    push: Option<PushIdentity>,
}

/// Secrets of message push.
#[derive(Clone, Serialize, Deserialize)]
struct PushIdentity {
    token: String,
    encoding_aes_key: String,
}

impl PushIdentity {
    fn new(entropy: &mut Entropy) -> Self {
        Self {
            token: entropy.text(32),
            encoding_aes_key: entropy.text(43),
        }
    }

    /// In the safe mode, which is what a console should be set to.
    fn into_push(self) -> Push {
        Push {
            token: SecretString::from(self.token),
            encoding_aes_key: SecretString::from(self.encoding_aes_key),
            mode: PushMode::Secure,
            format: PushFormat::Json,
        }
    }
}

impl AppIdentity {
    fn new(entropy: &mut Entropy) -> Self {
        Self {
            app_id: format!("wx{}", entropy.hex::<8>()),
            app_secret: entropy.hex::<16>(),
            push: Some(PushIdentity::new(entropy)),
        }
    }

    /// The same with message push, if it has none yet.
    fn complete(self, entropy: &mut Entropy) -> Self {
        let push = self.push.unwrap_or_else(|| PushIdentity::new(entropy));
        Self {
            push: Some(push),
            ..self
        }
    }

    /// Bound to the one Open Platform account there is.
    fn into_app(self) -> App {
        App {
            app_id: self.app_id,
            app_secret: SecretString::from(self.app_secret),
            is_bound: true,
            push: self.push.map(PushIdentity::into_push),
        }
    }
}

impl Folder {
    /// Names a folder; nothing is read or written yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// PEM of the merchant's private API key.
    pub fn merchant_private_key_file(&self) -> PathBuf {
        self.0.join(MERCHANT_KEY)
    }

    /// PEM of the merchant's API certificate.
    pub fn merchant_certificate_file(&self) -> PathBuf {
        self.0.join(MERCHANT_CERTIFICATE)
    }

    /// PEM of `WeChat Pay`'s public key, as the merchant console hands it out.
    pub fn public_key_file(&self) -> PathBuf {
        self.0.join(PUBLIC_KEY)
    }

    fn identity(&self) -> Result<Identity, Error> {
        let path = self.0.join(IDENTITY);
        let mut entropy = Entropy::unpredictable();
        let known: Option<Identity> = match read(&path)? {
            None => None,
            Some(text) => Some(serde_json::from_str(&text).map_err(|source| Error::Damaged {
                path: path.clone(),
                source,
            })?),
        };
        let is_complete = |known: &Identity| {
            let second = known.second_app.as_ref();
            known.push.is_some() && second.is_some_and(|second| second.push.is_some())
        };
        if let Some(known) = known.clone().filter(is_complete) {
            return Ok(known);
        }
        let first_app = AppIdentity::new(&mut entropy);
        let made = Identity {
            seed: u64::from_le_bytes(entropy.bytes()),
            app_id: first_app.app_id,
            app_secret: first_app.app_secret,
            push: first_app.push.clone(),
            second_app: None,
            mch_id: format!("19{}", entropy.digits(8)),
            cert_serial: serial_from(entropy.bytes()),
            api_v3_key: entropy.text(32),
            public_key_id: format!("PUB_KEY_ID_01{}", entropy.digits(32)),
        };
        let known = known.unwrap_or(made);
        let second_app = match known.second_app {
            Some(second) => second.complete(&mut entropy),
            None => AppIdentity::new(&mut entropy),
        };
        let identity = Identity {
            push: known.push.or(first_app.push),
            second_app: Some(second_app),
            ..known
        };
        let text = serde_json::to_string_pretty(&identity).map_err(|source| Error::Damaged {
            path: path.clone(),
            source,
        })?;
        write(&path, &text)?;
        Ok(identity)
    }

    /// A private key, made when it is not there yet.
    fn private_key(&self, name: &str) -> Result<String, Error> {
        let path = self.0.join(name);
        if let Some(pem) = read(&path)? {
            return Ok(pem);
        }
        let pem = generate_private_pem()?;
        write(&path, &pem)?;
        Ok(pem)
    }
}

impl Options {
    /// Two mini programs of one owner and one merchant with keys of their own, kept in a folder and used again the
    /// next time. The first time takes seconds without optimisation, since three RSA keys are made: call it
    /// from a blocking thread.
    ///
    /// Listens on [`Options::DEFAULT_BIND`], knows no server, delivers by itself; change what should
    /// be otherwise.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read or written.
    pub fn generated(folder: &Path) -> Result<Self, Error> {
        create_folder(folder)?;
        let files = Folder::new(folder);
        let identity = files.identity()?;
        let first_app = AppIdentity {
            app_id: identity.app_id,
            app_secret: identity.app_secret,
            push: identity.push,
        };
        let merchant_key = files.private_key(MERCHANT_KEY)?;
        let platform_key = files.private_key(PLATFORM_KEY)?;
        let public_mode_key = files.private_key(PUBLIC_MODE_KEY)?;
        let certificate = if let Some(pem) = read(&files.merchant_certificate_file())? {
            pem
        } else {
            let signer = Signer::from_pem(&identity.cert_serial, &merchant_key)?;
            let pem = self_signed_pem(&signer, "Simulated merchant", Clock::new(0).now())?;
            write(&files.merchant_certificate_file(), &pem)?;
            pem
        };
        if read(&files.public_key_file())?.is_none() {
            let public = Signer::from_pem(&identity.public_key_id, &public_mode_key)?;
            write(&files.public_key_file(), &public.public_pem()?)?;
        }
        Ok(Self {
            bind: Self::DEFAULT_BIND,
            is_exposed: false,
            server_url: None,
            seed: identity.seed,
            folder: Some(folder.to_owned()),
            keys: Keys {
                mode: KeyMode::Certificate,
                platform: vec![SecretString::from(platform_key)],
                public: SecretString::from(public_mode_key),
                public_id: identity.public_key_id,
            },
            apps: [first_app]
                .into_iter()
                .chain(identity.second_app)
                .map(AppIdentity::into_app)
                .collect(),
            merchant: Merchant {
                mch_id: identity.mch_id,
                name: "Demo shop".to_owned(),
                cert_serial: identity.cert_serial,
                public_key: certificate,
                private_key: Some(SecretString::from(merchant_key)),
                api_v3_key: SecretString::from(identity.api_v3_key),
            },
            delivery: Delivery::REAL,
        })
    }
}

fn read(path: &Path) -> Result<Option<String>, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::File {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Writes a file whole or not at all, readable by its owner only.
fn write(path: &Path, text: &str) -> Result<(), Error> {
    let unfinished = path.with_extension("new");
    let mut file = private_file(&unfinished, true)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&unfinished, path))
        .map_err(|source| Error::File {
            path: path.to_owned(),
            source,
        })
}

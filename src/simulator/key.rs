//! RSA keys: `WeChat Pay`'s own, which sign, and the merchant's, which is only ever verified with.
//!
//! Uses the `rsa` crate, so that the client's library and this one check each other.

use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine};
use chrono::{DateTime, Utc};
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs1v15::{Signature, SigningKey, VerifyingKey};
use rsa::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, LineEnding};
use rsa::signature::{SignatureEncoding, Signer as _, Verifier as _};
use rsa::{RsaPrivateKey, RsaPublicKey};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use utoipa::ToSchema;

use super::error::Error;

/// Which of its keys the simulated `WeChat Pay` signs with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyMode {
    /// Platform certificates only.
    #[default]
    Certificate,
    /// The public key only; no certificate can be downloaded.
    PublicKey,
    /// A merchant on the move: answers follow the request's `Wechatpay-Serial`, notifications
    /// are signed with either in turn.
    Both,
}

/// A private key and the name under which its public half is known.
pub(super) struct Signer {
    serial: String,
    key: SigningKey<Sha256>,
}

impl Signer {
    /// `pem`: PKCS#8 or PKCS#1.
    pub(super) fn from_pem(serial: &str, pem: &str) -> Result<Self, Error> {
        let key = RsaPrivateKey::from_pkcs8_pem(pem)
            .or_else(|_| RsaPrivateKey::from_pkcs1_pem(pem))
            .map_err(|_| Error::Key {
                name: serial.to_owned(),
            })?;
        Ok(Self {
            serial: serial.to_owned(),
            key: SigningKey::new(key),
        })
    }

    /// What `Wechatpay-Serial` says.
    pub(super) fn serial(&self) -> &str {
        &self.serial
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256, in base64.
    pub(super) fn sign(&self, message: &[u8]) -> Result<String, Error> {
        self.sign_raw(message)
            .map(|signature| BASE64_STANDARD.encode(signature))
    }

    pub(super) fn sign_raw(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.key
            .try_sign(message)
            .map(|signature| signature.to_vec())
            .map_err(|_| Error::Key {
                name: self.serial.clone(),
            })
    }

    pub(super) fn public_key(&self) -> RsaPublicKey {
        self.key.as_ref().to_public_key()
    }

    pub(super) fn public_pem(&self) -> Result<String, Error> {
        self.public_key()
            .to_public_key_pem(LineEnding::LF)
            .map_err(|_| Error::Key {
                name: self.serial.clone(),
            })
    }
}

/// The merchant's public key.
pub(super) struct Verifier(VerifyingKey<Sha256>);

impl Verifier {
    /// `pem`: a certificate or a public key.
    pub(super) fn from_pem(pem: &str) -> Result<Self, Error> {
        let refused = || Error::Key {
            name: "merchant".to_owned(),
        };
        let key = if pem.contains("BEGIN CERTIFICATE") {
            let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).map_err(|_| refused())?;
            let certificate = block.parse_x509().map_err(|_| refused())?;
            RsaPublicKey::from_public_key_der(certificate.public_key().raw).map_err(|_| refused())?
        } else {
            RsaPublicKey::from_public_key_pem(pem).map_err(|_| refused())?
        };
        Ok(Self(VerifyingKey::new(key)))
    }

    pub(super) fn is_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::try_from(signature).is_ok_and(|signature| self.0.verify(message, &signature).is_ok())
    }
}

/// A platform certificate with its private key.
pub(super) struct PlatformCertificate {
    pub(super) signer: Arc<Signer>,
    pub(super) certificate_pem: String,
    pub(super) effective_at: DateTime<Utc>,
    pub(super) expires_at: DateTime<Utc>,
}

/// Every key the simulated `WeChat Pay` signs with. Holds one platform certificate at least.
pub(super) struct KeyRing {
    pub(super) mode: KeyMode,
    /// Oldest first; the last one signs.
    pub(super) certificates: Vec<Arc<PlatformCertificate>>,
    pub(super) public: Arc<Signer>,
}

impl KeyRing {
    /// The certificate key that signs now; the public key where there is no certificate at all.
    pub(super) fn certificate_signer(&self) -> Arc<Signer> {
        self.certificates.last().map_or_else(
            || Arc::clone(&self.public),
            |certificate| Arc::clone(&certificate.signer),
        )
    }

    /// The key of an answer to a request with this `Wechatpay-Serial`; none when the header
    /// names a key that this mode does not have.
    pub(super) fn answer_signer(&self, wanted: Option<&str>) -> Option<Arc<Signer>> {
        let Some(wanted) = wanted else {
            return Some(match self.mode {
                KeyMode::PublicKey => Arc::clone(&self.public),
                KeyMode::Certificate | KeyMode::Both => self.certificate_signer(),
            });
        };
        if wanted == self.public.serial() {
            return (self.mode != KeyMode::Certificate).then(|| Arc::clone(&self.public));
        }
        let is_known = self
            .certificates
            .iter()
            .any(|known| known.signer.serial() == wanted);
        (is_known && self.mode != KeyMode::PublicKey).then(|| self.certificate_signer())
    }

    /// The key of the `turn`-th notification.
    pub(super) fn notification_signer(&self, turn: u64) -> Arc<Signer> {
        match self.mode {
            KeyMode::Certificate => self.certificate_signer(),
            KeyMode::Both if turn.is_multiple_of(2) => self.certificate_signer(),
            KeyMode::PublicKey | KeyMode::Both => Arc::clone(&self.public),
        }
    }
}

/// A new RSA-2048 private key in PKCS#8 PEM. Takes a second or more without optimisation.
pub(super) fn generate_private_pem() -> Result<String, Error> {
    let refused = |_| Error::Key {
        name: "generated".to_owned(),
    };
    let key = RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).map_err(|_| Error::Key {
        name: "generated".to_owned(),
    })?;
    key.to_pkcs8_pem(LineEnding::LF)
        .map(|pem| pem.to_string())
        .map_err(refused)
}

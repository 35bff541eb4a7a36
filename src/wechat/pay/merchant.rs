//! The merchant: its names and keys, loaded once and checked all at once.

use reqwest::header::HeaderValue;
use url::Url;

use super::keys::PlatformKey;
use crate::domain::name::{KeySerial, MchId};
use crate::wechat::crypto::{ResourceKey, SignError, SigningKey, VerifyingKey};
use crate::wechat::secret::ApiV3Key;

/// What every id of a WeChat Pay public key begins with.
pub const PUBLIC_KEY_ID_PREFIX: &str = "PUB_KEY_ID_";
/// WeChat Pay's own hosts. Source: pay-v3, section 1.
const OWN_ORIGINS: [&str; 4] = [
    "https://api.mch.weixin.qq.com",
    "https://api2.mch.weixin.qq.com",
    "https://api.wechatpay.cn",
    "https://api2.wechatpay.cn",
];
const SCHEME: &str = "WECHATPAY2-SHA256-RSA2048";

/// A merchant as the settings spell it.
#[derive(Clone, Copy)]
pub struct MerchantText<'a> {
    /// The merchant number.
    pub mch_id: &'a str,
    /// The serial of the merchant API certificate, in hex.
    pub cert_serial: &'a str,
    /// The private key of that certificate, PEM.
    pub private_key_pem: &'a str,
    /// The APIv3 key.
    pub api_v3_key: &'a str,
    /// In public-key mode: the id (`PUB_KEY_ID_…`) and the PEM of WeChat Pay's public key.
    pub public_key: Option<(&'a str, &'a str)>,
    /// Where WeChat Pay is.
    pub base_url: &'a str,
    /// Where it is when it is not there.
    pub backup_base_url: &'a str,
}

impl std::fmt::Debug for MerchantText<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("MerchantText")
            .field("mch_id", &self.mch_id)
            .finish_non_exhaustive()
    }
}

/// A part of [`MerchantText`], for naming the setting that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MerchantPart {
    /// `mch_id`
    MchId,
    /// `cert_serial`
    CertSerial,
    /// `private_key_pem`
    PrivateKey,
    /// `api_v3_key`
    ApiV3Key,
    /// The id in `public_key`
    PublicKeyId,
    /// The PEM in `public_key`
    PublicKey,
    /// `base_url`
    BaseUrl,
    /// `backup_base_url`
    BackupBaseUrl,
}

/// One thing that is wrong with a merchant's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerchantProblem {
    /// Where.
    pub part: MerchantPart,
    /// What, as the end of a sentence that begins with the setting's name. Holds no secret.
    pub what: String,
}

/// A merchant, ready to sign and to open.
#[derive(Debug)]
pub struct Merchant {
    pub(super) mch_id: MchId,
    pub(super) cert_serial: KeySerial,
    pub(super) signing_key: SigningKey,
    pub(super) resource_key: ResourceKey,
    pub(super) public_key: Option<PlatformKey>,
    /// The id of the public key as a header, which makes WeChat Pay sign its answers with that key.
    pub(super) public_key_header: Option<HeaderValue>,
    pub(super) base_url: Url,
    pub(super) backup_base_url: Option<Url>,
}

/// What a request's signature covers.
#[derive(Clone, Copy, Debug)]
pub struct RequestToSign<'a> {
    /// Upper case.
    pub method: &'a str,
    /// As sent, percent-encoding included.
    pub path_and_query: &'a str,
    /// Unix seconds.
    pub timestamp: i64,
    /// Up to 32 characters.
    pub nonce: &'a str,
    /// As sent; empty for GET.
    pub body: &'a [u8],
}

impl Merchant {
    /// Checks and loads a merchant.
    ///
    /// # Errors
    /// Everything that is wrong, not only the first thing.
    pub fn from_text(text: &MerchantText<'_>) -> Result<Self, Vec<MerchantProblem>> {
        let mut problems = Problems(Vec::new());
        let mch_id = problems.keep(MerchantPart::MchId, mch_id(text.mch_id));
        let cert_serial = problems.keep(MerchantPart::CertSerial, cert_serial(text.cert_serial));
        let signing_key = problems.keep(
            MerchantPart::PrivateKey,
            SigningKey::from_pem(text.private_key_pem).map_err(|error| error.to_string()),
        );
        let resource_key = problems.keep(MerchantPart::ApiV3Key, resource_key(text.api_v3_key));
        let public_key = text.public_key.map(|(id, pem)| {
            let id = problems.keep(MerchantPart::PublicKeyId, public_key_id(id));
            let key = problems.keep(
                MerchantPart::PublicKey,
                VerifyingKey::from_pem(pem).map_err(|error| error.to_string()),
            );
            id.zip(key).map(|(id, key)| PlatformKey::public_key(id, key))
        });
        let base_url = problems.keep(MerchantPart::BaseUrl, origin(text.base_url));
        let backup_base_url = problems.keep(MerchantPart::BackupBaseUrl, origin(text.backup_base_url));
        let loaded = (|| {
            let base_url = base_url?;
            let public_key = public_key.map_or(Some(None), |key| key.map(Some))?;
            Some(Self {
                mch_id: mch_id?,
                cert_serial: cert_serial?,
                signing_key: signing_key?,
                resource_key: resource_key?,
                public_key_header: public_key
                    .as_ref()
                    .and_then(|key| HeaderValue::from_str(key.serial().as_str()).ok()),
                public_key,
                backup_base_url: Some(backup_base_url?).filter(|backup| *backup != base_url),
                base_url,
            })
        })();
        loaded.ok_or(problems.0)
    }

    /// The merchant number.
    pub fn mch_id(&self) -> &MchId {
        &self.mch_id
    }

    /// Whether either host is reached by https.
    pub fn needs_tls(&self) -> bool {
        self.hosts().any(|host| host.scheme() == "https")
    }

    /// The hosts, in the order in which they are tried.
    pub(super) fn hosts(&self) -> impl Iterator<Item = &Url> {
        [Some(&self.base_url), self.backup_base_url.as_ref()]
            .into_iter()
            .flatten()
    }

    /// The host of a bill, if it may be fetched there: a host of the settings or, unless these are simulated, one of
    /// WeChat Pay's own, since a bill need not lie where it was asked for. A path that begins like a host is no path.
    pub fn bill_host(&self, url: &Url) -> Option<Url> {
        let origin = url.origin().ascii_serialization();
        let is_set = self.hosts().any(|host| host.origin() == url.origin());
        let is_own = self.base_url.scheme() == "https" && OWN_ORIGINS.contains(&origin.as_str());
        let is_path = !url.path().starts_with("//");
        (is_path && (is_set || is_own))
            .then(|| Url::parse(&origin).ok())
            .flatten()
    }

    /// The `Authorization` header of a request.
    ///
    /// # Errors
    /// When signing fails.
    pub fn authorization(&self, request: &RequestToSign<'_>) -> Result<String, SignError> {
        let timestamp = request.timestamp.to_string();
        let signature = self.signing_key.sign(&[
            request.method.as_bytes(),
            b"\n",
            request.path_and_query.as_bytes(),
            b"\n",
            timestamp.as_bytes(),
            b"\n",
            request.nonce.as_bytes(),
            b"\n",
            request.body,
            b"\n",
        ])?;
        let (mch_id, nonce, serial) = (&self.mch_id, request.nonce, &self.cert_serial);
        Ok(format!(
            "{SCHEME} mchid=\"{mch_id}\",nonce_str=\"{nonce}\",signature=\"{signature}\",timestamp=\"{timestamp}\",serial_no=\"{serial}\""
        ))
    }
}

struct Problems(Vec<MerchantProblem>);

impl Problems {
    fn keep<T>(&mut self, part: MerchantPart, checked: Result<T, String>) -> Option<T> {
        checked
            .map_err(|what| self.0.push(MerchantProblem { part, what }))
            .ok()
    }
}

fn mch_id(text: &str) -> Result<MchId, String> {
    MchId::parse(text)
        .ok()
        .filter(|id| id.as_str().bytes().all(|byte| byte.is_ascii_digit()))
        .ok_or_else(|| "must be the merchant number, digits alone".to_owned())
}

fn cert_serial(text: &str) -> Result<KeySerial, String> {
    let is_hex = text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    KeySerial::parse(text.to_ascii_uppercase())
        .ok()
        .filter(|_| is_hex)
        .ok_or_else(|| "must be the serial of the merchant API certificate, usually 40 hex digits".to_owned())
}

fn resource_key(text: &str) -> Result<ResourceKey, String> {
    let key = ApiV3Key::parse(text).map_err(|error| format!("is not usable: {error}"))?;
    ResourceKey::new(key.expose()).map_err(|error| error.to_string())
}

fn public_key_id(text: &str) -> Result<KeySerial, String> {
    let is_whole = text
        .strip_prefix(PUBLIC_KEY_ID_PREFIX)
        .is_some_and(|tail| !tail.is_empty() && tail.bytes().all(|byte| byte.is_ascii_digit()));
    KeySerial::parse(text)
        .ok()
        .filter(|_| is_whole)
        .ok_or_else(|| format!("must be the whole id, {PUBLIC_KEY_ID_PREFIX} and its digits"))
}

fn origin(text: &str) -> Result<Url, String> {
    Url::parse(text)
        .ok()
        .filter(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.path() == "/"
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none()
        })
        .ok_or_else(|| "must be scheme and host alone, such as https://api.mch.weixin.qq.com".to_owned())
}

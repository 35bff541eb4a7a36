//! `WXPAY_…`: the merchant. All of it or none.

use secrecy::SecretString;
use url::Url;

use super::{Noted, Reader, secret};
use crate::domain::name::{KeySerial, MchId};

/// The merchant at WeChat Pay.
#[derive(Debug)]
pub struct MerchantSettings {
    /// The merchant's number.
    pub mch_id: MchId,
    /// The serial of the merchant's own certificate.
    pub cert_serial: KeySerial,
    /// The merchant's private key, PEM. Judged by `wechat::pay`.
    pub private_key_pem: SecretString,
    /// The APIv3 key, 32 bytes of ASCII.
    pub api_v3_key: SecretString,
    /// Public-key mode; none: platform certificates are downloaded.
    pub public_key: Option<PublicKeySettings>,
    /// Where WeChat Pay is.
    pub hosts: PayHosts,
}

/// WeChat Pay's public key.
#[derive(Debug)]
pub struct PublicKeySettings {
    /// Its id, `PUB_KEY_ID_` and digits.
    pub id: KeySerial,
    /// The key, PEM. Judged by `wechat::pay`.
    pub pem: String,
}

/// The two hosts of WeChat Pay.
#[derive(Clone, Debug)]
pub struct PayHosts {
    /// Tried first.
    pub main: Url,
    /// Tried on a network failure.
    pub backup: Url,
}

/// What the merchant consists of.
const NEEDED: [&str; 4] = [
    "WXPAY_MCH_ID",
    "WXPAY_CERT_SERIAL",
    "WXPAY_PRIVATE_KEY_FILE",
    "WXPAY_API_V3_KEY",
];

impl MerchantSettings {
    /// Reads the section; `None` means that there is no merchant.
    pub fn read(reader: &Reader<'_>) -> Result<Option<Self>, Noted> {
        let hosts = hosts(reader);
        let public_key_id = reader.optional("WXPAY_PUBLIC_KEY_ID");
        let public_key_file = reader.optional("WXPAY_PUBLIC_KEY_FILE");
        let given = NEEDED.map(|variable| reader.optional(variable));
        if given
            .iter()
            .chain([&public_key_id, &public_key_file])
            .all(Option::is_none)
        {
            return hosts.map(|_| None);
        }
        let mut values = NEEDED.into_iter().zip(given).map(|(variable, value)| {
            value.ok_or_else(|| reader.problem(variable, "is required once any merchant setting is there"))
        });
        let mut next = || values.next().unwrap_or(Err(Noted));
        let (mch_id, cert_serial, private_key, api_v3_key) = (next(), next(), next(), next());
        let mch_id = mch_id.and_then(|text| read_mch_id(reader, text));
        let cert_serial = cert_serial.and_then(|text| read_cert_serial(reader, &text));
        let private_key_pem = private_key.and_then(|_| read_private_key(reader));
        let api_v3_key = api_v3_key.and_then(|text| read_api_v3_key(reader, text));
        let public_key = read_public_key(reader, public_key_id, public_key_file.is_some());
        Ok(Some(Self {
            mch_id: mch_id?,
            cert_serial: cert_serial?,
            private_key_pem: private_key_pem?,
            api_v3_key: api_v3_key?,
            public_key: public_key?,
            hosts: hosts?,
        }))
    }
}

fn hosts(reader: &Reader<'_>) -> Result<PayHosts, Noted> {
    let main = reader.base_url("WXPAY_API_BASE_URL", Some("https://api.mch.weixin.qq.com"));
    let backup = reader.base_url(
        "WXPAY_API_BACKUP_BASE_URL",
        Some("https://api2.mch.weixin.qq.com"),
    );
    Ok(PayHosts {
        main: main?,
        backup: backup?,
    })
}

fn read_mch_id(reader: &Reader<'_>, text: String) -> Result<MchId, Noted> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    MchId::parse(text)
        .ok()
        .filter(|_| is_number)
        .ok_or_else(|| reader.problem("WXPAY_MCH_ID", "is not a merchant number: digits only"))
}

fn read_cert_serial(reader: &Reader<'_>, text: &str) -> Result<KeySerial, Noted> {
    // Tools print it in either case and with colons; WeChat writes 40 capital hexadecimal digits.
    let folded = text.replace(':', "").to_ascii_uppercase();
    let is_serial = (8..=40).contains(&folded.len()) && folded.bytes().all(|byte| byte.is_ascii_hexdigit());
    let what = "is not a certificate serial: 40 hexadecimal digits \
                (`openssl x509 -in apiclient_cert.pem -noout -serial`)";
    KeySerial::parse(folded)
        .ok()
        .filter(|_| is_serial)
        .ok_or_else(|| reader.problem("WXPAY_CERT_SERIAL", what))
}

fn read_private_key(reader: &Reader<'_>) -> Result<SecretString, Noted> {
    const VARIABLE: &str = "WXPAY_PRIVATE_KEY_FILE";
    let pem = reader.file(VARIABLE)?;
    if !pem.contains("PRIVATE KEY-----") {
        return Err(reader.problem(VARIABLE, "names a file without a private key (apiclient_key.pem)"));
    }
    Ok(pem.into())
}

fn read_api_v3_key(reader: &Reader<'_>, text: String) -> Result<SecretString, Noted> {
    let problem = if text.len() != 32 || !text.is_ascii() {
        Some("must be exactly 32 ASCII characters")
    } else {
        secret::weakness(&text)
    };
    match problem {
        Some(problem) => Err(reader.problem("WXPAY_API_V3_KEY", problem)),
        None => Ok(text.into()),
    }
}

/// `None` means certificate mode.
fn read_public_key(
    reader: &Reader<'_>,
    id: Option<String>,
    has_file: bool,
) -> Result<Option<PublicKeySettings>, Noted> {
    const ID: &str = "WXPAY_PUBLIC_KEY_ID";
    const FILE: &str = "WXPAY_PUBLIC_KEY_FILE";
    let id = match (id, has_file) {
        (None, false) => return Ok(None),
        (Some(id), true) => id,
        (Some(_), false) => return Err(reader.problem(FILE, format!("is required with {ID}"))),
        (None, true) => return Err(reader.problem(ID, format!("is required with {FILE}"))),
    };
    let is_whole = id
        .strip_prefix("PUB_KEY_ID_")
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let id = KeySerial::parse(id)
        .ok()
        .filter(|_| is_whole)
        .ok_or_else(|| reader.problem(ID, "must be the whole id, PUB_KEY_ID_ included"));
    let pem = reader.file(FILE)?;
    if !pem.contains("PUBLIC KEY-----") {
        return Err(reader.problem(FILE, "names a file without a public key (pub_key.pem)"));
    }
    Ok(Some(PublicKeySettings { id: id?, pem }))
}

//! `WXPAY_…`: the merchant. All of it or none; `wechat::pay` judges names and keys.

use super::{Noted, Reader, secret};
use crate::wechat::pay::{Merchant, MerchantPart, MerchantText};

/// What the merchant consists of.
const NEEDED: [&str; 4] = [
    "WXPAY_MCH_ID",
    "WXPAY_CERT_SERIAL",
    "WXPAY_PRIVATE_KEY_FILE",
    "WXPAY_API_V3_KEY",
];

/// Reads the section; `None` means that there is no merchant: payment routes answer
/// `payment_not_configured`.
pub(super) fn read(reader: &Reader<'_>) -> Result<Option<Merchant>, Noted> {
    let base_url = reader.host_url("WXPAY_API_BASE_URL", "https://api.mch.weixin.qq.com");
    let backup_base_url = reader.host_url("WXPAY_API_BACKUP_BASE_URL", "https://api2.mch.weixin.qq.com");
    let public_key_id = reader.optional("WXPAY_PUBLIC_KEY_ID");
    let has_public_key_file = reader.optional("WXPAY_PUBLIC_KEY_FILE").is_some();
    let given = NEEDED.map(|variable| reader.optional(variable));
    if given.iter().all(Option::is_none) && public_key_id.is_none() && !has_public_key_file {
        return base_url.and(backup_base_url).map(|_| None);
    }
    let mut missing = Vec::new();
    for (variable, value) in NEEDED.into_iter().zip(&given) {
        if value.is_none() {
            reader.problem(variable, "is required once any merchant setting is there");
            missing.push(variable);
        }
    }
    let [mch_id, cert_serial, key_file, api_v3_key] = given.map(Option::unwrap_or_default);
    let private_key_pem = if key_file.is_empty() {
        Ok(String::new())
    } else {
        reader.file(NEEDED[2])
    };
    if let Some(problem) = secret::weakness(&api_v3_key).filter(|_| !api_v3_key.is_empty()) {
        reader.problem("WXPAY_API_V3_KEY", problem);
    }
    let public_key = read_public_key(reader, public_key_id, has_public_key_file);
    if private_key_pem.is_err() {
        missing.push("WXPAY_PRIVATE_KEY_FILE");
    }
    let text = MerchantText {
        mch_id: &mch_id,
        // Tools print it with colons.
        cert_serial: &cert_serial.replace(':', ""),
        private_key_pem: private_key_pem.as_deref().unwrap_or_default(),
        api_v3_key: &api_v3_key,
        public_key: public_key
            .as_ref()
            .ok()
            .and_then(Option::as_ref)
            .map(|(id, pem)| (id.as_str(), pem.as_str())),
        base_url: base_url
            .as_ref()
            .map_or("https://unused.invalid", url::Url::as_str),
        backup_base_url: backup_base_url
            .as_ref()
            .map_or("https://unused.invalid", url::Url::as_str),
    };
    match Merchant::from_text(&text) {
        Ok(merchant) if missing.is_empty() => public_key
            .and(base_url)
            .and(backup_base_url)
            .map(|_| Some(merchant)),
        Ok(_) => Err(Noted),
        Err(problems) => {
            for problem in problems {
                let variable = variable(problem.part);
                if !missing.contains(&variable) {
                    reader.problem(variable, problem.what);
                }
            }
            Err(Noted)
        }
    }
}

fn variable(part: MerchantPart) -> &'static str {
    match part {
        MerchantPart::MchId => "WXPAY_MCH_ID",
        MerchantPart::CertSerial => "WXPAY_CERT_SERIAL",
        MerchantPart::PrivateKey => "WXPAY_PRIVATE_KEY_FILE",
        MerchantPart::ApiV3Key => "WXPAY_API_V3_KEY",
        MerchantPart::PublicKeyId => "WXPAY_PUBLIC_KEY_ID",
        MerchantPart::PublicKey => "WXPAY_PUBLIC_KEY_FILE",
        MerchantPart::BaseUrl => "WXPAY_API_BASE_URL",
        MerchantPart::BackupBaseUrl => "WXPAY_API_BACKUP_BASE_URL",
    }
}

/// The id and the PEM of WeChat Pay's public key; `None` means certificate mode.
fn read_public_key(
    reader: &Reader<'_>,
    id: Option<String>,
    has_file: bool,
) -> Result<Option<(String, String)>, Noted> {
    const ID: &str = "WXPAY_PUBLIC_KEY_ID";
    const FILE: &str = "WXPAY_PUBLIC_KEY_FILE";
    match (id, has_file) {
        (None, false) => Ok(None),
        (Some(id), true) => Ok(Some((id, reader.file(FILE)?))),
        (Some(_), false) => Err(reader.problem(FILE, format!("is required with {ID}"))),
        (None, true) => Err(reader.problem(ID, format!("is required with {FILE}"))),
    }
}

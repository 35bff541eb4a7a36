//! X.509 certificates for RSA keys: `WeChat Pay`'s platform certificates, and a merchant certificate for `weir dev`.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rcgen::{
    CertificateParams, DnType, IsCa, KeyUsagePurpose, PKCS_RSA_SHA256, PublicKeyData, SerialNumber,
    SignatureAlgorithm, SigningKey,
};
use rsa::pkcs1::EncodeRsaPublicKey;

use super::error::Error;
use super::key::{PlatformCertificate, Signer};
use super::record::CertificateRecord;

/// `WeChat`'s certificates live five years.
const LIFE: TimeDelta = TimeDelta::days(5 * 365);

/// How long a platform certificate stays known beside the one that replaced it.
const OVERLAP: TimeDelta = TimeDelta::hours(24);
/// Past this many the oldest goes at once: a merchant need not look at more of a list than a few.
const KNOWN_MAX: usize = 3;

/// Lets the certificate builder sign with the `rsa` crate.
struct Issuer<'a> {
    signer: &'a Signer,
    public_der: Vec<u8>,
}

impl PublicKeyData for Issuer<'_> {
    fn der_bytes(&self) -> &[u8] {
        &self.public_der
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

impl SigningKey for Issuer<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.signer
            .sign_raw(message)
            .map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

/// A serial number as `WeChat`'s look: 40 upper-case hexadecimal digits, positive as an ASN.1 number.
pub(super) fn serial_from(bytes: [u8; 20]) -> String {
    let mut bytes = bytes;
    bytes[0] = (bytes[0] & 0x3f) | 0x40;
    hex::encode_upper(bytes)
}

/// A self-signed certificate in PEM, good from `effective_at` for five years.
pub(super) fn self_signed_pem(
    signer: &Signer,
    common_name: &str,
    effective_at: DateTime<Utc>,
) -> Result<String, Error> {
    let refused = || Error::Certificate {
        serial: signer.serial().to_owned(),
    };
    let public_der = signer
        .public_key()
        .to_pkcs1_der()
        .map_err(|_| refused())?
        .as_bytes()
        .to_vec();
    let serial = hex::decode(signer.serial()).map_err(|_| refused())?;
    let mut parameters = CertificateParams::default();
    parameters.not_before = std::time::SystemTime::from(effective_at).into();
    parameters.not_after = std::time::SystemTime::from(effective_at + LIFE).into();
    parameters.serial_number = Some(SerialNumber::from(serial));
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyEncipherment,
    ];
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CountryName, "CN");
    parameters
        .distinguished_name
        .push(DnType::OrganizationName, "weir simulator");
    parameters
        .distinguished_name
        .push(DnType::CommonName, common_name);
    parameters
        .self_signed(&Issuer { signer, public_der })
        .map(|certificate| certificate.pem())
        .map_err(|_| refused())
}

/// A platform certificate for a private key.
pub(super) fn platform(
    serial: &str,
    private_pem: &str,
    effective_at: DateTime<Utc>,
) -> Result<PlatformCertificate, Error> {
    let signer = Signer::from_pem(serial, private_pem)?;
    let certificate_pem = self_signed_pem(&signer, "Simulated WeChat Pay", effective_at)?;
    Ok(PlatformCertificate {
        signer: Arc::new(signer),
        certificate_pem,
        effective_at,
        expires_at: effective_at + LIFE,
    })
}

/// How many of the platform certificates, oldest first, were replaced long enough ago, or by too many.
pub(super) fn withdrawn(known: &[CertificateRecord], now: DateTime<Utc>) -> usize {
    let replaced = known
        .iter()
        .skip(1)
        .take_while(|next| next.effective_at + OVERLAP <= now)
        .count();
    replaced.max(known.len().saturating_sub(KNOWN_MAX))
}

//! `GET /v3/certificates`: the platform certificates, encrypted with the merchant's `APIv3` key.

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::answer::{Refusal, accepted};
use super::authorization;
use crate::simulator::call::{Call, Reply};
use crate::simulator::clock::china_text;
use crate::simulator::key::KeyMode;
use crate::simulator::seal::seal;
use crate::simulator::state::Shared;

const ASSOCIATED_DATA: &str = "certificate";

/// Answers `GET /v3/certificates`.
pub(in crate::simulator) fn handle(shared: &Shared, call: &Call) -> Reply {
    list(shared, call).unwrap_or_else(Refusal::into_reply)
}

fn list(shared: &Shared, call: &Call) -> Result<Reply, Refusal> {
    let signer = authorization::check(shared, call)?;
    for (name, value) in call.parameters() {
        if name != "algorithm_type" || !matches!(value.as_str(), "RSA" | "ALL") {
            return Err(Refusal::query(&name, "only algorithm_type, RSA or ALL"));
        }
    }
    let (mode, now, known) = shared.step(|world, now| {
        let known: Vec<_> = world.keys.certificates.clone();
        let known = known
            .into_iter()
            .map(|one| (one, world.entropy.text(12)))
            .collect::<Vec<_>>();
        (world.keys.mode, now, known)
    });
    let mut data: Vec<Value> = Vec::new();
    for (certificate, nonce) in known {
        if certificate.effective_at > now || certificate.expires_at <= now {
            continue;
        }
        let key = shared.merchant.api_v3_key.expose_secret();
        let ciphertext = seal(
            key,
            &nonce,
            ASSOCIATED_DATA,
            certificate.certificate_pem.as_bytes(),
        )
        .ok_or_else(Refusal::system_error)?;
        data.push(json!({
            "serial_no": certificate.signer.serial(),
            "effective_time": china_text(certificate.effective_at),
            "expire_time": china_text(certificate.expires_at),
            "encrypt_certificate": {
                "algorithm": "AEAD_AES_256_GCM",
                "nonce": nonce,
                "associated_data": ASSOCIATED_DATA,
                "ciphertext": ciphertext,
            },
        }));
    }
    if mode == KeyMode::PublicKey || data.is_empty() {
        return Err(Refusal::no_certificate());
    }
    Ok(accepted(&json!({ "data": data }), signer))
}

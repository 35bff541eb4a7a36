//! The golden vectors of the WeChat protocols, every one that concerns what is built so far.
//!
//! [`CHECKED`] and [`LATER`] together must name every kind of the file with its number of entries,
//! so that no vector can be forgotten or skipped without this program failing.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a vector that cannot be read must fail the test"
)]

mod bill;
mod open_data;
mod pay;
mod push;

use std::collections::BTreeMap;

use serde_json::Value;

/// The kinds that this program checks, and how many vectors of each there are.
const CHECKED: [(&str, usize); 18] = [
    ("aead_decrypt", 7),
    ("bill_hash", 1),
    ("encrypted_data_decrypt", 20),
    ("login_state_hmac", 2),
    ("login_state_hmac_mismatch", 1),
    ("message_push_decrypt", 10),
    ("message_push_encrypt", 1),
    ("message_push_signature", 2),
    ("message_push_signature_verify", 1),
    ("pay_v3_certificates", 1),
    ("pay_v3_notify", 28),
    ("pay_v3_pay_sign", 1),
    ("pay_v3_request_sign", 9),
    ("pay_v3_response_verify", 4),
    ("pay_v3_verify", 1),
    ("raw_data_signature", 4),
    ("rsa_verify", 6),
    ("xml_parse", 2),
];

/// The kinds whose subject is not built yet. Whoever builds it moves the kind up.
const LATER: [(&str, usize); 6] = [
    ("api_security_gcm_decrypt", 3),
    ("api_security_signed_string", 1),
    ("pay_v2_refund_req_info", 3),
    ("pay_v2_sign", 6),
    ("pay_v2_sign_verify", 1),
    ("rsa_oaep_decrypt", 1),
];

/// The whole file.
struct Vectors(Value);

impl Vectors {
    fn load() -> Self {
        Self(serde_json::from_str(include_str!("vectors.json")).unwrap())
    }

    /// Every vector of `kind`; fails if their number is not the one in [`CHECKED`].
    fn of(&self, kind: &str) -> Vec<&Value> {
        let found: Vec<_> = self
            .all()
            .iter()
            .filter(|vector| vector["kind"] == kind)
            .collect();
        let wanted = CHECKED.iter().find(|(known, _)| *known == kind).unwrap().1;
        assert_eq!(found.len(), wanted, "vectors of {kind}");
        found
    }

    fn all(&self) -> &[Value] {
        self.0["vectors"].as_array().unwrap()
    }

    fn private_key_pem(&self, key: &str) -> &str {
        text(&self.0["keys"][key]["private_key_pkcs8_pem"])
    }

    fn public_key_pem(&self, key: &str) -> &str {
        text(&self.0["keys"][key]["public_key_pem"])
    }

    /// The serial that names `key`.
    fn serial_of(&self, key: &str) -> &str {
        let serials = self.0["serials"].as_object().unwrap();
        serials.iter().find(|(_, named)| *named == key).unwrap().0
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

#[test]
fn every_kind_of_the_file_is_accounted_for() {
    let vectors = Vectors::load();
    let mut found = BTreeMap::new();
    for vector in vectors.all() {
        *found.entry(text(&vector["kind"])).or_insert(0_usize) += 1;
    }
    let known: BTreeMap<_, _> = CHECKED.into_iter().chain(LATER).collect();
    assert_eq!(found, known);
}

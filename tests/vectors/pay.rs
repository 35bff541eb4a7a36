//! WeChat Pay v3: signing, verifying, opening.

use chrono::{DateTime, Utc};
use serde_json::Value;
use weir::domain::name::{AppId, KeySerial, PrepayId};
use weir::domain::refund::RefundEvent;
use weir::wechat::crypto::{ResourceKey, VerifyingKey};
use weir::wechat::pay::{
    KeyRing, Merchant, MerchantText, Notification, Opened, PlatformKey, Refusal, RequestToSign,
    SignedMessage, TradeState, Verified, decrypt, read_certificates,
};
use weir::wechat::secret::ApiV3Key;

use crate::{Vectors, text};

fn time(value: &Value) -> DateTime<Utc> {
    DateTime::from_timestamp(value.as_i64().unwrap(), 0).unwrap()
}

fn resource_key(text: &str) -> ResourceKey {
    ResourceKey::new(ApiV3Key::parse(text).unwrap().expose()).unwrap()
}

fn merchant(vectors: &Vectors, inputs: &Value) -> Merchant {
    Merchant::from_text(&MerchantText {
        mch_id: inputs["mchid"].as_str().unwrap_or("1900000001"),
        cert_serial: inputs["serial_no"]
            .as_str()
            .unwrap_or(vectors.serial_of("merchant")),
        private_key_pem: vectors.private_key_pem(text(&inputs["key"])),
        api_v3_key: text(&vectors.0["constants"]["generated_api_v3_key"]),
        public_key: None,
        base_url: "https://api.mch.weixin.qq.com",
        backup_base_url: "https://api2.mch.weixin.qq.com",
    })
    .unwrap()
}

/// A ring with the certificate of the list vector and the public key side by side.
fn ring(vectors: &Vectors) -> KeyRing {
    let public_key = PlatformKey::public_key(
        KeySerial::parse(vectors.serial_of("platform_next")).unwrap(),
        VerifyingKey::from_pem(vectors.public_key_pem("platform_next")).unwrap(),
    );
    let ring = KeyRing::new(Some(public_key));
    let inputs = &vectors.of("pay_v3_certificates")[0]["inputs"];
    let now = DateTime::from_timestamp(1_767_225_600, 0).unwrap();
    let key = resource_key(text(&inputs["api_v3_key"]));
    ring.learn(
        &read_certificates(&key, text(&inputs["body"]).as_bytes(), now).unwrap(),
        now,
    );
    ring
}

/// The message of a vector whose headers are an object.
fn message(inputs: &Value) -> SignedMessage<'_> {
    let headers = inputs["headers"].as_object().unwrap();
    SignedMessage::from_headers(text(&inputs["body"]).as_bytes(), |wanted| {
        headers
            .iter()
            .filter(move |(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| text(value).as_bytes())
    })
    .unwrap()
}

#[test]
fn requests_are_signed() {
    let vectors = Vectors::load();
    for vector in vectors.of("pay_v3_request_sign") {
        let inputs = &vector["inputs"];
        let authorization = merchant(&vectors, inputs)
            .authorization(&RequestToSign {
                method: text(&inputs["method"]),
                path_and_query: text(&inputs["url"]),
                timestamp: inputs["timestamp"].as_i64().unwrap(),
                nonce: text(&inputs["nonce"]),
                body: text(&inputs["body"]).as_bytes(),
            })
            .unwrap();
        assert_eq!(
            authorization,
            text(&vector["expected"]["authorization"]),
            "{}",
            vector["name"]
        );
    }
}

#[test]
fn pay_parameters_are_signed() {
    let vectors = Vectors::load();
    for vector in vectors.of("pay_v3_pay_sign") {
        let inputs = &vector["inputs"];
        let parameters = merchant(&vectors, inputs)
            .request_payment(
                &AppId::parse(text(&inputs["appid"])).unwrap(),
                &PrepayId::parse(text(&inputs["prepay_id"])).unwrap(),
                inputs["timestamp"].as_i64().unwrap(),
                text(&inputs["nonce"]).to_owned(),
            )
            .unwrap();
        assert_eq!(
            serde_json::to_value(&parameters).unwrap(),
            vector["expected"]["request_payment"]
        );
    }
}

#[test]
fn bare_signatures_are_judged() {
    let vectors = Vectors::load();
    for vector in vectors.of("rsa_verify") {
        let inputs = &vector["inputs"];
        let pem = inputs["public_key_pem"]
            .as_str()
            .unwrap_or_else(|| vectors.public_key_pem(text(&inputs["public_key"])));
        let key = VerifyingKey::from_pem(pem).unwrap();
        let verdict = key.verify(
            &[text(&inputs["message"]).as_bytes()],
            text(&inputs["signature"]).as_bytes(),
        );
        assert_eq!(
            verdict.is_ok(),
            vector["expected"]["valid"].as_bool().unwrap(),
            "{}",
            vector["name"]
        );
    }
}

#[test]
fn a_notification_of_the_official_sdk_verifies() {
    let vectors = Vectors::load();
    for vector in vectors.of("pay_v3_verify") {
        let inputs = &vector["inputs"];
        let key = VerifyingKey::from_pem(text(&inputs["public_key_pem"])).unwrap();
        let ring = KeyRing::new(Some(PlatformKey::public_key(
            KeySerial::parse(text(&inputs["serial"])).unwrap(),
            key,
        )));
        let message = SignedMessage::from_headers(text(&inputs["body"]).as_bytes(), |name| {
            let field = name.trim_start_matches("wechatpay-");
            std::iter::once(text(&inputs[field]).as_bytes())
        })
        .unwrap();
        assert_eq!(vector["expected"]["valid"], true);
        ring.verify(&message, time(&inputs["now"])).unwrap();
    }
}

#[test]
fn answers_are_judged() {
    let vectors = Vectors::load();
    let ring = ring(&vectors);
    for vector in vectors.of("pay_v3_response_verify") {
        let inputs = &vector["inputs"];
        let verdict = ring.verify(&message(inputs), time(&inputs["now"]));
        assert_eq!(
            verdict.is_ok(),
            vector["expected"]["valid"].as_bool().unwrap(),
            "{}",
            vector["name"]
        );
    }
}

#[test]
fn certificates_are_opened_and_checked() {
    let vectors = Vectors::load();
    for vector in vectors.of("pay_v3_certificates") {
        let inputs = &vector["inputs"];
        let body = text(&inputs["body"]).as_bytes();
        let key = resource_key(text(&inputs["api_v3_key"]));
        let now = DateTime::from_timestamp(1_767_225_600, 0).unwrap();
        let keys = read_certificates(&key, body, now).unwrap();
        assert_eq!(keys.len(), 1);
        assert_eq!(keys[0].serial().as_str(), text(&vector["expected"]["serial_no"]));
        let years_later = DateTime::from_timestamp(1_900_000_000, 0).unwrap();
        assert!(read_certificates(&key, body, years_later).is_err(), "expired");
        let other_key = resource_key("GeneratedApiV3Key0123456789abcdX");
        assert!(
            read_certificates(&other_key, body, now).is_err(),
            "another APIv3 key"
        );
        let renamed = text(&inputs["body"]).replace("5157F09E", "5157F09F");
        assert!(
            read_certificates(&key, renamed.as_bytes(), now).is_err(),
            "a serial of something else"
        );
    }
}

#[test]
fn resources_are_opened() {
    let vectors = Vectors::load();
    for vector in vectors.of("aead_decrypt") {
        let (name, inputs, expected) = (text(&vector["name"]), &vector["inputs"], &vector["expected"]);
        let key = ApiV3Key::parse(text(&inputs["api_v3_key"]));
        let opened = key.ok().and_then(|key| {
            ResourceKey::new(key.expose())
                .unwrap()
                .open(
                    text(&inputs["nonce"]).as_bytes(),
                    text(&inputs["associated_data"]).as_bytes(),
                    text(&inputs["ciphertext"]).as_bytes(),
                )
                .ok()
        });
        // That SDK's test has a key of 16 bytes, which no merchant has: it is refused.
        let is_refused_key = name == "aead.public_go_sdk_16_byte_key";
        if expected["ok"] == true && !is_refused_key {
            assert_eq!(opened.unwrap(), text(&expected["plaintext"]).as_bytes(), "{name}");
        } else {
            assert!(opened.is_none(), "{name}");
        }
    }
}

fn opened(ring: &KeyRing, inputs: &Value) -> Result<Verified<Opened>, Refusal> {
    let key = resource_key(text(&inputs["api_v3_key"]));
    decrypt(&key, ring.verify(&message(inputs), time(&inputs["now"]))?)
}

#[test]
fn notifications_are_judged_and_opened() {
    let vectors = Vectors::load();
    let ring = ring(&vectors);
    for vector in vectors.of("pay_v3_notify") {
        let (name, expected) = (text(&vector["name"]), &vector["expected"]);
        match opened(&ring, &vector["inputs"]) {
            Ok(opened) => {
                assert_eq!(expected["ok"], true, "{name}");
                assert_eq!(
                    opened.get().plaintext,
                    text(&expected["resource_plaintext"]).as_bytes(),
                    "{name}"
                );
                check_reading(name, opened.read().unwrap().get());
            }
            Err(refusal) => {
                assert_eq!(expected["ok"], false, "{name}: {refusal}");
                assert_eq!(label(&refusal), text(&expected["error"]), "{name}: {refusal}");
                if let Some(verdict) = exact_verdict(name) {
                    assert_eq!(refusal, verdict, "{name}");
                }
            }
        }
    }
}

fn check_reading(name: &str, notification: &Notification) {
    match notification {
        Notification::Payment { id, transaction } => {
            assert!(id.starts_with("EV-"), "{name}");
            let landed = transaction.landed.as_ref().unwrap();
            let total_fen = if name.ends_with("amount_differs_from_order") {
                1
            } else {
                100
            };
            assert_eq!(
                (landed.total_fen, landed.currency.as_str()),
                (total_fen, "CNY"),
                "{name}"
            );
            assert_eq!(
                landed.success_at,
                DateTime::from_timestamp(1_767_225_605, 0).unwrap(),
                "{name}"
            );
            let is_refund = name.ends_with("trade_state_not_success");
            let state = if is_refund {
                TradeState::Refund
            } else {
                TradeState::Success
            };
            assert_eq!(transaction.trade_state, state, "{name}");
        }
        Notification::Refund { id, report } => {
            assert!(id.starts_with("EV-"), "{name}");
            let event = match name.rsplit_once("refund_").unwrap().1 {
                "success" => RefundEvent::FoundSucceeded,
                "abnormal" => RefundEvent::FoundAbnormal,
                "closed" => RefundEvent::FoundClosed,
                other => panic!("{other}"),
            };
            assert_eq!(report.event, event, "{name}");
            assert_eq!(report.out_refund_no.as_str(), "R20260101000001", "{name}");
            assert_eq!(
                report.refund_id.as_str(),
                "50200000002026010100000000001",
                "{name}"
            );
            assert_eq!((report.amount_fen, report.total_fen), (30, 100), "{name}");
            assert_eq!(report.mch_id.as_ref().unwrap().as_str(), "1900000001", "{name}");
            let success_at = (event == RefundEvent::FoundSucceeded)
                .then(|| DateTime::from_timestamp(1_767_229_205, 0).unwrap());
            assert_eq!(report.success_at, success_at, "{name}");
        }
        Notification::Other { .. } => panic!("{name}"),
    }
}

/// The label of the vector file for a refusal.
fn label(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Stale { .. } | Refusal::Future { .. } => "stale_timestamp",
        Refusal::UnknownSerial => "unknown_serial",
        Refusal::SignatureNotBase64 | Refusal::SignatureWrong | Refusal::Probe => "bad_signature",
        Refusal::NotJson => "bad_input",
        Refusal::UnsupportedAlgorithm => "unsupported_algorithm",
        Refusal::DecryptFailed => "decrypt_failed",
        Refusal::HeaderMissing(_)
        | Refusal::HeaderRepeated(_)
        | Refusal::HeaderMalformed(_)
        | Refusal::CertificateExpired
        | Refusal::RefundUnreadable { .. }
        | Refusal::PlaintextUnreadable { .. } => panic!("no vector has {refusal}"),
    }
}

/// What our own record says where the file's label is coarser.
fn exact_verdict(name: &str) -> Option<Refusal> {
    match name.trim_start_matches("pay_v3_notify.") {
        "sign_probe" => Some(Refusal::Probe),
        "signature_not_base64" => Some(Refusal::SignatureNotBase64),
        "body_changed" | "serial_of_other_key" | "empty_signature" => Some(Refusal::SignatureWrong),
        "stale_timestamp" => Some(Refusal::Stale { age_s: 301 }),
        _ => None,
    }
}

#[test]
fn every_header_must_be_there_once() {
    let vectors = Vectors::load();
    let inputs = &vectors.of("pay_v3_notify")[0]["inputs"];
    let body = text(&inputs["body"]).as_bytes();
    for header in [
        "wechatpay-timestamp",
        "wechatpay-nonce",
        "wechatpay-signature",
        "wechatpay-serial",
    ] {
        for times in [0, 2] {
            let refused = SignedMessage::from_headers(body, |name| {
                std::iter::repeat_n(b"x".as_slice(), if name == header { times } else { 1 })
            });
            let wanted = if times == 0 {
                Refusal::HeaderMissing(header)
            } else {
                Refusal::HeaderRepeated(header)
            };
            assert_eq!(refused.unwrap_err(), wanted);
        }
    }
}

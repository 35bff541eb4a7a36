//! Notifications that WeChat Pay really signed and sealed, whatever is in them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use proptest::prelude::*;
use serde_json::{Value, json};
use weir::wechat::crypto::ResourceKey;
use weir::wechat::pay::{Notification, Refusal, decrypt};

use crate::signature::{RING, Travelling, seal};

const KEY: &[u8; 32] = b"GeneratedApiV3Key0123456789abcde";

fn receive(body: Vec<u8>) -> Result<Notification, Refusal> {
    let travelling = Travelling::signed("nonce", body);
    let now = DateTime::from_timestamp(1_767_225_600, 0).unwrap();
    let verified = RING.verify(&travelling.message(), now)?;
    let key = ResourceKey::new(KEY).unwrap();
    decrypt(&key, verified)?
        .read()
        .map(weir::wechat::pay::Verified::into_inner)
}

fn envelope(event_type: &str, original_type: &Value, plaintext: &[u8]) -> Vec<u8> {
    let sealed = seal(KEY, b"fdasflkja484", b"transaction", plaintext);
    let body = json!({
        "id": "EV-1", "event_type": event_type, "new_field": {},
        "resource": {
            "original_type": original_type, "algorithm": "AEAD_AES_256_GCM", "nonce": "fdasflkja484",
            "associated_data": "transaction", "ciphertext": STANDARD.encode(sealed),
        },
    });
    // Some serialisers escape the slashes of base64.
    serde_json::to_string(&body)
        .unwrap()
        .replace('/', "\\/")
        .into_bytes()
}

fn paid() -> Value {
    json!({
        "appid": "wx1234567890abcdef", "mchid": "1900000001", "out_trade_no": "T20260101000001",
        "transaction_id": "4200000000202601010000000001", "trade_state": "SUCCESS",
        "success_time": "2026-01-01T08:00:05+08:00", "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
        "amount": {"total": 100, "payer_total": 90, "currency": "CNY"},
    })
}

#[test]
fn a_payment_is_one_by_its_object_and_not_by_its_event() {
    let plaintext = paid().to_string().into_bytes();
    for original_type in [json!("transaction"), Value::Null] {
        let notification = receive(envelope("TRANSACTION.SUCCESS", &original_type, &plaintext)).unwrap();
        assert!(
            matches!(notification, Notification::Payment { .. }),
            "{original_type}"
        );
    }
    for (event_type, original_type) in [
        ("TRANSACTION.SUCCESS", "profitsharing"),
        ("SECURITY_ECHO.SUCCESS", "transaction"),
        ("NEW.EVENT", "new"),
    ] {
        let notification = receive(envelope(event_type, &json!(original_type), &plaintext)).unwrap();
        let wanted = Notification::Other {
            id: "EV-1".to_owned(),
            event_type: event_type.to_owned(),
            original_type: original_type.to_owned(),
        };
        assert_eq!(notification, wanted);
    }
}

#[test]
fn a_payment_that_lacks_something_is_unreadable_and_says_which() {
    for field in [
        "appid",
        "mchid",
        "out_trade_no",
        "transaction_id",
        "trade_state",
        "success_time",
        "amount",
    ] {
        let mut plaintext = paid();
        plaintext.as_object_mut().unwrap().remove(field);
        let refusal = receive(envelope(
            "TRANSACTION.SUCCESS",
            &json!("transaction"),
            plaintext.to_string().as_bytes(),
        ));
        assert_eq!(
            refusal.unwrap_err(),
            Refusal::PlaintextUnreadable {
                id: "EV-1".to_owned(),
                field
            }
        );
    }
}

fn refunded() -> Value {
    json!({
        "mchid": "1900000001", "out_trade_no": "T20260101000001", "transaction_id": "4200000000202601010000000001",
        "out_refund_no": "R20260101000001", "refund_id": "50200000002026010100000000001", "refund_status": "SUCCESS",
        "success_time": "2026-01-01T09:00:05+08:00", "amount": {"total": 100, "refund": 30},
    })
}

#[test]
fn a_refund_is_one_by_its_object_and_says_what_it_lacks() {
    for (event_type, original_type) in [
        ("REFUND.SUCCESS", json!("refund")),
        ("REFUND.SUCCESS", Value::Null),
        // What counts is inside.
        ("REFUND.CLOSED", json!("refund")),
    ] {
        let body = envelope(event_type, &original_type, refunded().to_string().as_bytes());
        let is_refund = matches!(receive(body).unwrap(), Notification::Refund { .. });
        assert!(is_refund, "{event_type} {original_type}");
    }
    let other = envelope("REFUND.SUCCESS", &json!("new"), refunded().to_string().as_bytes());
    assert!(matches!(receive(other).unwrap(), Notification::Other { .. }));
    for field in [
        "mchid",
        "out_trade_no",
        "transaction_id",
        "out_refund_no",
        "refund_id",
        "refund_status",
        "success_time",
        "amount",
    ] {
        let mut plaintext = refunded();
        plaintext.as_object_mut().unwrap().remove(field);
        let body = envelope(
            "REFUND.SUCCESS",
            &json!("refund"),
            plaintext.to_string().as_bytes(),
        );
        let wanted = Refusal::RefundUnreadable {
            id: "EV-1".to_owned(),
            field,
        };
        assert_eq!(receive(body).unwrap_err(), wanted);
    }
}

proptest! {
    #[test]
    fn any_sealed_refund_is_answered(plaintext in any::<Vec<u8>>()) {
        let answered = receive(envelope("REFUND.SUCCESS", &json!("refund"), &plaintext));
        let is_refused = matches!(answered, Err(Refusal::RefundUnreadable { .. }));
        prop_assert!(is_refused);
    }

    #[test]
    fn any_signed_body_is_answered(body in any::<Vec<u8>>()) {
        prop_assert_eq!(receive(body), Err(Refusal::NotJson));
    }

    #[test]
    fn any_sealed_plaintext_is_answered(plaintext in any::<Vec<u8>>()) {
        let answered = receive(envelope("TRANSACTION.SUCCESS", &json!("transaction"), &plaintext));
        let is_refused = matches!(answered, Err(Refusal::PlaintextUnreadable { .. }));
        prop_assert!(is_refused);
    }
}

//! What reads bytes from outside answers every input, and panics at none.

use chrono::DateTime;
use proptest::prelude::*;
use proptest::sample::Index;
use weir::wechat::crypto::{ResourceKey, SigningKey, VerifyingKey};
use weir::wechat::pay::{
    Merchant, MerchantPart, MerchantText, SignedMessage, Transaction, read_certificates,
};
use weir::wechat::secret::{ApiV3Key, AppSecret, SessionKey};

use crate::signature::RING;

const PAID: &str = r#"{"appid":"wx1","mchid":"19","out_trade_no":"T20260101","transaction_id":"42",
    "trade_state":"SUCCESS","success_time":"2026-01-01T08:00:05+08:00","payer":{"openid":"o"},
    "amount":{"total":100,"currency":"CNY"}}"#;

proptest! {
    #[test]
    fn a_transaction_of_any_bytes(bytes in any::<Vec<u8>>(), at in any::<Index>(), byte in any::<u8>()) {
        drop(Transaction::from_json(&bytes));
        let mut near = PAID.as_bytes().to_vec();
        near[at.index(PAID.len())] = byte;
        if let Ok(transaction) = Transaction::from_json(&near) {
            prop_assert_eq!(transaction.landed.is_some(), transaction.trade_state.has_money());
        }
    }

    #[test]
    fn a_message_of_any_headers(headers in any::<[Vec<u8>; 4]>(), body in any::<Vec<u8>>()) {
        let names = ["wechatpay-timestamp", "wechatpay-nonce", "wechatpay-signature", "wechatpay-serial"];
        let message = SignedMessage::from_headers(&body, |wanted| {
            let found = names.iter().position(|name| *name == wanted).unwrap();
            std::iter::once(headers[found].as_slice())
        });
        if let Ok(message) = message {
            prop_assert!(RING.verify(&message, DateTime::UNIX_EPOCH).is_err());
        }
    }

    #[test]
    fn a_certificate_list_of_any_bytes(bytes in any::<Vec<u8>>()) {
        let key = ResourceKey::new(&[7; 32]).unwrap();
        prop_assert!(read_certificates(&key, &bytes, DateTime::UNIX_EPOCH).is_err());
    }

    #[test]
    fn a_key_of_any_text(text in any::<String>(), bytes in any::<Vec<u8>>()) {
        for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "PUBLIC KEY", "CERTIFICATE", "EC PRIVATE KEY"] {
            let pem = format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n");
            prop_assert!(SigningKey::from_pem(&pem).is_err());
            prop_assert!(VerifyingKey::from_pem(&pem).is_err());
        }
        prop_assert!(SigningKey::from_pem(&text).is_err());
        prop_assert!(VerifyingKey::from_pem(&text).is_err());
        prop_assert!(VerifyingKey::from_der(&bytes).is_err());
    }

    #[test]
    fn a_secret_of_any_text(text in any::<String>()) {
        prop_assert_eq!(AppSecret::parse(&text).is_ok(), {
            (1..=128).contains(&text.len()) && text.chars().all(|letter| letter.is_ascii_graphic())
        });
        prop_assert_eq!(ApiV3Key::parse(&text).is_ok(), {
            text.len() == 32 && text.chars().all(|letter| letter.is_ascii_graphic())
        });
        if let Ok(key) = SessionKey::parse(&text) {
            prop_assert_eq!(key.expose_text(), text);
        }
    }

    #[test]
    fn a_merchant_of_any_text_is_refused_for_everything_at_once(text in any::<String>()) {
        let merchant = Merchant::from_text(&MerchantText {
            mch_id: &format!("!{text}"),
            cert_serial: &format!("!{text}"),
            private_key_pem: &text,
            api_v3_key: &format!("é{text}"),
            public_key: Some((&text, &text)),
            base_url: &format!("!{text}"),
            backup_base_url: &format!("ftp:{text}"),
        });
        let parts: Vec<_> = merchant.unwrap_err().into_iter().map(|problem| problem.part).collect();
        prop_assert_eq!(parts, vec![
            MerchantPart::MchId,
            MerchantPart::CertSerial,
            MerchantPart::PrivateKey,
            MerchantPart::ApiV3Key,
            MerchantPart::PublicKeyId,
            MerchantPart::PublicKey,
            MerchantPart::BaseUrl,
            MerchantPart::BackupBaseUrl,
        ]);
    }
}

//! Open data: what opens, what does not, and the two signatures under a session key.

use chrono::DateTime;
use serde_json::Value;
use weir::domain::name::{AppId, OpenId};
use weir::domain::open_data::{Expected, Refusal};
use weir::wechat::crypto::open_data::login_state_signature;
use weir::wechat::mini::open_data::{Sealed, Signed};
use weir::wechat::secret::SessionKey;

use crate::{Vectors, text};

/// Opens what a vector gives, at the time of its watermark, by the words of the file for what fails.
fn open(inputs: &Value, openid: &str, now_s: i64) -> Result<String, &'static str> {
    let key = SessionKey::parse(text(&inputs["session_key"])).map_err(|_| "bad_input")?;
    let (data, iv) = (text(&inputs["encryptedData"]), text(&inputs["iv"]));
    let sealed = Sealed::parse(data, iv, None).map_err(|_| "bad_input")?;
    let expected = Expected {
        app_id: &AppId::parse(text(&inputs["appid"])).unwrap(),
        openid: &OpenId::parse(openid).unwrap(),
        now: DateTime::from_timestamp(now_s, 0).unwrap(),
    };
    match sealed.open(&[key], &expected) {
        Ok(found) => Ok(found.json),
        Err(Refusal::NoKey) => Err("decrypt_failed"),
        Err(Refusal::App) => Err("watermark_mismatch"),
        Err(Refusal::Time | Refusal::User | Refusal::Shape | Refusal::Signature | Refusal::Kind) => {
            Err("another reason")
        }
    }
}

#[test]
fn open_data_opens_or_fails_as_the_file_says() {
    let vectors = Vectors::load();
    for vector in vectors.of("encrypted_data_decrypt") {
        let (inputs, expected) = (&vector["inputs"], &vector["expected"]);
        let fields = &expected["fields"];
        let openid = fields["openId"].as_str().unwrap_or("oNobody");
        let now_s = fields["watermark"]["timestamp"].as_i64().unwrap_or(1_700_000_000);
        let found = open(inputs, openid, now_s);
        if expected["ok"] == true {
            assert_eq!(found.as_deref(), Ok(text(&expected["plaintext"])), "{vector}");
            let json: Value = serde_json::from_str(&found.unwrap()).unwrap();
            assert_eq!(json, *fields);
            // As well with another's openid where it names one, too late and too early: not at all.
            for late_s in [601, -301] {
                assert_eq!(open(inputs, openid, now_s + late_s), Err("another reason"));
            }
            let of_another = open(inputs, "oSomebodyElse", now_s);
            assert_eq!(of_another.is_err(), fields["openId"].is_string());
        } else {
            assert_eq!(found, Err(text(&expected["error"])), "{vector}");
        }
    }
}

#[test]
fn a_signature_of_raw_data_is_valid_or_not_as_the_file_says() {
    let vectors = Vectors::load();
    for vector in vectors.of("raw_data_signature") {
        let (inputs, expected) = (&vector["inputs"], &vector["expected"]);
        let given = inputs.get("signature").or(expected.get("signature")).unwrap();
        let signed = Signed::parse(text(&inputs["rawData"]).to_owned(), text(given).to_owned()).unwrap();
        let key = SessionKey::parse(text(&inputs["session_key"])).unwrap();
        assert_eq!(signed.is_valid(&[key]), expected["valid"] == true, "{vector}");
        assert!(!signed.is_valid(&[]));
    }
}

#[test]
fn a_login_state_is_signed_with_the_text_of_the_key() {
    let vectors = Vectors::load();
    let sign = |inputs: &Value| {
        login_state_signature(text(&inputs["session_key"]), text(&inputs["message"]).as_bytes())
    };
    for vector in vectors.of("login_state_hmac") {
        assert_eq!(
            sign(&vector["inputs"]),
            text(&vector["expected"]["signature"]),
            "{vector}"
        );
    }
    for vector in vectors.of("login_state_hmac_mismatch") {
        let wrong = text(&vector["expected"]["must_not_equal"]);
        assert_ne!(sign(&vector["inputs"]), wrong, "{vector}");
    }
}

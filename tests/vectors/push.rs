//! Message push: what is signed, what opens, what is refused, and what XML says.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use weir::domain::name::AppId;
use weir::wechat::crypto::push::decrypt;
use weir::wechat::push::{DocumentError, Knock, PushKeys, PushMessage, PushQuery, Refusal};

use crate::{Vectors, text};

fn query(inputs: &Value, signatures: &[(&str, &Value)]) -> PushQuery {
    let timestamp = match &inputs["timestamp"] {
        Value::Number(number) => number.to_string(),
        other => text(other).to_owned(),
    };
    let mut pairs = vec![
        ("timestamp", timestamp.as_str()),
        ("nonce", text(&inputs["nonce"])),
    ];
    for (name, value) in signatures {
        pairs.extend(value.as_str().map(|value| (*name, value)));
    }
    let query: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    PushQuery::parse(&query.join("&")).unwrap()
}

/// When a vector was made.
fn made_at(inputs: &Value) -> DateTime<Utc> {
    let seconds = match &inputs["timestamp"] {
        Value::Number(number) => number.as_i64().unwrap(),
        other => text(other).parse().unwrap(),
    };
    DateTime::from_timestamp(seconds, 0).unwrap()
}

/// Opens what a vector gives, by the words of the file for what fails.
fn open(inputs: &Value, now: DateTime<Utc>) -> Result<Vec<u8>, &'static str> {
    let key = text(&inputs["encoding_aes_key"]);
    let keys = PushKeys::parse(text(&inputs["token"]), Some(key)).map_err(|_| "bad_input")?;
    let knock = Knock {
        app_id: &AppId::parse(text(&inputs["appid"])).unwrap(),
        keys: &keys,
        query: &query(
            inputs,
            &[
                ("signature", &inputs["signature"]),
                ("msg_signature", &inputs["msg_signature"]),
            ],
        ),
        now,
    };
    let body = json!({"ToUserName": "gh_x", "Encrypt": inputs["encrypt"]}).to_string();
    knock.open(body.as_bytes()).map_err(|refusal| match refusal {
        Refusal::SignatureWrong => "bad_signature",
        Refusal::AppMismatch => "appid_mismatch",
        Refusal::Unopened => "unopened",
        Refusal::Stale { .. } | Refusal::Future { .. } => "time",
        other => panic!("{other}"),
    })
}

/// The 32 bytes behind a key of 43 letters, whose last two bits are thrown away.
fn aes_key(text: &str) -> [u8; 32] {
    let (stem, last) = text.split_at(42);
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let place = letters.find(last).unwrap();
    let canonical = format!("{stem}{}", &letters[place & !3..=place & !3]);
    STANDARD_NO_PAD.decode(canonical).unwrap().try_into().unwrap()
}

#[test]
fn a_sealed_push_opens_or_fails_as_the_file_says() {
    let vectors = Vectors::load();
    for vector in vectors.of("message_push_decrypt") {
        let (inputs, expected) = (&vector["inputs"], &vector["expected"]);
        let found = open(inputs, made_at(inputs));
        if expected["ok"] == false {
            let wanted = match text(&expected["error"]) {
                // A padding or a length that is wrong is not told apart outside.
                "decrypt_failed" => "unopened",
                "bad_input" if text(&inputs["encoding_aes_key"]).len() == 43 => "unopened",
                other => other,
            };
            assert_eq!(found, Err(wanted), "{vector}");
            continue;
        }
        let message = text(&expected["msg"]).as_bytes();
        assert_eq!(found.as_deref(), Ok(message), "{vector}");
        assert_eq!(
            message.len(),
            usize::try_from(expected["msg_len"].as_u64().unwrap()).unwrap()
        );
        // Nothing of it opens too late or too early.
        for off_s in [301, -301] {
            assert_eq!(
                open(inputs, made_at(inputs) + TimeDelta::seconds(off_s)),
                Err("time")
            );
        }
        let key = aes_key(text(&inputs["encoding_aes_key"]));
        if let Some(hexadecimal) = expected["aes_key_hex"].as_str() {
            assert_eq!(hex::encode(key), hexadecimal);
        }
        let whole = decrypt(&key, &STANDARD.decode(text(&inputs["encrypt"])).unwrap()).unwrap();
        assert!(
            whole.starts_with(text(&expected["random"]).as_bytes()),
            "{vector}"
        );
        if let Some(pad) = expected["pad"].as_u64() {
            assert_eq!(u64::from(*whole.last().unwrap()), pad, "{vector}");
        }
        let is_document = message.starts_with(b"<") || message.starts_with(b"{");
        assert_eq!(PushMessage::read(message).is_ok(), is_document);
    }
}

/// The server gives no sealed answer; what the documentation seals must open all the same, to every byte.
#[test]
fn the_documentations_reply_opens() {
    let vectors = Vectors::load();
    for vector in vectors.of("message_push_encrypt") {
        let (mut inputs, expected) = (vector["inputs"].clone(), &vector["expected"]);
        inputs["encrypt"] = expected["Encrypt"].clone();
        inputs["msg_signature"] = expected["MsgSignature"].clone();
        let now = made_at(&inputs);
        assert_eq!(open(&inputs, now).as_deref(), Ok(text(&inputs["msg"]).as_bytes()));
        let key = aes_key(text(&inputs["encoding_aes_key"]));
        let whole = decrypt(&key, &STANDARD.decode(text(&inputs["encrypt"])).unwrap()).unwrap();
        let (message, app_id) = (text(&inputs["msg"]), text(&inputs["appid"]));
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        let said = [
            text(&inputs["random"]).as_bytes(),
            &length,
            message.as_bytes(),
            app_id.as_bytes(),
        ]
        .concat();
        let padding = 32 - said.len() % 32;
        let padded = [said, vec![u8::try_from(padding).unwrap(); padding]].concat();
        assert_eq!(whole, padded);
    }
}

#[test]
fn a_handshake_and_a_plain_push_are_signed_as_the_file_says() {
    let vectors = Vectors::load();
    let app_id = AppId::parse("wx1").unwrap();
    let check = |inputs: &Value, signature: &Value| {
        let keys = PushKeys::parse(text(&inputs["token"]), None).unwrap();
        let query = query(
            inputs,
            &[("signature", signature), ("echostr", &inputs["echostr"])],
        );
        let knock = Knock {
            app_id: &app_id,
            keys: &keys,
            query: &query,
            now: made_at(inputs),
        };
        let body = br#"{"MsgType":"event"}"#;
        let opened = knock.open(body).map(|text| assert_eq!(text, body));
        (opened, knock.shake_hands().map(str::to_owned))
    };
    for vector in vectors.of("message_push_signature") {
        let (inputs, expected) = (&vector["inputs"], &vector["expected"]);
        let (opened, shaken) = check(inputs, &expected["signature"]);
        assert_eq!(opened, Ok(()), "{vector}");
        let wanted = expected["answer"].as_str().map(str::to_owned);
        assert_eq!(shaken, wanted.ok_or(Refusal::QueryMalformed), "{vector}");
    }
    for vector in vectors.of("message_push_signature_verify") {
        assert_eq!(vector["expected"]["valid"], false);
        let inputs = &vector["inputs"];
        assert_eq!(
            check(inputs, &inputs["signature"]).0,
            Err(Refusal::SignatureWrong)
        );
    }
}

#[test]
fn xml_is_read_or_refused_as_the_file_says() {
    let vectors = Vectors::load();
    for vector in vectors.of("xml_parse") {
        let read = PushMessage::read(text(&vector["inputs"]["xml"]).as_bytes());
        if vector["expected"]["ok"] == false {
            assert_eq!(read.unwrap_err(), DocumentError::Forbidden, "{vector}");
            continue;
        }
        let said: Value = serde_json::from_str(read.unwrap().json.get()).unwrap();
        assert_eq!(said, vector["expected"]["fields"], "{vector}");
    }
}

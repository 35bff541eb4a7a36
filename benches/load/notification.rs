//! Payment notifications, sealed and signed as WeChat Pay does it, made before they are sent.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde_json::json;
use weir::wechat::crypto::SigningKey;

use crate::database::{Kind, TOTAL_FEN};
use crate::settings::{API_V3_KEY, APP, MCH_ID, PUBLIC_KEY_ID, WECHAT_PRIVATE_KEY, openid};

/// The number at WeChat of the attempt of an order.
pub(crate) fn out_trade_no(number: u64) -> String {
    format!("T{}{number:030}", Kind::Attempt as u64)
}

/// One notification: its headers, and its body.
#[derive(Debug)]
pub(crate) struct Crafted {
    pub(crate) timestamp: String,
    pub(crate) nonce: String,
    pub(crate) signature: String,
    pub(crate) body: Vec<u8>,
}

/// The news that the order with this number was paid.
pub(crate) fn craft(key: &SigningKey, number: u64, now: DateTime<Utc>) -> Crafted {
    let nonce = format!("{number:012}");
    let body = json!({
        "id": format!("EV-{number:032}"),
        "create_time": now.to_rfc3339(),
        "resource_type": "encrypt-resource",
        "event_type": "TRANSACTION.SUCCESS",
        "summary": "payment succeeded",
        "resource": {
            "original_type": "transaction",
            "algorithm": "AEAD_AES_256_GCM",
            "ciphertext": seal(&nonce, &plaintext(number, now)),
            "associated_data": "transaction",
            "nonce": nonce,
        },
    });
    let body = body.to_string().into_bytes();
    let timestamp = now.timestamp().to_string();
    let nonce = format!("N{number:031}");
    let parts: [&[u8]; 6] = [timestamp.as_bytes(), b"\n", nonce.as_bytes(), b"\n", &body, b"\n"];
    let signature = key.sign(&parts).expect("a signature");
    Crafted {
        timestamp,
        nonce,
        signature,
        body,
    }
}

fn plaintext(number: u64, now: DateTime<Utc>) -> Vec<u8> {
    let transaction = json!({
        "mchid": MCH_ID,
        "appid": APP,
        "out_trade_no": out_trade_no(number),
        "transaction_id": format!("42{number:026}"),
        "trade_type": "JSAPI",
        "trade_state": "SUCCESS",
        "trade_state_desc": "paid",
        "bank_type": "OTHERS",
        "attach": "",
        "success_time": now.to_rfc3339(),
        "payer": { "openid": openid(number % crate::database::USERS) },
        "amount": { "total": TOTAL_FEN, "payer_total": TOTAL_FEN, "currency": "CNY", "payer_currency": "CNY" },
    });
    transaction.to_string().into_bytes()
}

/// The key that notifications are sealed with.
pub(crate) fn resource_key() -> LessSafeKey {
    let key = UnboundKey::new(&AES_256_GCM, API_V3_KEY.as_bytes());
    LessSafeKey::new(key.expect("a key of 32 bytes"))
}

fn seal(nonce: &str, plaintext: &[u8]) -> String {
    let nonce = Nonce::try_assume_unique_for_key(nonce.as_bytes()).expect("a nonce of 12 bytes");
    let mut bytes = plaintext.to_vec();
    resource_key()
        .seal_in_place_append_tag(nonce, Aad::from(b"transaction"), &mut bytes)
        .expect("a sealed resource");
    STANDARD.encode(bytes)
}

/// Whole requests for the orders numbered from `from`, made on every processor. Good for five
/// minutes, as WeChat's are.
pub(crate) fn requests(from: u64, count: u64, now: DateTime<Utc>) -> Vec<Vec<u8>> {
    let key = SigningKey::from_pem(WECHAT_PRIVATE_KEY).expect("a key of the tests");
    let threads = std::thread::available_parallelism().map_or(1, |number| number.get() as u64);
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|part| {
                let key = &key;
                let (begin, end) = (from + count * part / threads, from + count * (part + 1) / threads);
                scope.spawn(move || {
                    (begin..end)
                        .map(|number| request(&craft(key, number, now)))
                        .collect()
                })
            })
            .collect();
        let mut whole = Vec::new();
        for part in parts {
            let mut made: Vec<Vec<u8>> = part.join().expect("notifications");
            whole.append(&mut made);
        }
        whole
    })
}

fn request(crafted: &Crafted) -> Vec<u8> {
    let Crafted {
        timestamp,
        nonce,
        signature,
        body,
    } = crafted;
    let mut request = format!(
        "POST /wechat/pay/notify HTTP/1.1\r\nHost: weir\r\nUser-Agent: Mozilla/4.0\r\nAccept: */*\r\n\
         Content-Type: application/json\r\nWechatpay-Timestamp: {timestamp}\r\nWechatpay-Nonce: {nonce}\r\n\
         Wechatpay-Serial: {PUBLIC_KEY_ID}\r\nWechatpay-Signature: {signature}\r\n\
         Wechatpay-Signature-Type: WECHATPAY2-SHA256-RSA2048\r\nContent-Length: {}\r\n\r\n",
        body.len(),
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

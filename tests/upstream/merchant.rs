//! A merchant between two scripted hosts, and the answers WeChat Pay would sign.

use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use weir::domain::clock::Clock;
use weir::domain::entropy::Entropy;
use weir::domain::fen::Fen;
use weir::domain::name::{AppId, OpenId, OutTradeNo, PrepayId};
use weir::wechat::crypto::{SigningKey, VerifyingKey};
use weir::wechat::pay::{Client, Merchant, MerchantText, PayError, PrepayRequest, UnknownReason};

use crate::script::{Act, Host, header, upstream};

pub(crate) const API_V3_KEY: &str = "GeneratedApiV3Key0123456789abcde";
pub(crate) const CERTIFICATE: &str = "5157F09EFDC096DE15EBE81A47057A7200000001";
pub(crate) const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0119000000012026010100000000000001";
pub(crate) const PREPAID: &str = r#"{"prepay_id":"wx201410272009395522657a690389285100"}"#;

pub(crate) static VECTORS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../vectors/vectors.json")).unwrap());

pub(crate) fn pem(key: &str, part: &str) -> &'static str {
    VECTORS["keys"][key][part].as_str().unwrap()
}

pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap()
}

/// An answer that `key`, named `serial`, signed at `signed_at`.
pub(crate) fn signed(status: u16, body: &str, key: &str, serial: &str, signed_at: DateTime<Utc>) -> Act {
    let key = SigningKey::from_pem(pem(key, "private_key_pkcs8_pem")).unwrap();
    let timestamp = signed_at.timestamp().to_string();
    let parts = [timestamp.as_bytes(), b"\nnonce\n", body.as_bytes(), b"\n"];
    let headers = vec![
        ("Wechatpay-Timestamp", timestamp.clone()),
        ("Wechatpay-Nonce", "nonce".to_owned()),
        ("Wechatpay-Signature", key.sign(&parts).unwrap()),
        ("Wechatpay-Serial", serial.to_owned()),
        ("Request-ID", "08F1-0".to_owned()),
    ];
    Act::Answer {
        status,
        headers,
        body: body.to_owned(),
    }
}

/// An answer in public-key mode.
pub(crate) fn ok(body: &str) -> Act {
    signed(
        if body.is_empty() { 204 } else { 200 },
        body,
        "platform_next",
        PUBLIC_KEY_ID,
        now(),
    )
}

/// An answer in certificate mode.
pub(crate) fn ok_by_certificate(body: &str, at: DateTime<Utc>) -> Act {
    signed(200, body, "platform", CERTIFICATE, at)
}

pub(crate) fn refusal(status: u16, code: &str) -> Act {
    numbered(status, code, "268501013")
}

/// The same with the number that tells more exactly what is wrong.
pub(crate) fn numbered(status: u16, code: &str, number: &str) -> Act {
    let headers = vec![("Request-ID", format!("08F1-{number}"))];
    Act::Answer {
        status,
        headers,
        body: json!({"code": code, "message": "…", "detail": {}}).to_string(),
    }
}

pub(crate) fn text<'a>(
    base_url: &'a str,
    backup_base_url: &'a str,
    has_public_key: bool,
) -> MerchantText<'a> {
    MerchantText {
        mch_id: "1900000001",
        cert_serial: "3775b6a45acd588826d15e583a95f5dd12345678",
        private_key_pem: pem("merchant", "private_key_pkcs8_pem"),
        api_v3_key: API_V3_KEY,
        public_key: has_public_key.then(|| (PUBLIC_KEY_ID, pem("platform_next", "public_key_pem"))),
        base_url,
        backup_base_url,
    }
}

pub(crate) fn merchant(first: &Host, second: &Host, has_public_key: bool) -> Merchant {
    Merchant::from_text(&text(first.url.as_str(), second.url.as_str(), has_public_key)).unwrap()
}

pub(crate) fn client_at(clock: &Clock, first: &Host, second: &Host, has_public_key: bool) -> Client {
    Client::new(
        upstream(clock),
        merchant(first, second, has_public_key),
        clock.clone(),
        Entropy::system(),
    )
}

pub(crate) fn client(first: &Host, second: &Host) -> Client {
    client_at(&Clock::manual(now()), first, second, true)
}

pub(crate) fn number() -> OutTradeNo {
    OutTradeNo::parse("T2026|01*").unwrap()
}

pub(crate) async fn prepay(client: &Client) -> Result<PrepayId, PayError> {
    let request = PrepayRequest {
        app_id: &AppId::parse("wx1234567890abcdef").unwrap(),
        out_trade_no: &number(),
        description: "茶",
        total_fen: Fen::new(100).unwrap(),
        openid: &OpenId::parse("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").unwrap(),
        notify_url: "https://shop.example/wechat/pay/notify",
        time_expire: now() + TimeDelta::minutes(30),
    };
    client.prepay(&request).await
}

/// Verifies the `Authorization` of a recorded request over what really came in.
pub(crate) fn check_authorization(request: &str) {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut words = head.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let authorization = header(request, "authorization").unwrap();
    let fields = authorization.strip_prefix("WECHATPAY2-SHA256-RSA2048 ").unwrap();
    let field = |name: &str| {
        let rest = fields
            .split(',')
            .find_map(|field| field.strip_prefix(name))
            .unwrap();
        rest.trim_start_matches('=').trim_matches('"')
    };
    assert_eq!(field("mchid"), "1900000001");
    assert_eq!(field("serial_no"), "3775B6A45ACD588826D15E583A95F5DD12345678");
    assert_eq!(field("timestamp"), "1767225600");
    let message = format!(
        "{method}\n{path}\n{}\n{}\n{body}\n",
        field("timestamp"),
        field("nonce_str")
    );
    let key = VerifyingKey::from_pem(pem("merchant", "public_key_pem")).unwrap();
    key.verify(&[message.as_bytes()], field("signature").as_bytes())
        .unwrap();
}

pub(crate) fn reason(result: Result<impl std::fmt::Debug, PayError>) -> UnknownReason {
    match result.unwrap_err() {
        PayError::Unknown { reason, .. } => reason,
        other => panic!("not unknown: {other:?}"),
    }
}

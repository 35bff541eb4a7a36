//! The merchant's side of `WeChat Pay`: signs, verifies and decrypts with `aws-lc-rs`.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};
use x509_parser::pem::parse_x509_pem;

use crate::harness::{API_V3_KEY, APP, Answer, CERT_SERIAL, MCH_ID, MERCHANT_KEY, Stage};

pub(crate) const JSAPI: &str = "/v3/pay/transactions/jsapi";

#[expect(clippy::disallowed_methods, reason = "the merchant of a test signs by itself")]
pub(crate) fn sign(private_pem: &str, message: &str) -> String {
    let (_, block) = parse_x509_pem(private_pem.as_bytes()).unwrap();
    let key = KeyPair::from_pkcs8(&block.contents).unwrap();
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        message.as_bytes(),
        &mut signature,
    )
    .unwrap();
    BASE64_STANDARD.encode(signature)
}

/// Whether a signature in base64 holds under the key in a certificate or public key PEM.
pub(crate) fn is_signed(pem: &str, message: &[u8], signature: &str) -> bool {
    let Ok(signature) = BASE64_STANDARD.decode(signature) else {
        return false;
    };
    let (_, block) = parse_x509_pem(pem.as_bytes()).unwrap();
    let bits = if pem.contains("CERTIFICATE") {
        block
            .parse_x509()
            .unwrap()
            .public_key()
            .subject_public_key
            .data
            .to_vec()
    } else {
        x509_parser::x509::SubjectPublicKeyInfo::from_der(&block.contents)
            .map(|(_, info)| info.subject_public_key.data.to_vec())
            .unwrap()
    };
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, bits)
        .verify(message, &signature)
        .is_ok()
}

use x509_parser::prelude::FromDer;

pub(crate) fn decrypt(resource: &Value) -> String {
    decrypt_with(API_V3_KEY, resource).expect("the resource opens with the APIv3 key")
}

pub(crate) fn decrypt_with(key: &str, resource: &Value) -> Option<String> {
    assert_eq!(resource["algorithm"], "AEAD_AES_256_GCM");
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_bytes()).unwrap());
    let nonce = Nonce::try_assume_unique_for_key(resource["nonce"].as_str().unwrap().as_bytes()).unwrap();
    let aad = Aad::from(resource["associated_data"].as_str().unwrap().to_owned());
    let mut bytes = BASE64_STANDARD
        .decode(resource["ciphertext"].as_str().unwrap())
        .unwrap();
    let plaintext = key.open_in_place(nonce, aad, &mut bytes).ok()?;
    Some(String::from_utf8(plaintext.to_vec()).unwrap())
}

/// A request to `WeChat Pay`, each part of which a test may spoil.
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) body: String,
    pub(crate) mch_id: String,
    pub(crate) serial: String,
    pub(crate) nonce: String,
    pub(crate) timestamp: i64,
    pub(crate) key: &'static str,
    /// In place of the proper header.
    pub(crate) authorization: Option<String>,
    /// Sent in place of the body that was signed.
    pub(crate) sent_body: Option<String>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Request {
    pub(crate) async fn new(stage: &Stage, method: &'static str, target: &str, body: &str) -> Self {
        Self {
            method,
            target: target.to_owned(),
            body: body.to_owned(),
            mch_id: MCH_ID.to_owned(),
            serial: CERT_SERIAL.to_owned(),
            nonce: "a-nonce-of-the-tests".to_owned(),
            timestamp: stage.now().await,
            key: MERCHANT_KEY,
            authorization: None,
            sent_body: None,
            headers: Vec::new(),
        }
    }

    pub(crate) fn build(&self, stage: &Stage) -> reqwest::RequestBuilder {
        let Self {
            method,
            target,
            body,
            mch_id,
            serial,
            nonce,
            timestamp,
            ..
        } = self;
        let message = format!("{method}\n{target}\n{timestamp}\n{nonce}\n{body}\n");
        let authorization = self.authorization.clone().unwrap_or_else(|| {
            let signature = sign(self.key, &message);
            format!(
                "WECHATPAY2-SHA256-RSA2048 mchid=\"{mch_id}\",nonce_str=\"{nonce}\",signature=\"{signature}\",\
                 timestamp=\"{timestamp}\",serial_no=\"{serial}\""
            )
        });
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = stage
            .http
            .request(method, stage.url(target))
            .header("accept", "application/json")
            .header("authorization", authorization);
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request.body(self.sent_body.clone().unwrap_or_else(|| body.clone()))
    }

    pub(crate) async fn send(&self, stage: &Stage) -> Answer {
        Answer::of(self.build(stage).send().await.unwrap()).await
    }
}

impl Stage {
    pub(crate) async fn pay_get(&self, target: &str) -> Answer {
        Request::new(self, "GET", target, "").await.send(self).await
    }

    pub(crate) async fn pay_post(&self, target: &str, body: &Value) -> Answer {
        Request::new(self, "POST", target, &body.to_string())
            .await
            .send(self)
            .await
    }

    /// A good order of this user.
    pub(crate) fn order(&self, user: &Value, out_trade_no: &str) -> Value {
        json!({
            "appid": APP,
            "mchid": MCH_ID,
            "description": "茶",
            "out_trade_no": out_trade_no,
            "notify_url": self.receiver.notify_url(),
            "amount": { "total": 100, "currency": "CNY" },
            "payer": { "openid": user["openids"][APP] },
        })
    }

    /// Orders and returns the prepay id.
    pub(crate) async fn prepay(&self, user: &Value, out_trade_no: &str) -> String {
        let answer = self.pay_post(JSAPI, &self.order(user, out_trade_no)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["prepay_id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn query(&self, out_trade_no: &str) -> Answer {
        self.pay_get(&format!(
            "/v3/pay/transactions/out-trade-no/{out_trade_no}?mchid={MCH_ID}"
        ))
        .await
    }

    pub(crate) async fn close(&self, out_trade_no: &str) -> Answer {
        let target = format!("/v3/pay/transactions/out-trade-no/{out_trade_no}/close");
        self.pay_post(&target, &json!({ "mchid": MCH_ID })).await
    }

    /// The parameters of `wx.requestPayment`, rightly signed.
    pub(crate) async fn payment_parameters(&self, user: &Value, app_id: &str, prepay_id: &str) -> Value {
        let timestamp = self.now().await.to_string();
        let package = format!("prepay_id={prepay_id}");
        let signature = sign(
            MERCHANT_KEY,
            &format!("{app_id}\n{timestamp}\nnonce\n{package}\n"),
        );
        json!({
            "app_id": app_id,
            "user_id": user["user_id"],
            "timeStamp": timestamp,
            "nonceStr": "nonce",
            "package": package,
            "signType": "RSA",
            "paySign": signature,
        })
    }

    /// Opens the cashier and returns its id.
    pub(crate) async fn cashier(&self, user: &Value, prepay_id: &str) -> String {
        let parameters = self.payment_parameters(user, APP, prepay_id).await;
        let opened = self.post("/simulator/request-payment", parameters).await;
        opened["cashier_id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn act(&self, cashier_id: &str, action: &str) -> Value {
        self.post(
            &format!("/simulator/cashiers/{cashier_id}"),
            json!({ "action": action }),
        )
        .await
    }

    /// A new user orders and pays; nothing is notified yet.
    pub(crate) async fn paid_order(&self, out_trade_no: &str) -> Value {
        let user = self.user().await;
        let prepay_id = self.prepay(&user, out_trade_no).await;
        let cashier_id = self.cashier(&user, &prepay_id).await;
        let outcome = self.act(&cashier_id, "pay").await;
        assert_eq!(outcome["errMsg"], "requestPayment:ok");
        outcome
    }

    /// The newest platform certificate and its serial, downloaded and decrypted.
    pub(crate) async fn certificates(&self) -> Vec<(String, String)> {
        let answer = self.pay_get("/v3/certificates").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let data = answer.json()["data"].as_array().unwrap().clone();
        data.iter()
            .map(|one| {
                (
                    one["serial_no"].as_str().unwrap().to_owned(),
                    decrypt(&one["encrypt_certificate"]),
                )
            })
            .collect()
    }

    /// PEM of the key that a serial names.
    pub(crate) async fn platform_key(&self, serial: &str) -> String {
        let keys = self.get("/simulator/keys").await.json();
        if keys["public_key_id"] == serial {
            return keys["public_key"].as_str().unwrap().to_owned();
        }
        let known = self.certificates().await;
        known
            .into_iter()
            .find(|(known, _)| known == serial)
            .expect("an unknown serial")
            .1
    }
}

/// Whether the signature of an answer or a notification holds, by the headers it came with.
pub(crate) async fn is_genuine(stage: &Stage, header: impl Fn(&str) -> Option<String>, body: &[u8]) -> bool {
    let (Some(timestamp), Some(nonce)) = (header("wechatpay-timestamp"), header("wechatpay-nonce")) else {
        return false;
    };
    let (Some(signature), Some(serial)) = (header("wechatpay-signature"), header("wechatpay-serial")) else {
        return false;
    };
    let age_s = (stage.now().await - timestamp.parse::<i64>().unwrap()).abs();
    if age_s > 300 {
        return false;
    }
    let message = [timestamp.as_bytes(), b"\n", nonce.as_bytes(), b"\n", body, b"\n"].concat();
    is_signed(&stage.platform_key(&serial).await, &message, &signature)
}

impl Answer {
    pub(crate) async fn is_genuine(&self, stage: &Stage) -> bool {
        is_genuine(stage, |name| self.header(name).map(str::to_owned), &self.body).await
    }
}

impl crate::receiver::Received {
    pub(crate) async fn is_genuine(&self, stage: &Stage) -> bool {
        is_genuine(stage, |name| self.headers.get(name).cloned(), &self.body).await
    }

    /// The envelope and the decrypted transaction.
    pub(crate) fn opened(&self) -> (Value, Value) {
        let envelope: Value = serde_json::from_slice(&self.body).unwrap();
        let transaction = serde_json::from_str(&decrypt(&envelope["resource"])).unwrap();
        (envelope, transaction)
    }
}

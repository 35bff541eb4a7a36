//! Platform certificates, the public key, and the move from one to the other.

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::json;

use crate::harness::{PUBLIC_KEY_ID, Stage};
use crate::merchant::{JSAPI, Request, is_signed};

#[tokio::test]
async fn certificate_downloads_and_verifies_its_own_answer() {
    let stage = Stage::new().await;
    let answer = stage.pay_get("/v3/certificates").await;
    let data = answer.json()["data"].as_array().unwrap().clone();
    assert_eq!(data.len(), 1);
    assert_eq!(data[0]["encrypt_certificate"]["associated_data"], "certificate");
    assert_eq!(answer.header("wechatpay-serial"), data[0]["serial_no"].as_str());
    assert!(answer.is_genuine(&stage).await);
    let (serial, pem) = stage.certificates().await.remove(0);
    let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap();
    let certificate = block.parse_x509().unwrap();
    let in_certificate = hex::encode_upper(certificate.raw_serial());
    assert_eq!((in_certificate, serial.len()), (serial, 40));
    let signature = BASE64_STANDARD.encode(&certificate.signature_value.data);
    assert!(is_signed(&pem, certificate.tbs_certificate.as_ref(), &signature));
    for (query, status) in [
        ("?algorithm_type=RSA", 200),
        ("?algorithm_type=SM2", 400),
        ("?x=1", 400),
    ] {
        assert_eq!(
            stage.pay_get(&format!("/v3/certificates{query}")).await.status,
            status,
            "{query}"
        );
    }
}

#[tokio::test]
async fn rotation_signs_with_the_new_certificate_and_keeps_the_old() {
    let stage = Stage::new().await;
    let before = stage.certificates().await;
    let keys = stage.post("/simulator/keys/rotate", json!({})).await;
    let after = stage.certificates().await;
    assert_eq!(after.len(), 2);
    assert_eq!(after[0], before[0]);
    assert_eq!(keys["certificate_serials"][1], after[1].0);
    let user = stage.user().await;
    let made = stage.pay_post(JSAPI, &stage.order(&user, "order-1")).await;
    assert_eq!(made.header("wechatpay-serial"), Some(after[1].0.as_str()));
    assert!(made.is_genuine(&stage).await);
}

#[tokio::test]
async fn three_certificates_are_known_at_most_and_those_replaced_for_a_day_no_more() {
    let stage = Stage::new().await;
    let first = stage.certificates().await.remove(0).0;
    let serials =
        async || -> Vec<String> { stage.certificates().await.into_iter().map(|one| one.0).collect() };
    for _ in 0..10 {
        let keys = stage.post("/simulator/keys/rotate", json!({})).await;
        let listed = serials().await;
        assert!(listed.len() <= 3, "{listed:?}");
        assert_eq!(keys["certificate_serials"], json!(listed));
        let answer = stage.pay_get("/v3/certificates").await;
        assert_eq!(
            answer.header("wechatpay-serial"),
            listed.last().map(String::as_str)
        );
        assert!(answer.is_genuine(&stage).await);
    }
    let newest = serials().await.remove(2);
    for (serial, status) in [(&first, 400), (&newest, 200)] {
        let mut request = Request::new(&stage, "GET", "/v3/certificates", "").await;
        request.headers.push(("wechatpay-serial", serial.clone()));
        assert_eq!(request.send(&stage).await.status, status);
    }
    stage.advance(86_000).await;
    assert_eq!(serials().await.len(), 3);
    stage.advance(400).await;
    assert_eq!(serials().await, [newest]);
}

#[tokio::test]
async fn public_key_mode_has_no_certificates() {
    let stage = Stage::new().await;
    stage
        .post("/simulator/keys", json!({ "mode": "public_key" }))
        .await;
    let refused = stage.pay_get("/v3/certificates").await;
    assert_eq!(
        (refused.status, &refused.json()["code"]),
        (404, &json!("RESOURCE_NOT_EXISTS"))
    );
    stage.paid_order("order-1").await;
    let found = stage.query("order-1").await;
    assert_eq!(found.header("wechatpay-serial"), Some(PUBLIC_KEY_ID));
    assert!(found.is_genuine(&stage).await);
    assert_eq!(stage.deliver_statuses().await, [204]);
    let received = stage.receiver.take().remove(0);
    assert_eq!(received.headers["wechatpay-serial"], PUBLIC_KEY_ID);
    assert!(received.is_genuine(&stage).await);
}

#[tokio::test]
async fn on_the_move_the_request_chooses_and_notifications_take_turns() {
    let stage = Stage::new().await;
    stage.post("/simulator/keys", json!({ "mode": "both" })).await;
    let serial = stage.certificates().await.remove(0).0;
    for (wanted, given) in [
        (Some(PUBLIC_KEY_ID), PUBLIC_KEY_ID),
        (Some(serial.as_str()), &serial),
        (None, &serial),
    ] {
        let mut request = Request::new(&stage, "GET", "/v3/certificates", "").await;
        request
            .headers
            .extend(wanted.map(|wanted| ("wechatpay-serial", wanted.to_owned())));
        let answer = request.send(&stage).await;
        assert_eq!(answer.header("wechatpay-serial"), Some(given));
        assert!(answer.is_genuine(&stage).await);
    }
    stage.paid_order("order-1").await;
    stage.receiver.answer(&[500, 500, 500, 500]);
    for _ in 0..4 {
        stage.deliver().await;
        stage.advance(180).await;
    }
    let received = stage.receiver.take();
    let by_public = received
        .iter()
        .filter(|one| one.headers["wechatpay-serial"] == PUBLIC_KEY_ID)
        .count();
    assert_eq!((received.len(), by_public), (4, 2));
    for one in received {
        // The older ones have stale timestamps by now; what counts here is the signature.
        let (timestamp, nonce) = (
            &one.headers["wechatpay-timestamp"],
            &one.headers["wechatpay-nonce"],
        );
        let message = [
            timestamp.as_bytes(),
            b"\n",
            nonce.as_bytes(),
            b"\n",
            &one.body,
            b"\n",
        ]
        .concat();
        let key = stage.platform_key(&one.headers["wechatpay-serial"]).await;
        assert!(is_signed(&key, &message, &one.headers["wechatpay-signature"]));
    }
}

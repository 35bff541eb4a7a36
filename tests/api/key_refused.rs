//! What the health page says while WeChat Pay refuses the settings, or its answers cannot be verified.

use serde_json::{Value, json};
use weir::simulator::KeyMode;

use crate::harness::{Setup, shop_with};

/// Asserts that a server says what WeChat Pay refuses, and what to look at.
fn assert_named(pay_keys: &Value, (api, code): (&str, &str), setting: &str) {
    assert_eq!(pay_keys["status"], "degraded", "{pay_keys}");
    let troubles = pay_keys["troubles"].as_array().unwrap();
    let named = |one: &&Value| (&one["api"], &one["code"]) == (&json!(api), &json!(code));
    assert!(troubles.iter().any(|one| named(&one)), "{pay_keys}");
    let detail = pay_keys["detail"].as_str().unwrap();
    assert!(detail.contains(code) && detail.contains(setting), "{detail}");
}

#[tokio::test]
async fn settings_with_which_wechat_pay_refuses_every_call_are_named() {
    let wrong_key = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/keys/merchant_public_key.pem"
    );
    let serial = ("WXPAY_CERT_SERIAL", "00000000000000000000000000000000000000AB");
    let merchant = ("WXPAY_MCH_ID", "1900000999");
    let by_public_key = || Setup::default().mode(KeyMode::PublicKey);
    let certificates = "pay_certificates";
    let table = [
        (by_public_key(), serial, (certificates, "SIGN_ERROR")),
        (Setup::default(), serial, (certificates, "SIGN_ERROR")),
        (by_public_key(), merchant, (certificates, "MCH_NOT_EXISTS")),
        (
            by_public_key(),
            ("WXPAY_PUBLIC_KEY_FILE", wrong_key),
            ("pay_prepay", "signature_wrong"),
        ),
    ];
    for (setup, (name, value), trouble) in table {
        shop_with(setup.with(name, value), async |shop| {
            shop.announce("wechat_rejected");
            shop.announce("wechat_unavailable");
            shop.stock("tea", 100, None).await;
            let phone = shop.visitor().await;
            let order = phone.buy("tea", 1).await;
            assert!(phone.try_start_payment(&order).await.status >= 500);
            shop.run_workers_of(0).await;
            assert_named(&shop.health_of("pay_keys").await, trouble, name);
        })
        .await;
    }
}

#[tokio::test]
async fn what_wechat_pay_refuses_is_named_until_it_works_again() {
    shop_with(Setup::default().mode(KeyMode::PublicKey), async |shop| {
        shop.announce("wechat_rejected");
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let early = phone.buy("tea", 1).await;
        phone.start_payment(&early).await;
        for (status, code, setting) in [
            (401, "SIGNERROR", "WXPAY_CERT_SERIAL"),
            (404, "MCH_NOT_EXISTS", "WXPAY_MCH_ID"),
            (403, "NOAUTH", "merchant console"),
            (400, "APPID_MCHID_NOT_MATCH", "WECHAT_APP_ID"),
        ] {
            let order = phone.buy("tea", 1).await;
            let fault = json!({"kind": "pay_error", "api": "prepay", "status": status, "code": code});
            shop.faults(json!([fault])).await;
            phone
                .try_start_payment(&order)
                .await
                .refused(502, "wechat_rejected");
            shop.faults(json!([])).await;
            let code = match code {
                "SIGNERROR" => "SIGN_ERROR",
                "NOAUTH" => "NO_AUTH",
                code => code,
            };
            assert_named(&shop.health_of("pay_keys").await, ("pay_prepay", code), setting);
            // Another call that works says that the keys are right, and nothing of what this one may do.
            shop.advance(5).await;
            phone.sync(&early).await;
            let is_over = ["SIGN_ERROR", "MCH_NOT_EXISTS"].contains(&code);
            let status = if is_over { "ok" } else { "degraded" };
            assert_eq!(shop.health_of("pay_keys").await["status"], status, "{code}");
            phone.start_payment(&order).await;
            let pay_keys = shop.health_of("pay_keys").await;
            assert_eq!(
                (&pay_keys["status"], &pay_keys["troubles"]),
                (&json!("ok"), &json!([]))
            );
        }
        // Neither a probe nor a parameter is a matter of settings.
        let order = phone.buy("tea", 1).await;
        shop.faults(json!([{"kind": "pay_error", "api": "prepay", "status": 400, "code": "PARAM_ERROR"}]))
            .await;
        phone
            .try_start_payment(&order)
            .await
            .refused(502, "wechat_rejected");
        shop.faults(json!([{"kind": "probe_signature", "api": "query", "times": 1}]))
            .await;
        shop.advance(5).await;
        phone.sync(&early).await;
        assert_eq!(shop.struck("query", "probe_signature").await, 1);
        assert_eq!(shop.health_of("pay_keys").await["status"], "ok");
    })
    .await;
}

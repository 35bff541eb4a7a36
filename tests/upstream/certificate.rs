//! Platform certificates: learned when needed, once, and never believed without proof.

use chrono::{DateTime, TimeDelta, Utc};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};
use weir::domain::clock::Clock;
use weir::wechat::pay::{Client, KeyKind, PayError, Refusal, UnknownReason};

use crate::merchant::{CERTIFICATE, VECTORS, client_at, now, ok_by_certificate, prepay, refusal};
use crate::script::{Act, Host};

const PREPAID: &str = r#"{"prepay_id":"wx201410272009395522657a690389285100"}"#;
const STRANGER: &str = "0000000000000000000000000000000000000001";

/// The certificate list of the vectors, signed by the certificate that is in it.
fn list(at: DateTime<Utc>) -> Act {
    let vectors = VECTORS["vectors"].as_array().unwrap();
    let list = vectors
        .iter()
        .find(|vector| vector["kind"] == "pay_v3_certificates")
        .unwrap();
    ok_by_certificate(list["inputs"]["body"].as_str().unwrap(), at)
}

/// The same, behind one that is sealed otherwise.
fn list_with_another_kind(at: DateTime<Utc>) -> Act {
    let vectors = VECTORS["vectors"].as_array().unwrap();
    let list = vectors
        .iter()
        .find(|vector| vector["kind"] == "pay_v3_certificates")
        .unwrap();
    let mut body: Value = serde_json::from_str(list["inputs"]["body"].as_str().unwrap()).unwrap();
    let entries = body["data"].as_array_mut().unwrap();
    let mut other = entries[0].clone();
    other["serial_no"] = json!(STRANGER);
    other["encrypt_certificate"]["algorithm"] = json!("AEAD_SM4_GCM");
    entries.insert(0, other);
    ok_by_certificate(&body.to_string(), at)
}

fn client(clock: &Clock, host: &Host) -> Client {
    client_at(clock, host, host, false)
}

fn is_list_request(request: &str) -> bool {
    request.starts_with("GET /v3/certificates HTTP/1.1\r\n")
}

#[tokio::test]
async fn a_certificate_of_another_kind_is_passed_over() {
    let host = Host::playing([list_with_another_kind(now())]).await;
    let client = client(&Clock::manual(now()), &host);
    client.refresh_platform_keys().await.unwrap();
    let keys = client.keys();
    assert_eq!((keys.len(), keys[0].serial.as_str()), (1, CERTIFICATE));
}

#[tokio::test]
async fn the_first_answer_brings_the_certificates() {
    let acts = [
        ok_by_certificate(PREPAID, now()),
        list(now()),
        ok_by_certificate(PREPAID, now()),
    ];
    let host = Host::playing(acts).await;
    let client = client(&Clock::manual(now()), &host);
    assert_eq!(client.keys(), vec![]);
    prepay(&client).await.unwrap();
    prepay(&client).await.unwrap();
    let requests = host.requests();
    assert_eq!(
        requests
            .iter()
            .map(|request| is_list_request(request))
            .collect::<Vec<_>>(),
        [false, true, false]
    );
    let keys = client.keys();
    assert_eq!(
        (keys.len(), keys[0].kind, keys[0].serial.as_str()),
        (1, KeyKind::Certificate, CERTIFICATE)
    );
    assert_eq!(keys[0].days_left, Some(1_461));
}

#[tokio::test]
async fn unknown_names_cause_one_download_a_minute_and_impossible_names_none() {
    let clock = Clock::manual(now());
    let host = Host::playing([list(now()), list(now() + TimeDelta::minutes(1))]).await;
    let client = client(&clock, &host);
    let (one, two, three) = tokio::join!(
        client.refresh_if_unknown(CERTIFICATE),
        client.refresh_if_unknown(CERTIFICATE),
        client.refresh_if_unknown(CERTIFICATE),
    );
    assert_eq!((one, two, three, host.requests().len()), (true, true, true, 1));
    for name in [STRANGER, "PUB_KEY_ID_01", "", "zz", "../../v3/x"] {
        assert!(!client.refresh_if_unknown(name).await);
    }
    assert_eq!(host.requests().len(), 1);
    clock.advance(TimeDelta::minutes(1));
    assert!(!client.refresh_if_unknown(STRANGER).await);
    assert_eq!(host.requests().len(), 2);
    assert!(
        client.refresh_if_unknown(CERTIFICATE).await,
        "a list without it does not drop it"
    );
}

#[tokio::test]
async fn a_list_that_does_not_verify_teaches_nothing() {
    let Act::Answer {
        status,
        headers,
        body,
    } = list(now())
    else {
        panic!()
    };
    let unsigned = Act::answer(200, &body);
    let mut strange = headers.clone();
    strange[3].1 = STRANGER.to_owned();
    let by_stranger = Act::Answer {
        status,
        headers: strange,
        body: body.clone(),
    };
    let mut broken = headers;
    broken[1].1 = "another nonce".to_owned();
    let badly_signed = Act::Answer {
        status,
        headers: broken,
        body,
    };
    let late = list(now() - TimeDelta::minutes(6));
    let table = [
        (unsigned, Refusal::HeaderMissing("wechatpay-timestamp")),
        (by_stranger, Refusal::UnknownSerial),
        (badly_signed, Refusal::SignatureWrong),
        (late, Refusal::Stale { age_s: 360 }),
    ];
    for (act, refusal) in table {
        let host = Host::playing([act]).await;
        let client = client(&Clock::manual(now()), &host);
        match client.refresh_platform_keys().await.unwrap_err() {
            PayError::Unknown { reason, .. } => assert_eq!(reason, UnknownReason::BadSignature(refusal)),
            other => panic!("{other:?}"),
        }
        assert_eq!(client.keys(), vec![]);
    }
}

#[tokio::test]
async fn a_merchant_without_certificates_needs_the_public_key() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let counted = |outcome: &str, count: u64| {
        let line = format!(
            "weir_upstream_requests_total{{api=\"pay_certificates\",outcome=\"{outcome}\"}} {count}\n"
        );
        metrics.render().contains(&line)
    };
    let acts = || [refusal(404, "RESOURCE_NOT_EXISTS")];
    let host = Host::playing(acts()).await;
    let with_public_key = client_at(&Clock::manual(now()), &host, &host, true);
    assert_eq!(with_public_key.refresh_platform_keys().await.unwrap(), 0);
    assert_eq!(with_public_key.keys()[0].kind, KeyKind::PublicKey);
    assert_eq!(with_public_key.keys()[0].days_left, None);
    assert!(counted("ok", 1), "{}", metrics.render());
    let host = Host::playing(acts()).await;
    let without = client(&Clock::manual(now()), &host);
    assert!(without.refresh_platform_keys().await.unwrap_err().is_not_found());
    assert!(counted("refused", 1), "{}", metrics.render());
}

#[tokio::test]
async fn both_kinds_stand_side_by_side_and_an_expired_one_goes() {
    let clock = Clock::manual(now());
    let host = Host::playing([list(now()), ok_by_certificate(PREPAID, now())]).await;
    let client = client_at(&clock, &host, &host, true);
    assert_eq!(client.refresh_platform_keys().await.unwrap(), 1);
    prepay(&client).await.unwrap();
    let kinds: Vec<_> = client.keys().iter().map(|key| key.kind).collect();
    assert!(kinds.contains(&KeyKind::Certificate) && kinds.contains(&KeyKind::PublicKey));

    clock.advance(TimeDelta::days(1_462));
    assert_eq!(
        client.keys().iter().filter_map(|key| key.days_left).min(),
        Some(-1)
    );
}

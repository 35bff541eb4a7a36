//! The route that opens data is no oracle: all failures look the same, and a session has ten.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Answer, Phone, Setup, Shop, shop, shop_with};

/// Status and body of a refusal without what names the request.
fn face(answer: &Answer) -> (u16, Value) {
    let mut body = answer.json();
    body.as_object_mut().unwrap().remove("instance");
    (answer.status, body)
}

/// Well-formed nonsense.
fn nonsense(number: u8) -> Value {
    json!({"encryptedData": STANDARD.encode([number; 64]), "iv": STANDARD.encode([1; 16])})
}

/// Takes the failures of all sessions back.
async fn pardon(shop: &Shop) {
    let statement = "update sessions set open_data_failures = '{}', revoked_at = null";
    sqlx::query(statement).execute(&shop.db).await.unwrap();
}

/// What opens under no key, or is not to be believed though it opens.
fn unbelievable(other_openid: &Value) -> Vec<Value> {
    vec![
        json!({"kind": "phone", "keys_back": 1}),
        json!({"kind": "phone", "watermark_app_id": "wx2222222222222222"}),
        json!({"kind": "phone", "age_s": 660}),
        json!({"kind": "phone", "age_s": -330}),
        json!({"kind": "phone", "age_s": 31_536_000}),
        json!({"kind": "phone", "without_watermark": true}),
        json!({"kind": "phone", "padding": "zero"}),
        json!({"kind": "phone", "padding": "too_long"}),
        json!({"kind": "phone", "padding": "uneven"}),
        json!({"kind": "phone", "data": {"countryCode": "1000000000"}}),
        json!({"kind": "phone", "data": {"purePhoneNumber": "13800000000"}}),
        json!({"kind": "phone", "data": {"purePhoneNumber": null}}),
        json!({"kind": "other", "data": {"phoneNumber": "13800000000"}}),
        json!({"kind": "other", "data": {"nickName": "x"}}),
        json!({"kind": "other", "data": {"stepInfoList": {}}}),
        json!({"kind": "other", "data": {"stepInfoList": [{"step": 1}]}}),
        json!({"kind": "other", "data": {"openGId": 7}}),
        json!({"kind": "other", "data": {"openId": other_openid}}),
        json!({"kind": "other", "data": {"openId": ""}}),
        json!({"kind": "other", "text": ""}),
        json!({"kind": "other", "text": "no JSON"}),
        json!({"kind": "other", "text": "[]"}),
        json!({"kind": "other", "text": "{}"}),
        json!({"kind": "other", "text": "null"}),
        json!({"kind": "other", "text": "{\"watermark\":null}"}),
        json!({"kind": "other", "text": "[\"".repeat(1_000)}),
    ]
}

#[tokio::test]
async fn whatever_does_not_open_is_refused_alike() {
    shop(async |shop| {
        let mut phone = shop.phone().await;
        phone.code(crate::harness::APP).await;
        // One key before that this server has never seen.
        let wish = json!({"user_id": phone.user_id, "rotate": true});
        shop.control("POST", "/simulator/login-codes", &wish).await;
        phone.login().await;
        let stranger = shop.visitor().await;
        let openid = stranger
            .open(&stranger.sealed(json!({"kind": "user_info"})).await)
            .await;
        let wishes = unbelievable(&openid.json()["data"]["openId"]);
        let expected = face(&phone.open(&nonsense(0)).await);
        assert_eq!(
            (expected.0, &expected.1["code"]),
            (409, &json!("session_key_stale"))
        );
        for wish in wishes {
            pardon(shop).await;
            let answer = phone.open(&phone.sealed(wish.clone()).await).await;
            assert_eq!(face(&answer), expected, "{wish}");
        }
        pardon(shop).await;
        // Another's data, under another's key.
        let theirs = stranger.sealed(json!({"kind": "phone"})).await;
        assert_eq!(face(&phone.open(&theirs).await), expected);
        // None of it was a fault of the time that has passed since.
        for age_s in [0, 580, -280] {
            let sealed = phone.sealed(json!({"kind": "phone", "age_s": age_s})).await;
            phone.open(&sealed).await.ok(200);
        }
    })
    .await;
}

#[tokio::test]
async fn every_flip_of_a_bit_is_refused_alike() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let mut sealed = phone.sealed(json!({"kind": "phone", "raw_data": "{}"})).await;
        phone.open(&sealed).await.ok(200);
        let expected = face(&phone.open(&nonsense(0)).await);
        for name in ["encryptedData", "iv", "signature"] {
            let whole = sealed[name].clone();
            let is_text = name == "signature";
            let bytes = if is_text {
                whole.as_str().unwrap().as_bytes().to_vec()
            } else {
                STANDARD.decode(whole.as_str().unwrap()).unwrap()
            };
            // The highest bit of a letter is no letter any more, and the request no text.
            let bits: u8 = if is_text { 7 } else { 8 };
            let flips = (0..bytes.len()).flat_map(|at| (0..bits).map(move |bit| (at, bit)));
            for (number, (position, bit)) in flips.enumerate() {
                if number % 9 == 0 {
                    pardon(shop).await;
                }
                let mut altered = bytes.clone();
                altered[position] ^= 1 << bit;
                sealed[name] = if is_text {
                    json!(String::from_utf8(altered).unwrap())
                } else {
                    json!(STANDARD.encode(altered))
                };
                let answer = phone.open(&sealed).await;
                assert_eq!(face(&answer), expected, "bit {bit} of byte {position} of {name}");
            }
            sealed[name] = whole;
        }
        pardon(shop).await;
        phone.open(&sealed).await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn the_tenth_failure_ends_the_session_and_no_other() {
    shop(async |shop| {
        let mut phone = shop.visitor().await;
        let elsewhere = phone.token.clone();
        phone.login().await;
        let sealed = phone.sealed(json!({"kind": "phone"})).await;
        for number in 0..9 {
            phone
                .open(&nonsense(number))
                .await
                .refused(409, "session_key_stale");
        }
        // What opens costs nothing, and gives nothing back.
        phone.open(&sealed).await.ok(200);
        phone.call("GET", "/v1/me", None).await.ok(200);
        phone.open(&nonsense(9)).await.refused(409, "session_key_stale");
        phone.open(&sealed).await.refused(401, "session_expired");
        phone
            .call("GET", "/v1/orders", None)
            .await
            .refused(401, "session_expired");
        // The same person's other phone goes on, and so does this one after a login.
        let request = shop.request("GET", "/v1/me", Some(&elsewhere), None);
        shop.send(request).await.ok(200);
        phone.login().await;
        phone.open(&sealed).await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn failures_count_for_ten_minutes_and_checking_signatures_is_none() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let verify = json!({"rawData": "{}", "signature": "0"});
        for number in 0..9 {
            phone
                .open(&nonsense(number))
                .await
                .refused(409, "session_key_stale");
        }
        for _ in 0..30 {
            phone
                .call("POST", "/v1/open-data/verify", Some(&verify))
                .await
                .ok(200);
            phone
                .open(&json!({"encryptedData": "x", "iv": ""}))
                .await
                .refused(422, "open_data_invalid");
        }
        shop.advance(600).await;
        for number in 0..9 {
            phone
                .open(&nonsense(number))
                .await
                .refused(409, "session_key_stale");
        }
        phone
            .open(&phone.sealed(json!({"kind": "phone"})).await)
            .await
            .ok(200);
    })
    .await;
}

/// Statuses of many guesses at once, one replica after the other.
async fn flood(shop: &Shop, phone: &Phone<'_>, guesses: &[Value]) -> Vec<u16> {
    let sending = guesses.iter().enumerate().map(|(number, guess)| {
        shop.send(shop.request_of(
            number % 2,
            "POST",
            "/v1/open-data",
            Some(&phone.token),
            Some(guess),
        ))
    });
    join_all(sending)
        .await
        .iter()
        .map(|answer| answer.status)
        .collect()
}

#[tokio::test]
async fn fifty_guesses_at_once_on_two_replicas_are_ten() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let mut phone = shop.visitor().await;
        let guesses: Vec<Value> = (0..50).map(nonsense).collect();
        let statuses = flood(shop, &phone, &guesses).await;
        let count = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
        assert_eq!((count(409), count(401)), (10, 40), "{statuses:?}");
        assert_eq!(
            shop.count("select cardinality(open_data_failures)::bigint from sessions")
                .await,
            10
        );
        // As many that open are no failure at all, however many at once.
        phone.login().await;
        let sealed = phone.sealed(json!({"kind": "phone"})).await;
        let statuses = flood(shop, &phone, &vec![sealed; 50]).await;
        assert_eq!(statuses, vec![200; 50]);
    })
    .await;
}

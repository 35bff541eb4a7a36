//! What a page's WeChat encrypted and signed: opened, checked, or refused by name.

use serde_json::{Value, json};

use crate::harness::{Phone, shop};

#[tokio::test]
async fn each_kind_opens_as_wechat_wrote_it_and_nothing_is_written() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let before = shop.fingerprint().await;
        for (kind, name) in [
            ("user_info", "openId"),
            ("profile", "nickName"),
            ("phone", "purePhoneNumber"),
            ("werun", "stepInfoList"),
            ("share_group", "openGId"),
            ("other", "watermark"),
        ] {
            let wish = json!({"kind": kind, "data": {"futureField": {"a": [1, 2.50, "茶🍵"]}}});
            let mut sealed = phone.sealed(wish).await;
            // A page passes on all that it got.
            sealed["errMsg"] = json!("ok");
            sealed["cloudID"] = json!("x");
            let answer = phone.open(&sealed).await;
            // The person's own openid and unionid stand in it, and are no secret there.
            let body = answer.ok(200);
            assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
            let data = &body["data"];
            assert!(!data[name].is_null(), "{kind}: {data}");
            assert_eq!(data["futureField"], json!({"a": [1, 2.5, "茶🍵"]}), "{kind}");
            // To the letter.
            assert!(answer.text().contains("[1,2.5,\"茶🍵\"]"), "{}", answer.text());
            assert!(
                answer.text().ends_with("}}}"),
                "the watermark comes last: {}",
                answer.text()
            );
        }
        assert_eq!(shop.fingerprint().await, before);
    })
    .await;
}

#[tokio::test]
async fn a_month_of_steps_has_a_day_of_each() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let sealed = phone.sealed(json!({"kind": "werun"})).await;
        let steps = phone.open(&sealed).await.ok(200)["data"]["stepInfoList"].clone();
        let days: Vec<i64> = steps
            .as_array()
            .unwrap()
            .iter()
            .map(|day| day["timestamp"].as_i64().unwrap())
            .collect();
        assert_eq!(days.len(), 31);
        assert!(
            days.windows(2).all(|pair| pair[1] - pair[0] == 86_400),
            "{days:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn raw_data_and_its_signature_are_checked_byte_for_byte_when_they_are_there() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let sealed = phone.sealed(json!({"kind": "profile"})).await;
        phone.open(&sealed).await.ok(200);
        let verify = async |raw_data: &Value, signature: &Value| {
            let body = json!({"rawData": raw_data, "signature": signature, "errMsg": "ok"});
            phone
                .call("POST", "/v1/open-data/verify", Some(&body))
                .await
                .ok(200)
        };
        let (raw, signature) = (&sealed["rawData"], &sealed["signature"]);
        assert_eq!(verify(raw, signature).await, json!({"is_valid": true}));
        let spaced = json!(raw.as_str().unwrap().replace(':', ": "));
        let upper = json!(signature.as_str().unwrap().to_uppercase());
        for (raw_data, signature) in [
            (&spaced, signature),
            (&json!(format!("{} ", raw.as_str().unwrap())), signature),
            (&json!(""), signature),
            (raw, &upper),
            (raw, &json!("")),
            (raw, &json!("碼")),
        ] {
            assert_eq!(verify(raw_data, signature).await, json!({"is_valid": false}));
            let mut altered = sealed.clone();
            altered["rawData"] = raw_data.clone();
            altered["signature"] = signature.clone();
            phone.open(&altered).await.refused(409, "session_key_stale");
        }
        // Somebody else's key signs something else.
        let other = shop.visitor().await;
        let theirs = other.sealed(json!({"kind": "profile", "raw_data": raw})).await;
        assert_eq!(theirs["rawData"], *raw);
        assert_eq!(
            verify(raw, &theirs["signature"]).await,
            json!({"is_valid": false})
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_malformed_is_refused_before_any_key_is_touched() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let sealed = phone.sealed(json!({"kind": "profile"})).await;
        let before = shop.fingerprint().await;
        let data = sealed["encryptedData"].as_str().unwrap();
        for (field, value) in [
            ("encryptedData", String::new()),
            ("encryptedData", data[..data.len() - 1].to_owned()),
            ("encryptedData", format!("!{}", &data[1..])),
            ("encryptedData", format!("{data}AAAA")),
            ("encryptedData", "AAAA".to_owned()),
            ("encryptedData", data.replace('=', "")),
            ("encryptedData", format!("{data}\n")),
            ("encryptedData", "A".repeat(10_944)),
            ("encryptedData", "A".repeat(30_000)),
            ("encryptedData", "A".repeat(60_000)),
            ("iv", String::new()),
            ("iv", "AAAAAAAAAAAAAAAAAAAA".to_owned()),
            ("iv", "AAAAAAAAAAAAAAAAAAAAAAA=".to_owned()),
            ("iv", "A".repeat(1_000)),
            ("iv", "碼".to_owned()),
            ("rawData", "x".repeat(4_097)),
            ("rawData", "x".repeat(60_000)),
            ("signature", "0".repeat(257)),
        ] {
            let mut altered = sealed.clone();
            altered[field] = json!(value);
            let problem = phone.open(&altered).await.refused(422, "open_data_invalid");
            assert_eq!(problem["errors"][0]["pointer"], format!("/{field}"), "{problem}");
        }
        // Half of a pair checks nothing, though its sender believes it does.
        for (kept, missing) in [("rawData", "signature"), ("signature", "rawData")] {
            let mut half = sealed.clone();
            half.as_object_mut().unwrap().remove(missing);
            assert!(half[kept].is_string());
            let problem = phone.open(&half).await.refused(422, "open_data_invalid");
            assert_eq!(problem["errors"][0]["pointer"], format!("/{missing}"));
        }
        for bytes in [4_097, 60_000] {
            let long = json!({"rawData": "x".repeat(bytes), "signature": ""});
            let answer = phone.call("POST", "/v1/open-data/verify", Some(&long)).await;
            answer.refused(422, "open_data_invalid");
        }
        assert_eq!(shop.fingerprint().await, before);
        phone.open(&sealed).await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn a_space_stands_for_the_plus_that_a_form_made_of_it() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let sealed = with_plus(&phone).await;
        let mut altered = sealed.clone();
        for name in ["encryptedData", "iv"] {
            altered[name] = json!(sealed[name].as_str().unwrap().replace('+', " "));
        }
        assert_ne!(altered, sealed);
        assert_eq!(
            phone.open(&altered).await.ok(200),
            phone.open(&sealed).await.ok(200)
        );
    })
    .await;
}

/// Data with a plus sign in both texts; one of many has it.
async fn with_plus(phone: &Phone<'_>) -> Value {
    for _ in 0..200 {
        let sealed = phone.sealed(json!({"kind": "profile"})).await;
        let has_plus = |name: &str| sealed[name].as_str().unwrap().contains('+');
        if has_plus("encryptedData") && has_plus("iv") {
            return sealed;
        }
    }
    panic!("not a plus sign in 200 texts")
}

#[tokio::test]
async fn a_unionid_in_a_profile_is_kept_once_and_only_with_the_own_openid() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let forget = "update users set unionid = null";
        sqlx::query(forget).execute(&shop.db).await.unwrap();
        let told = async |unionid: &str, kind: &str| {
            let wish = json!({"kind": kind, "data": {"unionId": unionid}});
            phone.open(&phone.sealed(wish).await).await
        };
        let kept = async || -> Option<String> {
            sqlx::query_scalar("select unionid from users")
                .fetch_one(&shop.db)
                .await
                .unwrap()
        };
        // Of a profile without an openid it could be anybody's.
        told("oOther", "profile").await.refused(409, "session_key_stale");
        told("o Other", "user_info")
            .await
            .refused(409, "session_key_stale");
        assert_eq!(kept().await, None);
        told("oThisOne", "user_info").await.ok(200);
        assert_eq!(kept().await.as_deref(), Some("oThisOne"));
        told("oAnother", "user_info").await.ok(200);
        assert_eq!(kept().await.as_deref(), Some("oThisOne"));
    })
    .await;
}

#[tokio::test]
async fn without_a_live_session_nothing_opens() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let sealed = phone.sealed(json!({"kind": "profile"})).await;
        phone.call("DELETE", "/v1/session", None).await.ok(204);
        phone.open(&sealed).await.refused(401, "session_expired");
        let answer = phone.call("POST", "/v1/open-data/verify", Some(&sealed)).await;
        answer.refused(401, "session_expired");
        // Whatever is wrong with the form, a page whose session is over has to log in again.
        for path in ["/v1/open-data", "/v1/open-data/verify"] {
            for wrong in [
                json!({"encryptedData": "?", "iv": "?", "rawData": "", "signature": "?"}),
                json!([]),
            ] {
                let answer = phone.call("POST", path, Some(&wrong)).await;
                answer.refused(401, "session_expired");
            }
        }
    })
    .await;
}

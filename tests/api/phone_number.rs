//! `POST /v1/phone-number`: what is kept, shown and told.

use serde_json::{Value, json};

use crate::harness::{DATA_KEYS, OTHER_APP, Phone, Setup, shop, shop_with};

const NEW_DATA_KEY: &str = "c2Vjb25kIGRhdGEga2V5IG9mIHRoZXNlIHRlc3RzISE=";

#[tokio::test]
async fn a_code_becomes_a_number_that_is_kept_and_shown_in_part() {
    shop(async |shop| {
        let mut phone = shop.visitor().await;
        assert_eq!(phone.shown_number().await, Value::Null);
        for (pure, country_code, whole, shown) in [
            ("13800000001", "86", "13800000001", "138****0001"),
            ("91234567", "852", "+85291234567", "+852****4567"),
            ("2025550123", "1", "+12025550123", "+1****0123"),
            ("1234567", "500", "+5001234567", "+500****67"),
        ] {
            phone.change_number(pure, country_code).await;
            let answer = phone.give_number(&phone.phone_code().await).await.ok(200);
            let told =
                json!({"phone_number": whole, "pure_phone_number": pure, "country_code": country_code});
            assert_eq!(answer, told);
            assert_eq!(phone.shown_number().await, shown);
        }
        let session = phone.call("GET", "/v1/session", None).await.ok(200);
        assert_eq!(session["user"]["phone_number"], "+500****67");
        assert_eq!(phone.login().await["user"]["phone_number"], "+500****67");
        let changed = phone.call("PUT", "/v1/me", Some(&json!({"nickname": "a"}))).await;
        assert_eq!(changed.ok(200)["phone_number"], "+500****67");
        assert_eq!(shop.count("select count(*) from phone_numbers").await, 1);
    })
    .await;
}

#[tokio::test]
async fn nothing_of_a_number_lies_in_the_database_in_clear() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        phone.change_number("13812345678", "86").await;
        let code = phone.phone_code().await;
        phone.give_number(&code).await.ok(200);
        let rows: String = sqlx::query_scalar(
            "select string_agg(t::text || encode(phone_number, 'escape') || encode(phone_number_hash, 'escape'), '|')
                || (select string_agg(t::text || encode(code_hash, 'escape'), '|') from phone_codes t)
             from phone_numbers t",
        )
        .fetch_one(&shop.db)
        .await
        .unwrap();
        for clear in ["13812345678", "138****", code.as_str()] {
            assert!(!rows.contains(clear), "{clear} in {rows}");
        }
        // A sealed number of another user does not open.
        let other = shop.visitor().await;
        other.give_number(&other.phone_code().await).await.ok(200);
        let swap = "update phone_numbers p set phone_number = q.phone_number from phone_numbers q
            where p.user_id <> q.user_id";
        sqlx::query(swap).execute(&shop.db).await.unwrap();
        assert_eq!(phone.shown_number().await, Value::Null);
        assert_eq!(other.shown_number().await, Value::Null);
        // Giving it again mends it.
        phone.give_number(&phone.phone_code().await).await.ok(200);
        assert_eq!(phone.shown_number().await, "138****5678");
    })
    .await;
}

#[tokio::test]
async fn after_a_change_of_keys_the_number_is_shown_and_found() {
    let setup = Setup::default();
    shop_with(setup.clone(), async |shop| {
        let phone = shop.visitor().await;
        phone.change_number("13812345678", "86").await;
        phone.give_number(&phone.phone_code().await).await.ok(200);
        let both = setup.with("DATA_KEYS", format!("{NEW_DATA_KEY},{DATA_KEYS}"));
        let newer = shop.join(&both).await;
        let body = json!({"phone_number": "13812345678"});
        let request = shop.request_of(
            newer,
            "POST",
            "/admin/users/search",
            Some(crate::harness::ADMIN_TOKEN),
            Some(&body),
        );
        let found = shop.send(request).await.ok(200);
        assert_eq!(found["items"][0]["phone_number"], "138****5678");
        let me = shop.request_of(newer, "GET", "/v1/me", Some(&phone.token), None);
        assert_eq!(shop.send(me).await.ok(200)["phone_number"], "138****5678");
        // Sealed and hashed again under the newest, it needs the older one no more.
        assert!(shop.run_workers_of(newer).await.is_empty());
        let alone = shop.join(&Setup::default().with("DATA_KEYS", NEW_DATA_KEY)).await;
        let token = Some(crate::harness::ADMIN_TOKEN);
        let request = shop.request_of(alone, "POST", "/admin/users/search", token, Some(&body));
        let found = shop.send(request).await.ok(200);
        assert_eq!(found["items"][0]["phone_number"], "138****5678");
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_a_code_is_refused_without_asking() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        for code in ["with space", "a/b", "ü", "\"", &"x".repeat(257)] {
            phone.give_number(code).await.refused(400, "phone_code_invalid");
        }
        for (body, pointer) in [
            (json!({"code": ""}), "/code"),
            (json!({"code": 7}), "/code"),
            (json!({"code": []}), "/code"),
        ] {
            let answer = phone.call("POST", "/v1/phone-number", Some(&body)).await;
            let problem = answer.refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        }
        let code = phone.phone_code().await;
        let anonymous = json!({ "code": code });
        shop.call("POST", "/v1/phone-number", Some(&anonymous))
            .await
            .refused(401, "unauthenticated");
        assert_eq!(shop.calls("phone_number").await.len(), 0);
        // What the button's event holds beside the code is ignored.
        let event = json!({"code": code, "errMsg": "getPhoneNumber:ok", "cloudID": "x"});
        phone.call("POST", "/v1/phone-number", Some(&event)).await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn a_code_is_good_for_its_user_and_its_mini_program_for_five_minutes() {
    shop(async |shop| {
        let (alice, bob) = (shop.visitor().await, shop.visitor().await);
        let code = alice.phone_code().await;
        bob.give_number(&code).await.refused(400, "phone_code_invalid");
        let foreign = alice.phone_code_of(OTHER_APP).await;
        let problem = alice
            .give_number(&foreign)
            .await
            .refused(400, "phone_code_invalid");
        assert_eq!(problem["wechat_errcode"], 40013);
        alice
            .give_number("unknown")
            .await
            .refused(400, "phone_code_invalid");
        let late = alice.phone_code().await;
        shop.advance(300).await;
        let problem = alice.give_number(&late).await.refused(400, "phone_code_invalid");
        assert_eq!(problem["wechat_errcode"], 40029);
        assert_eq!(shop.count("select count(*) from phone_numbers").await, 0);
        assert_eq!(bob.shown_number().await, Value::Null);
    })
    .await;
}

#[tokio::test]
async fn every_refusal_of_wechat_has_its_code() {
    const TABLE: [(i64, u16, &str); 14] = [
        (40029, 400, "phone_code_invalid"),
        (40163, 400, "phone_code_invalid"),
        (42003, 400, "phone_code_invalid"),
        (40013, 400, "phone_code_invalid"),
        (40003, 400, "phone_code_invalid"),
        (-1, 503, "wechat_unavailable"),
        (40001, 502, "wechat_rejected"),
        (42001, 502, "wechat_rejected"),
        (45009, 429, "rate_limited"),
        (45011, 429, "rate_limited"),
        (47001, 502, "wechat_rejected"),
        (48001, 502, "wechat_rejected"),
        (1, 502, "wechat_rejected"),
        (9_999_999_999, 502, "wechat_rejected"),
    ];
    shop(async |shop| {
        shop.announce("wechat_rejected");
        shop.announce("wechat_unavailable");
        let phone = shop.visitor().await;
        for (errcode, status, code) in TABLE {
            let given = phone.phone_code().await;
            shop.faults(json!([{"kind": "errcode", "api": "phone_number", "errcode": errcode}]))
                .await;
            let problem = phone.give_number(&given).await.refused(status, code);
            assert_eq!(problem["wechat_errcode"], errcode, "{problem}");
            shop.faults(json!([])).await;
            // WeChat said that it did not take the code, so the same one may be good yet; one that is no
            // good is not sent again.
            let again = phone.give_number(&given).await;
            assert_eq!(again.status, if status == 400 { 400 } else { 200 }, "{errcode}");
            shop.advance(60).await;
        }
    })
    .await;
}

/// Has this person's phone encrypt something.
async fn sealed(phone: &Phone<'_>, more: Value) -> Value {
    let mut body = json!({"user_id": phone.user_id});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    phone.shop.control("POST", "/simulator/open-data", &body).await
}

#[tokio::test]
async fn encrypted_data_becomes_a_number_as_well() {
    shop(async |shop| {
        let mut phone = shop.visitor().await;
        phone.change_number("91234567", "852").await;
        let given = sealed(&phone, json!({"kind": "phone"})).await;
        let answer = phone.call("POST", "/v1/phone-number", Some(&given)).await;
        let told =
            json!({"phone_number": "+85291234567", "pure_phone_number": "91234567", "country_code": "852"});
        assert_eq!(answer.ok(200), told);
        assert_eq!(phone.shown_number().await, "+852****4567");
        assert_eq!(shop.calls("phone_number").await.len(), 0);
        // Under the key before the newest it opens too, and of an old phone's three the code counts.
        phone.change_number("13800000001", "86").await;
        let earlier = sealed(&phone, json!({"kind": "phone"})).await;
        phone.login().await;
        phone
            .call("POST", "/v1/phone-number", Some(&earlier))
            .await
            .ok(200);
        assert_eq!(phone.shown_number().await, "138****0001");
        let mut three = sealed(&phone, json!({"kind": "werun"})).await;
        three["code"] = json!(phone.phone_code().await);
        phone.call("POST", "/v1/phone-number", Some(&three)).await.ok(200);
        assert_eq!(shop.calls("phone_number").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn encrypted_data_that_is_no_number_is_refused() {
    shop(async |shop| {
        let (alice, bob) = (shop.visitor().await, shop.visitor().await);
        let steps = sealed(&alice, json!({"kind": "werun"})).await;
        let of_bob = sealed(&bob, json!({"kind": "phone"})).await;
        let old = sealed(&alice, json!({"kind": "phone", "age_s": 601})).await;
        let foreign = sealed(&alice, json!({"kind": "phone", "watermark_app_id": OTHER_APP})).await;
        for given in [steps, of_bob, old, foreign] {
            alice
                .call("POST", "/v1/phone-number", Some(&given))
                .await
                .refused(409, "session_key_stale");
        }
        for (body, code) in [
            (json!({}), "validation_failed"),
            (json!({"iv": "AAAAAAAAAAAAAAAAAAAAAA=="}), "validation_failed"),
            (
                json!({"encryptedData": "AAAAAAAAAAAAAAAAAAAAAA=="}),
                "validation_failed",
            ),
            (
                json!({"encryptedData": "AAAA", "iv": "AAAAAAAAAAAAAAAAAAAAAA=="}),
                "open_data_invalid",
            ),
            // Longer than data may be, in a body that may be so long.
            (
                json!({"encryptedData": "A".repeat(60_000), "iv": "AAAAAAAAAAAAAAAAAAAAAA=="}),
                "open_data_invalid",
            ),
            (
                json!({"encryptedData": "A".repeat(16), "iv": "A".repeat(60_000)}),
                "open_data_invalid",
            ),
        ] {
            let answer = alice.call("POST", "/v1/phone-number", Some(&body)).await;
            answer.refused(422, code);
        }
        assert_eq!(shop.count("select count(*) from phone_numbers").await, 0);
    })
    .await;
}

/// A key was used on it, so it is a guess, and looks like any other that failed.
#[tokio::test]
async fn data_without_a_number_counts_as_a_failure() {
    shop(async |shop| {
        let (phone, other) = (shop.visitor().await, shop.visitor().await);
        let mut refusals = Vec::new();
        for kind in ["werun", "profile"].repeat(5) {
            let given = sealed(&phone, json!({"kind": kind})).await;
            // The route that opens anything opens it.
            other
                .call(
                    "POST",
                    "/v1/open-data",
                    Some(&sealed(&other, json!({"kind": kind})).await),
                )
                .await
                .ok(200);
            let answer = phone.call("POST", "/v1/phone-number", Some(&given)).await;
            let mut problem = answer.refused(409, "session_key_stale");
            problem.as_object_mut().unwrap().remove("instance");
            refusals.push(problem);
        }
        let given = sealed(&other, json!({"kind": "phone", "age_s": 601})).await;
        let answer = other.call("POST", "/v1/phone-number", Some(&given)).await;
        let mut stale = answer.refused(409, "session_key_stale");
        stale.as_object_mut().unwrap().remove("instance");
        assert!(refusals.iter().all(|problem| *problem == stale), "{refusals:?}");
        assert!(
            shop.metric("weir_open_data_total{kind=\"none\",outcome=\"kind\"}")
                .await
                >= 10
        );
        let given = sealed(&phone, json!({"kind": "phone"})).await;
        phone
            .call("POST", "/v1/phone-number", Some(&given))
            .await
            .refused(401, "session_expired");
        assert_eq!(shop.count("select count(*) from phone_numbers").await, 0);
    })
    .await;
}

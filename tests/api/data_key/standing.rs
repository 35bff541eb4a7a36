//! What an operator sees of a change of the data keys.

use serde_json::{Value, json};
use weir::domain::name::AppId;
use weir::service::mini::{ApiCall, call};

use super::{
    a_minute_later, check, count_under, fresh_key, in_a_shop, keyed, log_in_at, name, populate, rows,
};
use crate::harness::{APP, runbook_sql};

#[tokio::test]
async fn the_operator_sees_what_is_left_and_when_an_old_key_may_go() {
    in_a_shop(async |shop, old, new| {
        let names = (name(old).to_string(), name(new).to_string());
        let single = check(shop, 0).await;
        assert_eq!(single["status"], "ok");
        assert_eq!(single["newest"], names.0);
        assert_eq!((&single["older"], &single["removable"]), (&json!([]), &json!([])));

        populate(shop, old, 30, 0).await;
        shop.advance(1).await;
        let both = shop.join(&keyed(&[new, old])).await;
        let left = check(shop, both).await;
        assert_eq!(left["status"], "ok");
        assert_eq!(
            (&left["newest"], &left["older"]),
            (&json!(names.1), &json!([names.0]))
        );
        let remaining =
            json!({"users.session_key": {&names.0: 30}, "users.previous_session_key": {&names.0: 30}});
        assert_eq!(left["remaining"], remaining);
        assert_eq!(left["removable"], json!([]));

        assert!(shop.run_workers_of(both).await.is_empty());
        let done = check(shop, both).await;
        assert_eq!((&done["remaining"], &done["status"]), (&json!({}), &json!("ok")));
        assert_eq!(done["removable"], json!([names.0]));
        let detail = done["detail"].as_str().unwrap();
        assert!(detail.contains("may be removed"), "{detail}");

        // The server before it knows only the old key: what it reads now it cannot open.
        let behind = check(shop, 0).await;
        assert_eq!(behind["status"], "degraded");
        assert_eq!(behind["unknown"]["users.session_key"], json!({&names.1: 30}));
    })
    .await;
}

#[tokio::test]
async fn what_lies_under_a_key_that_is_not_configured_is_told_and_kept() {
    in_a_shop(async |shop, old, new| {
        populate(shop, old, 3, 0).await;
        let before = rows(shop).await;
        shop.advance(1).await;
        let without = shop.join(&keyed(&[new])).await;
        a_minute_later(shop, without).await;
        assert_eq!(rows(shop).await, before);
        let told = check(shop, without).await;
        assert_eq!(told["status"], "degraded");
        let of_old = json!({name(old).to_string(): 3});
        let unknown = json!({"users.session_key": of_old, "users.previous_session_key": of_old});
        assert_eq!((&told["unknown"], &told["remaining"]), (&unknown, &json!({})));
        // Even one of them can go on with a new login, and the rest with the key.
        shop.advance(1).await;
        let both = shop.join(&keyed(&[new, old])).await;
        a_minute_later(shop, both).await;
        assert_eq!(count_under(shop, new).await, 6);
        assert_eq!(check(shop, both).await["status"], "ok");
    })
    .await;
}

#[tokio::test]
async fn a_key_that_leaked_or_is_lost_is_given_up_as_the_runbook_says() {
    in_a_shop(async |shop, old, new| {
        populate(shop, old, 3, 0).await;
        let phone = shop.visitor().await;
        shop.advance(1).await;
        let without = shop.join(&keyed(&[new])).await;
        assert_eq!(check(shop, without).await["status"], "degraded");
        let statements = runbook_sql("update users set session_key = overlay")
            .replace("NEW", &name(new).to_string())
            .replace("OLD", &name(old).to_string());
        sqlx::raw_sql(sqlx::AssertSqlSafe(statements))
            .execute(&shop.db)
            .await
            .unwrap();
        a_minute_later(shop, without).await;
        let told = check(shop, without).await;
        assert_eq!((&told["status"], &told["unknown"]), (&json!("ok"), &json!({})));
        // Whoever comes back has a key again.
        log_in_at(shop, without, &phone.user_id, true).await;
        assert_eq!(count_under(shop, new).await, 5);
        a_minute_later(shop, without).await;
        assert_eq!(check(shop, without).await["status"], "ok");
    })
    .await;
}

#[tokio::test]
async fn what_does_not_open_holds_up_nothing_and_is_told() {
    in_a_shop(async |shop, old, new| {
        // More than are read together, in front of those that open.
        populate(shop, old, 450, 440).await;
        let before = rows(shop).await;
        shop.advance(1).await;
        let both = shop.join(&keyed(&[new, old])).await;
        a_minute_later(shop, both).await;
        assert_eq!(count_under(shop, new).await, 20);
        assert_eq!(rows(shop).await[..440], before[..440]);
        let told = check(shop, both).await;
        assert_eq!(
            (&told["status"], &told["damaged"]),
            (&json!("degraded"), &json!(880))
        );
        assert_eq!(
            told["remaining"]["users.session_key"],
            json!({name(old).to_string(): 440})
        );
        assert_eq!(told["removable"], json!([]));
        // They are gone once nobody has them any more.
        sqlx::query("update users set session_key = $1, previous_session_key = null where id <= $2")
            .bind(&rows(shop).await[449].session_key)
            .bind(uuid::Uuid::from_u128(440))
            .execute(&shop.db)
            .await
            .unwrap();
        a_minute_later(shop, both).await;
        let told = check(shop, both).await;
        assert_eq!((&told["status"], &told["damaged"]), (&json!("ok"), &json!(0)));
    })
    .await;
}

#[tokio::test]
async fn a_column_with_a_key_for_every_row_is_told_in_part_and_what_can_be_opened_whole() {
    in_a_shop(async |shop, old, new| {
        populate(shop, old, 3, 0).await;
        // As something else may have written them; they stand before every key that somebody has.
        sqlx::query(
            "insert into users (id, app_id, openid, session_key, session_key_hash, session_key_at, created_at, updated_at)
            select gen_random_uuid(), $1, 'oForeign' || n, decode('010000' || lpad(to_hex(n), 4, '0') || repeat('00', 60), 'hex'),
                decode('00', 'hex'), $2, $2, $2
            from generate_series(1, 300) as n",
        )
        .bind(APP)
        .bind(shop.clock.now())
        .execute(&shop.db)
        .await
        .unwrap();
        shop.advance(1).await;
        let both = shop.join(&keyed(&[new, old])).await;
        let told = check(shop, both).await;
        assert_eq!(told["unknown"]["users.session_key"].as_object().unwrap().len(), 100);
        let of_old = json!({name(old).to_string(): 3});
        assert_eq!(told["remaining"]["users.session_key"], of_old);
        a_minute_later(shop, both).await;
        assert_eq!(count_under(shop, new).await, 6);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_seals_under_another_key_than_the_last_one_says_so() {
    in_a_shop(async |shop, old, new| {
        log_in_at(shop, 0, &shop.phone().await.user_id, false).await;
        let behind = shop.join(&keyed(&[old, new])).await;
        shop.advance(1).await;
        let newest = shop.join(&keyed(&[new, old])).await;
        a_minute_later(shop, newest).await;
        let told = check(shop, behind).await;
        let detail = told["detail"].as_str().unwrap();
        assert!(detail.contains("started later"), "{detail}");
        assert_eq!(
            (&told["status"], &told["removable"]),
            (&json!("degraded"), &json!([]))
        );
        assert_eq!(check(shop, newest).await["status"], "ok");
    })
    .await;
}

#[tokio::test]
async fn what_is_left_is_in_the_metrics() {
    in_a_shop(async |shop, _, new| {
        // A key of this test alone: metrics are of the process.
        let old = fresh_key();
        populate(shop, &old, 12, 5).await;
        shop.advance(1).await;
        let both = shop.join(&keyed(&[new, &old])).await;
        a_minute_later(shop, both).await;
        let text = shop.admin("GET", "/metrics", None).await.text();
        for column in ["session_key", "previous_session_key"] {
            let key = name(&old);
            let line = format!("weir_old_key_values{{column=\"users.{column}\",key=\"{key}\"}} 5");
            assert!(text.contains(&line), "{line}");
            for outcome in ["resealed", "damaged"] {
                let line =
                    format!("weir_resealed_values_total{{column=\"users.{column}\",outcome=\"{outcome}\"}}");
                assert!(text.contains(&line), "{line}");
            }
        }
        assert_eq!(
            check(shop, both).await["unknown"],
            Value::Object(serde_json::Map::new())
        );
    })
    .await;
}

#[tokio::test]
async fn an_access_token_goes_along_and_is_not_fetched_again() {
    in_a_shop(async |shop, old, new| {
        let app = AppId::parse(APP).unwrap();
        let echo = async |replica| {
            let context = shop.context_of(replica);
            let request = ApiCall::post("echo", "/wxa/echo/a", &json!({})).unwrap();
            call(&context, &app, &request).await.unwrap();
        };
        echo(0).await;
        shop.advance(1).await;
        let both = shop.join(&keyed(&[new, old])).await;
        let left = check(shop, both).await;
        assert_eq!(
            left["remaining"],
            json!({"access_tokens.token": {name(old).to_string(): 1}})
        );
        assert!(shop.run_workers_of(both).await.is_empty());
        let alone = shop.join(&keyed(&[new])).await;
        echo(alone).await;
        assert_eq!(check(shop, alone).await["status"], "ok");
        assert_eq!(shop.calls("stable_token").await.len(), 1);
    })
    .await;
}

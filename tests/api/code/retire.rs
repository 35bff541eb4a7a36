//! Images that nobody asks for do not stay.

use serde_json::json;
use weir::service::file::sweep::AUDIT_EVERY;

use super::shown;
use crate::harness::{Shop, shop};

const DAY_S: i64 = 24 * 3_600;

async fn look(shop: &Shop, seconds: i64) {
    shop.advance(seconds.max(i64::try_from(AUDIT_EVERY.as_secs()).unwrap()))
        .await;
    shop.run_workers().await;
}

#[tokio::test]
async fn an_image_goes_ninety_days_after_it_was_last_asked_for() {
    shop(async |shop| {
        let alice = shop.visitor().await;
        for scene in ["old", "used"] {
            shown(&alice.code_image(&json!({ "scene": scene })).await);
        }
        look(shop, 60 * DAY_S).await;
        let mut alice = alice;
        alice.login().await;
        shown(&alice.code_image(&json!({"scene": "used"})).await);
        look(shop, 29 * DAY_S).await;
        assert_eq!(shop.count("select count(*) from wxacodes").await, 2);
        look(shop, 2 * DAY_S).await;
        assert_eq!(shop.count("select count(*) from wxacodes").await, 1);
        assert_eq!(
            shop.count("select count(*) from files where state = 'stored'")
                .await,
            1
        );
        look(shop, 2 * DAY_S).await;
        assert_eq!(shop.count("select count(*) from files").await, 1);
        // Days of users go as well, and what went is made again.
        assert_eq!(shop.count("select count(*) from wxacode_allowances").await, 0);
        alice.login().await;
        shown(&alice.code_image(&json!({"scene": "used"})).await);
        assert_eq!(shop.codes_made().await, 2);
        shown(&alice.code_image(&json!({"scene": "old"})).await);
        assert_eq!(shop.codes_made().await, 3);
    })
    .await;
}

#[tokio::test]
async fn of_more_than_are_kept_the_ones_asked_for_the_longest_ago_go() {
    shop(async |shop| {
        shown(&shop.code_as_service(&json!({"scene": "first"})).await);
        shop.advance(10).await;
        // As many rows as there may be, made by hand.
        sqlx::query(
            "insert into wxacodes (app_id, request_hash, used_at)
            select 'wx1111111111111111', sha256(n::text::bytea), $1 from generate_series(1, 199999) n",
        )
        .bind(shop.clock.now())
        .execute(&shop.db)
        .await
        .unwrap();
        look(shop, 0).await;
        assert_eq!(shop.count("select count(*) from wxacodes").await, 200_000);
        shop.advance(10).await;
        shown(&shop.code_as_service(&json!({"scene": "last"})).await);
        look(shop, 0).await;
        assert_eq!(shop.count("select count(*) from wxacodes").await, 200_000);
        shown(&shop.code_as_service(&json!({"scene": "last"})).await);
        assert_eq!(shop.codes_made().await, 2);
        shown(&shop.code_as_service(&json!({"scene": "first"})).await);
        assert_eq!(shop.codes_made().await, 3);
    })
    .await;
}

//! The loops in the background, run by hand with a pushed clock.

use chrono::TimeDelta;

use crate::harness::{Setup, shop, shop_with};

#[tokio::test]
async fn a_loop_does_all_that_is_due_and_comes_to_rest() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        // More than one turn takes away.
        let many = "insert into idempotency_keys (user_id, key, request_hash, order_id, created_at)
            select $1::uuid, 'old-' || n, '', $1::uuid, $2 from generate_series(1, 1001) n";
        let me = phone.call("GET", "/v1/me", None).await.ok(200);
        sqlx::query(many)
            .bind(me["id"].as_str())
            .bind(shop.clock.now() - TimeDelta::days(7) + TimeDelta::seconds(1))
            .execute(&shop.db)
            .await
            .unwrap();
        let keys = "select count(*) from idempotency_keys";
        shop.run_workers().await;
        assert_eq!(shop.count(keys).await, 1001);
        shop.advance(2).await;
        shop.run_workers().await;
        assert_eq!(shop.count(keys).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_loop_that_goes_by_time_runs_when_its_time_has_come() {
    shop_with(Setup::default().replicas(2), async |shop| {
        for (seconds, downloads) in [(0, 2), (0, 2), (3_599, 2), (1, 4), (1, 4)] {
            shop.advance(seconds).await;
            shop.run_workers().await;
            assert_eq!(shop.calls("certificates").await.len(), downloads);
        }
    })
    .await;
}

#[tokio::test]
async fn a_turn_that_fails_is_told_and_taken_again() {
    shop(async |shop| {
        shop.lose_database().await;
        assert!(shop.run_workers_of(0).await.contains("housekeeping"));
        shop.find_database().await;
        shop.run_workers().await;
    })
    .await;
}

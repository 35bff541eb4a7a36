//! Very many events that wait behind one that nobody takes are in nobody's way.

use uuid::Uuid;

use crate::harness::{Got, Phone, Receiver, Setup, Shop, shop_with};

/// Parked events of as many orders, and behind each one that is due.
const PLANTED: &str = "
    begin;
    set local session_replication_role = replica;
    with stuck as (select gen_random_uuid() as order_id, n from generate_series(1, 50000) n)
    insert into event_deliveries (event_id, order_id, sequence, state, attempts, due_at, is_behind)
    select gen_random_uuid(), order_id, 2 * n - 1000000, 'parked', 11, '2000-01-01Z'::timestamptz, false from stuck
    union all
    select gen_random_uuid(), order_id, 2 * n - 999999, 'pending', 0, '2000-01-01Z', true from stuck;
    commit;
    analyze event_deliveries";

/// A paid order, whose payment is not told yet.
async fn paid(shop: &Shop, phone: &Phone<'_>) -> String {
    let order = phone.buy("tea", 1).await;
    phone.pay(&order).await;
    assert_eq!(shop.deliver().await[0]["status"], 204);
    order
}

#[tokio::test]
async fn a_claim_does_not_walk_over_events_that_wait() {
    let receiver = Receiver::start().await;
    shop_with(receiver.told_by(Setup::default()), async |shop| {
        shop.stock("tea", 6_800, None).await;
        let phone = shop.visitor().await;
        sqlx::raw_sql(PLANTED).execute(&shop.db).await.unwrap();
        let order = paid(shop, &phone).await;
        let now = shop.clock.now();
        let claim = shop.pages_of("outbox.claim", |claim| {
            claim.bind(Uuid::nil()).bind(now).bind(now).bind(16_i64)
        });
        let pages = claim.await;
        assert!(pages < 100, "{pages}");
        shop.run_workers().await;
        let told: Vec<String> = receiver.got().iter().map(Got::order_id).collect();
        assert_eq!(told, [order]);
        let unplanted = "delete from event_deliveries where due_at = '2000-01-01Z'";
        sqlx::query(unplanted).execute(&shop.db).await.unwrap();
    })
    .await;
}

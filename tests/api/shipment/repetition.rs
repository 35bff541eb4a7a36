//! The same said again changes nothing: by its key, by its words, at the same moment, at two servers.

use futures_util::future::join_all;
use serde_json::json;

use super::{paid, virtual_goods};
use crate::harness::{Setup, parcels, shop, shop_with};

#[tokio::test]
async fn the_same_key_gives_the_same_answer_whatever_has_come_of_it() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        let first = shop.try_ship_at(0, &order, Some("k"), &virtual_goods()).await;
        assert_eq!(first.header("idempotent-replayed"), None);
        shop.run_workers().await;
        let again = shop.try_ship_at(0, &order, Some("k"), &virtual_goods()).await;
        assert_eq!(again.ok(202), first.ok(202));
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        let other = json!({"kind": "pickup"});
        shop.try_ship_at(0, &order, Some("k"), &other)
            .await
            .refused(422, "idempotency_key_reused");
        let (_, second) = paid(shop).await;
        shop.try_ship_at(0, &second, Some("k"), &virtual_goods())
            .await
            .refused(422, "idempotency_key_reused");
        shop.run_workers().await;
        assert_eq!(shop.shipping_calls().await, (1, 0));
    })
    .await;
}

#[tokio::test]
async fn the_same_words_without_a_key_are_one_shipment() {
    shop(async |shop| {
        let (_, order) = paid(shop).await;
        let first = shop.ship_parcels(&order, &["A1"], false).await;
        let again = shop.try_ship(&order, &parcels(&["A1"], false)).await;
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        assert_eq!(again.ok(202)["id"], first["id"]);
        // Another key is another intent in the same words: still nothing new.
        let keyed = shop
            .try_ship_at(0, &order, Some("k"), &parcels(&["A1"], false))
            .await;
        assert_eq!(keyed.ok(202)["id"], first["id"]);
        // A parcel that was told before does not come twice.
        shop.ship_parcels(&order, &["A2"], false).await;
        let refused = shop
            .try_ship(&order, &parcels(&["A3", "A1"], false))
            .await
            .refused(422, "validation_failed");
        assert_eq!(
            (&refused["errors"][0]["pointer"], &refused["errors"][0]["code"]),
            (&json!("/parcels/1/tracking_no"), &json!("duplicate"))
        );
        shop.run_workers().await;
        assert_eq!(shop.shipping_calls().await, (2, 0));
    })
    .await;
}

#[tokio::test]
async fn parallel_equal_requests_make_one_call() {
    shop_with(Setup::default().replicas(2), async |shop| {
        let (_, order) = paid(shop).await;
        for key in [Some("k"), None] {
            let asking = (0..20).map(|n| {
                let order = &order;
                async move {
                    shop.try_ship_at(n % 2, order, key, &virtual_goods())
                        .await
                        .ok(202)["id"]
                        .clone()
                }
            });
            let ids = join_all(asking).await;
            assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        }
        assert_eq!(shop.count("select count(*) from shipments").await, 1);
        futures_util::future::join(shop.run_workers_of(0), shop.run_workers_of(1)).await;
        assert_eq!(shop.shipping_calls().await, (1, 0));
    })
    .await;
}

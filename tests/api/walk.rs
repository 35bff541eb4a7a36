//! The main walk: log in, order, pay, be notified, and see the order paid.

use serde_json::json;

use crate::harness::shop;

#[tokio::test]
async fn from_login_to_a_paid_order() {
    shop(async |shop| {
        shop.stock("tea", 6_800, Some(5)).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 2).await;
        assert_eq!(shop.stock_left("tea").await, Some(3));
        let transaction = phone.pay(&order).await;
        assert_eq!(phone.status(&order).await, "awaiting_payment");

        let deliveries = shop.deliver().await;
        assert_eq!(deliveries.len(), 1);
        assert_eq!(deliveries[0]["status"], 204, "{deliveries:?}");

        let paid = phone.read_order(&order).await;
        assert_eq!(paid["status"], "paid");
        assert!(paid["paid_at"].is_string());
        assert_eq!(paid["total_fen"], 13_600);
        let truth = shop
            .list(&format!(
                "/simulator/transactions?out_trade_no={}",
                paid["out_trade_no"].as_str().unwrap()
            ))
            .await;
        assert_eq!(truth[0]["transaction_id"], json!(transaction));
        assert_eq!(
            shop.count("select count(*) from events where kind = 'order.paid'")
                .await,
            1
        );
    })
    .await;
}

#[tokio::test]
async fn a_lost_notification_is_made_up_for_by_asking() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        phone.pay(&order).await;
        assert_eq!(phone.sync(&order).await["status"], "paid");
        assert_eq!(shop.calls("query").await.len(), 1);
    })
    .await;
}

//! However many refunds of a payment are asked for at once, they never exceed what was paid: not in
//! the books, and not at WeChat.

use futures_util::future::join_all;
use serde_json::json;
use weir::domain::entropy::Entropy;

use crate::harness::{Setup, shop_with};

#[tokio::test]
async fn parallel_parts_of_random_sums_never_exceed_what_was_paid() {
    let setup = Setup::default().replicas(2);
    shop_with(setup, async |shop| {
        shop.stock("tea", 1_000, None).await;
        let phone = shop.visitor().await;
        // WeChat's own bounds are its own; ours must hold without them.
        shop.rule("one_refund_a_minute", json!(false)).await;
        for _ in 0..4 {
            let order = phone.paid_order("tea", 1).await;
            let sums: [u8; 32] = Entropy::system().bytes().unwrap();
            let asking = sums.iter().enumerate().map(async |(position, sum)| {
                let body = json!({"amount_fen": i64::from(*sum) + 1});
                let answer = shop
                    .try_refund_at(position % 2, &order, &format!("{order}-{position}"), &body)
                    .await;
                if answer.status == 202 {
                    i64::from(*sum) + 1
                } else {
                    answer.refused(422, "refund_exceeds_paid");
                    0
                }
            });
            let asked: i64 = join_all(asking).await.into_iter().sum();
            assert!((745..=1_000).contains(&asked), "{asked} of {sums:?}");
            assert_eq!(phone.read_order(&order).await["refunding_fen"], asked);
            shop.assert_balanced().await;
            // All of them at the two servers' hands at once, and paid out as they come.
            for _ in 0..40 {
                shop.advance(62).await;
                futures_util::future::join(shop.run_workers_of(0), shop.run_workers_of(1)).await;
            }
            let number = shop.number(&order).await;
            let there = shop
                .list(&format!("/simulator/refunds?out_trade_no={number}"))
                .await;
            let sum: i64 = there
                .iter()
                .map(|refund| refund["amount_fen"].as_i64().unwrap())
                .sum();
            assert_eq!(sum, asked);
            for refund in &there {
                shop.end_refund(refund, "SUCCESS").await;
            }
            shop.deliver().await;
            let order_now = phone.read_order(&order).await;
            assert_eq!(order_now["refunded_fen"], asked);
            let status = if asked == 1_000 {
                "refunded"
            } else {
                "partially_refunded"
            };
            assert_eq!(order_now["status"], status);
        }
        assert!(
            shop.calls("refund")
                .await
                .iter()
                .all(|call| call["error"].is_null())
        );
    })
    .await;
}

//! One tap at a time: whoever comes later never asks WeChat for what the first one got.

use futures_util::future::join3;
use serde_json::json;

use crate::harness::{held, shop, until};

#[tokio::test]
async fn a_tap_that_saw_the_attempt_before_its_answer_came_asks_for_nothing() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        shop.faults(json!([held("delay", "prepay")])).await;
        // The first one's answer has come and cannot be written yet; its time is over, and so the
        // second one is about to take its place.
        let (answered, is_answered) = tokio::sync::oneshot::channel();
        let meeting = async {
            shop.calls_until("prepay", 1).await;
            let mut held = shop.db.begin().await.unwrap();
            sqlx::query("select 1 from payment_attempts for update")
                .execute(&mut *held)
                .await
                .unwrap();
            shop.let_go().await;
            until(async || shop.lock_waiters().await == 1).await;
            shop.advance(15).await;
            answered.send(()).unwrap();
            until(async || shop.lock_waiters().await == 2).await;
            held.rollback().await.unwrap();
        };
        let second = async {
            is_answered.await.unwrap();
            phone.try_start_payment(&order).await
        };
        let (first, second, ()) = join3(phone.try_start_payment(&order), second, meeting).await;
        assert_eq!((first.status, second.status), (200, 200));
        assert_eq!(first.body, second.body);
        assert_eq!(shop.calls("prepay").await.len(), 1);
    })
    .await;
}

//! A thousand payments that are due at once: worked off piece by piece, beside the shop's work.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::{join_all, join3};

use crate::harness::{Setup, shop_with};

const MANY: i64 = 1_000;
const BUYERS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_is_worked_off_in_small_batches_while_the_server_answers() {
    let setup = Setup::default().with("ORDER_TTL_S", "86400");
    shop_with(setup, async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        phone.pay(&order).await;
        let buyers = join_all((0..BUYERS).map(|_| shop.visitor())).await;
        // Attempts that WeChat does not know, since their processes died before they asked.
        shop.plant_orders(MANY, 0).await;
        let unknown =
            "insert into payment_attempts (id, order_id, out_trade_no, app_id, mch_id, total_fen, currency, state,
                created_at, updated_at, next_check_at)
            select gen_random_uuid(), o.id, left(md5(o.id::text), 32), o.app_id, '1900000001', 100, 'CNY', 'unknown',
                o.created_at, o.created_at, o.created_at from orders o
            where not exists (select from payment_attempts a where a.order_id = o.id)";
        sqlx::query(unknown).execute(&shop.db).await.unwrap();
        shop.advance(5).await;
        let is_done = AtomicBool::new(false);
        let working = async {
            shop.run_workers().await;
            is_done.store(true, Ordering::SeqCst);
        };
        let buying = async {
            let mut answers = 0;
            // In turn, since nobody may have very many that await payment.
            for buyer in buyers.iter().cycle() {
                if is_done.load(Ordering::SeqCst) {
                    break;
                }
                buyer.buy("tea", 1).await;
                answers += 1;
            }
            answers
        };
        let watching = async {
            let mut most = 0;
            while !is_done.load(Ordering::SeqCst) {
                let held = "select count(*) from payment_attempts where lease_until is not null";
                most = most.max(shop.count(held).await);
            }
            most
        };
        let ((), answers, most) = join3(working, buying, watching).await;
        assert!((1..=8).contains(&most), "{most} in hand at once");
        assert!(answers >= 10, "{answers}");
        assert_eq!(shop.order_status(&order).await, "paid");
        assert_eq!(shop.calls("query").await.len(), 1_001);
        // Every one was asked about once, and waits for its next question.
        let waiting = "select count(*) from payment_attempts where checks = 1 and state = 'created' and lease_until is null";
        assert_eq!(shop.count(waiting).await, MANY);
    })
    .await;
}

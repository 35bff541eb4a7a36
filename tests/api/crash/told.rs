//! Servers that die while they tell of events: each event arrives, those of an order in their order, and
//! none that did not happen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{join, join_all};
use serde_json::json;
use weir::domain::entropy::Entropy;

use crate::harness::{Phone, Receiver, Reply, Server, Setup, Shop, asked_for, shop_with, tell, until};

/// In an ordinary run; a long one kills half as often as it kills servers, which `WEIR_KILLS` says.
const KILLS: u64 = 20;
const PHONES: u64 = 4;
/// A server dies at the latest after so many more messages.
const MESSAGES_MAX: u64 = 4;

/// A message, and whether it was taken.
struct Heard {
    id: String,
    is_taken: bool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_arrives_in_its_order_though_servers_die_while_telling() {
    let kills = asked_for("WEIR_KILLS", KILLS).div_ceil(2);
    let seed = u64::from_ne_bytes(Entropy::system().bytes().unwrap());
    tell(&format!("{kills} kills, seed {seed}"));
    let receiver = Receiver::start().await;
    let heard: Arc<Mutex<Vec<Heard>>> = Arc::default();
    let is_patient = Arc::new(AtomicBool::new(false));
    receiver.answer({
        let (heard, is_patient) = (Arc::clone(&heard), Arc::clone(&is_patient));
        move |got, nth| {
            let mut heard = heard.lock().unwrap();
            // Every third is left without an answer the first time, so that a death finds it on its way.
            let is_taken = is_patient.load(Ordering::SeqCst) || nth > 1 || heard.len() % 3 != 2;
            heard.push(Heard {
                id: got.id().to_owned(),
                is_taken,
            });
            if is_taken {
                Reply::Status(204)
            } else {
                Reply::Hold(500)
            }
        }
    });
    let setup = receiver.told_by(Setup::default().real_time());
    shop_with(setup.clone(), async |shop| {
        shop.stock("tea", 100, None).await;
        // Orders are made and paid at a server that lives and tells nobody by itself.
        let phones = join_all((0..PHONES).map(|_| shop.visitor())).await;
        let variables = shop.variables(&setup);
        let is_over = AtomicBool::new(false);
        let killing = async {
            let mut draws = seed | 1;
            for _ in 0..kills {
                let server = Server::start(shop, &variables).await;
                draws = draws.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                let goal =
                    heard.lock().unwrap().len() + usize::try_from((draws >> 33) % MESSAGES_MAX + 1).unwrap();
                until(async || heard.lock().unwrap().len() >= goal).await;
                // From before the answer to after it was written down.
                tokio::time::timeout(
                    Duration::from_micros((draws >> 40) % 20_000),
                    std::future::pending::<()>(),
                )
                .await
                .unwrap_err();
                assert!(server.kill().await);
                // The dead one's hands are empty after half a minute.
                for sql in [
                    "update event_deliveries set lease_until = lease_until - interval '30 seconds'",
                    "update refunds set lease_until = lease_until - interval '30 seconds'",
                ] {
                    sqlx::query(sql).execute(&shop.db).await.unwrap();
                }
            }
            is_over.store(true, Ordering::SeqCst);
        };
        let living = join_all(phones.iter().map(async |phone| {
            while !is_over.load(Ordering::SeqCst) {
                happen(shop, phone, &is_over).await;
            }
        }));
        join(killing, living).await;

        is_patient.store(true, Ordering::SeqCst);
        shop.catch_up().await;
        for _ in 0..10 {
            shop.advance(60).await;
            shop.run_workers().await;
        }
        let heard = std::mem::take(&mut *heard.lock().unwrap());
        judge(shop, &heard).await;
    })
    .await;
}

/// Something happens to two orders: one is paid and given back, one is closed.
async fn happen(shop: &Shop, phone: &Phone<'_>, is_over: &AtomicBool) {
    // What WeChat signs is good for five minutes of the server's clock, which stands still by itself.
    shop.keep_up().await;
    let closed = phone.buy("tea", 1).await;
    phone.close(&closed).await.ok(200);
    let order = phone.buy("tea", 1).await;
    phone.pay(&order).await;
    assert_eq!(phone.sync(&order).await["status"], "paid");
    let refund = shop.refund(&order, 40).await;
    let number = shop.number(&order).await;
    let craft = json!({"out_trade_no": number, "out_refund_no": refund["out_refund_no"],
        "overrides": {"success_time": shop.clock.now().to_rfc3339()}});
    // Whoever lives sends it to WeChat.
    let is_sent = async || {
        let known = shop.refunds_at_wechat().await;
        known
            .iter()
            .any(|known| known["out_refund_no"] == refund["out_refund_no"])
    };
    while !is_sent().await {
        if is_over.load(Ordering::SeqCst) {
            return;
        }
        tokio::task::yield_now().await;
    }
    let message = shop.message(craft).await;
    assert_eq!(shop.post_refund_notice(&message).await.status, 204);
}

async fn judge(shop: &Shop, heard: &[Heard]) {
    let events: Vec<(String, String, i64)> =
        sqlx::query_as("select id::text, order_id::text, sequence::bigint from events")
            .fetch_all(&shop.db)
            .await
            .unwrap();
    let events: BTreeMap<String, (String, i64)> = events
        .into_iter()
        .map(|(id, order, sequence)| (id, (order, sequence)))
        .collect();
    let taken: BTreeSet<&String> = heard
        .iter()
        .filter(|heard| heard.is_taken)
        .map(|heard| &heard.id)
        .collect();
    for id in events.keys() {
        assert!(taken.contains(id), "nobody was told of {id}");
    }
    let mut last: BTreeMap<&String, i64> = BTreeMap::new();
    for Heard { id, .. } in heard {
        let (order, sequence) = events
            .get(id)
            .unwrap_or_else(|| panic!("{id} was told and never happened"));
        let last = last.entry(order).or_insert(*sequence);
        assert!(*last <= *sequence, "{id} was told after what came later");
        *last = *sequence;
    }
    let left = "select count(*) from event_deliveries where state <> 'delivered'";
    assert_eq!(shop.count(left).await, 0);
    let again = heard.len() - events.len();
    tell(&format!("{} events, {again} messages again", events.len()));
    assert!(again > 0, "no death found a message on its way");
}

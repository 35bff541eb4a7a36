//! Servers that die at any moment, with the database under them now and then: nothing is lost and
//! nothing is doubled.
//!
//! Two servers in processes of their own stand behind one address. People buy, WeChat notifies, and
//! one server after the other is killed at a random byte of the traffic; every fifth time the
//! database crashes as well: as soon as it is back, its books must balance and hold every notice that
//! was acknowledged. Afterwards one more server does what is left to do, and three sides are compared:
//! what people were told, what WeChat holds to be true, and the books.

mod buyer;
mod front;
mod judge;
mod told;
mod walk;

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join_all;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use weir::dev::postgres::Cluster;
use weir::domain::entropy::Entropy;
use weir::store::pool;

use crate::harness::{Server, Setup, Shop, asked_for, shop_with, tell};
use buyer::{Buyer, Told};
use front::Front;

const BUYERS: u64 = 6;
/// In an ordinary run; a long one says how many in `WEIR_KILLS`.
const KILLS: u64 = 20;
/// A server dies at the latest after so many bytes of traffic.
const BYTES_MAX: u64 = 60_000;
/// The database crashes with every fifth server.
const DATABASE_EVERY: u64 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_and_database_that_die_lose_nothing_and_double_nothing() {
    let kills = asked_for("WEIR_KILLS", KILLS);
    let seed = u64::from_ne_bytes(Entropy::system().bytes().unwrap());
    tell(&format!("{kills} kills, seed {seed}"));
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    // Durable, since it crashes too.
    let cluster = Cluster::durable(&folder.path().join("postgres")).await.unwrap();
    cluster.ensure_database("shop").await.unwrap();
    let url = cluster.url("shop");
    pool::migrate(&url).await.unwrap();

    let front = Front::start().await;
    let setup = Setup {
        database_url: Some(url),
        ..Setup::default().replicas(0).real_time()
    };
    let setup = setup.with("PUBLIC_BASE_URL", format!("http://{}", front.address));
    shop_with(setup.clone(), async |shop| {
        shop.rule("refund_takes_s", json!(5)).await;
        let told = live_and_die(shop, &setup, &cluster, &front, (kills, seed)).await;
        settle(shop, &setup, &front).await;
        judge::judge(shop, &told).await;
    })
    .await;
    cluster.stop().await.unwrap();
}

/// Gives what everybody was told.
async fn live_and_die(
    shop: &Shop,
    setup: &Setup,
    cluster: &Cluster,
    front: &Front,
    (kills, seed): (u64, u64),
) -> Vec<Told> {
    let variables = shop.variables(setup);
    let mut servers = vec![
        Server::start(shop, &variables).await,
        Server::start(shop, &variables).await,
    ];
    for server in &servers {
        front.put(server.address);
    }
    let url = format!("http://{}", front.address);
    let product = json!({"title": "Tea", "price_fen": 100, "stock": judge::STOCK});
    let put = shop
        .http
        .put(format!("{url}/admin/products/tea"))
        .bearer_auth(crate::harness::ADMIN_TOKEN)
        .header("content-type", "application/json")
        .body(product.to_string());
    assert_eq!(put.send().await.unwrap().status().as_u16(), 200);

    let (cut, closing_time, is_over) = (
        AtomicU64::new(0),
        CancellationToken::new(),
        CancellationToken::new(),
    );
    let killing = async {
        let mut draws = seed | 1;
        for kill in 1..=kills {
            draws = draws.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            front.after((draws >> 33) % BYTES_MAX).await;
            let victim = servers.remove(0);
            if kill.is_multiple_of(DATABASE_EVERY) {
                let (was_killed, stopped) = tokio::join!(victim.kill(), cluster.stop_immediate());
                assert!(was_killed);
                stopped.unwrap();
                cluster.start_again().await.unwrap();
                assert_eq!(recoveries(cluster), kill / DATABASE_EVERY, "it was no crash");
                judge::judge_after_crash(shop).await;
            } else {
                assert!(victim.kill().await);
            }
            let server = Server::start(shop, &variables).await;
            front.put(server.address);
            servers.push(server);
            // What was not answered comes again after 15 s of WeChat's time.
            let skipped = json!({"advance_s": u64::from(kill <= 10) * 15});
            shop.control("POST", "/simulator/clock", &skipped).await;
        }
        closing_time.cancel();
    };
    let notifying = async {
        while !is_over.is_cancelled() {
            shop.deliver().await;
            tokio::task::yield_now().await;
        }
    };
    let buying = async {
        let buyers = join_all((1..=BUYERS).map(|who| Buyer::new(shop, url.clone(), &cut, seed ^ who))).await;
        let told = join_all(buyers.into_iter().map(|buyer| buyer.shop_until(&closing_time))).await;
        is_over.cancel();
        told
    };
    let ((), (), told) = tokio::join!(killing, notifying, buying);
    for server in servers {
        assert!(server.kill().await);
    }
    let cut = cut.load(Ordering::Relaxed);
    assert!(
        cut >= kills / 4,
        "{kills} kills have cut no more than {cut} answers: they struck nothing"
    );
    told
}

/// How often the database found, as it started, that it had not been shut down.
fn recoveries(cluster: &Cluster) -> u64 {
    let log = std::fs::read_to_string(cluster.folder().join("log")).unwrap();
    let found = log.matches("was not properly shut down").count();
    u64::try_from(found).unwrap()
}

/// One more server does what is left to do, until long after the last order's time.
async fn settle(shop: &Shop, setup: &Setup, front: &Front) {
    shop.catch_up().await;
    let last = shop.join(setup).await;
    front.put(shop.address_of(last));
    for _ in 0..40 {
        shop.deliver().await;
        shop.advance(60).await;
        shop.run_workers().await;
    }
}

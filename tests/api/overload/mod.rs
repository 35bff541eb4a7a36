//! More than a server can take: what it takes is answered soon, the rest is refused at once and told when
//! to come back, nothing is lost, and news of money always finds room.

mod slow;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use crate::harness::{Answer, Message, Phone, Server, Setup, Shop, asked_for, shop_with, tell};

/// In an ordinary run; a long one says how many in `WEIR_OVERLOAD_S`.
const SECONDS: u64 = 4;
const CONNECTIONS: usize = 4;
/// Ten times what such a server has in hand: three connections for those who queue, and a queue of 32.
const CLIENTS: usize = 350;
/// Of whom each places 200 orders at the most.
const PEOPLE_A_SECOND: u64 = 4;
const NOTICES: usize = 12;
const STOCK: i32 = 1_000_000;

/// Within which times 99 of a hundred are answered.
struct Bounds {
    accepted: Duration,
    refused: Duration,
    notices: Duration,
}

/// In a long run, which has the machine for itself. WeChat waits 5 s for the answer to a notice. The clients sit on the
/// server's processors all the same, so that these are no figures of a server.
const ALONE: Bounds = Bounds {
    accepted: Duration::from_secs(5),
    refused: Duration::from_secs(1),
    notices: Duration::from_secs(5),
};
/// Where other tests run beside: far below what a queue without a bound would come to.
const AMONG_OTHERS: Bounds = Bounds {
    accepted: Duration::from_secs(15),
    refused: Duration::from_secs(15),
    notices: Duration::from_secs(15),
};
const MEMORY_MORE_KIB: u64 = 64 * 1_024;

/// What the clients saw.
#[derive(Default)]
struct Seen {
    accepted: Mutex<Vec<Duration>>,
    refused: Mutex<Vec<Duration>>,
    notices: Mutex<Vec<Duration>>,
    orders: Mutex<BTreeSet<String>>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_times_what_a_server_can_take_costs_patience_and_nothing_else() {
    let setup = Setup::default()
        .replicas(0)
        .real_time()
        .with("DATABASE_POOL_MAX", CONNECTIONS.to_string());
    shop_with(setup.clone(), async |shop| {
        shop.announce("unavailable");
        let server = Server::start(shop, &shop.variables(&setup)).await;
        shop.adopt(&server);
        shop.stock("tea", 100, Some(STOCK)).await;
        let seconds = asked_for("WEIR_OVERLOAD_S", SECONDS);
        let phone = shop.visitor().await;
        // More people the longer it takes, since nobody may have very many orders that await payment.
        let people = join_all((0..PEOPLE_A_SECOND * seconds).map(|_| shop.visitor())).await;
        let messages = paid(shop, &phone).await;
        let idle_kib = server.memory_kib("VmRSS");

        let seen = Seen::default();
        let until = Instant::now() + Duration::from_secs(seconds);
        let clients = (0..CLIENTS).zip(people.iter().cycle());
        let clients = join_all(clients.map(|(client, phone)| come_again(phone, client, &seen, until)));
        let others = join(tell_again(shop, &messages, &seen, until), ask_again(shop, until));
        join(clients, others).await;

        // At once, without a pause.
        phone.call("GET", "/v1/orders", None).await.ok(200);
        phone.buy("tea", 1).await;
        shop.call("GET", "/readyz", None).await.ok(200);
        judge(&seen);
        if let (Some(idle), Some(most)) = (idle_kib, server.memory_kib("VmHWM")) {
            tell(&format!("{idle} KiB idle, {most} KiB at the most"));
            assert!(most <= 2 * idle + MEMORY_MORE_KIB, "{idle} KiB became {most} KiB");
        }
        nothing_is_lost(shop, &seen).await;
        assert!(server.kill().await);
    })
    .await;
}

/// Orders that are paid, and what WeChat will say of them.
async fn paid(shop: &Shop, phone: &Phone<'_>) -> Vec<Message> {
    let mut messages = Vec::new();
    for _ in 0..NOTICES {
        let order = phone.buy("tea", 1).await;
        phone.pay(&order).await;
        let number = shop.number(&order).await;
        messages.push(shop.message(json!({ "out_trade_no": number })).await);
    }
    messages
}

/// A client that never rests: reads, orders, and comes again however it was answered.
async fn come_again(phone: &Phone<'_>, client: usize, seen: &Seen, until: Instant) {
    let body = json!({"items": [{"product_id": "tea", "quantity": 1}]});
    let mut round = 0_u32;
    while Instant::now() < until {
        round += 1;
        let begun = Instant::now();
        let answer = if round.is_multiple_of(2) {
            phone.call("GET", "/v1/orders?limit=5", None).await
        } else {
            phone.order(&format!("{client}-{round}"), &body).await
        };
        note(&answer, begun.elapsed(), seen);
    }
}

fn note(answer: &Answer, elapsed: Duration, seen: &Seen) {
    match answer.status {
        200 => {}
        201 => {
            let id = answer.json()["id"].as_str().unwrap().to_owned();
            assert!(seen.orders.lock().unwrap().insert(id));
        }
        429 | 503 => {
            let wait: u32 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!(wait >= 1);
            seen.refused.lock().unwrap().push(elapsed);
            return;
        }
        _ => panic!("{answer:?}"),
    }
    seen.accepted.lock().unwrap().push(elapsed);
}

/// A balancer, to which the server is ready all the time: its phones would go to the next one, and the news with them.
async fn ask_again(shop: &Shop, until: Instant) {
    while Instant::now() < until {
        shop.call("GET", "/readyz", None).await.ok(200);
    }
}

/// WeChat, which tells and tells again; each time it must be believed.
async fn tell_again(shop: &Shop, messages: &[Message], seen: &Seen, until: Instant) {
    for message in messages.iter().cycle() {
        let begun = Instant::now();
        assert_eq!(shop.post(message).await.status, 204);
        seen.notices.lock().unwrap().push(begun.elapsed());
        if Instant::now() >= until && seen.notices.lock().unwrap().len() >= messages.len() {
            return;
        }
    }
}

/// The time within which so many in a hundred were answered.
fn within(times: &Mutex<Vec<Duration>>, share: usize) -> Duration {
    let mut times = times.lock().unwrap().clone();
    times.sort();
    times[(times.len() * share / 100).min(times.len() - 1)]
}

fn judge(seen: &Seen) {
    let count = |times: &Mutex<Vec<Duration>>| times.lock().unwrap().len();
    let (accepted, refused, notices) = (count(&seen.accepted), count(&seen.refused), count(&seen.notices));
    assert!(
        accepted > 0 && refused > CLIENTS,
        "{accepted} accepted, {refused} refused: no overload"
    );
    tell(&format!(
        "{accepted} accepted in {:?}, 99 % in {:?}; {refused} refused in {:?}, 99 % in {:?}; {notices} notices, 99 % in {:?}",
        within(&seen.accepted, 50),
        within(&seen.accepted, 99),
        within(&seen.refused, 50),
        within(&seen.refused, 99),
        within(&seen.notices, 99),
    ));
    let bounds = if asked_for("WEIR_SOAK", 0) > 0 {
        ALONE
    } else {
        AMONG_OTHERS
    };
    assert!(within(&seen.accepted, 99) < bounds.accepted);
    assert!(within(&seen.refused, 99) < bounds.refused);
    assert!(within(&seen.notices, 99) < bounds.notices);
}

async fn nothing_is_lost(shop: &Shop, seen: &Seen) {
    let made: BTreeSet<String> = sqlx::query_scalar("select id::text from orders")
        .fetch_all(&shop.db)
        .await
        .unwrap()
        .into_iter()
        .collect();
    let told = seen.orders.lock().unwrap().clone();
    assert!(told.is_subset(&made), "an order that was promised is gone");
    assert!(!told.is_empty());
    let settled = shop
        .count("select count(*) from payments where not is_surplus")
        .await;
    assert_eq!(settled, i64::try_from(NOTICES).unwrap());
    let sold = shop
        .count("select coalesce(sum(quantity), 0)::bigint from order_items join orders on orders.id = order_id where status <> 'closed'")
        .await;
    let left: Value = json!(shop.stock_left("tea").await);
    assert_eq!(left, json!(i64::from(STOCK) - sold));
}

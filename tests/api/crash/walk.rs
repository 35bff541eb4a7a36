//! A server that dies at each system call of a flow in turn. Between two system calls nothing outside
//! of the process can change, so this covers every instruction of the flows and schedules it ran.
//!
//! `strace` does the killing; where it is missing, the test says so and ends. A long run needs it.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::buyer::Buyer;
use super::front::Front;
use crate::harness::{ADMIN_TOKEN, Server, Setup, Shop, asked_for, shop_with, tell};

/// Some turns of the loop.
const REFUNDED_WITHIN: Duration = Duration::from_mins(3);

/// A thread of another flow may take the call that was meant; then it is tried again, so often in a long run.
const TRIES: usize = 3;
const TRIES_LONG: usize = 8;
/// At how many of a hundred points the server has to die: some come only as often as threads happen to meet.
const STRUCK_PERCENT: usize = 80;
const STRUCK_PERCENT_LONG: usize = 90;

/// What is walked through.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Flow {
    Payment,
    Notification,
    Refund,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_survives_a_death_at_each_of_its_system_calls() {
    walk(Flow::Notification).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_survives_a_death_at_each_of_its_system_calls() {
    if asked_for("WEIR_SOAK", 0) > 0 {
        walk(Flow::Payment).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_survives_a_death_at_each_of_its_system_calls() {
    if asked_for("WEIR_SOAK", 0) > 0 {
        walk(Flow::Refund).await;
    }
}

async fn walk(flow: Flow) {
    if Command::new("strace").arg("-V").output().await.is_err() {
        assert_eq!(asked_for("WEIR_SOAK", 0), 0, "a long run needs strace");
        tell("there is no strace, so nothing was walked through");
        return;
    }
    let (tries, percent) = if asked_for("WEIR_SOAK", 0) > 0 {
        (TRIES_LONG, STRUCK_PERCENT_LONG)
    } else {
        (TRIES, STRUCK_PERCENT)
    };
    let front = Front::start().await;
    let setup = Setup::default()
        .replicas(0)
        .real_time()
        .with("PUBLIC_BASE_URL", format!("http://{}", front.address));
    shop_with(setup.clone(), async |shop| {
        let variables = shop.variables(&setup);
        let mut server = Server::start(shop, &variables).await;
        front.put(server.address);
        put_product(shop, &front).await;
        let cut = AtomicU64::new(0);
        let mut buyer = Buyer::new(shop, format!("http://{}", front.address), &cut, 1).await;
        buyer.log_in().await;
        shop.rule("refund_takes_s", json!(1)).await;
        let points = points(shop, flow, &mut buyer, &mut server).await;
        assert!(server.died_killed().await);
        let mut walker = Walker {
            shop,
            flow,
            front: &front,
            variables: &variables,
            buyer,
            tries,
            runs: 0,
        };
        let mut missed = Vec::new();
        for point in &points {
            if !walker.strikes(point).await {
                missed.push(point);
            }
        }
        let struck = points.len() - missed.len();
        tell(&format!(
            "{flow:?}: {struck} deaths at {} system calls in {} runs; missed {missed:?}",
            points.len(),
            walker.runs
        ));
        assert!(
            struck * 100 >= points.len() * percent,
            "the deaths missed the flow: {missed:?}"
        );
    })
    .await;
}

/// A system call, and the how manieth of that name in its thread.
type Point = (String, u32);

struct Walker<'a> {
    shop: &'a Shop,
    flow: Flow,
    front: &'a Front,
    variables: &'a BTreeMap<&'static str, String>,
    buyer: Buyer<'a>,
    /// How often a point is tried.
    tries: usize,
    /// How often the flow was run.
    runs: usize,
}

impl Walker<'_> {
    /// Whether the server died at this point in one of some tries.
    async fn strikes(&mut self, point: &Point) -> bool {
        for _ in 0..self.tries {
            if self.strikes_once(point).await {
                return true;
            }
        }
        false
    }

    /// Has a server die in the flow, and another one do the same again; tells whether the first died.
    async fn strikes_once(&mut self, (name, nth): &Point) -> bool {
        let (shop, flow, buyer) = (self.shop, self.flow, &mut self.buyer);
        self.runs += 1;
        let mut server = Server::start(self.shop, self.variables).await;
        self.front.put(server.address);
        let order = buyer.order(&format!("walk-{}", self.runs)).await;
        let number = prepare(shop, flow, buyer, &order).await;
        let strace = attach(&server, &["-e", &format!("inject={name}:signal=KILL:when={nth}")]).await;
        let was_done = act(shop, flow, buyer, &mut server, &order, number.as_deref()).await;
        let place = format!("after a death at {name} {nth}");
        if was_done {
            server.kill().await;
        } else {
            assert!(server.died_killed().await, "failed and nobody died, not {place}");
        }
        drop(strace);
        let server = Server::start(self.shop, self.variables).await;
        self.front.put(server.address);
        if was_done && flow == Flow::Notification {
            // Before WeChat tells again: what was answered has its effect.
            assert_eq!(
                shop.order_status(&order).await,
                "paid",
                "answered and lost {place}"
            );
        }
        repeat(shop, flow, buyer, &order, number, &place).await;
        server.kill().await;
        !was_done
    }
}

/// Every system call that a thread makes while the flow runs: its name, and the how manieth of that
/// name. The server dies of it.
async fn points(shop: &Shop, flow: Flow, buyer: &mut Buyer<'_>, server: &mut Server) -> Vec<Point> {
    let file = tempfile::NamedTempFile::new().unwrap();
    let order = buyer.order("walk-to-look").await;
    let number = prepare(shop, flow, buyer, &order).await;
    let mut strace = attach(server, &["-o", file.path().to_str().unwrap()]).await;
    assert!(act(shop, flow, buyer, server, &order, number.as_deref()).await);
    server.send_kill();
    strace.wait().await.unwrap();
    let text = std::fs::read_to_string(file.path()).unwrap();
    let mut counts: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for line in text.lines() {
        let Some((thread, rest)) = line.split_once(' ') else {
            continue;
        };
        if let Some((name, _)) = rest.trim_start().split_once('(')
            && name
                .chars()
                .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
        {
            *counts.entry((name, thread)).or_default() += 1;
        }
    }
    let mut most: BTreeMap<&str, u32> = BTreeMap::new();
    for ((name, _), count) in &counts {
        let most = most.entry(name).or_default();
        *most = (*most).max(*count);
    }
    most.iter()
        .flat_map(|(name, most)| (1..=*most).map(|nth| ((*name).to_owned(), nth)))
        .collect()
}

/// What has to be there before the flow.
async fn prepare(shop: &Shop, flow: Flow, buyer: &mut Buyer<'_>, order: &str) -> Option<String> {
    if flow == Flow::Payment {
        return None;
    }
    let number = buyer.pay_quietly(order).await;
    if flow == Flow::Refund {
        assert!(notify(shop, &number).await);
    }
    Some(number)
}

/// The flow; tells whether it came to its end.
async fn act(
    shop: &Shop,
    flow: Flow,
    buyer: &mut Buyer<'_>,
    server: &mut Server,
    order: &str,
    number: Option<&str>,
) -> bool {
    match (flow, number) {
        (Flow::Notification, Some(number)) => notify(shop, number).await,
        (Flow::Refund, _) => {
            let is_asked = buyer.try_refund(order).await;
            while is_asked && !server.has_ended() {
                if refunds(shop, order)
                    .await
                    .iter()
                    .any(|status| status != "created")
                {
                    return true;
                }
                tokio::task::yield_now().await;
            }
            false
        }
        _ => buyer.try_start_payment(order).await,
    }
}

/// The same again at a server that lives, and what must hold then.
async fn repeat(
    shop: &Shop,
    flow: Flow,
    buyer: &mut Buyer<'_>,
    order: &str,
    number: Option<String>,
    place: &str,
) {
    let number = match number {
        None => buyer.pay_quietly(order).await,
        Some(number) => number,
    };
    if flow == Flow::Payment {
        assert_paid_by(shop, order, &number, place).await;
    }
    if flow == Flow::Refund {
        buyer.refund(order).await;
        let deadline = Instant::now() + REFUNDED_WITHIN;
        while refunds(shop, order).await != ["succeeded"] {
            assert!(Instant::now() < deadline, "not refunded {place}");
            let_time_pass(shop, order).await;
        }
        let known = shop.list("/simulator/refunds").await;
        let of_order = known
            .iter()
            .filter(|refund| refund["out_trade_no"] == number.as_str());
        assert_eq!(of_order.count(), 1, "{place}");
        return;
    }
    assert!(notify(shop, &number).await, "refused {place}");
    assert_eq!(shop.order_status(order).await, "paid", "{place}");
    let payments = shop
        .count("select count(*) from payments where not is_surplus")
        .await;
    let paid = shop
        .count("select count(*) from orders where status = 'paid'")
        .await;
    assert_eq!(payments, paid, "{place}");
}

/// `WeChat` has taken money for this number of the order and takes none for another, known to us or not.
async fn assert_paid_by(shop: &Shop, order: &str, number: &str, place: &str) {
    let sql = "select out_trade_no, order_id::text from payment_attempts";
    let attempts: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(&shop.db).await.unwrap();
    let attempts: BTreeMap<String, String> = attempts.into_iter().collect();
    let mut open = Vec::new();
    for truth in shop.list("/simulator/transactions").await {
        let known = truth["out_trade_no"].as_str().unwrap();
        let Some(owner) = attempts.get(known) else {
            panic!("WeChat has {known} and the books have no intent of it {place}");
        };
        if owner == order && truth["trade_state"] != "CLOSED" {
            open.push(format!("{known} {}", truth["trade_state"]));
        }
    }
    assert_eq!(open, [format!("{number} \"SUCCESS\"")], "{place}");
}

/// Where the refunds of an order stand.
async fn refunds(shop: &Shop, order: &str) -> Vec<String> {
    sqlx::query_scalar("select status from refunds where order_id = $1::uuid")
        .bind(order)
        .fetch_all(&shop.db)
        .await
        .unwrap()
}

/// What is planned for the refunds of an order is due, and what was done lies minutes back. The servers go by the
/// real clock, and the lease of each one that died would be waited for.
async fn let_time_pass(shop: &Shop, order: &str) {
    sqlx::query(
        "update refunds set next_check_at = created_at, lease_until = case when lease_token is not null then created_at end,
            tried_at = case when tried_at is not null then created_at - interval '2 minutes' end,
            unanswered_at = case when unanswered_at is not null then created_at - interval '2 minutes' end
         where order_id = $1::uuid and next_check_at is not null",
    )
    .bind(order)
    .execute(&shop.db)
    .await
    .unwrap();
}

async fn put_product(shop: &Shop, front: &Front) {
    let put = shop
        .http
        .put(format!("http://{}/admin/products/tea", front.address))
        .bearer_auth(ADMIN_TOKEN)
        .header("content-type", "application/json")
        .body(json!({"title": "Tea", "price_fen": 100}).to_string());
    assert_eq!(put.send().await.unwrap().status().as_u16(), 200);
}

/// Has WeChat deliver a notification now; tells whether it was taken.
async fn notify(shop: &Shop, out_trade_no: &str) -> bool {
    let sent = shop
        .control(
            "POST",
            "/simulator/notifications",
            &json!({ "out_trade_no": out_trade_no }),
        )
        .await;
    sent["answers"][0]["status"] == 204
}

/// Has `strace` watch all threads of the server.
async fn attach(server: &Server, arguments: &[&str]) -> Child {
    let mut strace = Command::new("strace")
        .args(["-f", "-p", &server.id().to_string()])
        .args(if arguments.contains(&"-o") {
            &[][..]
        } else {
            &["-o", "/dev/null"][..]
        })
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(strace.stderr.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap_or_default();
    assert!(line.contains("attached"), "{line}");
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    strace
}

//! Connections that are reset at any byte of any route that moves money, while others buy: each request is
//! made again afterwards, as pages and WeChat do, and everything has happened once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use weir::domain::entropy::Entropy;

use crate::harness::{ADMIN_TOKEN, Answer, Message, Phone, Shop, asked_for, log_since, shop, tell};
use crate::reset::{on_the_wire, reset, send};

/// In an ordinary run; a long one says how many in `WEIR_RESETS`.
const RESETS: u64 = 300;
const PHONES: u64 = 6;
/// About as many as one order sees on its way.
const RESETS_OF_AN_ORDER: u64 = 5;
const PRICE_FEN: i64 = 100;
const STOCK: i32 = 100_000;
/// The longest answer of these routes is shorter.
const ANSWER_BYTES: u64 = 1_200;
/// Refunds that the loop takes at once, and notices told at once.
const BATCH: usize = 16;
/// How long a request may be told to come later.
const DONE_WITHIN: Duration = Duration::from_mins(2);

/// How far an order has come.
struct Story<'a> {
    phone: &'a Phone<'a>,
    draws: u64,
    order: String,
    end: &'static str,
}

impl Story<'_> {
    fn draw(&mut self, bound: u64) -> u64 {
        self.draws ^= self.draws << 13;
        self.draws ^= self.draws >> 7;
        self.draws ^= self.draws << 17;
        self.draws % bound
    }

    /// Sends a request and resets its connection: before all of it is sent, or after some of the answer has
    /// come, most often none of it.
    async fn cut(&mut self, request: &[u8]) {
        let shop = self.phone.shop;
        let length = request.len().try_into().unwrap();
        match self.draw(4) {
            0 => {
                let sent = usize::try_from(self.draw(length)).unwrap();
                reset(send(shop, &request[..sent]).await);
            }
            1 => {
                let mut stream = send(shop, request).await;
                let mut wanted = vec![0; self.draw(ANSWER_BYTES).try_into().unwrap()];
                let reading = stream.read_exact(&mut wanted);
                // An answer shorter than that has come whole.
                drop(tokio::time::timeout(Duration::from_millis(100), reading).await);
                reset(stream);
            }
            _ => {
                let stream = send(shop, request).await;
                let pause = Duration::from_micros(self.draw(40_000));
                drop(tokio::time::timeout(pause, stream.readable()).await);
                reset(stream);
            }
        }
        CUT.fetch_add(1, Ordering::Relaxed);
    }

    fn request(&self, path: &str, token: &str, key: Option<&str>, body: &str) -> Vec<u8> {
        let mut headers = vec![
            ("authorization".to_owned(), format!("Bearer {token}")),
            ("content-type".to_owned(), "application/json".to_owned()),
        ];
        headers.extend(key.map(|key| ("idempotency-key".to_owned(), key.to_owned())));
        on_the_wire(self.phone.shop, path, &headers, body.as_bytes())
    }

    /// Makes an order and pays it or not, as luck will have it.
    async fn live(&mut self, key: &str) {
        let body = json!({"items": [{"product_id": "tea", "quantity": 1}]});
        let request = self.request("/v1/orders", &self.phone.token, Some(key), &body.to_string());
        self.cut(&request).await;
        let made = insist(async || self.phone.order(key, &body).await).await;
        made.ok(201)["id"].as_str().unwrap().clone_into(&mut self.order);
        if self.draw(6) == 0 {
            self.close().await;
            return;
        }
        self.tap("payment").await;
        let started = insist(async || self.phone.try_start_payment(&self.order).await).await;
        let parameters = started.ok(200);
        if self.draw(6) == 0 {
            self.close().await;
            return;
        }
        self.phone.pay_with(&parameters).await;
        self.be_told().await;
        self.end = "refunded";
    }

    async fn tap(&mut self, what: &str) {
        let path = format!("/v1/orders/{}/{what}", self.order);
        let request = self.request(&path, &self.phone.token, None, "");
        self.cut(&request).await;
    }

    async fn close(&mut self) {
        let shop = self.phone.shop;
        self.tap("close").await;
        let closed = insist(async || self.phone.close(&self.order).await).await;
        // What is closed already cannot be closed.
        assert!([200, 409].contains(&closed.status), "{closed:?}");
        assert_eq!(shop.order_status(&self.order).await, "closed");
        self.end = "closed";
    }

    /// The news that it is paid comes by a notice or a question, cut each time.
    async fn be_told(&mut self) {
        let shop = self.phone.shop;
        if self.draw(2) == 0 {
            // WeChat is asked once a second, and no second passes: what was begun must come to its end.
            self.tap("sync").await;
            insist(async || {
                let synced = self.phone.sync(&self.order).await;
                Some(()).filter(|()| synced["status"] == "paid")
            })
            .await;
        } else {
            let craft = json!({"out_trade_no": shop.number(&self.order).await});
            let message = shop.message(craft).await;
            let request = on_the_wire(shop, "/wechat/pay/notify", &message.headers, &message.body);
            self.cut(&request).await;
            assert_eq!(shop.post(&message).await.status, 204);
        }
        assert_eq!(shop.order_status(&self.order).await, "paid");
    }

    /// The operator gives all of it back.
    async fn refund(&mut self) {
        let body = json!({ "amount_fen": PRICE_FEN });
        let path = format!("/admin/orders/{}/refunds", self.order);
        let request = self.request(&path, ADMIN_TOKEN, Some(&self.order), &body.to_string());
        self.cut(&request).await;
        let shop = self.phone.shop;
        insist(async || shop.try_refund(&self.order, &self.order, &body).await)
            .await
            .ok(202);
    }

    /// The news that it has arrived.
    async fn be_told_of_refund(&mut self, refund: &Value) {
        let shop = self.phone.shop;
        let success_time = shop.clock.now().to_rfc3339();
        let craft = json!({"out_trade_no": shop.number(&self.order).await, "out_refund_no": refund["out_refund_no"],
            "overrides": {"success_time": success_time}});
        let message: Message = shop.message(craft).await;
        let request = on_the_wire(shop, "/wechat/pay/refund-notify", &message.headers, &message.body);
        self.cut(&request).await;
        assert_eq!(shop.post_refund_notice(&message).await.status, 204);
    }
}

static CUT: AtomicU64 = AtomicU64::new(0);

/// What may say that it is to be asked again.
trait Reply {
    fn is_final(&self) -> bool;
}

impl Reply for Answer {
    fn is_final(&self) -> bool {
        self.status != 409 || self.code() != "request_in_progress"
    }
}

impl Reply for Option<()> {
    fn is_final(&self) -> bool {
        self.is_some()
    }
}

/// Asks again, as a page does, while the request before it is still worked on.
async fn insist<R: Reply>(ask: impl AsyncFn() -> R) -> R {
    let begun = Instant::now();
    loop {
        let reply = ask().await;
        if reply.is_final() {
            return reply;
        }
        assert!(begun.elapsed() < DONE_WITHIN, "it was never done");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_reset_anywhere_lose_nothing_and_double_nothing() {
    let resets = asked_for("WEIR_RESETS", RESETS);
    let seed = u64::from_ne_bytes(Entropy::system().bytes().unwrap());
    tell(&format!("{resets} resets, seed {seed}"));
    let log_from = log_since(0).len();
    shop(async |shop| {
        shop.stock("tea", PRICE_FEN, Some(STOCK)).await;
        // Long enough that a reset finds a call under way.
        shop.faults(json!(
            ["prepay", "query", "close"].map(|api| json!({"kind": "delay", "api": api, "ms": 20}))
        ))
        .await;
        let phones = join_all((0..PHONES).map(|_| shop.visitor())).await;
        let lives = resets.div_ceil(PHONES * RESETS_OF_AN_ORDER);
        let stories = join_all(
            phones
                .iter()
                .zip(1..)
                .map(|(phone, who)| live(phone, lives, seed ^ who)),
        )
        .await;
        let mut stories: Vec<Story<'_>> = stories.into_iter().flatten().collect();
        send_refunds(shop, stories.len()).await;
        let of_refund = join_all(stories.iter().map(|story| refund_of(shop, &story.order))).await;
        let telling = stories.iter_mut().zip(&of_refund).filter_map(|(story, refund)| {
            let refund = refund.as_ref()?;
            Some(story.be_told_of_refund(refund))
        });
        for batch in batches(telling) {
            join_all(batch).await;
        }
        judge(shop, &stories).await;
        struck(shop, log_from, resets).await;
    })
    .await;
}

/// The resets have struck: as many as were wanted, and handlers at work among them.
async fn struck(shop: &Shop, log_from: usize, resets: u64) {
    let users: Vec<String> = sqlx::query_scalar("select id::text from users")
        .fetch_all(&shop.db)
        .await
        .unwrap();
    let lines = log_since(log_from);
    let is_gone = |line: &&String| {
        line.contains("\"status\":499") && users.iter().any(|user| line.contains(user.as_str()))
    };
    let (cut, gone) = (CUT.load(Ordering::Relaxed), lines.iter().filter(is_gone).count());
    tell(&format!(
        "{cut} connections were reset, {gone} with a handler at work"
    ));
    assert!(
        cut >= resets / 2 && gone > 5,
        "{cut} and {gone}: the resets struck nothing"
    );
}

/// One person's orders, one after the other, each refunded in the end if it was paid.
async fn live<'a>(phone: &'a Phone<'a>, lives: u64, seed: u64) -> Vec<Story<'a>> {
    let mut stories = Vec::new();
    let mut draws = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for number in 0..lives {
        let mut story = Story {
            phone,
            draws,
            order: String::new(),
            end: "",
        };
        story.live(&format!("key-{number}")).await;
        if story.end == "refunded" {
            story.refund().await;
        }
        draws = story.draws;
        stories.push(story);
    }
    stories
}

/// Sends all refunds to `WeChat`, of which the loop rests after each full batch.
async fn send_refunds(shop: &Shop, orders: usize) {
    for _ in 0..=orders.div_ceil(BATCH) {
        shop.run_workers().await;
        shop.advance(1).await;
    }
    let unsent = shop
        .count("select count(*) from refunds where status = 'created'")
        .await;
    assert_eq!(unsent, 0);
}

fn batches<T>(all: impl Iterator<Item = T>) -> Vec<Vec<T>> {
    let mut batches = Vec::new();
    for one in all {
        match batches.last_mut() {
            Some(last) if Vec::len(last) < BATCH => last.push(one),
            _ => batches.push(vec![one]),
        }
    }
    batches
}

/// The refund of an order as its notice names it.
async fn refund_of(shop: &Shop, order: &str) -> Option<Value> {
    sqlx::query_scalar::<_, String>("select out_refund_no from refunds where order_id = $1::uuid")
        .bind(order)
        .fetch_optional(&shop.db)
        .await
        .unwrap()
        .map(|number| json!({ "out_refund_no": number }))
}

async fn judge(shop: &Shop, stories: &[Story<'_>]) {
    for story in stories {
        assert_eq!(shop.order_status(&story.order).await, story.end);
    }
    let count = |end| stories.iter().filter(|story| story.end == end).count();
    let (refunded, closed) = (count("refunded"), count("closed"));
    assert!(refunded > 0 && closed > 0);
    let orders = shop.count("select count(*) from orders").await;
    assert_eq!(
        orders,
        i64::try_from(stories.len()).unwrap(),
        "one order for each key"
    );
    let payments = shop.count("select count(*) from payments").await;
    assert_eq!(payments, i64::try_from(refunded).unwrap());
    assert_eq!(shop.refunds_at_wechat().await.len(), refunded);
    assert_eq!(shop.exceptions().await, []);
    let left = shop.stock_left("tea").await.unwrap();
    assert_eq!(left + payments, i64::from(STOCK), "the stock does not add up");
}

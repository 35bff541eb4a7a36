//! Very many notifications at once, each several times, in any order, at two servers, among refused
//! ones and queries: one settlement for each order.

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;
use serde_json::json;
use weir::domain::entropy::Entropy;

use crate::harness::{Message, Phone, Setup, Shop, asked_for, shop_with, tell};

/// In an ordinary run; a long one says how many in `WEIR_ORDERS`.
const ORDERS: u64 = 1_000;
/// Of each phone; fewer than may await payment at once.
const ORDERS_EACH: u64 = 100;
const AT_ONCE: usize = 64;
/// So many orders are told of before WeChat signs the next notifications, which are good for five minutes.
const PART: usize = 250;

/// What happens to one order.
#[derive(Clone, Copy, Debug)]
enum Act {
    Deliver { replica: usize },
    Refuse { kind: usize },
    Sync { replica: usize },
}

/// Random numbers of one story.
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

#[tokio::test]
async fn each_order_is_settled_once_however_often_it_is_told() {
    let orders = asked_for("WEIR_ORDERS", ORDERS);
    let seed = u64::from_ne_bytes(Entropy::system().bytes().unwrap());
    tell(&format!("{orders} orders, seed {seed}"));
    shop_with(Setup::default().replicas(2), async |shop| {
        shop.stock("tea", 100, None).await;
        let phones = join_all((0..orders.div_ceil(ORDERS_EACH)).map(|_| shop.visitor())).await;
        let bought = join_all(phones.iter().map(|phone| buy(phone, ORDERS_EACH.min(orders)))).await;
        let bought: Vec<_> = bought.into_iter().flatten().collect();
        let mut draws = Draws(seed);
        for part in bought.chunks(PART) {
            let told = messages(shop, part).await;
            shop.catch_up().await;
            let acts = acts(&mut draws, part.len());
            let count = acts.len();
            let doing = stream::iter(acts)
                .map(|(order, act)| perform(shop, &phones, &told[order], act))
                .buffer_unordered(AT_ONCE);
            assert_eq!(doing.count().await, count);
        }
        each_is_settled_once(shop, i64::try_from(bought.len()).unwrap()).await;
    })
    .await;
}

/// What happens to so many orders, in any order.
fn acts(draws: &mut Draws, orders: usize) -> Vec<(usize, Act)> {
    let mut acts = Vec::new();
    for order in 0..orders {
        for _ in 0..2 + draws.below(19) {
            acts.push((
                order,
                Act::Deliver {
                    replica: draws.below(2),
                },
            ));
        }
        if draws.below(2) == 0 {
            acts.push((order, Act::Refuse { kind: draws.below(3) }));
        }
        if draws.below(4) == 0 {
            acts.push((
                order,
                Act::Sync {
                    replica: draws.below(2),
                },
            ));
        }
    }
    for last in (1..acts.len()).rev() {
        acts.swap(last, draws.below(last + 1));
    }
    acts
}

/// Orders and pays; gives who and the order.
async fn buy(phone: &Phone<'_>, count: u64) -> Vec<(String, String)> {
    let mut bought = Vec::new();
    for _ in 0..count {
        phone.shop.keep_up().await;
        let order = phone.buy("tea", 1).await;
        phone.pay(&order).await;
        bought.push((phone.user_id.clone(), order));
    }
    bought
}

/// The notification of each order: who, the order, and what WeChat says.
async fn messages<'a>(shop: &Shop, bought: &'a [(String, String)]) -> Vec<(&'a str, &'a str, Message)> {
    let mut messages = Vec::new();
    for (who, order) in bought {
        let craft = json!({"out_trade_no": shop.number(order).await});
        messages.push((who.as_str(), order.as_str(), shop.message(craft).await));
    }
    messages
}

async fn perform(shop: &Shop, phones: &[Phone<'_>], (who, order, message): &(&str, &str, Message), act: Act) {
    match act {
        Act::Deliver { replica } => {
            let answer = shop.post_at(replica, message).await;
            assert_eq!(answer.status, 204, "{answer:?}");
        }
        Act::Refuse { kind } => {
            let spoilt = match kind {
                0 => message.with("wechatpay-nonce", "another"),
                1 => message.without("wechatpay-timestamp"),
                _ => message.with_body([&message.body[..], b" "].concat()),
            };
            assert_eq!(shop.post(&spoilt).await.status, 401);
        }
        Act::Sync { replica } => {
            shop.keep_up().await;
            let phone = phones.iter().find(|phone| phone.user_id == *who).unwrap();
            let answer = phone
                .call_at(replica, "POST", &format!("/v1/orders/{order}/sync"))
                .await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    }
}

async fn each_is_settled_once(shop: &Shop, orders: i64) {
    for sql in [
        "select count(*) from orders where status = 'paid'",
        "select count(*) from payments where not is_surplus",
        "select count(*) from events where kind = 'order.paid'",
        "select count(distinct order_id) from events where kind = 'order.paid'",
        "select count(*) from payment_attempts where state = 'settled'",
    ] {
        assert_eq!(shop.count(sql).await, orders, "{sql}");
    }
    let told = shop
        .count("select count(*) from notifications where verdict = 'settled'")
        .await;
    let asked = shop
        .count("select count(*) from payments where source = 'query'")
        .await;
    assert_eq!(told + asked, orders);
    assert_eq!(shop.exceptions().await, []);
}

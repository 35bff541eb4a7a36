//! Sides that are slow: whoever waits for them has a share of the server, and no more than that.

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::{join, join_all};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use weir::http::Bounds;
use weir::store::pool::PoolLimits;

use super::paid;
use crate::harness::{Answer, Phone, Setup, Shop, held, shop_with, until};
use crate::picture::picture;

/// So many that a quarter of them is easily filled.
const IN_HAND: usize = 32;
const LANE: usize = IN_HAND / 4;
const SHED: &str = "weir_http_shed_total{reason=\"database\"}";

fn small() -> Setup {
    Setup {
        bounds: Bounds {
            in_hand_max: IN_HAND,
            ..Bounds::default()
        },
        ..Setup::default().patience(Duration::from_secs(30))
    }
}

fn is_shed(answer: &Answer) -> bool {
    if answer.status == 503 {
        answer.refused(503, "unavailable");
        assert!(answer.header("retry-after").is_some());
    }
    answer.status == 503
}

/// What goes on whoever is slow: reads, news of money, the operator.
async fn others_are_served(shop: &Shop, phone: &Phone<'_>) {
    for _ in 0..3 {
        phone.call("GET", "/v1/me", None).await.ok(200);
        phone.call("GET", "/v1/orders", None).await.ok(200);
        shop.admin("GET", "/admin/orders", None).await.ok(200);
    }
}

#[tokio::test]
async fn a_slow_wechat_pay_holds_up_payments_alone() {
    shop_with(small(), async |shop| {
        shop.announce("unavailable");
        shop.stock("tea", 100, None).await;
        let (phone, mut guest) = (shop.visitor().await, shop.phone().await);
        let messages = paid(shop, &phone).await;
        let mut orders = Vec::new();
        for _ in 0..LANE * 2 {
            orders.push(phone.buy("tea", 1).await);
        }
        let known = shop.calls("prepay").await.len();
        shop.faults(json!([held("delay", "prepay")])).await;
        let is_answered = AtomicBool::new(false);
        let tapping = async {
            let taps = orders[..LANE].iter().map(|order| phone.try_start_payment(order));
            let answers = join_all(taps).await;
            is_answered.store(true, Ordering::SeqCst);
            answers
        };
        let meanwhile = async {
            shop.calls_until("prepay", known + LANE).await;
            let late = orders[LANE..].iter().map(|order| phone.try_start_payment(order));
            assert!(join_all(late).await.iter().all(is_shed));
            others_are_served(shop, &phone).await;
            guest.login().await;
            for message in &messages {
                assert_eq!(shop.post(message).await.status, 204);
            }
            assert!(!is_answered.load(Ordering::SeqCst), "WeChat held nothing back");
            shop.let_go().await;
        };
        let (answers, ()) = join(tapping, meanwhile).await;
        assert!(answers.iter().all(|answer| answer.status == 200));
        for order in &orders[LANE..] {
            phone.start_payment(order).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_slow_login_holds_up_logins_alone() {
    shop_with(small(), async |shop| {
        shop.announce("unavailable");
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let messages = paid(shop, &phone).await;
        let guests = join_all((0..LANE * 2).map(|_| shop.phone())).await;
        let codes = join_all(guests.iter().map(|guest| guest.code(crate::harness::APP))).await;
        let bodies: Vec<_> = codes.iter().map(|code| json!({ "code": code })).collect();
        let known = shop.calls("login").await.len();
        shop.faults(json!([held("delay", "login")])).await;
        let is_answered = AtomicBool::new(false);
        let logins = async {
            let logins = (0..LANE).map(|who| guests[who].try_login(&bodies[who]));
            let answers = join_all(logins).await;
            is_answered.store(true, Ordering::SeqCst);
            answers
        };
        let meanwhile = async {
            shop.calls_until("login", known + LANE).await;
            let late = (LANE..LANE * 2).map(|who| guests[who].try_login(&bodies[who]));
            assert!(join_all(late).await.iter().all(is_shed));
            others_are_served(shop, &phone).await;
            let order = phone.buy("tea", 1).await;
            phone.start_payment(&order).await;
            assert_eq!(shop.post(&messages[0]).await.status, 204);
            assert!(!is_answered.load(Ordering::SeqCst), "WeChat held nothing back");
            shop.let_go().await;
        };
        let (answers, ()) = join(logins, meanwhile).await;
        assert!(answers.iter().all(|answer| answer.status == 200));
        // Whoever was refused did not lose the code.
        guests[LANE].try_login(&bodies[LANE]).await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn what_strangers_begin_to_send_where_wechat_reports_holds_up_callbacks_alone() {
    let mut setup = small();
    setup.bounds.body_deadline = Duration::from_mins(10);
    shop_with(setup, async |shop| {
        shop.announce("FAIL");
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let messages = paid(shop, &phone).await;
        let begun = b"POST /wechat/pay/notify HTTP/1.1\r\nhost: t\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n";
        let mut strangers = Vec::new();
        for _ in 0..IN_HAND {
            let mut stream = TcpStream::connect(shop.address_of(0)).await.unwrap();
            stream.write_all(begun).await.unwrap();
            // From here on it is waited for, if it was let in.
            stream.read_exact(&mut [0; "HTTP/1.1 100 Continue".len()]).await.unwrap();
            strangers.push(stream);
        }
        assert_eq!(shop.post(&messages[0]).await.status, 503);
        others_are_served(shop, &phone).await;
        let order = phone.buy("tea", 1).await;
        phone.start_payment(&order).await;
        for stream in strangers {
            stream.set_zero_linger().unwrap();
        }
        for message in &messages {
            until(async || shop.post(message).await.status == 204).await;
        }
    })
    .await;
}

#[tokio::test]
async fn files_that_stand_still_hold_up_no_other_file() {
    shop_with(small(), async |shop| {
        // Nothing comes out of the pipe.
        shop.announce("unavailable");
        let phone = shop.visitor().await;
        let (_, still) = phone.keep(picture("plain.png")).await;
        let (_, other) = phone.keep(picture("palette.png")).await;
        let place = shop.files_folder().join(shop.object_name(&still).await);
        let (aside, pipe) = (place.with_extension("aside"), place.with_extension("pipe"));
        // Whoever opens a pipe to read waits until somebody opens it to write.
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        std::fs::rename(&place, &aside).unwrap();
        std::fs::hard_link(&pipe, &place).unwrap();
        let fetch = async |path: &str| shop.send(shop.request("GET", path, None, None)).await;
        let waiting = join_all((0..LANE - 1).map(|_| fetch(&still)));
        let meanwhile = async {
            for _ in 0..3 {
                others_are_served(shop, &phone).await;
                assert_eq!(fetch(&other).await.status, 200);
            }
            // Late ones find the file again.
            std::fs::rename(&aside, &place).unwrap();
            std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
            std::fs::remove_file(&pipe).unwrap();
        };
        join(waiting, meanwhile).await;
        assert_eq!(fetch(&still).await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn whoever_goes_away_keeps_the_place_until_the_work_is_done() {
    shop_with(small(), async |shop| {
        shop.announce("unavailable");
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let mut orders = Vec::new();
        for _ in 0..=LANE {
            orders.push(phone.buy("tea", 1).await);
        }
        let late = orders.pop().unwrap();
        shop.faults(json!([held("delay", "prepay")])).await;
        let mut streams = Vec::new();
        for order in &orders {
            let mut stream = TcpStream::connect(shop.address_of(0)).await.unwrap();
            let request = format!(
                "POST /v1/orders/{order}/payment HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {}\r\ncontent-length: 0\r\n\r\n",
                phone.token
            );
            stream.write_all(request.as_bytes()).await.unwrap();
            streams.push(stream);
        }
        shop.calls_until("prepay", LANE).await;
        for stream in streams {
            stream.set_zero_linger().unwrap();
        }
        others_are_served(shop, &phone).await;
        assert!(is_shed(&phone.try_start_payment(&late).await));
        shop.let_go().await;
        until(async || phone.try_start_payment(&late).await.status == 200).await;
        for order in &orders {
            until(async || shop.state(order).await == "prepaid").await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_database_that_stands_still_is_queued_for_by_a_few_and_never_by_news_of_money() {
    let setup = Setup::default()
        .with("DATABASE_POOL_MAX", "8")
        .pool_limits(PoolLimits::default());
    shop_with(setup, async |shop| {
        shop.announce("unavailable");
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let messages = paid(shop, &phone).await;
        let order = phone.buy("tea", 1).await;
        let before = shop.metric(SHED).await;
        let mut held = shop.db.begin().await.unwrap();
        sqlx::query("select 1 from orders where id = $1::uuid for update")
            .bind(&order)
            .execute(&mut *held)
            .await
            .unwrap();
        let is_over = AtomicBool::new(false);
        let refused = AtomicUsize::new(0);
        // Twice as many as have room: six connections are not kept, and eight may queue for each.
        let closing = join_all((0..140).map(async |_| {
            while !is_over.load(Ordering::SeqCst) {
                let answer = phone.close(&order).await;
                // Once the row is free, the last ones close it.
                if !is_over.load(Ordering::SeqCst) {
                    assert!(is_shed(&answer), "{answer:?}");
                    refused.fetch_add(1, Ordering::SeqCst);
                }
            }
        }));
        let meanwhile = async {
            until(async || shop.lock_waiters().await == 6).await;
            for message in &messages {
                assert_eq!(shop.post(message).await.status, 204);
            }
            shop.admin("GET", "/admin/orders", None).await.ok(200);
            until(async || refused.load(Ordering::SeqCst) > 140).await;
            is_over.store(true, Ordering::SeqCst);
            held.rollback().await.unwrap();
        };
        join(closing, meanwhile).await;
        assert!(
            shop.metric(SHED).await > before + 60,
            "nobody was refused at the door"
        );
        phone.call("GET", "/v1/me", None).await.ok(200);
        phone.buy("tea", 1).await;
    })
    .await;
}

//! A client that resets its connection stops nothing that moves money. A polite close proves
//! nothing: the web server notices only a reset, and then drops the handler.

use std::fmt::Write as _;

use chrono::TimeDelta;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::harness::{Message, Phone, Shop, held, shop, until};

/// A request as bytes on the wire.
pub(crate) fn on_the_wire(shop: &Shop, path: &str, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let host = shop.url("").replace("http://", "");
    let mut head = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}

fn tap(phone: &Phone<'_>, order: &str, what: &str) -> Vec<u8> {
    let token = ("authorization".to_owned(), format!("Bearer {}", phone.token));
    on_the_wire(phone.shop, &format!("/v1/orders/{order}/{what}"), &[token], b"")
}

fn delivery(shop: &Shop, message: &Message) -> Vec<u8> {
    on_the_wire(shop, "/wechat/pay/notify", &message.headers, &message.body)
}

/// Sends bytes on a connection of their own, and leaves it open.
pub(crate) async fn send(shop: &Shop, bytes: &[u8]) -> TcpStream {
    let host = shop.url("").replace("http://", "");
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// Ends a connection by a reset.
pub(crate) fn reset(stream: TcpStream) {
    stream.set_zero_linger().unwrap();
    drop(stream);
}

/// Waits until the server has let go of the handler of the connection that was reset: it answers
/// the next request on the same thread.
pub(crate) async fn until_noticed(shop: &Shop) {
    for _ in 0..3 {
        assert_eq!(shop.call("GET", "/healthz", None).await.status, 200);
    }
}

#[tokio::test]
async fn a_payment_whose_client_resets_is_started_all_the_same() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        shop.faults(json!([held("delay", "prepay")])).await;
        let stream = send(shop, &tap(&phone, &order, "payment")).await;
        shop.calls_until("prepay", 1).await;
        reset(stream);
        until_noticed(shop).await;
        shop.let_go().await;
        until(async || shop.state(&order).await == "prepaid").await;
        assert!(!shop.is_leased(&order).await);
        phone.pay(&order).await;
        assert_eq!(shop.calls("prepay").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_close_whose_client_resets_is_done_all_the_same() {
    shop(async |shop| {
        shop.stock("tea", 100, Some(9)).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        phone.start_payment(&order).await;
        shop.faults(json!([held("delay", "close")])).await;
        let stream = send(shop, &tap(&phone, &order, "close")).await;
        shop.calls_until("close", 1).await;
        reset(stream);
        until_noticed(shop).await;
        shop.let_go().await;
        until(async || shop.order_status(&order).await == "closed").await;
        assert_eq!(shop.stock_left("tea").await, Some(9));
    })
    .await;
}

#[tokio::test]
async fn a_query_whose_client_resets_settles_all_the_same() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        phone.pay(&order).await;
        shop.faults(json!([held("delay", "query")])).await;
        let stream = send(shop, &tap(&phone, &order, "sync")).await;
        shop.calls_until("query", 1).await;
        reset(stream);
        until_noticed(shop).await;
        shop.let_go().await;
        until(async || shop.order_status(&order).await == "paid").await;
    })
    .await;
}

#[tokio::test]
async fn a_phone_number_whose_client_resets_is_kept_all_the_same() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let code = phone.phone_code().await;
        shop.faults(json!([held("delay", "phone_number")])).await;
        let headers = [
            ("authorization".to_owned(), format!("Bearer {}", phone.token)),
            ("content-type".to_owned(), "application/json".to_owned()),
        ];
        let body = json!({ "code": code }).to_string();
        let request = on_the_wire(shop, "/v1/phone-number", &headers, body.as_bytes());
        let stream = send(shop, &request).await;
        shop.calls_until("phone_number", 1).await;
        reset(stream);
        until_noticed(shop).await;
        shop.let_go().await;
        until(async || !phone.shown_number().await.is_null()).await;
        phone.give_number(&code).await.ok(200);
        assert_eq!(shop.calls("phone_number").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_notification_whose_sender_resets_has_its_effect_all_the_same() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        // One that pays, and one that takes the long way because its order is closed.
        let order = phone.buy("tea", 1).await;
        phone.pay(&order).await;
        let closed = phone.buy("tea", 1).await;
        let sheet = phone.cashier(&phone.start_payment(&closed).await).await;
        phone.close(&closed).await.ok(200);
        phone.pay_despite_close(&sheet).await;
        for (order, verdict) in [(&order, "settled"), (&closed, "paid_after_close")] {
            let message = shop
                .message(json!({"out_trade_no": shop.number(order).await}))
                .await;
            let counted = format!("weir_notifications_total{{verdict=\"{verdict}\"}}");
            let before = shop.metric(&counted).await;
            let mut held = shop.db.begin().await.unwrap();
            sqlx::query("select 1 from payment_attempts for update")
                .execute(&mut *held)
                .await
                .unwrap();
            let stream = send(shop, &delivery(shop, &message)).await;
            until(async || shop.lock_waiters().await > 0).await;
            reset(stream);
            until_noticed(shop).await;
            held.rollback().await.unwrap();
            until(async || shop.verdicts().await.contains(&verdict.to_owned())).await;
            until(async || shop.metric(&counted).await > before).await;
            // Told again, it is known.
            assert_eq!(shop.post(&message).await.status, 204);
        }
        assert_eq!(phone.status(&order).await, "paid");
        assert_eq!(
            shop.exceptions().await,
            [("paid_after_close".to_owned(), Some(closed))]
        );
    })
    .await;
}

#[tokio::test]
async fn a_request_that_breaks_off_anywhere_leaves_nothing_half_done() {
    shop(async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        let request = tap(&phone, &order, "payment");
        for length in [1, 20, request.len() / 2, request.len() - 1] {
            reset(send(shop, &request[..length]).await);
        }
        until_noticed(shop).await;
        assert_eq!(shop.attempts(&order).await, []);
        // Sent whole and reset at once: whether it was read or not, the next tap goes well.
        reset(send(shop, &request).await);
        let parameters = phone.start_payment(&order).await;
        assert_eq!(shop.calls("prepay").await.len(), 1);
        phone.pay_with(&parameters).await;

        let message = shop
            .message(json!({"out_trade_no": shop.number(&order).await}))
            .await;
        let request = delivery(shop, &message);
        let head = request.len() - message.body.len();
        for length in [1, head / 2, head, head + 1, request.len() - 1] {
            reset(send(shop, &request[..length]).await);
        }
        until_noticed(shop).await;
        assert_eq!(phone.status(&order).await, "awaiting_payment");
        reset(send(shop, &request).await);
        shop.clock.advance(TimeDelta::seconds(15));
        assert_eq!(shop.deliver().await[0]["status"], 204);
        assert_eq!(phone.status(&order).await, "paid");
        assert_eq!(shop.count("select count(*) from payments").await, 1);
    })
    .await;
}

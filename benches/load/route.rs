//! The routes under load: their requests, made before the clock starts, and what must hold once all
//! are answered.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use weir::domain::clock::Clock;
use weir::domain::name::AppId;
use weir::service::login::token::{SessionTokens, TokenSubject};
use weir::wechat::crypto::VerifyingKey;

use crate::database::{Database, Kind, PRODUCTS, TOTAL_FEN, USERS, id};
use crate::document::{self, Size};
use crate::generator::{Outcome, content_length, head_end};
use crate::notification;
use crate::open_data;
use crate::settings::{APP, JWT_KEY, MERCHANT_PUBLIC_KEY, openid};
use crate::stand_in::StandIn;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Read,
    Login,
    Order,
    Payment,
    Notification,
    OpenData,
    AddDocument(Size),
    FindDocuments(Size),
}

/// All of them, in the order in which a customer meets them.
pub(crate) const ALL: [Route; 10] = [
    Route::Read,
    Route::Login,
    Route::Order,
    Route::Payment,
    Route::Notification,
    Route::OpenData,
    Route::AddDocument(Size::Small),
    Route::AddDocument(Size::Large),
    Route::FindDocuments(Size::Small),
    Route::FindDocuments(Size::Large),
];

/// Orders and codes that no round has used yet.
#[derive(Debug, Default)]
pub(crate) struct Stock {
    next_order: u64,
    next_login: u64,
}

impl Stock {
    /// The first order that nobody has used.
    pub(crate) fn next_order(&self) -> u64 {
        self.next_order
    }

    /// Leaves out the orders before this one.
    pub(crate) fn skip_to(&mut self, order: u64) {
        self.next_order = order;
    }
}

/// Requests of one round, and the state of the books before it.
#[derive(Debug)]
pub(crate) struct Round {
    route: Route,
    /// The requests.
    pub(crate) requests: Vec<Vec<u8>>,
    from: u64,
    effects_before: u64,
}

impl Route {
    /// The request, as a person would name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Read => "GET /v1/me",
            Self::Login => "POST /v1/login",
            Self::Order => "POST /v1/orders",
            Self::Payment => "POST …/payment",
            Self::Notification => "POST …/notify",
            Self::OpenData => "POST /v1/open-data",
            Self::AddDocument(Size::Small) => "POST …/documents, 10⁴",
            Self::AddDocument(Size::Large) => "POST …/documents, 10⁶",
            Self::FindDocuments(Size::Small) => "POST …/query, 10⁴",
            Self::FindDocuments(Size::Large) => "POST …/query, 10⁶",
        }
    }

    /// The status of success.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Read | Self::Login | Self::Payment | Self::OpenData | Self::FindDocuments(_) => 200,
            Self::Order | Self::AddDocument(_) => 201,
            Self::Notification => 204,
        }
    }

    /// How many requests a round has: a few seconds' worth.
    pub(crate) fn count(self) -> usize {
        match self {
            Self::Read => 100_000,
            Self::Login => 30_000,
            Self::Order => 12_000,
            // Over before the first of them is asked for, 5 s after it was begun.
            Self::Payment => 2_000,
            Self::Notification => 20_000,
            // Fewer than the smaller collection holds, which is to stay one of its size.
            Self::AddDocument(_) | Self::FindDocuments(_) => 5_000,
            Self::OpenData => 60_000,
        }
    }

    /// Makes a round of `count` requests.
    pub(crate) fn prepare(self, count: usize, stock: &mut Stock, database: &Database) -> Round {
        let count = count as u64;
        let now = Clock::system().now();
        let (from, requests) = match self {
            Self::Read => (
                0,
                tokens(0, 20_000, now).iter().map(|token| read(token)).collect(),
            ),
            Self::Login => {
                let from = stock.next_login;
                stock.next_login += count;
                (from, (from..from + count).map(login).collect())
            }
            Self::Order => {
                let from = stock.next_order;
                stock.next_order += count;
                let tokens = tokens(from, count, now);
                let numbered = (from..).zip(&tokens);
                (
                    from,
                    numbered.map(|(number, token)| order(number, token)).collect(),
                )
            }
            Self::Payment => {
                let from = stock.next_order;
                stock.next_order += count;
                database.insert_orders(from, count, false);
                let tokens = tokens(from, count, now);
                let numbered = (from..).zip(&tokens);
                (
                    from,
                    numbered.map(|(number, token)| payment(number, token)).collect(),
                )
            }
            Self::Notification => {
                let from = stock.next_order;
                stock.next_order += count;
                database.insert_orders(from, count, true);
                (from, notification::requests(from, count, now))
            }
            Self::OpenData => {
                open_data::keep_keys(database);
                let tokens = tokens(0, open_data::PEOPLE, now);
                let numbered = (0..).zip(&tokens);
                (
                    0,
                    numbered
                        .map(|(number, token)| sealed(number, token, now))
                        .collect(),
                )
            }
            Self::AddDocument(size) => {
                let request = |number, token: &str| add_document(size, number, token);
                (0, about_documents(request, count, database, now))
            }
            Self::FindDocuments(size) => {
                let request = |number, token: &str| find_documents(size, number, token);
                (0, about_documents(request, count, database, now))
            }
        };
        Round {
            route: self,
            requests,
            from,
            effects_before: self.effects(database, from, count),
        }
    }

    /// How many of the effects that a round must have are in the books.
    pub(crate) fn effects(self, database: &Database, from: u64, count: u64) -> u64 {
        let (first, last) = (id(Kind::Order, from), id(Kind::Order, from + count.max(1) - 1));
        match self {
            Self::Read => 0,
            // Nothing is written for what opens.
            Self::OpenData => {
                database.count("select count(*) from sessions where open_data_failures <> '{}'")
            }
            Self::AddDocument(_) | Self::FindDocuments(_) => database.count("select count(*) from documents"),
            Self::Login => database.count("select count(*) from sessions"),
            // The orders of these requests alone have a second line.
            Self::Order => database
                .count("select count(*) from orders join order_items on order_id = id where position = 1"),
            Self::Payment => database.count(&format!(
                "select count(*) from payment_attempts where state = 'prepaid' and request_payment is not null
                    and order_id between '{first}' and '{last}'"
            )),
            Self::Notification => database.count(&format!(
                "select count(*) from orders
                    join payments on payments.order_id = orders.id
                    join payment_attempts on payment_attempts.id = payments.attempt_id and state = 'settled'
                    join notifications on notifications.order_id = orders.id and verdict = 'settled'
                    join events on events.order_id = orders.id and events.kind = 'order.paid'
                 where orders.status = 'paid' and payments.total_fen = {TOTAL_FEN}
                    and orders.id between '{first}' and '{last}'"
            )),
        }
    }
}

impl Round {
    /// Checks what the round must have done. A difference ends the program: a server that is wrong is
    /// not fast.
    pub(crate) fn check(&self, outcome: &Outcome, database: &Database, wechat: &StandIn) {
        let count = outcome.latencies_us.len() as u64;
        let effects = self.route.effects(database, self.from, count) - self.effects_before;
        let is_reading = matches!(
            self.route,
            Route::Read | Route::OpenData | Route::FindDocuments(_)
        );
        let wanted = if is_reading { 0 } else { count };
        assert_eq!(effects, wanted, "{} left the wrong books", self.route.name());
        for (number, body) in &outcome.bodies {
            let number = *number as u64;
            if self.route == Route::Notification {
                assert!(body.is_empty(), "a notification is answered without a body");
                continue;
            }
            let body: Value = serde_json::from_slice(body).expect("JSON");
            let user = id(Kind::User, (self.from + number) % USERS).to_string();
            match self.route {
                Route::Read => {
                    let user = id(Kind::User, number % self.requests.len() as u64).to_string();
                    assert_eq!(body["id"], user.as_str(), "another user");
                }
                Route::Login if !(self.from + number).is_multiple_of(10) => {
                    assert_eq!(body["user"]["id"], user.as_str(), "another user");
                }
                Route::Login => assert_eq!(body["is_new_user"], true, "{body}"),
                Route::Order => assert_eq!(body["total_fen"], 2 * TOTAL_FEN, "{body}"),
                Route::Payment => check_pay_sign(&body),
                Route::OpenData => {
                    let openid = openid(number % self.requests.len() as u64);
                    assert_eq!(body["data"]["openId"], openid.as_str(), "another's data");
                }
                Route::AddDocument(_) => {
                    let owner = number % self.requests.len() as u64 % document::PEOPLE;
                    let owner = id(Kind::User, owner).to_string();
                    assert_eq!(body["owner"], owner.as_str(), "another user's");
                }
                Route::FindDocuments(size) => {
                    let items = body["items"].as_array().expect("a page");
                    assert_eq!(items.len() as u64, document::PAGE, "{body}");
                    let group = number % self.requests.len() as u64 % size.groups();
                    assert!(items.iter().all(|item| item["data"]["group"] == group), "{body}");
                }
                Route::Notification => {}
            }
        }
        if let Route::AddDocument(_) = self.route {
            document::clear(database);
        }
        if self.route == Route::Payment {
            let calls = wechat.take_calls();
            assert!(!calls.is_empty(), "no call reached WeChat");
            for call in &calls {
                check_authorization(call);
            }
        }
    }
}

/// Tokens of the first sessions, from now on.
pub(crate) fn tokens_now(count: u64) -> Vec<String> {
    tokens(0, count, Clock::system().now())
}

/// Tokens of the sessions numbered from `from`, as the server itself would give them.
fn tokens(from: u64, count: u64, now: DateTime<Utc>) -> Vec<String> {
    let key = STANDARD.decode(JWT_KEY).expect("a key");
    let app = AppId::parse(APP).expect("an app id");
    let tokens = SessionTokens::new([key.as_slice()], std::iter::once(&app));
    (from..from + count)
        .map(|number| {
            let subject = TokenSubject {
                app_id: app.clone(),
                session_id: id(Kind::Session, number % USERS).into(),
                user_id: id(Kind::User, number % USERS).into(),
            };
            tokens
                .issue(&subject, now, now + TimeDelta::days(1))
                .expect("a token")
        })
        .collect()
}

fn read(token: &str) -> Vec<u8> {
    format!("GET /v1/me HTTP/1.1\r\nHost: weir\r\nAuthorization: Bearer {token}\r\n\r\n").into_bytes()
}

/// One's last orders.
pub(crate) fn list(token: &str) -> Vec<u8> {
    format!("GET /v1/orders?limit=5 HTTP/1.1\r\nHost: weir\r\nAuthorization: Bearer {token}\r\n\r\n")
        .into_bytes()
}

fn post(path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: weir\r\n{headers}Content-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Nine in ten were here before.
fn login(number: u64) -> Vec<u8> {
    let user = if number.is_multiple_of(10) {
        USERS + number
    } else {
        number % USERS
    };
    post("/v1/login", "", &format!(r#"{{"code":"{user}.{number}"}}"#))
}

/// `count` of these requests, of as many people as write documents.
fn about_documents(
    request: impl Fn(u64, &str) -> Vec<u8>,
    count: u64,
    database: &Database,
    now: DateTime<Utc>,
) -> Vec<Vec<u8>> {
    document::declare(database);
    let tokens = tokens(0, document::PEOPLE, now);
    (0..count)
        .zip(tokens.iter().cycle())
        .map(|(number, token)| request(number, token))
        .collect()
}

fn add_document(size: Size, number: u64, token: &str) -> Vec<u8> {
    let path = format!("/v1/collections/{}/documents", size.collection());
    let headers = format!("Authorization: Bearer {token}\r\n");
    post(&path, &headers, &document::body(number))
}

fn find_documents(size: Size, number: u64, token: &str) -> Vec<u8> {
    let path = format!("/v1/collections/{}/query", size.collection());
    let headers = format!("Authorization: Bearer {token}\r\n");
    post(&path, &headers, &document::question(size, number))
}

/// Two things of two kinds.
pub(crate) fn order(number: u64, token: &str) -> Vec<u8> {
    let headers = format!("Authorization: Bearer {token}\r\nIdempotency-Key: bench-{number}\r\n");
    let (one, other) = (number % PRODUCTS, (number + PRODUCTS / 2) % PRODUCTS);
    let body = format!(
        r#"{{"items":[{{"product_id":"p{one}","quantity":1}},{{"product_id":"p{other}","quantity":1}}],"note":"soon"}}"#
    );
    post("/v1/orders", &headers, &body)
}

fn sealed(number: u64, token: &str, now: DateTime<Utc>) -> Vec<u8> {
    let headers = format!("Authorization: Bearer {token}\r\n");
    post("/v1/open-data", &headers, &open_data::body(number, now))
}

fn payment(number: u64, token: &str) -> Vec<u8> {
    let headers = format!("Authorization: Bearer {token}\r\n");
    post(
        &format!("/v1/orders/{}/payment", id(Kind::Order, number)),
        &headers,
        "",
    )
}

/// What `wx.requestPayment` would check.
fn check_pay_sign(body: &Value) {
    let text = |name: &str| body[name].as_str().expect("a text").to_owned();
    let (time, nonce, package) = (text("timeStamp"), text("nonceStr"), text("package"));
    let message = format!("{APP}\n{time}\n{nonce}\n{package}\n");
    merchant_key()
        .verify(&[message.as_bytes()], text("paySign").as_bytes())
        .expect("the signature of a payment verifies");
}

/// What WeChat Pay would check.
fn check_authorization(call: &[u8]) {
    let body_at = head_end(call).expect("a whole call");
    let head = String::from_utf8_lossy(&call[..body_at]);
    let body = &call[body_at..body_at + content_length(&call[..body_at])];
    let line = head
        .lines()
        .find(|line| line.to_ascii_lowercase().starts_with("authorization:"))
        .expect("a signed call");
    let part = |name: &str| {
        let from = line.find(name).expect("a part of the signature") + name.len() + 2;
        line[from..].split('"').next().unwrap_or_default()
    };
    let message = format!(
        "POST\n/v3/pay/transactions/jsapi\n{}\n{}\n",
        part("timestamp"),
        part("nonce_str"),
    );
    merchant_key()
        .verify(&[message.as_bytes(), body, b"\n"], part("signature").as_bytes())
        .expect("the signature of a call verifies");
    let body: Value = serde_json::from_slice(body).expect("JSON");
    assert_eq!(body["amount"]["total"], TOTAL_FEN);
    assert_eq!(body["appid"], APP);
}

fn merchant_key() -> VerifyingKey {
    VerifyingKey::from_pem(MERCHANT_PUBLIC_KEY).expect("a key of the tests")
}

//! A shop with everything around it, in the words of its users.

mod answer;
mod bark;
mod books;
mod bucket;
mod control;
mod database;
mod files;
mod inside;
mod life;
mod line;
mod log;
mod message;
mod money;
mod phone;
mod phone_number;
mod plan;
mod planted;
mod process;
mod push;
mod receiver;
mod recorder;
mod refund;
mod runbook;
mod secret;
mod settings;
mod shipment;
mod subscribe;
mod token;
mod wechat;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::task::JoinHandle;
use weir::app::{self, App, Launch, StartError};
use weir::config::Settings;
use weir::domain::clock::Clock;
use weir::http::Bounds;
use weir::simulator::Simulator;
use weir::store::database::Database;
use weir::store::pool::{self, PoolLimits};

pub(crate) use answer::Answer;
pub(crate) use bucket::{Bucket, Trouble};
pub(crate) use control::held;
pub(crate) use files::form;
pub(crate) use line::Line;
pub(crate) use log::{forget as log_forget, since as log_since};
pub(crate) use message::Message;
pub(crate) use money::until;
pub(crate) use phone::Phone;
pub(crate) use process::Server;
pub(crate) use push::Pushed;
pub(crate) use receiver::{Got, Receiver, Reply};
pub(crate) use recorder::Refused;
pub(crate) use runbook::{RUNBOOK, runbook_sql};
pub(crate) use settings::{
    ADMIN_TOKEN, APP, APP_SECRET, DATA_KEYS, INTERNAL_TOKEN, JWT_KEYS, MERCHANT_KEY, OTHER_APP, PATIENT,
    PUBLIC_KEY_ID, PUSH_AES_KEY, PUSH_TOKEN, Setup,
};
pub(crate) use shipment::parcels;
pub(crate) use subscribe::TEMPLATE;
pub(crate) use token::Token;
pub(crate) use wechat::HandPlayed;

/// A running server, its database, and the WeChat it talks to.
pub(crate) struct Shop {
    replicas: Mutex<Vec<Replica>>,
    pub(crate) simulator: Simulator,
    /// The server's database, for looking and for damage.
    pub(crate) db: PgPool,
    /// One connection for what must always hold, so that the long statement is not planned on all of the others.
    books: PgPool,
    pub(crate) clock: Clock,
    pub(crate) http: reqwest::Client,
    /// The database's name and address.
    database: (String, String),
    request_ids: Mutex<BTreeSet<String>>,
    /// Words that no log line and no answer may hold: tokens, keys, codes, names of people.
    secrets: Mutex<BTreeSet<String>>,
    /// Words that no log line may hold: phone numbers.
    personal: Mutex<BTreeSet<String>>,
    announced: Mutex<BTreeSet<&'static str>>,
    log_from: usize,
    /// What the servers in processes of their own say until they end.
    processes: Mutex<Vec<JoinHandle<Vec<String>>>>,
}

/// One of the servers.
struct Replica {
    address: SocketAddr,
    /// None once the scenario has stopped it.
    app: Option<App>,
}

/// Runs a scenario in a shop of its own, and looks after it.
pub(crate) async fn shop(scenario: impl AsyncFnOnce(&Shop)) {
    shop_with(Setup::default(), scenario).await;
}

/// The same with other settings.
pub(crate) async fn shop_with(setup: Setup, scenario: impl AsyncFnOnce(&Shop)) {
    // A whole server and a whole story are too much for one frame of the stack.
    let shop = Box::pin(Shop::open(setup)).await;
    Box::pin(scenario(&shop)).await;
    shop.close().await;
}

impl Shop {
    /// The variables for one more server, in a process of its own.
    pub(crate) fn variables(&self, setup: &Setup) -> BTreeMap<&'static str, String> {
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        settings::variables(setup, &self.database.1, any_port, &self.simulator.url())
    }

    /// Starts one more server on the same database, and gives its number.
    pub(crate) async fn join(&self, setup: &Setup) -> usize {
        let app = self.try_join(setup).await.unwrap();
        let mut replicas = self.replicas.lock().unwrap();
        if replicas.is_empty() {
            let server = format!("http://{}", app.address());
            self.simulator.push_to(server.parse().unwrap());
        }
        replicas.push(Replica {
            address: app.address(),
            app: Some(app),
        });
        replicas.len() - 1
    }

    /// The same, where it may be refused.
    pub(crate) async fn try_join(&self, setup: &Setup) -> Result<App, StartError> {
        self.keep_secret(setup.secrets());
        replica(setup, &self.database.1, &self.simulator, &self.clock).await
    }

    /// Stops a server for good. Tells whether everything in hand ended by itself.
    pub(crate) async fn stop(&self, replica: usize) -> bool {
        let app = self.replicas.lock().unwrap()[replica].app.take().unwrap();
        app.stop().await
    }

    /// Lets the loops of every server, one server after the other, do all that is due by the pushed
    /// clock; nothing else makes them run. No turn of theirs may fail.
    pub(crate) async fn run_workers(&self) {
        let replicas = self.replicas.lock().unwrap().len();
        for replica in 0..replicas {
            let failed = self.run_workers_of(replica).await;
            assert!(failed.is_empty(), "turns of these loops failed: {failed:?}");
        }
    }

    /// The same for one server, unless it was stopped; gives the names of the loops with a turn that
    /// failed.
    pub(crate) async fn run_workers_of(&self, replica: usize) -> BTreeSet<&'static str> {
        let workers = {
            let replicas = self.replicas.lock().unwrap();
            replicas[replica]
                .app
                .as_ref()
                .map(|app| Arc::clone(app.workers()))
        };
        match workers {
            Some(workers) => workers.run_to_quiet().await,
            None => BTreeSet::new(),
        }
    }

    /// Cuts every connection to the database, once.
    pub(crate) async fn cut_database(&self) {
        database::cut(&self.database.0).await;
    }

    /// Takes the database away: connections are cut and no new one is let in.
    pub(crate) async fn lose_database(&self) {
        database::allow_connections(&self.database.0, false).await;
        database::cut(&self.database.0).await;
    }

    /// Whether new connections to the database only read, as those to a standby do.
    pub(crate) async fn only_read(&self, is_read_only: bool) {
        database::only_read(&self.database.0, is_read_only).await;
    }

    /// A pool of its own to the database.
    pub(crate) fn connect(&self, limits: PoolLimits) -> Database {
        pool::open(&self.database.1, limits).unwrap()
    }

    /// The same through a line that can go dead.
    pub(crate) async fn connect_by(&self, limits: PoolLimits) -> (Database, Line) {
        let (line, url) = Line::to(&self.database.1).await;
        (pool::open(&url, limits).unwrap(), line)
    }

    /// Lets connections in again.
    pub(crate) async fn find_database(&self) {
        database::allow_connections(&self.database.0, true).await;
    }

    /// From now on these words are secret.
    pub(crate) fn keep_secret(&self, words: impl IntoIterator<Item = String>) {
        self.secrets.lock().unwrap().extend(words);
    }

    /// Announces that the scenario provokes answers with this code of the 500 kind.
    pub(crate) fn announce(&self, code: &'static str) {
        self.announced.lock().unwrap().insert(code);
    }

    /// Where the server is.
    pub(crate) fn url(&self, path: &str) -> String {
        self.url_of(0, path)
    }

    /// Where a replica is.
    pub(crate) fn address_of(&self, replica: usize) -> SocketAddr {
        self.replicas.lock().unwrap()[replica].address
    }

    /// Where something of a replica is.
    pub(crate) fn url_of(&self, replica: usize, path: &str) -> String {
        format!("http://{}{path}", self.address_of(replica))
    }

    /// A request to the server, seen through: its answer must be a problem document or no failure,
    /// must tell no secret, and must be announced where it is of the 500 kind.
    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let answer = Answer::of(request.send().await.unwrap()).await;
        self.look_at(&answer);
        answer
    }

    /// Checks what must hold of every answer.
    pub(crate) fn look_at(&self, answer: &Answer) {
        let id = answer
            .header("x-request-id")
            .expect("every answer has a request id");
        self.request_ids.lock().unwrap().insert(id.to_owned());
        answer.assert_shape();
        if answer.status >= 500 {
            let code = answer.code();
            let is_announced = self.announced.lock().unwrap().contains(code.as_str());
            assert!(is_announced, "unannounced: {answer:?}");
        }
        secret::assert_untold(answer, &self.secrets.lock().unwrap());
    }

    /// A request without a token.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.send(self.request(method, path, None, body)).await
    }

    /// A request of the operator.
    pub(crate) async fn admin(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.send(self.request(method, path, Some(ADMIN_TOKEN), body))
            .await
    }

    /// A request, not sent yet.
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> reqwest::RequestBuilder {
        self.request_of(0, method, path, token, body)
    }

    /// A request to one of the servers, not sent yet.
    pub(crate) fn request_of(
        &self,
        replica: usize,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> reqwest::RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.http.request(method, self.url_of(replica, path));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(body.to_string()),
            None => request,
        }
    }

    /// Puts a product into the catalogue.
    pub(crate) async fn stock(&self, id: &str, price_fen: i64, stock: Option<i32>) {
        let body = json!({"title": format!("Tea {id}"), "price_fen": price_fen, "stock": stock});
        let answer = self
            .admin("PUT", &format!("/admin/products/{id}"), Some(&body))
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// What is left of a product.
    pub(crate) async fn stock_left(&self, id: &str) -> Option<i64> {
        self.call("GET", &format!("/v1/products/{id}"), None).await.json()["stock"].as_i64()
    }

    /// A figure from the database.
    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.db).await.unwrap()
    }

    /// All that the shop's tables hold, in short: equal as long as nothing changed.
    pub(crate) async fn fingerprint(&self) -> String {
        books::fingerprint(&self.db).await
    }

    /// The one line that the server logged for a request.
    pub(crate) fn log_line(&self, answer: &Answer) -> Value {
        let id = answer.header("x-request-id").unwrap();
        log::since(self.log_from)
            .iter()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .find(|line| line["target"] == "weir::request" && line["request.id"] == id)
            .unwrap()
    }

    /// A new person with a phone.
    pub(crate) async fn phone(&self) -> Phone<'_> {
        Phone::new(self).await
    }

    /// A new person, logged in.
    pub(crate) async fn visitor(&self) -> Phone<'_> {
        let mut phone = Phone::new(self).await;
        phone.login().await;
        phone
    }
}

async fn replica(
    setup: &Setup,
    database_url: &str,
    simulator: &Simulator,
    clock: &Clock,
) -> Result<App, StartError> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let variables = settings::variables(setup, database_url, address, &simulator.url());
    let settings =
        Settings::read(|name| variables.get(name).cloned()).unwrap_or_else(|problems| panic!("{problems:?}"));
    let launch = Launch {
        bounds: Bounds {
            workers: 1,
            ..setup.bounds
        },
        pool_limits: setup.pool_limits,
        send_limits: setup.send_limits,
        webhook_limits: setup.webhook_limits,
        has_loops: setup.has_loops,
        ..Launch::new(settings, listener, clock.clone())
    };
    app::start(launch).await
}

/// How many of something a long run asks for; `usual` in an ordinary one.
#[expect(
    clippy::disallowed_methods,
    reason = "a long run of tests is no setting of the server"
)]
pub(crate) fn asked_for(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |count| count.parse().unwrap())
}

/// What a long run tells of itself; seen with `--nocapture`, and when it fails.
#[expect(clippy::print_stdout, reason = "the counts and the seed of a run")]
pub(crate) fn tell(text: &str) {
    println!("{text}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "the clock that stands still begins at the real time"
)]
fn now() -> DateTime<Utc> {
    Utc::now()
}

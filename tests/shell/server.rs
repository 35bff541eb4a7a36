//! The server under test and its routes.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpResponse, get};
use futures_util::stream::{self, StreamExt as _};
use serde::Deserialize;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use weir::config::Settings;
use weir::domain::clock::Clock;
use weir::domain::id::OrderId;
use weir::error::AppError;
use weir::http::{
    Admin, Body, Bounds, ClientAddress, IdempotencyKey, Internal, PathId, Query, RawBody, Running, Shell,
};
use weir::telemetry;

use crate::wire::{Answer, exchange};

pub(crate) const ADMIN_TOKEN: &str = "q8Zr4mXc7VtB2nKd9WfH3sLp";

/// Settings of a server on a free port; later pairs win.
pub(crate) fn settings(more: &[(&str, &str)]) -> Settings {
    let mut values: HashMap<&str, &str> = HashMap::from([
        ("DATABASE_URL", "postgres://127.0.0.1/weir"),
        ("PUBLIC_BASE_URL", "http://127.0.0.1:8080"),
        ("SESSION_JWT_KEYS", "Qk0Jc2R3m1xYk9vT8uW5eB7aN4pL6sHdFgZqXrCyV1E="),
        ("DATA_KEYS", "p3VtXw9Yk2LmN8sQ4rB6uJ1cF5hD7gZaTeRiOyKqWxU="),
        ("ADMIN_TOKEN", ADMIN_TOKEN),
        ("WECHAT_APP_ID", "wx1234567890abcdef"),
        ("WECHAT_APP_SECRET", "9f86d081884c7d659a2feaa0c55ad015"),
    ]);
    values.extend(more.iter().copied());
    Settings::read(|name| values.get(name).map(|value| (*value).to_owned())).unwrap()
}

/// A server that ends with the test.
pub(crate) struct Server {
    pub(crate) runtime: Runtime,
    pub(crate) address: SocketAddr,
    pub(crate) shell: Data<Shell>,
    /// A permit lets one waiting request of `/wait` go on.
    pub(crate) gate: Arc<Semaphore>,
    pub(crate) tasks: TaskTracker,
    running: Option<Running>,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(&[], Bounds::default())
    }

    pub(crate) fn with(more: &[(&str, &str)], bounds: Bounds) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let bounds = Bounds { workers: 1, ..bounds };
        let shell = Data::new(Shell::new(&settings(more), bounds, Clock::system()));
        let gate = Arc::new(Semaphore::new(0));
        let docs = weir::http::docs::routes();
        let state = Data::from(Arc::clone(&gate));
        let tasks = TaskTracker::new();
        let routes = routes(docs, state, Data::new(tasks.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let running = runtime
            .block_on(async { weir::http::start(listener, shell.clone(), routes) })
            .unwrap();
        Self {
            address: running.address,
            running: Some(running),
            runtime,
            shell,
            gate,
            tasks,
        }
    }

    /// Sends a request without a body.
    pub(crate) fn call(&self, method: &str, path: &str, headers: &[&str]) -> Answer {
        self.send(method, path, headers, "")
    }

    /// Sends a request with a body.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
        let mut text = format!("{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n");
        for header in headers {
            text.push_str(header);
            text.push_str("\r\n");
        }
        if !body.is_empty() {
            write!(text, "content-length: {}\r\n", body.len()).unwrap();
        }
        text.push_str("\r\n");
        text.push_str(body);
        exchange(self.address, text.as_bytes(), method == "HEAD")
    }

    /// Sends JSON to `/body`.
    pub(crate) fn json(&self, body: &str) -> Answer {
        self.send("POST", "/body", &["content-type: application/json"], body)
    }

    /// Waits until `holds`, which it must within a minute.
    pub(crate) fn until(&self, mut holds: impl FnMut(&Self) -> bool) {
        let started = Instant::now();
        while !holds(self) {
            assert!(started.elapsed() < Duration::from_mins(1), "waited in vain");
            std::thread::yield_now();
        }
    }

    /// Stops the server and says whether everything ended by itself.
    pub(crate) fn stop(&mut self) -> bool {
        let running = self.running.take().unwrap();
        self.runtime.block_on(running.stop(&self.tasks))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Thing {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    limit: Option<u8>,
}

fn routes(
    docs: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    gate: Data<Semaphore>,
    tasks: Data<TaskTracker>,
) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    move |config| {
        config
            .configure(docs.clone())
            .app_data(gate.clone())
            .app_data(tasks.clone())
            .service(web::resource("/body").route(web::post().to(take_body)))
            .service(web::resource("/raw").route(web::post().to(take_raw)))
            .service(
                web::resource("/orders/{id}")
                    .route(web::get().to(take_id))
                    .route(web::delete().to(take_id)),
            )
            .service(web::resource("/query").route(web::get().to(take_query)))
            .service(web::resource("/key").route(web::post().to(take_key)))
            .service(web::resource("/admin").route(web::get().to(admin)))
            .service(web::resource("/internal").route(web::get().to(internal)))
            .service(web::resource("/address").route(web::get().to(address)))
            .service(web::resource("/login").route(web::post().to(login)))
            .service(web::resource("/panic").route(web::get().to(panicking)))
            .service(web::resource("/wait").route(web::get().to(wait)))
            // Named for where it waits in line.
            .service(web::resource("/v1/files").route(web::get().to(wait)))
            .service(web::resource("/large").route(web::get().to(large)))
            .service(web::resource("/flood").route(web::get().to(flood)))
            .service(web::resource("/halves").route(web::get().to(halves)))
            .service(web::resource("/outlive").route(web::get().to(outlive)))
            .service(web::resource("/healthz").route(web::get().to(HttpResponse::Ok)))
            .service(web::resource("/own-form").route(web::get().to(own_form)))
            .service(stranger);
    }
}

async fn take_body(Body(thing): Body<Thing>) -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({"name": thing.name}))
}

async fn take_raw(RawBody(bytes): RawBody<64>) -> HttpResponse {
    HttpResponse::Ok().body(bytes)
}

async fn take_id(PathId(id): PathId<OrderId>) -> HttpResponse {
    telemetry::note_order(id);
    HttpResponse::Ok().body(id.to_string())
}

async fn take_query(Query(page): Query<Page>) -> HttpResponse {
    HttpResponse::Ok().body(page.limit.unwrap_or(20).to_string())
}

async fn take_key(key: IdempotencyKey) -> HttpResponse {
    HttpResponse::Ok().body(key.into_string())
}

async fn admin(_: Admin) -> HttpResponse {
    HttpResponse::NoContent().finish()
}

async fn internal(_: Internal) -> HttpResponse {
    HttpResponse::NoContent().finish()
}

async fn address(ClientAddress(address): ClientAddress) -> HttpResponse {
    HttpResponse::Ok().body(address.to_string())
}

async fn login(ClientAddress(address): ClientAddress, shell: Data<Shell>) -> Result<HttpResponse, AppError> {
    shell.limits.login(address)?;
    Ok(HttpResponse::NoContent().finish())
}

async fn panicking() -> HttpResponse {
    panic!("a secret of the handler")
}

async fn wait(gate: Data<Semaphore>) -> HttpResponse {
    gate.acquire().await.unwrap().forget();
    HttpResponse::Ok().body("waited")
}

/// Adds a permit when it is let go.
struct Held(Data<Semaphore>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

/// An answer without end, held until the server lets it go.
async fn flood(gate: Data<Semaphore>) -> HttpResponse {
    let piece = web::Bytes::from(vec![b'x'; 64 * 1024]);
    let pieces = stream::unfold(Held(gate), move |held| {
        let piece = Ok::<_, Infallible>(piece.clone());
        async move { Some((piece, held)) }
    });
    HttpResponse::Ok().streaming(pieces)
}

/// What the answer of `/large` holds: more than the system takes off our hands.
pub(crate) const LARGE: usize = 16 * 1024 * 1024;

async fn large() -> HttpResponse {
    HttpResponse::Ok().body(vec![b'x'; LARGE])
}

/// An answer whose second half waits at the gate.
async fn halves(gate: Data<Semaphore>) -> HttpResponse {
    let halves = stream::iter(["one ", "two"]).then(move |half| {
        let gate = gate.clone();
        async move {
            if half == "two" {
                gate.acquire().await.unwrap().forget();
            }
            Ok::<_, Infallible>(web::Bytes::from_static(half.as_bytes()))
        }
    });
    HttpResponse::Ok()
        .insert_header(("content-length", "7"))
        .streaming(halves)
}

/// Starts a tracked task that waits at the gate, and answers at once.
async fn outlive(gate: Data<Semaphore>, tasks: Data<TaskTracker>) -> HttpResponse {
    telemetry::spawn(tasks.track_future(async move {
        gate.acquire().await.unwrap().forget();
    }));
    HttpResponse::Accepted().finish()
}

async fn own_form() -> HttpResponse {
    HttpResponse::Forbidden().json(serde_json::json!({"code": "FAIL"}))
}

/// An error that is not ours, as a library's extractor would make it.
#[get("/stranger")]
async fn stranger() -> Result<HttpResponse, actix_web::Error> {
    Err(actix_web::error::ErrorBadRequest("text of a stranger"))
}

/// Bounds with a body deadline of a few milliseconds.
pub(crate) fn impatient() -> Bounds {
    Bounds {
        body_deadline: Duration::from_millis(100),
        ..Bounds::default()
    }
}

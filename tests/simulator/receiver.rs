//! A server that receives notifications, remembers them, and answers what it was told to.

use std::collections::{BTreeMap, VecDeque};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use tokio::sync::Notify;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

#[derive(Default)]
struct Memory {
    received: Mutex<Vec<Received>>,
    /// Statuses of the next answers; 204 when there are none.
    statuses: Mutex<VecDeque<u16>>,
    arrived: Notify,
}

pub(crate) struct Receiver {
    memory: Arc<Memory>,
    pub(crate) url: String,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let memory = Arc::new(Memory::default());
        let data = Data::from(Arc::clone(&memory));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .default_service(web::to(receive))
        })
        .workers(1)
        .disable_signals()
        .listen(listener)
        .unwrap()
        .run();
        Self {
            memory,
            url,
            serving: tokio::spawn(server),
        }
    }

    pub(crate) fn notify_url(&self) -> String {
        format!("{}/wechat/pay/notify", self.url)
    }

    /// What the next notifications are answered with.
    pub(crate) fn answer(&self, statuses: &[u16]) {
        *self.memory.statuses.lock().unwrap() = statuses.iter().copied().collect();
    }

    pub(crate) fn take(&self) -> Vec<Received> {
        std::mem::take(&mut *self.memory.received.lock().unwrap())
    }

    /// Waits until so many requests arrived.
    pub(crate) async fn wait_for(&self, count: usize) {
        let all_there = async {
            loop {
                let arrived = self.memory.arrived.notified();
                if self.memory.received.lock().unwrap().len() >= count {
                    return;
                }
                arrived.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), all_there)
            .await
            .expect("they never arrived");
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn receive(memory: Data<Memory>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let headers = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    memory.received.lock().unwrap().push(Received {
        method: request.method().to_string(),
        target: request.uri().to_string(),
        headers,
        body: body.to_vec(),
    });
    memory.arrived.notify_waiters();
    let status = memory.statuses.lock().unwrap().pop_front().unwrap_or(204);
    HttpResponse::build(StatusCode::from_u16(status).unwrap())
        .insert_header(("x-request-id", "r-1"))
        .finish()
}

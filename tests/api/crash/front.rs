//! What stands before the servers: one address for all of them, and a count of the bytes that pass.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Passes connections on to the servers in turn; one that is away is passed over.
pub(super) struct Front {
    pub(super) address: SocketAddr,
    servers: Arc<Mutex<Vec<SocketAddr>>>,
    passed: Arc<watch::Sender<u64>>,
}

impl Front {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let front = Self {
            address: listener.local_addr().unwrap(),
            servers: Arc::default(),
            passed: Arc::new(watch::Sender::new(0)),
        };
        tokio::spawn(listen(
            listener,
            Arc::clone(&front.servers),
            Arc::clone(&front.passed),
        ));
        front
    }

    /// One more server; it is never taken out again, since nobody announces a death.
    pub(super) fn put(&self, server: SocketAddr) {
        self.servers.lock().unwrap().push(server);
    }

    /// Returns at the very moment when so many more bytes have passed, in both directions together.
    pub(super) async fn after(&self, bytes: u64) {
        let mut passed = self.passed.subscribe();
        let goal = *passed.borrow() + bytes;
        passed.wait_for(|passed| *passed >= goal).await.unwrap();
    }
}

async fn listen(
    listener: TcpListener,
    servers: Arc<Mutex<Vec<SocketAddr>>>,
    passed: Arc<watch::Sender<u64>>,
) {
    let turn = AtomicUsize::new(0);
    while let Ok((client, _)) = listener.accept().await {
        let turn = turn.fetch_add(1, Ordering::Relaxed);
        // The last ones are those that live.
        let mut alive: Vec<_> = servers.lock().unwrap().iter().rev().take(4).copied().collect();
        let places = alive.len().max(1);
        alive.rotate_left(turn % places);
        let passed = Arc::clone(&passed);
        tokio::spawn(async move {
            for server in alive {
                if let Ok(server) = TcpStream::connect(server).await {
                    pass(client, server, &passed).await;
                    return;
                }
            }
        });
    }
}

async fn pass(client: TcpStream, server: TcpStream, passed: &watch::Sender<u64>) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // As soon as one side has gone, so has the other.
    tokio::select! {
        () = copy(from_client, to_server, passed) => {}
        () = copy(from_server, to_client, passed) => {}
    }
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    passed: &watch::Sender<u64>,
) {
    let mut buffer = [0; 256];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        passed.send_modify(|passed| *passed += u64::try_from(count).unwrap());
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

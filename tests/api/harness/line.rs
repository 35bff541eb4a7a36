//! A line to the database that can go dead: nothing comes through any more, and nobody says so.

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::{Either, select};
use sqlx::postgres::PgConnectOptions;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;
use url::Url;

pub(crate) struct Line {
    /// How often it went dead: what was connected before stays so.
    deaths: watch::Sender<u32>,
}

impl Line {
    /// A line to the cluster of `url`, and the address of the same database behind it.
    pub(crate) async fn to(url: &str) -> (Self, String) {
        let options: PgConnectOptions = url.parse().unwrap();
        let folder = options
            .get_socket()
            .cloned()
            .unwrap_or_else(|| PathBuf::from(options.get_host()));
        let socket = Arc::new(folder.join(format!(".s.PGSQL.{}", options.get_port())));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let deaths = watch::Sender::new(0);
        let seen = deaths.subscribe();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (socket, mut seen) = (Arc::clone(&socket), seen.clone());
                seen.mark_unchanged();
                tokio::spawn(async move {
                    let mut far = UnixStream::connect(&*socket).await.unwrap();
                    let copying = std::pin::pin!(copy_bidirectional(&mut near, &mut far));
                    let dying = std::pin::pin!(seen.changed());
                    if let Either::Right(_) = select(copying, dying).await {
                        // Held open on both sides, and silent.
                        std::future::pending::<()>().await;
                    }
                });
            }
        });
        let mut behind: Url = "postgres://127.0.0.1/".parse().unwrap();
        behind.set_port(Some(port)).unwrap();
        behind.set_username(options.get_username()).unwrap();
        behind.set_path(options.get_database().unwrap());
        (Self { deaths }, behind.to_string())
    }

    /// From now on nothing comes through what is connected.
    pub(crate) fn die(&self) {
        self.deaths.send_modify(|deaths| *deaths += 1);
    }
}

//! A second, independent `WeChat`: a stateful simulator of the hosts that a mini program's backend talks to.
//!
//! It knows apps, users, login codes, session keys, access tokens and `WeChat Pay` v3 with its own
//! platform certificate and public key. It verifies the merchant's signatures, signs its answers,
//! encrypts and repeats notifications, and does wrong on purpose when it is told to. Everything on one
//! port: `WeChat`'s own paths, the control API under `/simulator`, and a phone under `/phone`.
//!
//! It never shares code with the client that talks to it, and imports nothing else of the crate: if
//! both read the documentation wrongly, they should not do so in the same way. It never serves
//! production: `serve` does not mount it.
//!
//! Source: the public documentation of the mini-program API and of `WeChat Pay` v3.

mod bill;
mod call;
mod cashier;
mod certificate;
mod clock;
mod code_picture;
mod connection;
mod content;
mod control;
mod entropy;
mod envelope;
mod error;
mod exchange;
mod fault;
mod folder;
mod forward;
mod journal;
mod key;
mod landing;
mod log;
mod mini;
mod notification;
mod options;
mod outbound;
mod pay;
mod person;
mod phone;
mod push;
mod record;
mod refund;
mod rotation;
mod rule;
mod seal;
mod server;
mod slow_body;
mod state;
mod voucher;
mod world;

use std::net::TcpListener;
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use tokio::task::JoinHandle;
use url::Url;

pub use error::Error;
pub use folder::Folder;
pub use key::KeyMode;
pub use options::{App, Delivery, Keys, Merchant, Options, Push, PushFormat, PushMode};

use state::Shared;

/// A running simulator. Stops at once when it is dropped; [`Simulator::stop`] does it gently.
#[must_use = "the simulator stops when this is dropped"]
pub struct Simulator {
    url: Url,
    server: ServerHandle,
    serving: JoinHandle<()>,
    sending: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

/// Starts a simulator. When this returns it answers.
///
/// # Errors
///
/// When the address cannot be listened on, a key cannot be used, or the folder is damaged or in use.
pub async fn start(options: Options) -> Result<Simulator, Error> {
    let bind = options.bind;
    let shared = tokio::task::spawn_blocking(move || Shared::new(options))
        .await
        .map_err(|_| Error::Setting("the simulator was stopped while it started"))??;
    let shared = Arc::new(shared);
    let listening = TcpListener::bind(bind).and_then(|listener| {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    let (listener, address) = listening.map_err(|source| Error::Bind { bind, source })?;
    let url = Url::parse(&format!("http://{address}")).map_err(|_| Error::Setting("a URL of no use"))?;
    let server = server::start(listener, &shared)?;
    let handle = server.handle();
    let serving = tokio::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "the simulator's server ended");
        }
    });
    let sending = match shared.delivery {
        Delivery::Automatic { .. } => {
            let (notifications, pushes) = (Arc::clone(&shared), Arc::clone(&shared));
            Some(tokio::spawn(async {
                tokio::join!(notification::run(notifications), push::run(pushes));
            }))
        }
        Delivery::Manual => None,
    };
    Ok(Simulator {
        url,
        server: handle,
        serving,
        sending,
        shared,
    })
}

impl Simulator {
    /// Where it answers, without a path.
    pub fn url(&self) -> Url {
        self.url.clone()
    }

    /// Which of its keys sign.
    pub fn key_mode(&self) -> KeyMode {
        self.shared.step(|world, _| world.keys.mode)
    }

    /// Signs with these keys from now on, whatever the folder remembers.
    pub fn sign_with(&self, mode: KeyMode) {
        self.shared.step(|world, _| world.put(record::Record::Mode(mode)));
    }

    /// Pushes messages to this server from now on, where the control API names no other address.
    pub fn push_to(&self, server: Url) {
        self.shared.step(|world, _| world.pushes.server = Some(server));
    }

    /// Ends it: requests in hand are answered first, notifications in hand are not waited for.
    pub async fn stop(mut self) {
        if let Some(sending) = self.sending.take() {
            sending.abort();
        }
        self.server.stop(true).await;
        if let Err(error) = (&mut self.serving).await {
            tracing::error!(%error, "the simulator's server ended badly");
        }
        self.shared.let_go_of_folder();
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        if let Some(sending) = &self.sending {
            sending.abort();
        }
        // The command is on its way with the call; nobody is left to wait for the end.
        drop(self.server.stop(false));
        self.shared.let_go_of_folder();
    }
}

impl std::fmt::Debug for Simulator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Simulator")
            .field("url", &self.url.as_str())
            .finish_non_exhaustive()
    }
}

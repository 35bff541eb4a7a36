//! The server around the application: threads, connections, timeouts, and its end.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{App, HttpResponse, HttpServer};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::bounds::KEEP_ALIVE;
use super::gate::Gate;
use super::shell::Shell;
use crate::error::{AppError, ErrorCode};

/// How long a connection may take to close in order.
const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// How long the last answers may take to leave once everything else has ended, in seconds.
const FLUSH_S: u64 = 2;

/// Connections that the system holds ready for us.
const BACKLOG: i32 = 1024;

/// Blocking threads per worker. The resolver blocks, the folder of files, cleaning pictures and checking documents;
/// whoever stands still there must not hold up the others: more than files that are sent out and calls of their folder, which may all
/// stand still on one worker. A thread is made when it is needed and ends after ten idle seconds.
const BLOCKING_THREADS: usize = 768;

/// A server that runs.
#[derive(Debug)]
pub struct Running {
    /// The address it listens on.
    pub address: SocketAddr,
    handle: ServerHandle,
    server: JoinHandle<io::Result<()>>,
    shell: Data<Shell>,
}

/// Serves `routes` on `listener` until [`Running::stop`]. Signals are the caller's business. Must be
/// called within a Tokio runtime; the workers run on threads and runtimes of their own.
///
/// # Errors
/// When the listener cannot be used.
pub fn start<F>(listener: TcpListener, shell: Data<Shell>, routes: F) -> io::Result<Running>
where
    F: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let address = listener.local_addr()?;
    // It listens already, with the few places of the standard library.
    rustix::net::listen(&listener, BACKLOG)?;
    let bounds = shell.bounds;
    let app_shell = shell.clone();
    let connections = Arc::clone(&shell.connections);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(app_shell.clone())
            .configure(routes.clone())
            .default_service(web::to(no_such_route))
            .wrap(Gate(app_shell.clone()))
    })
    .workers(bounds.workers)
    .max_connections(bounds.connections_per_worker)
    .worker_max_blocking_threads(BLOCKING_THREADS)
    .keep_alive(KEEP_ALIVE)
    .on_connect(move |stream, data| connections.enter(stream, data))
    .client_request_timeout(bounds.head_deadline)
    .client_disconnect_timeout(CLOSE_DEADLINE)
    .shutdown_timeout(FLUSH_S)
    .tcp_nodelay(true)
    .disable_signals()
    .listen(listener)?
    .run();
    let handle = server.handle();
    Ok(Running {
        address,
        handle,
        server: tokio::spawn(server),
        shell,
    })
}

async fn no_such_route() -> Result<HttpResponse, AppError> {
    Err(AppError::new(ErrorCode::RouteNotFound))
}

impl Running {
    /// Stops: no new connections, then requests in hand and `tasks` end within the bound, then the
    /// workers. Answers whether everything ended by itself.
    ///
    /// `tasks` are those that outlive their request's client because they move money; they live on
    /// the worker threads, so that these go last.
    pub async fn stop(self, tasks: &TaskTracker) -> bool {
        self.shell.begin_stop();
        self.handle.pause().await;
        let in_hand = &self.shell.in_hand;
        in_hand.close();
        tasks.close();
        let ending = async {
            in_hand.wait().await;
            tasks.wait().await;
        };
        let is_orderly = tokio::time::timeout(self.shell.bounds.stop_deadline, ending)
            .await
            .is_ok();
        if !is_orderly {
            tracing::warn!(
                requests = in_hand.len(),
                tasks = tasks.len(),
                "stopping with work in hand"
            );
        }
        self.handle.stop(is_orderly).await;
        match self.server.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(cause = %error, "the server ended with an error"),
            Err(error) => tracing::error!(cause = %error, "the server's task failed"),
        }
        is_orderly
    }
}

//! What the shell needs to know for every request: tokens, proxies, limits, bounds.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ipnet::IpNet;
use secrecy::SecretString;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::bounds::Bounds;
use super::connection::Connections;
use super::lane::Lanes;
use super::limit::Limits;
use crate::config::Settings;
use crate::domain::clock::Clock;
use crate::domain::entropy::Entropy;
use crate::telemetry::Metrics;

/// Takes figures that are only read when somebody asks for the metrics.
type Sampler = Box<dyn Fn() + Send + Sync>;

/// Shared by all worker threads as `web::Data<Shell>`.
pub struct Shell {
    pub(super) admin_token: SecretString,
    pub(super) internal_token: Option<SecretString>,
    pub(super) trusted_proxies: Vec<IpNet>,
    pub(super) bounds: Bounds,
    pub(super) clock: Clock,
    pub(super) entropy: Entropy,
    pub(super) metrics: Metrics,
    pub(super) sampler: Option<Sampler>,
    pub(super) in_hand: TaskTracker,
    pub(super) lanes: Lanes,
    pub(super) connections: Arc<Connections>,
    is_stopping: AtomicBool,
    /// The rate limits.
    pub limits: Limits,
    /// Places for calls to WeChat on behalf of other services, whose bodies are held meanwhile.
    pub(super) free_calls: Arc<Semaphore>,
}

/// How many such calls are in hand at once in this process: with 3 MiB of body each, 192 MiB.
const FREE_CALLS_MAX: usize = 64;

impl Shell {
    /// The shell of a server with these settings.
    pub fn new(settings: &Settings, bounds: Bounds, clock: Clock) -> Self {
        Self {
            admin_token: settings.admin.token.clone(),
            internal_token: settings.admin.internal_token.clone(),
            trusted_proxies: settings.http.trusted_proxies.clone(),
            bounds,
            clock,
            entropy: Entropy::system(),
            metrics: Metrics::install(),
            sampler: None,
            in_hand: TaskTracker::new(),
            lanes: Lanes::new(bounds.in_hand_max),
            connections: Arc::new(Connections::new(bounds.unsent_bytes_max)),
            is_stopping: AtomicBool::new(false),
            limits: Limits::new(settings.limits),
            free_calls: Arc::new(Semaphore::new(FREE_CALLS_MAX)),
        }
    }

    /// Calls `sampler` before the metrics are shown, such as for the pool's connections.
    #[must_use]
    pub fn sampled_by(mut self, sampler: impl Fn() + Send + Sync + 'static) -> Self {
        self.sampler = Some(Box::new(sampler));
        self
    }

    /// Folds the metrics' samples, forgets limits that nobody is near, and ends connections whose
    /// clients are silent. Call it every few seconds; all of them would grow without it.
    pub fn sweep(&self) {
        self.metrics.fold();
        self.limits.sweep();
        self.connections.sweep(self.bounds.client_deadline);
    }

    /// How many requests are being worked on.
    pub fn in_hand(&self) -> usize {
        self.in_hand.len()
    }

    /// Whether the server has begun to stop.
    pub fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    pub(super) fn begin_stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }
}

impl fmt::Debug for Shell {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Shell")
            .field("bounds", &self.bounds)
            .field("in_hand", &self.in_hand.len())
            .finish_non_exhaustive()
    }
}

//! Who gets a connection when there are more who want one than connections.
//!
//! A request that may be refused queues: for fewer connections than there are, in a queue of bounded
//! length, so that whoever is taken waits for a bounded time and everybody else is told at once. It may
//! be refused once, before it has done anything; what is begun is finished. Whatever must not be refused,
//! such as the news that money landed, does not queue, and always finds connections that no queue can take.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::telemetry::Shed;

/// One connection of so many is kept from those who queue; of fewer, none.
const KEPT_PART: u32 = 4;
/// How many may queue for each connection.
const QUEUED_PER_CONNECTION: u32 = 8;

tokio::task_local! {
    static TURN: Option<Arc<Turn>>;
}

/// How the work for one request gets its connections. Shared by all tasks that work for it.
#[derive(Debug)]
pub struct Turn {
    is_queueing: bool,
    is_admitted: AtomicBool,
    /// What is given back when the last task for the request has ended.
    _ticket: Box<dyn Any + Send + Sync>,
}

impl Turn {
    /// A turn that queues, or one that does not. `ticket` is dropped with it.
    pub fn new(is_queueing: bool, ticket: impl Any + Send + Sync) -> Arc<Self> {
        Arc::new(Self {
            is_queueing,
            is_admitted: AtomicBool::new(false),
            _ticket: Box::new(ticket),
        })
    }
}

/// How the work of this task gets its connections; nothing where it is not for a request.
pub fn current() -> Option<Arc<Turn>> {
    TURN.try_with(Clone::clone).ok().flatten()
}

/// Runs `work` with this turn; without queueing where there is none.
pub fn scope<F: Future>(turn: Option<Arc<Turn>>, work: F) -> impl Future<Output = F::Output> {
    TURN.scope(turn, work)
}

/// The connections that may be lent at the same moment, as places.
pub(super) struct Places {
    all: Arc<Semaphore>,
    /// Those for which one queues.
    common: Arc<Semaphore>,
    /// Room to wait for one of those.
    queue: Semaphore,
}

/// The turn of this task, if it has to queue.
fn queueing() -> Option<Arc<Turn>> {
    current().filter(|turn| turn.is_queueing)
}

/// The right to one connection.
pub(super) struct Place {
    _common: Option<OwnedSemaphorePermit>,
    _place: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(connections_max: u32) -> Self {
        let places = |count: u32| usize::try_from(count).unwrap_or(Semaphore::MAX_PERMITS);
        let kept = connections_max / KEPT_PART;
        Self {
            all: Arc::new(Semaphore::new(places(connections_max))),
            common: Arc::new(Semaphore::new(places(connections_max.saturating_sub(kept)))),
            queue: Semaphore::new(places(connections_max.saturating_mul(QUEUED_PER_CONNECTION))),
        }
    }

    /// A place, if one is free and nobody waits.
    pub(super) fn try_take(&self) -> Option<Place> {
        let turn = queueing();
        let common = match &turn {
            None => None,
            Some(_) => Some(Arc::clone(&self.common).try_acquire_owned().ok()?),
        };
        let place = Arc::clone(&self.all).try_acquire_owned().ok()?;
        Some(Place::of(turn.as_deref(), common, place))
    }

    /// A place, when one is free.
    ///
    /// # Errors
    /// `PoolTimedOut` at once where the queue is full, `PoolClosed`.
    pub(super) async fn take(&self) -> Result<Place, sqlx::Error> {
        let turn = queueing();
        let common = match &turn {
            None => None,
            Some(turn) => Some(self.queue_up(turn).await?),
        };
        let place = Arc::clone(&self.all).acquire_owned().await;
        let place = place.map_err(|_| sqlx::Error::PoolClosed)?;
        Ok(Place::of(turn.as_deref(), common, place))
    }

    async fn queue_up(&self, turn: &Turn) -> Result<OwnedSemaphorePermit, sqlx::Error> {
        let room = self.queue.try_acquire();
        if room.is_err() && !turn.is_admitted.load(Ordering::Relaxed) {
            Shed::Database.count();
            return Err(sqlx::Error::PoolTimedOut);
        }
        let place = Arc::clone(&self.common).acquire_owned().await;
        place.map_err(|_| sqlx::Error::PoolClosed)
    }

    pub(super) fn close(&self) {
        self.all.close();
        self.common.close();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.all.is_closed()
    }
}

impl Place {
    fn of(turn: Option<&Turn>, common: Option<OwnedSemaphorePermit>, place: OwnedSemaphorePermit) -> Self {
        if let Some(turn) = turn {
            turn.is_admitted.store(true, Ordering::Relaxed);
        }
        Self {
            _common: common,
            _place: place,
        }
    }
}

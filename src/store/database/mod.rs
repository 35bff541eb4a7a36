//! The connections to PostgreSQL, lent one at a time.
//!
//! A pool of our own for two reasons, both measured (`docs/performance.md`): the driver's pool asks a
//! connection whether it lives each time it comes back, which doubles the round trips of a request
//! of one statement; and it hands connections to threads other than the one whose event loop
//! watches their socket, so that each answer wakes two threads. Here a connection whose statement
//! ended well comes back at once, and a thread gets one of its own where there is one.
//!
//! As with the driver's pool, connections and the wait for one are bounded, those who wait are
//! served in turn, old and idle connections end, and nobody gets a connection of which it is not
//! known that it is whole. One that only reads is not kept: the server may write elsewhere by now. Unlike there, who waits in vain is told at once ([`place`]).

mod lent;
pub mod place;

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, Row as _};

pub use lent::{Lent, Transaction};
use place::{Place, Places};

use super::statement::within;

/// The gap between two tries to connect to a database that is just starting.
const CONNECT_GAP: Duration = Duration::from_millis(50);
/// After how long a connection that nobody used is asked whether it still lives.
const TRUSTED: Duration = Duration::from_secs(1);
/// How long a connection lives, and how long it may lie idle.
const LIFE: Duration = Duration::from_mins(30);
const IDLE_LIFE: Duration = Duration::from_mins(10);
/// How long a connection may take to tell whether it is whole, or to close.
const END_DEADLINE: Duration = Duration::from_secs(3);

/// The database. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Database(Arc<Shared>);

struct Shared {
    options: PgConnectOptions,
    connections_max: u32,
    /// How long a request waits for a connection before it is refused.
    wait_max: Duration,
    /// One for each connection that may be lent at the same time.
    places: Places,
    /// The connections that nobody uses, least recently used first.
    idle: Mutex<Vec<Idle>>,
    /// How many connections there are: idle, lent, and being opened. Grows under the lock of `idle`
    /// alone, so that with a place in hand it is below the bound or something is idle.
    size: Arc<AtomicU32>,
}

struct Open {
    connection: PgConnection,
    opened_at: Instant,
    /// The thread whose event loop watches the socket.
    home: ThreadId,
    counted: Counted,
}

struct Idle {
    open: Open,
    since: Instant,
    /// Whether another connection was found dead since: what ended one has most likely ended all.
    is_doubtful: bool,
}

impl Idle {
    fn is_trusted(&self) -> bool {
        !self.is_doubtful && self.since.elapsed() < TRUSTED
    }
}

/// One connection among [`Shared::size`], until it is dropped.
struct Counted(Arc<AtomicU32>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

enum Taken {
    Idle(Idle),
    /// Nothing idle that is worth taking, but room for another.
    Room(Counted),
}

impl Database {
    /// A database without a connection yet.
    pub(super) fn new(options: PgConnectOptions, connections_max: u32, wait_max: Duration) -> Self {
        Self(Arc::new(Shared {
            options,
            connections_max,
            wait_max,
            places: Places::new(connections_max),
            idle: Mutex::default(),
            size: Arc::default(),
        }))
    }

    /// How many connections there are.
    pub fn size(&self) -> u32 {
        self.0.size.load(Ordering::Acquire)
    }

    /// How many of them nobody uses.
    pub fn num_idle(&self) -> usize {
        self.idle().len()
    }

    /// A connection, for as long as it is held.
    ///
    /// # Errors
    /// When none is free or can be made in time, or the database refuses.
    pub async fn acquire(&self) -> Result<Lent, sqlx::Error> {
        self.acquire_within(self.0.wait_max).await
    }

    /// The same for whoever may wait for longer, or not as long.
    ///
    /// # Errors
    /// As [`Database::acquire`].
    pub async fn acquire_within(&self, wait_max: Duration) -> Result<Lent, sqlx::Error> {
        let lending = async {
            let place = self.0.places.take().await?;
            self.prepare(self.take(), place).await
        };
        // The usual case needs neither a wait nor a timer.
        match self.lend_at_once() {
            Some(lent) => Ok(lent),
            None => tokio::time::timeout(wait_max, lending)
                .await
                .unwrap_or(Err(sqlx::Error::PoolTimedOut)),
        }
    }

    /// A transaction; rolled back unless it is committed.
    ///
    /// # Errors
    /// As [`Database::acquire`].
    pub async fn begin(&self) -> Result<Transaction, sqlx::Error> {
        Transaction::begin(self.acquire().await?).await
    }

    /// A connection of its own, beside those that are lent, for a few statements that may take as long as
    /// `timeout`: none of the usual bounds holds on it. It ends when it is dropped.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn connect_apart(&self, timeout: Duration) -> Result<PgConnection, sqlx::Error> {
        let bound = format!("{}ms", timeout.as_millis());
        let options = [("statement_timeout", &bound), ("lock_timeout", &bound)];
        let options = self.0.options.clone().options(options);
        within(async {
            let mut connection = options.connect().await?;
            wait_for_disk(&mut connection).await?;
            Ok(connection)
        })
        .await
    }

    /// Lets go connections that nobody has used for long. To be called every now and then.
    pub fn sweep(&self) {
        let is_old = |idle: &Idle| idle.since.elapsed() >= IDLE_LIFE;
        let old: Vec<Idle> = self.idle().extract_if(.., |idle| is_old(idle)).collect();
        for idle in old {
            idle.open.end();
        }
    }

    /// Lends no more and closes what is idle; what is lent closes when it comes back.
    pub async fn close(&self) {
        self.0.places.close();
        let idle = std::mem::take(&mut *self.idle());
        let closing = idle
            .into_iter()
            .map(|idle| tokio::time::timeout(END_DEADLINE, idle.open.connection.close()));
        // Nothing depends on how a connection ends.
        drop(futures_util::future::join_all(closing).await);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection of this thread that was used just now, if a place is free and nobody waits.
    fn lend_at_once(&self) -> Option<Lent> {
        let place = self.0.places.try_take()?;
        let here = std::thread::current().id();
        let mut idle = self.idle();
        let at = idle
            .iter()
            .rposition(|idle| idle.open.home == here && idle.is_trusted())?;
        let open = idle.remove(at).open;
        drop(idle);
        Some(Lent::new(self.clone(), open, place))
    }

    /// One of this thread's own, else room for a new one, else anybody's.
    fn take(&self) -> Taken {
        let here = std::thread::current().id();
        let mut idle = self.idle();
        if let Some(at) = idle.iter().rposition(|idle| idle.open.home == here) {
            return Taken::Idle(idle.remove(at));
        }
        if self.size() >= self.0.connections_max
            && let Some(idle) = idle.pop()
        {
            return Taken::Idle(idle);
        }
        self.0.size.fetch_add(1, Ordering::AcqRel);
        Taken::Room(Counted(Arc::clone(&self.0.size)))
    }

    /// Asks a connection that lay idle whether it lives, and makes a new one in place of a dead one.
    async fn prepare(&self, taken: Taken, place: Place) -> Result<Lent, sqlx::Error> {
        let counted = match taken {
            Taken::Idle(mut idle) => {
                if idle.is_trusted() || matches!(is_usable(&mut idle.open.connection).await, Ok(true)) {
                    return Ok(Lent::new(self.clone(), idle.open, place));
                }
                self.doubt();
                idle.open.counted
            }
            Taken::Room(counted) => counted,
        };
        let open = Open {
            connection: connect(&self.0.options, self.0.wait_max).await?,
            opened_at: Instant::now(),
            home: std::thread::current().id(),
            counted,
        };
        Ok(Lent::new(self.clone(), open, place))
    }

    /// Takes a whole connection back.
    fn keep(&self, open: Open) {
        let since = Instant::now();
        if self.0.places.is_closed() || since.duration_since(open.opened_at) >= LIFE {
            open.end();
        } else {
            self.idle().push(Idle {
                open,
                since,
                is_doubtful: false,
            });
        }
    }

    /// Has every idle connection asked whether it lives before it is lent.
    fn doubt(&self) {
        for idle in self.idle().iter_mut() {
            idle.is_doubtful = true;
        }
    }
}

/// Connects; a database that is just starting is asked again for as long as the caller waits. Where nobody listens
/// there may be none at all, so that it is asked again for `refused_max` alone.
pub(super) async fn connect(
    options: &PgConnectOptions,
    refused_max: Duration,
) -> Result<PgConnection, sqlx::Error> {
    let begun = Instant::now();
    loop {
        let outcome = async {
            let mut connection = options.connect().await?;
            wait_for_disk(&mut connection).await?;
            Ok(connection)
        }
        .await;
        let is_asked_again = outcome
            .as_ref()
            .is_err_and(|error| says_it_starts(error) || is_refused(error) && begun.elapsed() < refused_max);
        if !is_asked_again {
            return outcome;
        }
        tokio::time::sleep(CONNECT_GAP).await;
    }
}

/// Whether a connection lives and may write. One to a server that has become a standby lives on, and only reads.
async fn is_usable(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let statement = "-- database.is_usable
        select current_setting('transaction_read_only') = 'off'";
    connection.fetch_one(statement).await?.try_get(0)
}

/// Has commits wait for the disk where the server's, the database's or the role's default is that they do not: what was
/// answered with success must outlive a crash. Any other default stays, since all of them wait for this machine's disk,
/// and for which others is the operator's choice.
async fn wait_for_disk(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let statement = "-- database.wait_for_disk
        select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'";
    connection.execute(statement).await?;
    Ok(())
}

impl fmt::Debug for Database {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The options hold a password.
        out.debug_struct("Database")
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

impl Open {
    /// Closes, politely where there is somebody to do it.
    fn end(self) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(tokio::time::timeout(END_DEADLINE, self.connection.close()));
        }
    }
}

/// Whether the database says that it is about to take connections.
fn says_it_starts(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.code().as_deref() == Some("57P03"))
}

/// Whether nobody listens, which may mean the same.
fn is_refused(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused)
}

//! A private `PostgreSQL` cluster from the programs installed on this machine, for `weir dev` and for
//! tests: found, initialised, started, shared by the processes of one checkout, and stopped when
//! the last of them is gone, however it ended.
//!
//! It never listens on the network, never touches another cluster, never prints, and is never used
//! by `weir serve`. Why there is one of our own: `docs/adr/0005-private-postgres-cluster.md`.

mod database;
mod error;
mod given;
mod guardian;
mod machine;
mod place;
mod programs;
mod scratch;
mod server;

use std::path::Path;
use std::process::Child;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

pub use error::Error;
pub use given::serves_others;
pub use machine::{Install, Machine};

use guardian::{Door, Entered};
use place::{Kind, Place};

/// The bound on a start, a stop or a request to the guardian. Generous: recovery after a crash, the last
/// checkpoint of a server that is taken over, and `initdb` flush about a thousand files each, which on a
/// disk that is busy otherwise takes a tenth of a second for each.
const PATIENCE: Duration = Duration::from_mins(5);

/// How often a scratch cluster is started that ends while it is being joined.
const STARTS_MAX: u32 = 5;

/// What a path keeps in the host of a URL.
const PATH_IN_HOST: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// A running cluster, in use by this process until the value is dropped or the process ends.
///
/// Dropping it, and equally the death of the process, leaves the rest to the guardian: with the
/// last user gone, a durable cluster is shut down at once, and a scratch cluster is removed after
/// three seconds in which a next process may join. To wait for that, call [`Cluster::stop`].
#[derive(Debug)]
pub struct Cluster {
    place: Place,
    door: Door,
    /// Major version of the server.
    major: u32,
    /// The guardian, if this process started it.
    child: Option<Child>,
}

impl Cluster {
    /// The cluster in `folder`, joined or started, with durability on; its data stay.
    ///
    /// When started as root in a folder that the server's unprivileged user cannot reach, the data
    /// lie under `/var/lib` instead: see [`Cluster::folder`].
    pub async fn durable(folder: &Path) -> Result<Self, Error> {
        Self::open(&Machine::this(), folder, Kind::Durable).await
    }

    /// The cluster in `folder`, joined or started, fast and without durability; its data are thrown
    /// away with the last user. An unreachable folder is replaced by one under the system's folder
    /// for temporary files.
    pub async fn scratch(folder: &Path) -> Result<Self, Error> {
        Self::open(&Machine::this(), folder, Kind::Scratch).await
    }

    /// The scratch cluster that the tests of a checkout share. It lies in memory where the system has a folder there
    /// with 4 GiB to spare: each database is some three hundred files, which a disk makes and removes slowly.
    pub async fn of_tests(project: &Path) -> Result<Self, Error> {
        Self::of_tests_on(&Machine::this(), project).await
    }

    /// [`Cluster::of_tests`] on a computer as described.
    pub async fn of_tests_on(machine: &Machine, project: &Path) -> Result<Self, Error> {
        Self::scratch_on(machine, &Place::of_tests(machine, project)?).await
    }

    /// [`Cluster::durable`] on a computer as described.
    pub async fn durable_on(machine: &Machine, folder: &Path) -> Result<Self, Error> {
        Self::open(machine, folder, Kind::Durable).await
    }

    /// [`Cluster::scratch`] on a computer as described.
    pub async fn scratch_on(machine: &Machine, folder: &Path) -> Result<Self, Error> {
        Self::open(machine, folder, Kind::Scratch).await
    }

    /// Removes the data of the durable cluster in `folder`, all of them and for good, also when
    /// they are of a version that cannot be started. Refused while somebody uses the cluster.
    pub async fn erase(folder: &Path) -> Result<(), Error> {
        let machine = Machine::this();
        bounded("the removal", folder, async {
            let (place, door, entered) = enter(&machine, folder, Kind::Durable).await?;
            if !matches!(entered, Entered::First) {
                return Err(Error::InUse { folder: place.home });
            }
            server::sweep(&place).await?;
            server::remove_folder(&place.data()).await?;
            drop(door);
            Ok(())
        })
        .await
    }

    async fn open(machine: &Machine, folder: &Path, kind: Kind) -> Result<Self, Error> {
        let start = async {
            let mut tries_left = STARTS_MAX;
            loop {
                tries_left = tries_left.saturating_sub(1);
                match Self::open_once(machine, folder, kind).await {
                    // Its last user went just as we came, and its data went with it: ours will be new.
                    Err(Error::NotStarted { .. }) if kind == Kind::Scratch && tries_left > 0 => {}
                    outcome => return outcome,
                }
            }
        };
        bounded("the start", folder, start).await
    }

    async fn open_once(machine: &Machine, folder: &Path, kind: Kind) -> Result<Self, Error> {
        let (place, door, entered) = enter(machine, folder, kind).await?;
        let mut cluster = Self {
            place,
            door,
            major: 0,
            child: None,
        };
        if matches!(entered, Entered::First) {
            cluster.start_guarded().await?;
        }
        server::ready(&cluster.place).await?;
        cluster.major = server::data_version(&cluster.place)?.unwrap_or_default();
        Ok(cluster)
    }

    async fn start_guarded(&mut self) -> Result<(), Error> {
        let place = &self.place;
        server::sweep(place).await?;
        let version = server::data_version(place)?;
        let programs = programs::find(place, version).await?;
        let failed = || Error::io(format!("cannot start a server in {}", place.home.display()));
        place.take_sockets().map_err(failed())?;
        if version.is_none() {
            let lock = self.door.lock().map_err(failed())?;
            server::initialise(place, &programs, lock).await?;
        }
        self.child = Some(self.door.guard(place, &programs.postgres).map_err(failed())?);
        Ok(())
    }

    /// Where the cluster lies.
    pub fn folder(&self) -> &Path {
        &self.place.home
    }

    /// The URL of a database, for sqlx and for `psql`.
    pub fn url(&self, database: &str) -> String {
        let sockets = self.place.sockets.to_string_lossy();
        let host = utf8_percent_encode(&sockets, PATH_IN_HOST);
        let role = server::ROLE;
        // Port and mode are said, since PGPORT and PGSSLMODE would otherwise be asked.
        format!("postgres://{role}@{host}:5432/{database}?sslmode=disable")
    }

    /// The last lines of the server's log since its start, for error messages.
    pub fn log_tail(&self) -> String {
        server::log_tail(self.folder())
    }

    /// Ends the use of the cluster. The last user waits until the server is shut down, and a scratch
    /// cluster removed; with others there, this returns at once.
    pub async fn stop(self) -> Result<(), Error> {
        let Self {
            place, door, child, ..
        } = self;
        let failed = || Error::io(format!("cannot stop the server in {}", place.home.display()));
        let stop = async {
            if let Some(lock) = door.leave().await.map_err(failed())? {
                // Nothing to do, unless somebody killed the guardian.
                server::sweep(&place).await?;
                drop(lock);
                // It gave the lock back by ending, so this waits for nothing.
                if let Some(mut child) = child {
                    child.wait().map_err(failed())?;
                }
            }
            Ok(())
        };
        bounded("the stop", &place.home, stop).await
    }

    /// Ends the server as a crash would: sessions are cut and nothing is written any more. For tests
    /// of crashes, in a cluster of their own: this hits everybody who shares it.
    pub async fn stop_immediate(&self) -> Result<(), Error> {
        self.request("the stop", "down", "QUIT").await
    }

    /// Starts the server again after [`Cluster::stop_immediate`]; it recovers first. Without effect
    /// on a running one.
    pub async fn start_again(&self) -> Result<(), Error> {
        self.request("the start", "up", "").await?;
        bounded("the start", self.folder(), server::ready(&self.place)).await
    }

    async fn request(&self, what: &'static str, word: &str, detail: &str) -> Result<(), Error> {
        let request = async {
            let failed = Error::io(format!("no guardian in {}", self.place.home.display()));
            self.door.request(word, detail).await.map_err(failed)
        };
        bounded(what, self.folder(), request).await
    }
}

/// Into the cluster of `folder`, again and again while an earlier one is being removed.
async fn enter(machine: &Machine, folder: &Path, kind: Kind) -> Result<(Place, Door, Entered), Error> {
    loop {
        let place = Place::claim(machine, folder, kind).await?;
        let failed = || Error::io(format!("cannot join the cluster in {}", place.home.display()));
        let Some(door) = Door::open(&place.home).await.map_err(failed())? else {
            continue;
        };
        match door.enter().await.map_err(failed())? {
            Entered::Moved => {}
            entered => return Ok((place, door, entered)),
        }
    }
}

async fn bounded<T>(
    what: &'static str,
    folder: &Path,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| {
        let log = server::log_tail(folder);
        Err(Error::TooSlow {
            what,
            folder: folder.to_owned(),
            limit_s: PATIENCE.as_secs(),
            log,
        })
    })
}

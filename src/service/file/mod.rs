//! Files of users: taken in, shown to everybody, removed by their owner, and swept. Pictures that are no user's
//! lie beside them ([`object`]).
//!
//! The row is written first, then the object, then the row says that it is there. What dies in
//! between leaves a row that the sweep finds; an answer is given only when all three are done.

mod memory;
pub mod object;
pub mod put_file;
pub mod read_file;
pub mod remove_file;
pub mod sweep;

pub use memory::UploadMemory;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use tokio::sync::{OnceCell, Semaphore};
use uuid::Uuid;

use crate::domain::entropy::Entropy;
use crate::domain::file::{PictureKind, shard};
use crate::domain::id::{FileId, UserId};
use crate::error::{AppError, ErrorCode};
use crate::file::place::{Piece, Place, PlaceError};
use crate::store;
use crate::store::database::Database;
use memory::Ledger;

/// How many files and code images are sent out at the same moment.
const READERS_MAX: usize = 512;
/// Stands for "never".
const NEVER: i64 = i64::MIN;

/// What the use cases of this wing share.
#[derive(Debug)]
pub struct Files {
    place: Place,
    /// The folder of this database's files; read once.
    store_id: OnceCell<Uuid>,
    memory: Arc<Mutex<Ledger>>,
    readers: Arc<Semaphore>,
    /// When the place last failed in what is not a write, in seconds since 1970, if it did not work since.
    failed_at: AtomicI64,
    /// When a write last failed, in seconds since 1970, if none worked since: what can be read may be full.
    write_failed_at: AtomicI64,
}

impl Files {
    /// Files that lie in `place`.
    pub fn new(place: Place) -> Self {
        Self {
            place,
            store_id: OnceCell::new(),
            memory: Arc::default(),
            readers: Arc::new(Semaphore::new(READERS_MAX)),
            failed_at: AtomicI64::new(NEVER),
            write_failed_at: AtomicI64::new(NEVER),
        }
    }

    /// The memory of one more upload of a user; none of it is taken yet.
    pub fn memory_for(&self, user_id: UserId) -> UploadMemory {
        UploadMemory::new(Arc::clone(&self.memory), user_id)
    }

    /// When the place last failed in what is not a write, if it did not work since.
    pub fn failed_at(&self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(self.failed_at.load(Ordering::Relaxed), 0)
    }

    /// When a write last failed, if none worked since.
    pub fn write_failed_at(&self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(self.write_failed_at.load(Ordering::Relaxed), 0)
    }

    fn note<T>(&self, outcome: Result<T, PlaceError>, now: DateTime<Utc>) -> Result<T, PlaceError> {
        let is_failed = matches!(outcome, Err(PlaceError::Failed(_)));
        remember(&self.failed_at, is_failed, now);
        outcome
    }

    fn note_write<T>(&self, outcome: Result<T, PlaceError>, now: DateTime<Utc>) -> Result<T, PlaceError> {
        // That something is missing says here that there is no place to write to.
        remember(&self.write_failed_at, outcome.is_err(), now);
        outcome
    }

    /// Whether something can be written, found and removed, for a verb that tries it.
    ///
    /// # Errors
    /// What the place says.
    pub async fn examine(&self, entropy: Entropy) -> Result<(), PlaceError> {
        let mark = entropy
            .bytes::<16>()
            .map_err(|error| PlaceError::Failed(error.to_string()))?;
        // Beside the folders of the databases, which nobody sweeps.
        let name = format!("doctor-{}", hex::encode(mark));
        let content = Piece::from_static(b"weir");
        let put = self.place.put(&name, content, "text/plain").await;
        let is_there = self.place.has(&name).await;
        // A write that failed may have left it all the same.
        let removed = self.place.remove(&name).await;
        put?;
        removed?;
        if is_there? {
            Ok(())
        } else {
            Err(PlaceError::Missing)
        }
    }

    async fn folder(&self, db: &Database) -> Result<Uuid, AppError> {
        let read = || async { store::file::get_store_id(db).await };
        Ok(*self.store_id.get_or_try_init(read).await?)
    }
}

/// Keeps when something failed, until the same works.
fn remember(failed_at: &AtomicI64, is_failed: bool, now: DateTime<Utc>) {
    let at = if is_failed { now.timestamp() } else { NEVER };
    failed_at.store(at, Ordering::Relaxed);
}

/// A part of the store.
fn shard_folder(store_id: Uuid, shard: u8) -> String {
    format!("{store_id}/{shard:02x}")
}

/// Where a file lies.
fn object_name(store_id: Uuid, id: FileId, kind: PictureKind) -> String {
    let folder = shard_folder(store_id, shard(id));
    format!("{folder}/{id}.{}", kind.extension())
}

impl From<PlaceError> for AppError {
    /// That an object is missing is the store's failure as well: there is a row that says it is there.
    fn from(error: PlaceError) -> Self {
        Self::new(ErrorCode::Unavailable)
            .detail("The store of the files fails.")
            .caused_by(error)
    }
}

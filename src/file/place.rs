//! The place where files lie: a folder of this machine, or a bucket of an S3-compatible store.
//!
//! A name is written once and never overwritten with something else. What is written survives the
//! loss of power: a folder is synchronised, a store promises it.

use std::future::Future;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use chrono::{DateTime, Utc};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, BackoffConfig, ClientOptions, Error, GetOptions, GetRange, ObjectStore,
    ObjectStoreExt as _, PutOptions, PutPayload, RetryConfig,
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{Semaphore, mpsc};
use url::Url;

/// A piece of a file, as memory that is shared and not copied.
pub type Piece = bytes::Bytes;

/// Connecting to a store.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Waiting for the next byte of a store.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Writing a file, repetitions and all.
pub const PUT_TIMEOUT: Duration = Duration::from_secs(30);
/// Any other call, up to the first byte of its answer.
const CALL_TIMEOUT: Duration = Duration::from_secs(12);
/// How many calls of a folder of this machine are under way at the same moment, or stand still. One that stands still keeps its
/// thread even when nobody waits for it any more, and names of hosts are resolved by the same threads.
const TURNS_MAX: usize = 128;
/// How far a listing runs ahead of whoever reads it.
const LISTED_AHEAD: usize = 256;
/// A call that failed in a way that passes is repeated so often, unless so much time has gone by.
const RETRIES: usize = 2;
const RETRY_TIMEOUT: Duration = Duration::from_secs(10);
/// How much is told of what went wrong, in characters.
const CAUSE_CHARS_MAX: usize = 300;

/// A bucket and how it is reached.
#[derive(Debug)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// What every name in it begins with; may be empty.
    pub prefix: String,
    /// Its region.
    pub region: String,
    /// The store, when it is not Amazon's. When its host begins with the bucket's name, names follow
    /// directly behind the host, as Alibaba's and Tencent's stores want it.
    pub endpoint: Option<Url>,
    /// The id of the key.
    pub access_key_id: SecretString,
    /// The key.
    pub secret_access_key: SecretString,
}

/// Why the place did not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PlaceError {
    /// There is nothing by this name.
    #[error("there is nothing by this name in the store")]
    Missing,
    /// The store, or the way to it, fails.
    #[error("the store fails: {0}")]
    Failed(String),
}

impl From<Error> for PlaceError {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound { .. } => Self::Missing,
            // These come with the store's own words, in which parts of a signature may stand.
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                Self::Failed("it refuses the key or the bucket".to_owned())
            }
            other => Self::Failed(other.to_string().chars().take(CAUSE_CHARS_MAX).collect()),
        }
    }
}

impl From<std::io::Error> for PlaceError {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Something that lies there.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The last part of its name.
    pub name: String,
    /// When it was written, by the place's own clock.
    pub modified_at: DateTime<Utc>,
}

/// The place where files lie.
#[derive(Clone, Debug)]
pub struct Place {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// Set for a folder.
    folder: Option<Folder>,
}

/// What a folder of this machine has beside its files.
#[derive(Clone, Debug)]
struct Folder {
    root: PathBuf,
    turns: Arc<Semaphore>,
}

impl Place {
    /// A folder, made if it is missing.
    ///
    /// # Errors
    /// When it cannot be made or is no folder.
    pub fn folder(folder: &std::path::Path) -> Result<Self, PlaceError> {
        let failed = |error: &dyn std::fmt::Display| PlaceError::Failed(error.to_string());
        std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
        let folder = folder.canonicalize().map_err(|error| failed(&error))?;
        let store = LocalFileSystem::new_with_prefix(&folder)?.with_fsync(true);
        Ok(Self {
            store: Arc::new(store),
            prefix: Path::default(),
            folder: Some(Folder {
                root: folder,
                turns: Arc::new(Semaphore::new(TURNS_MAX)),
            }),
        })
    }

    /// A bucket. Nothing is asked of it yet.
    ///
    /// # Errors
    /// When its address cannot be used.
    pub fn bucket(bucket: &Bucket) -> Result<Self, PlaceError> {
        let options = ClientOptions::new()
            .with_allow_http(true)
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_read_timeout(READ_TIMEOUT)
            .with_timeout_disabled();
        let retry = RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(100),
                max_backoff: Duration::from_secs(1),
                base: 3.0,
            },
            max_retries: RETRIES,
            retry_timeout: RETRY_TIMEOUT,
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&bucket.name)
            .with_region(&bucket.region)
            .with_access_key_id(bucket.access_key_id.expose_secret())
            .with_secret_access_key(bucket.secret_access_key.expose_secret())
            .with_conditional_put(S3ConditionalPut::Disabled)
            // One request for each removal: not every compatible store knows the other way.
            .with_disable_bulk_delete(true)
            .with_client_options(options)
            .with_retry(retry);
        if let Some(endpoint) = &bucket.endpoint {
            let is_in_host = endpoint
                .host_str()
                .and_then(|host| host.strip_prefix(&bucket.name))
                .is_some_and(|rest| rest.starts_with('.'));
            builder = builder
                .with_endpoint(endpoint.as_str().trim_end_matches('/'))
                .with_virtual_hosted_style_request(is_in_host);
        }
        Ok(Self {
            store: Arc::new(builder.build()?),
            prefix: Path::from(bucket.prefix.as_str()),
            folder: None,
        })
    }

    fn path(&self, name: &str) -> Path {
        let name = Path::from(name);
        self.prefix.parts().chain(name.parts()).collect()
    }

    /// Writes a file. When this gives `Ok` it lies there whole; else it may or may not.
    ///
    /// # Errors
    /// [`PlaceError::Failed`].
    pub async fn put(
        &self,
        name: &str,
        content: Piece,
        content_type: &'static str,
    ) -> Result<(), PlaceError> {
        let mut options = PutOptions::default();
        if self.folder.is_none() {
            // For whoever looks into the bucket, or puts a CDN before it. A folder keeps no such thing.
            options.attributes = Attributes::from_iter([(Attribute::ContentType, content_type)]);
        }
        let payload = PutPayload::from_bytes(content);
        let (store, path) = self.named(name);
        let put = async move { store.put_opts(&path, payload, options).await };
        self.within(PUT_TIMEOUT, put).await?;
        Ok(())
    }

    /// The bytes of `range`, piece by piece.
    ///
    /// # Errors
    /// [`PlaceError::Missing`] when there is nothing by this name.
    pub async fn read(
        &self,
        name: &str,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Piece, PlaceError>>, PlaceError> {
        let options = GetOptions::new().with_range(Some(GetRange::Bounded(range)));
        let (store, path) = self.named(name);
        let get = async move { store.get_opts(&path, options).await };
        let found = self.within(CALL_TIMEOUT, get).await?;
        Ok(found.into_stream().map_err(PlaceError::from).boxed())
    }

    /// Whether something lies there by this name.
    ///
    /// # Errors
    /// [`PlaceError::Failed`] when the place cannot tell.
    pub async fn has(&self, name: &str) -> Result<bool, PlaceError> {
        let (store, path) = self.named(name);
        let head = async move { store.head(&path).await };
        match self.within(CALL_TIMEOUT, head).await {
            Ok(_) => Ok(true),
            Err(PlaceError::Missing) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes a file, and what a write that broke off may have left of it. There may be none.
    ///
    /// # Errors
    /// [`PlaceError::Failed`].
    pub async fn remove(&self, name: &str) -> Result<(), PlaceError> {
        let (store, path) = self.named(name);
        let delete = async move { store.delete(&path).await };
        match self.within(CALL_TIMEOUT, delete).await {
            Ok(()) | Err(PlaceError::Missing) => {}
            Err(error) => return Err(error),
        }
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        // A folder's files are written under this name and then renamed; listings do not show it.
        let unfinished = folder.root.join(format!("{name}#1"));
        let remove = async move {
            match tokio::fs::remove_file(unfinished).await {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        };
        self.within(CALL_TIMEOUT, remove).await
    }

    /// What lies below a folder, in no order.
    pub fn list(&self, folder: &str) -> BoxStream<'static, Result<Listed, PlaceError>> {
        let listed = self.store.list(Some(&self.path(folder)));
        let named = listed.map_ok(|found| Listed {
            name: found.location.filename().unwrap_or_default().to_owned(),
            modified_at: found.last_modified,
        });
        let mut named = named.map_err(PlaceError::from).boxed();
        let Some(folder) = &self.folder else {
            return named;
        };
        let turns = Arc::clone(&folder.turns);
        let (sender, mut receiver) = mpsc::channel(LISTED_AHEAD);
        tokio::spawn(async move {
            let _turn = turns.acquire_owned().await;
            while let Some(one) = named.next().await {
                if sender.send(one).await.is_err() {
                    break;
                }
            }
        });
        futures_util::stream::poll_fn(move |task| receiver.poll_recv(task)).boxed()
    }

    fn named(&self, name: &str) -> (Arc<dyn ObjectStore>, Path) {
        (Arc::clone(&self.store), self.path(name))
    }

    /// Does one call within a bound. That of a folder goes on by itself when nobody waits for it any more, and has its turn until it
    /// ends.
    async fn within<T, E>(
        &self,
        limit: Duration,
        call: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, PlaceError>
    where
        T: Send + 'static,
        E: Into<PlaceError> + Send + 'static,
    {
        let work = async {
            let Some(folder) = &self.folder else {
                return call.await.map_err(Into::into);
            };
            let turn = Arc::clone(&folder.turns).acquire_owned().await;
            let task = tokio::spawn(async move {
                let outcome = call.await;
                drop(turn);
                outcome
            });
            match task.await {
                Ok(outcome) => outcome.map_err(Into::into),
                Err(error) => Err(PlaceError::Failed(error.to_string())),
            }
        };
        tokio::time::timeout(limit, work)
            .await
            .unwrap_or_else(|_| Err(PlaceError::Failed("it does not answer in time".to_owned())))
    }
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

//! The record of the request in hand: what its one log line will say.
//!
//! It hangs on the task, so that a room far below can note something without having been handed
//! anything. Work that outlives its handler runs in [`spawn`] or [`scope`] and goes on counting.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::metric;
use crate::domain::id::{OrderId, UserId};
use crate::error::{AppError, ErrorCode};

tokio::task_local! {
    static RECORD: Arc<RequestRecord>;
}

/// Why a request failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: ErrorCode,
    pub(crate) causes: Option<String>,
}

/// What is known of one request. Shared by all tasks that work for it.
#[derive(Debug)]
pub struct RequestRecord {
    id: Uuid,
    queries: AtomicU32,
    database_ns: AtomicU64,
    user: OnceLock<UserId>,
    order: OnceLock<OrderId>,
    failure: OnceLock<Failure>,
}

impl RequestRecord {
    /// An empty record of the request with this id.
    pub fn new(id: Uuid) -> Arc<Self> {
        Arc::new(Self {
            id,
            queries: AtomicU32::new(0),
            database_ns: AtomicU64::new(0),
            user: OnceLock::new(),
            order: OnceLock::new(),
            failure: OnceLock::new(),
        })
    }

    /// The request's id, which every answer carries in `x-request-id`.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// How many statements ran for it.
    pub fn queries(&self) -> u32 {
        self.queries.load(Ordering::Relaxed)
    }

    /// How long it waited for statements, all together.
    pub fn database_time(&self) -> Duration {
        Duration::from_nanos(self.database_ns.load(Ordering::Relaxed))
    }

    /// Whose request it is, once that is known.
    pub fn user(&self) -> Option<UserId> {
        self.user.get().copied()
    }

    /// The order that it is about, once that is known.
    pub fn order(&self) -> Option<OrderId> {
        self.order.get().copied()
    }

    pub(crate) fn failure(&self) -> Option<&Failure> {
        self.failure.get()
    }

    fn count(&self, elapsed: Duration) {
        self.queries.fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        self.database_ns.fetch_add(nanos, Ordering::Relaxed);
    }
}

/// The record of the request that this task works for.
pub fn current() -> Option<Arc<RequestRecord>> {
    RECORD.try_with(Arc::clone).ok()
}

/// Runs `future` as work for the request of `record`.
pub fn scope<F: Future>(record: Arc<RequestRecord>, future: F) -> impl Future<Output = F::Output> {
    RECORD.scope(record, future)
}

/// Runs `work` as work for the request of `record`.
pub(crate) fn with<T>(record: &Arc<RequestRecord>, work: impl FnOnce() -> T) -> T {
    RECORD.sync_scope(Arc::clone(record), work)
}

/// Calls `read` with the record of the request in hand, if there is one.
pub(crate) fn peek<T>(read: impl FnOnce(&RequestRecord) -> T) -> Option<T> {
    RECORD.try_with(|record| read(record)).ok()
}

/// Spawns `future` on this thread as work for the request in hand. It runs to its end even when
/// the client goes away and the handler is dropped, which is why everything that moves money runs
/// in it.
pub fn spawn<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    match current() {
        Some(record) => tokio::task::spawn_local(RECORD.scope(record, future)),
        None => tokio::task::spawn_local(future),
    }
}

/// Runs a statement; its count and its time go to the request in hand and to the histogram of
/// `name`, which is the `room.function` of the statement's first line.
pub async fn query<F: Future>(name: &'static str, statement: F) -> F::Output {
    let started = Instant::now();
    let output = statement.await;
    let elapsed = started.elapsed();
    peek(|record| record.count(elapsed));
    metric::record_query(name, elapsed);
    output
}

/// Notes whose request it is.
pub fn note_user(user: UserId) {
    // A second note of the same request names the same user; the first one stays.
    peek(|record| record.user.get_or_init(|| user).to_owned());
}

/// Notes the order that the request is about.
pub fn note_order(order: OrderId) {
    peek(|record| record.order.get_or_init(|| order).to_owned());
}

/// Notes why the request fails, for an answer that is not made from the error itself, such as
/// WeChat's own failure form. Answers made by `http::problem` are noted by themselves.
pub fn note_error(error: &AppError) {
    peek(|record| {
        record.failure.get_or_init(|| Failure {
            code: error.code(),
            causes: error.causes(),
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_record_collects_what_tasks_below_note() {
        let record = RequestRecord::new(Uuid::nil());
        let user = UserId::from(Uuid::max());
        scope(Arc::clone(&record), async {
            query("test.one", async {}).await;
            let nested = current().unwrap();
            scope(nested, query("test.two", async {})).await;
            note_user(user);
            note_error(&AppError::internal(std::io::Error::other("disk")));
        })
        .await;
        assert_eq!(record.queries(), 2);
        assert_eq!(record.user(), Some(user));
        assert_eq!(record.failure().unwrap().causes.as_deref(), Some("disk"));
    }

    #[tokio::test]
    async fn without_a_request_notes_go_nowhere() {
        assert!(current().is_none());
        note_user(UserId::from(Uuid::nil()));
        assert_eq!(query("test.three", async { 3 }).await, 3);
    }

    #[test]
    fn spawned_work_counts_into_the_request() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let record = RequestRecord::new(Uuid::nil());
        tokio::task::LocalSet::new().block_on(&runtime, async {
            scope(Arc::clone(&record), async {
                spawn(query("test.four", async {})).await.unwrap();
            })
            .await;
        });
        assert_eq!(record.queries(), 1);
    }
}

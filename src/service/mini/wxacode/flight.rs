//! Requests of one process for the same image: one works, the others wait for what comes of it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{BoxFuture, Shared};

use super::CodeImage;
use crate::domain::id::UserId;
use crate::error::{AppError, ErrorCode};
use crate::store::wxacode::CodeKey;

/// What comes of a flight, for each that waited for it.
pub(super) type Flight = Shared<BoxFuture<'static, Result<CodeImage, Failure>>>;

/// The flights of this process. Each has somebody who waits for it, so that they are bounded by the requests in hand.
#[derive(Debug, Default)]
pub struct Flights(Mutex<HashMap<CodeKey, Flight>>);

impl Flights {
    fn flights(&self) -> MutexGuard<'_, HashMap<CodeKey, Flight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The flight for an image; if there is none, the one that `begin` makes.
    pub(super) fn join(&self, key: &CodeKey, begin: impl FnOnce() -> Flight) -> Flight {
        match self.flights().entry(key.clone()) {
            Entry::Occupied(flight) => flight.get().clone(),
            Entry::Vacant(place) => place.insert(begin()).clone(),
        }
    }

    /// Ends a flight: who comes from now on finds what it left in the store, or begins another.
    pub(super) fn land(&self, key: &CodeKey) {
        self.flights().remove(key);
    }
}

/// Why a flight brought no image; each that waited is told.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    error: Arc<AppError>,
    user_id: Option<UserId>,
}

impl Failure {
    pub(super) fn new(error: AppError, user_id: Option<UserId>) -> Self {
        Self {
            error: Arc::new(error),
            user_id,
        }
    }

    /// Whether it is the bound of another user that it failed at.
    pub(super) fn is_of_another(&self, user_id: Option<UserId>) -> bool {
        self.error.code() == ErrorCode::WxacodeQuotaReached && self.user_id != user_id
    }

    /// The same failure, once more.
    pub(super) fn told(&self) -> AppError {
        let mut told = AppError::new(self.error.code()).with_fields(self.error.field_errors().to_vec());
        if let Some(detail) = self.error.public_detail() {
            told = told.detail(detail.to_owned());
        }
        if let Some(seconds) = self.error.retry_after() {
            told = told.retry_after_s(seconds);
        }
        if let Some(errcode) = self.error.errcode() {
            told = told.wechat_errcode(errcode);
        }
        match self.error.causes() {
            Some(causes) => told.caused_by(causes),
            None => told,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::FutureExt as _;
    use uuid::Uuid;

    use super::*;
    use crate::domain::name::AppId;

    #[tokio::test]
    async fn who_comes_during_a_flight_shares_its_outcome_and_who_comes_later_does_not() {
        static BEGUN: AtomicUsize = AtomicUsize::new(0);
        let (flights, key) = (
            Flights::default(),
            CodeKey {
                app_id: AppId::parse("wx1").unwrap(),
                request_hash: [7; 32],
            },
        );
        let alice = Some(UserId::from(Uuid::max()));
        let begin = || {
            let flight = async move {
                BEGUN.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                let error = AppError::new(ErrorCode::WxacodeQuotaReached)
                    .detail("enough")
                    .retry_after_s(9)
                    .wechat_errcode(7);
                Err(Failure::new(error, alice))
            };
            flight.boxed().shared()
        };
        let (one, other) = tokio::join!(flights.join(&key, begin), flights.join(&key, begin));
        assert_eq!(BEGUN.load(Ordering::SeqCst), 1);
        for failure in [one.unwrap_err(), other.unwrap_err()] {
            let told = failure.told();
            assert_eq!(
                (
                    told.code(),
                    told.public_detail(),
                    told.retry_after(),
                    told.errcode()
                ),
                (ErrorCode::WxacodeQuotaReached, Some("enough"), Some(9), Some(7))
            );
            assert!(failure.is_of_another(None) && !failure.is_of_another(alice));
        }
        flights.land(&key);
        flights.join(&key, begin).await.unwrap_err();
        assert_eq!(BEGUN.load(Ordering::SeqCst), 2);
    }
}

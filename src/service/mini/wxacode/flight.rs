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

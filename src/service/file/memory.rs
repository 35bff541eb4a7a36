//! The memory that uploads in hand may take: all together, and those of one user, so that somebody who
//! sends slowly and much holds nobody else up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::id::UserId;
use crate::error::{AppError, ErrorCode};
use crate::telemetry::Shed;

/// Of all uploads in hand in this process, in bytes; while one is cleaned it takes twice its size.
const ALL_MAX: usize = 128 * 1024 * 1024;
/// Of those of one user, in bytes. A phone sends ten files at the same moment at the most.
const USER_MAX: usize = 32 * 1024 * 1024;

/// Who has how much in hand.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    all: usize,
    by_user: BTreeMap<UserId, usize>,
}

/// The memory of one upload; given back when it is dropped.
#[derive(Debug)]
pub struct UploadMemory {
    ledger: Arc<Mutex<Ledger>>,
    user_id: UserId,
    bytes: usize,
}

impl UploadMemory {
    pub(super) fn new(ledger: Arc<Mutex<Ledger>>, user_id: UserId) -> Self {
        Self {
            ledger,
            user_id,
            bytes: 0,
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes as much more as is missing to `bytes`.
    ///
    /// # Errors
    /// `rate_limited` when the user, `unavailable` when all together have too much in hand.
    pub fn grow(&mut self, bytes: usize) -> Result<(), AppError> {
        let more = bytes.saturating_sub(self.bytes);
        let mut ledger = self.ledger();
        let users = ledger
            .by_user
            .get(&self.user_id)
            .map_or(more, |held| held.saturating_add(more));
        let all = ledger.all.saturating_add(more);
        let refuse = |code, bound: Shed| {
            bound.count();
            Err(AppError::new(code).detail("Too many uploads at the same moment."))
        };
        if users > USER_MAX {
            return refuse(ErrorCode::RateLimited, Shed::UploadMemoryOfUser);
        }
        if all > ALL_MAX {
            return refuse(ErrorCode::Unavailable, Shed::UploadMemory);
        }
        ledger.by_user.insert(self.user_id, users);
        ledger.all = all;
        drop(ledger);
        self.bytes = self.bytes.saturating_add(more);
        Ok(())
    }
}

impl Drop for UploadMemory {
    fn drop(&mut self) {
        let mut ledger = self.ledger();
        ledger.all = ledger.all.saturating_sub(self.bytes);
        let left = ledger
            .by_user
            .get(&self.user_id)
            .map_or(0, |held| held.saturating_sub(self.bytes));
        if left == 0 {
            ledger.by_user.remove(&self.user_id);
        } else {
            ledger.by_user.insert(self.user_id, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn uploads_share_a_bounded_memory_and_give_it_back() {
        let ledger = Arc::<Mutex<Ledger>>::default();
        let memory = |user: u128| UploadMemory::new(Arc::clone(&ledger), UserId::from(Uuid::from_u128(user)));
        let code = |outcome: Result<(), AppError>| outcome.map_err(|error| error.code());
        let (mut one, mut same) = (memory(1), memory(1));
        // A share grows with its upload and is not taken twice.
        for bytes in [1, 1_000, USER_MAX - 1, USER_MAX - 1, 5] {
            assert_eq!(code(one.grow(bytes)), Ok(()));
        }
        assert_eq!(code(same.grow(1)), Ok(()));
        assert_eq!(code(same.grow(2)), Err(ErrorCode::RateLimited));
        let mut others: Vec<UploadMemory> = (2..=4).map(memory).collect();
        for other in &mut others {
            assert_eq!(code(other.grow(USER_MAX)), Ok(()));
        }
        assert_eq!(code(memory(9).grow(1)), Err(ErrorCode::Unavailable));
        drop(one);
        assert_eq!(code(same.grow(USER_MAX)), Ok(()));
        drop((same, others));
        let ledger = ledger.lock().unwrap();
        assert_eq!((ledger.all, ledger.by_user.len()), (0, 0));
    }
}

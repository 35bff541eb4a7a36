//! Money: an integer count of fen, a hundredth of a yuan. No float touches it.

use serde::{Deserialize, Serialize};

/// The largest amount of a price or an order: 10^10 fen, a hundred million yuan.
pub const FEN_MAX: i64 = 10_000_000_000;

/// An amount of money in fen, 0 to [`FEN_MAX`]. Arithmetic is checked; there is no `+`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type)]
#[serde(try_from = "i64", into = "i64")]
#[sqlx(transparent)]
pub struct Fen(i64);

/// An amount outside 0 to [`FEN_MAX`] fen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an amount of money is outside 0 to {FEN_MAX} fen")]
pub struct FenOutOfRange;

impl Fen {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// An amount of `value` fen.
    pub fn new(value: i64) -> Result<Self, FenOutOfRange> {
        if (0..=FEN_MAX).contains(&value) {
            Ok(Self(value))
        } else {
            Err(FenOutOfRange)
        }
    }

    /// The amount as a plain count of fen.
    pub fn get(self) -> i64 {
        self.0
    }

    /// The sum, if it is still in range.
    pub fn plus(self, other: Self) -> Result<Self, FenOutOfRange> {
        self.0
            .checked_add(other.0)
            .ok_or(FenOutOfRange)
            .and_then(Self::new)
    }

    /// The amount `count` times, if it is still in range.
    pub fn times(self, count: i32) -> Result<Self, FenOutOfRange> {
        self.0
            .checked_mul(i64::from(count))
            .ok_or(FenOutOfRange)
            .and_then(Self::new)
    }
}

impl TryFrom<i64> for Fen {
    type Error = FenOutOfRange;

    fn try_from(value: i64) -> Result<Self, Self::Error> {
        Self::new(value)
    }
}

impl From<Fen> for i64 {
    fn from(fen: Fen) -> Self {
        fen.0
    }
}

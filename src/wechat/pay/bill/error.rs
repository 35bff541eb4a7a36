//! Why a bill cannot be used.

use crate::wechat::pay::PayError;

/// A bill that cannot be used now, or not at all. What it held until then is not to be believed.
#[derive(Debug, thiserror::Error)]
pub enum BillError {
    /// WeChat is still writing it; to be asked again after half an hour.
    #[error("WeChat is still making the bill")]
    NotReady,
    /// Asked too often.
    #[error("WeChat Pay finds it too frequent")]
    RateLimited,
    /// The call for it failed otherwise.
    #[error("the bill could not be asked for")]
    Pay(#[source] PayError),
    /// It is said to lie somewhere that is no host of WeChat Pay.
    #[error("the bill is said to lie on a host that is neither among the settings nor WeChat Pay's")]
    Elsewhere,
    /// The download broke off.
    #[error("the download broke off")]
    Broken(#[source] crate::wechat::error::Error),
    /// It does not unpack.
    #[error("the bill does not unpack")]
    Packed,
    /// Neither the unpacked nor the raw bytes have the hash that WeChat announced.
    #[error("the bill does not have the hash that WeChat announced")]
    Hash,
    /// Longer than is read.
    #[error("the bill is longer than {0}")]
    TooLong(&'static str),
    /// A column that is needed is not there.
    #[error("the bill lacks the column {0}")]
    ColumnMissing(&'static str),
    /// A value cannot be read.
    #[error("line {line} of the bill: {column} cannot be read")]
    Malformed {
        /// The line, the first one being 1.
        line: u64,
        /// The column, or what else it is.
        column: &'static str,
    },
    /// It ends before its summary.
    #[error("the bill ends before its summary")]
    Truncated,
    /// The rows do not add up to the summary.
    #[error("the rows do not add up to the summary: {0}")]
    Summary(&'static str),
}

impl BillError {
    /// A short name for records and metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NotReady => "bill_not_ready",
            Self::RateLimited => "bill_rate_limited",
            Self::Pay(_) => "bill_refused",
            Self::Elsewhere => "bill_elsewhere",
            Self::Broken(_) => "bill_broken_off",
            Self::Packed => "bill_packed_wrong",
            Self::Hash => "bill_hash_wrong",
            Self::TooLong(_) => "bill_too_long",
            Self::ColumnMissing(_) => "bill_column_missing",
            Self::Malformed { .. } => "bill_malformed",
            Self::Truncated => "bill_truncated",
            Self::Summary(_) => "bill_summary_wrong",
        }
    }
}

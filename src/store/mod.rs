//! Everything that speaks SQL, one file per aggregate.
//!
//! Functions take a connection, a transaction's or the pool's, and never open a transaction:
//! that is the use case's business. Time comes in as a parameter. Never here: a rule of the
//! shop (that is `domain`), a call to WeChat, anything of HTTP.
//!
//! `find_` gives an option, `list_` a page, `lock_` a row under `for update`, `insert_` and
//! `update_` write, guarded where a state is left.

pub mod access_token;
pub mod attempt;
pub mod bill;
pub mod check;
pub mod collection;
pub mod collection_index;
pub mod collection_schema;
pub mod comparison;
pub mod content_check;
pub mod content_check_allowance;
pub mod data_key;
pub mod database;
pub mod difference;
pub mod document;
mod document_filter;
pub mod event;
pub mod exception;
pub mod file;
pub mod file_sweep;
pub mod health;
pub mod housekeeping;
pub mod idempotency;
pub mod midnight;
pub mod movement_comparison;
pub mod notification;
pub mod order;
pub mod order_search;
pub mod outbox;
pub mod phone_code;
pub mod phone_number;
pub mod picture;
pub mod planned;
pub mod planned_call;
pub mod pool;
pub mod product;
pub mod push_message;
pub mod reconciliation;
pub mod recorder;
pub mod refund;
pub mod refund_comparison;
pub mod refund_due;
pub mod refund_movement;
pub mod refund_request;
pub mod refused_notification;
pub mod sealed;
pub mod session;
pub mod session_key;
pub mod settlement;
pub mod shipment;
pub mod shipment_upload;
pub mod shipping_management;
mod statement;
pub mod subscribe_grant;
pub mod subscribe_message;
pub mod subscribe_queue;
pub mod timeline;
pub mod token_health;
pub mod token_refresh;
pub mod trade_notice;
pub mod user;
pub mod user_search;
pub mod vault;
pub mod wechat_call;
pub mod wxacode;
pub mod wxacode_allowance;

use sqlx::error::ErrorKind;

/// The migrations, compiled in.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// Why a statement failed, as far as the caller may care.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A named constraint refused the row.
    #[error("constraint {constraint} refused the row")]
    Conflict {
        /// The constraint's name.
        constraint: String,
    },
    /// The database is away, shutting down, or gave no connection in time.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// The statement waited too long for a lock, or lost to another transaction.
    #[error("the statement gave way to another transaction")]
    Busy(#[source] sqlx::Error),
    /// A function of ours does not allow a step of a patch.
    #[error("a step on {field} is not possible")]
    Refused {
        /// The field.
        field: String,
    },
    /// The indexed fields of a row are longer than an index can hold.
    #[error("the row is too long for an index")]
    Oversized(#[source] sqlx::Error),
    /// What the row holds does not fit the types it is read into.
    #[error("a row of {table} is inconsistent")]
    Inconsistent {
        /// The table.
        table: &'static str,
    },
    /// A sealed value does not open, or cannot be sealed.
    #[error(transparent)]
    Vault(#[from] vault::VaultError),
    /// Anything else: a defect.
    #[error("a statement failed")]
    Driver(#[source] sqlx::Error),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => {
                let is_constraint = !matches!(database.kind(), ErrorKind::Other);
                match (database.constraint(), database.code().as_deref()) {
                    (Some(constraint), _) if is_constraint => Self::Conflict {
                        constraint: constraint.to_owned(),
                    },
                    // Lock and statement timeouts, serialization failure, deadlock.
                    (_, Some("55P03" | "57014" | "40001" | "40P01")) => Self::Busy(error),
                    // A partition that is gone refuses a row without naming a constraint.
                    (None, Some("23514")) => Self::Conflict {
                        constraint: String::new(),
                    },
                    (_, Some("W0001")) => Self::Refused {
                        field: database.message().to_owned(),
                    },
                    (_, Some("54000")) => Self::Oversized(error),
                    (_, Some(code)) if is_away(code) => Self::Unavailable(error),
                    _ => Self::Driver(error),
                }
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            _ => Self::Driver(error),
        }
    }
}

/// Whether an `SQLSTATE` says that the database, not the statement, is the trouble.
fn is_away(code: &str) -> bool {
    match code.get(..2) {
        // A statement that took too long.
        Some("57") if code == "57014" => false,
        // Connection lost, login refused, resources used up, operator's intervention, system error.
        Some("08" | "28" | "53" | "57" | "58") => true,
        // A database that is gone, one that lets nobody in, a standby that only reads.
        _ => matches!(code, "3D000" | "55000" | "25006"),
    }
}

impl Error {
    /// Whether a statement was given up because it took too long.
    pub fn is_too_slow(&self) -> bool {
        matches!(self, Self::Busy(sqlx::Error::Database(error)) if error.code().as_deref() == Some("57014"))
    }
}

/// Whether a statement failed because of this constraint.
pub fn is_conflict<T>(outcome: &Result<T, Error>, name: &str) -> bool {
    matches!(outcome, Err(Error::Conflict { constraint }) if constraint == name)
}

//! What can go wrong with a private cluster, said so that the reader knows what to do next.

use std::fmt::Write as _;
use std::path::PathBuf;

/// How to install the programs, one line per system.
const INSTALL: &str = "\
    Debian, Ubuntu   apt-get install -y postgresql
    Fedora           dnf install -y postgresql-server
    Alpine           apk add postgresql
    macOS            brew install postgresql@17
Or set DATABASE_URL to a PostgreSQL that is already running.";

/// Why a private cluster is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No usable installation of `PostgreSQL`; each one that was passed over, with the reason.
    #[error("{}", without_programs(.skipped))]
    NoPrograms {
        /// Folder and reason, in the order of the search.
        skipped: Vec<(PathBuf, String)>,
    },
    /// The kept data belong to a major version that is not installed.
    #[error(
        "the data in {} are of PostgreSQL {wanted}, which is not among the installed versions ({found}). \
         Install PostgreSQL {wanted}, or give the data up with `weir dev --fresh`", .folder.display()
    )]
    OtherVersion {
        /// Where the data lie.
        folder: PathBuf,
        /// Major version of the data.
        wanted: u32,
        /// Major versions that are installed.
        found: String,
    },
    /// Started as root, but no user to run the server as: `PostgreSQL` refuses to run as root.
    #[error(
        "PostgreSQL does not run as root, and {} names neither a user `postgres` nor `nobody`. \
         Add one (`adduser --system postgres`), or start weir as an ordinary user", .accounts.display()
    )]
    NoAccount {
        /// The list of users that was read.
        accounts: PathBuf,
    },
    /// No folder that the server could use; each one that was tried, with the reason.
    #[error("no usable folder for PostgreSQL: {}", join(.tried))]
    NoFolder {
        /// Folder and reason, in the order of the search.
        tried: Vec<(PathBuf, String)>,
    },
    /// Somebody uses the cluster that was to be erased.
    #[error("the cluster in {} is in use: stop the other `weir dev` first", .folder.display())]
    InUse {
        /// Where the cluster lies.
        folder: PathBuf,
    },
    /// A program of `PostgreSQL` failed.
    #[error("{} failed ({status}):\n{output}", .program.display())]
    Program {
        /// What was run.
        program: PathBuf,
        /// How it ended.
        status: String,
        /// The last lines it printed.
        output: String,
    },
    /// The server ended while it was starting.
    #[error("PostgreSQL in {} did not start. The end of its log:\n{log}", .folder.display())]
    NotStarted {
        /// Where the cluster lies.
        folder: PathBuf,
        /// The last lines of the log.
        log: String,
    },
    /// Something took longer than it may.
    #[error("{what} of PostgreSQL in {} took longer than {limit_s} s. The end of its log:\n{log}", .folder.display())]
    TooSlow {
        /// What was being waited for.
        what: &'static str,
        /// Where the cluster lies.
        folder: PathBuf,
        /// The bound, in seconds.
        limit_s: u64,
        /// The last lines of the log.
        log: String,
    },
    /// Not a name for a database.
    #[error("`{0}` is no database name: a to z, 0 to 9 and _, not starting with a digit, at most 63 bytes")]
    Name(String),
    /// The server refused a statement.
    #[error("{what}: {source}")]
    Database {
        /// What was being done.
        what: String,
        /// What the server said.
        source: sqlx::Error,
    },
    /// A file or process operation failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, with the path.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Error {
    /// For `map_err`: the operation, in words, with its path.
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io {
            what: what.into(),
            source,
        }
    }
}

fn join(tried: &[(PathBuf, String)]) -> String {
    let reasons: Vec<String> = tried
        .iter()
        .map(|(path, reason)| format!("{} ({reason})", path.display()))
        .collect();
    reasons.join("; ")
}

fn without_programs(skipped: &[(PathBuf, String)]) -> String {
    let mut text = String::from("the programs of PostgreSQL 14 or newer were not found. To install them:\n");
    text.push_str(INSTALL);
    for (folder, reason) in skipped {
        // Writing to a String cannot fail.
        write!(text, "\nPassed over: {}: {reason}", folder.display()).ok();
    }
    text
}

//! Why the simulator cannot start or go on.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the simulator cannot start or go on. No message holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen on {bind}")]
    Bind {
        /// The address that was asked for.
        bind: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Whoever reaches the simulator can pay with money that does not exist.
    #[error("{bind} can be reached from other machines; say so on purpose with `is_exposed`")]
    NotLoopback {
        /// The address that was asked for.
        bind: SocketAddr,
    },
    /// A setting that cannot work.
    #[error("{0}")]
    Setting(&'static str),
    /// A key that is no RSA key in PEM.
    #[error("the RSA key `{name}` cannot be used")]
    Key {
        /// Which one.
        name: String,
    },
    /// A certificate could not be made.
    #[error("the certificate {serial} cannot be made")]
    Certificate {
        /// Its serial number.
        serial: String,
    },
    /// The folder of the state cannot be read or written.
    #[error("cannot use {path}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A file of the folder holds something else than it should.
    #[error("{path} is damaged")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        #[source]
        source: serde_json::Error,
    },
    /// Two simulators must not share a folder.
    #[error("another simulator uses {folder}")]
    FolderInUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The HTTP client that delivers notifications could not be made.
    #[error("no HTTP client")]
    Client(#[source] reqwest::Error),
}

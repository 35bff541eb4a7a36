//! What can go wrong between here and WeChat, before anything is understood.

/// A call that brought back no whole answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The network or TLS failed, or time ran out.
    #[error("{}", transport_text(*.is_timeout, *.may_have_arrived))]
    Transport {
        /// Whether time ran out.
        is_timeout: bool,
        /// Whether WeChat may have received the request, and acted on it.
        may_have_arrived: bool,
        /// The cause, without the URL.
        source: reqwest::Error,
    },
    /// The answer was longer than allowed; it was not read to its end.
    #[error("the answer is longer than {bytes_max} bytes")]
    TooLong {
        /// The bound, in bytes.
        bytes_max: usize,
    },
    /// The next piece of a long answer did not come in time.
    #[error("WeChat's answer stands still")]
    Stalled,
}

impl Error {
    /// Tells what the transport reports, and drops the URL: its query holds secrets.
    pub(super) fn transport(source: reqwest::Error) -> Self {
        Self::Transport {
            is_timeout: source.is_timeout(),
            may_have_arrived: !source.is_connect(),
            source: source.without_url(),
        }
    }

    /// Whether WeChat may have received the request, and acted on it.
    pub fn may_have_arrived(&self) -> bool {
        match self {
            Self::Transport { may_have_arrived, .. } => *may_have_arrived,
            Self::TooLong { .. } | Self::Stalled => true,
        }
    }

    /// Whether time ran out.
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::Transport { is_timeout, .. } => *is_timeout,
            Self::TooLong { .. } => false,
            Self::Stalled => true,
        }
    }
}

fn transport_text(is_timeout: bool, may_have_arrived: bool) -> &'static str {
    match (is_timeout, may_have_arrived) {
        (true, true) => "WeChat did not answer in time",
        (true, false) => "WeChat could not be connected to in time",
        (false, true) => "the connection to WeChat broke before the whole answer was there",
        (false, false) => "WeChat could not be connected to",
    }
}

/// The sender could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the client for WeChat could not be set up (TLS needs the system's root certificates)")]
pub struct SetupError(#[source] pub(super) reqwest::Error);

//! Requests that are turned away.

use metrics::counter;

pub(super) const SHED: &str = "weir_http_shed_total";

/// Which bound turned a request away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shed {
    /// Of the requests of the process that are in hand.
    InFlight,
    /// Of those that wait for the API of mini programs.
    Mini,
    /// Of those that wait for WeChat Pay.
    Pay,
    /// Of what WeChat reports.
    Callbacks,
    /// Of uploads and pictures on their way.
    Files,
    /// Of the queue for connections to the database.
    Database,
    /// Of logins from one network.
    LoginRate,
    /// Of the requests of one session.
    SessionRate,
    /// Of the requests of the owner's other services.
    InternalRate,
    /// Of calls to WeChat made for these services.
    FreeCalls,
    /// Of pictures that are being sent.
    FileReaders,
    /// Of what answers hold that their clients do not take: a connection has ended.
    Unsent,
    /// Of what all uploads together hold in memory.
    UploadMemory,
    /// Of what the uploads of one user hold.
    UploadMemoryOfUser,
}

impl Shed {
    /// Counts one request.
    pub fn count(self) {
        counter!(SHED, "reason" => self.as_str()).increment(1);
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::InFlight => "in_flight",
            Self::Mini => "mini",
            Self::Pay => "pay",
            Self::Callbacks => "callbacks",
            Self::Files => "files",
            Self::Database => "database",
            Self::LoginRate => "login_rate",
            Self::SessionRate => "session_rate",
            Self::InternalRate => "internal_rate",
            Self::FreeCalls => "free_calls",
            Self::FileReaders => "file_readers",
            Self::Unsent => "unsent",
            Self::UploadMemory => "upload_memory",
            Self::UploadMemoryOfUser => "upload_memory_of_user",
        }
    }
}

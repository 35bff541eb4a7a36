//! Settings: a pure function from names and values to typed sections.
//!
//! Every problem is reported at once, each with the variable's name and what is wrong, never with
//! the value of a secret. The process environment is read in [`environment()`] and nowhere else in
//! the program; key files are read here too, as text, and judged by the rooms that use them.

mod admin;
mod content_checks;
mod data_keys;
mod database;
mod environment;
mod events;
mod files;
mod http;
mod limits;
mod merchant;
mod mini;
mod order;
mod reader;
mod secret;
mod session;
mod subscribe;
mod telemetry;

pub use admin::AdminSettings;
pub use content_checks::ContentCheckSettings;
pub use data_keys::{DATA_KEY_BYTES, DataKeySettings};
pub use database::DatabaseSettings;
pub use environment::environment;
pub use events::EventSettings;
pub use files::{FileSettings, ObjectStore};
pub use http::HttpSettings;
pub use limits::LimitSettings;
pub use mini::{MiniProgram, MiniSettings, PushSettings};
pub use order::OrderSettings;
pub use reader::{Noted, Problem, Reader};
pub use session::SessionSettings;
pub use subscribe::SubscribeSettings;
pub use telemetry::{LogFormat, TelemetrySettings};

use crate::wechat::pay::Merchant;

/// All settings of the server.
#[derive(Debug)]
pub struct Settings {
    /// PostgreSQL.
    pub database: DatabaseSettings,
    /// Where the server listens and how it is reached.
    pub http: HttpSettings,
    /// Session tokens.
    pub session: SessionSettings,
    /// Keys that encrypt secrets in the database.
    pub data_keys: DataKeySettings,
    /// Tokens of operator and neighbours.
    pub admin: AdminSettings,
    /// The mini programs.
    pub mini: MiniSettings,
    /// The merchant; none: payment routes answer `payment_not_configured`.
    pub merchant: Option<Merchant>,
    /// Orders.
    pub order: OrderSettings,
    /// What WeChat is asked about before it is kept.
    pub content_checks: ContentCheckSettings,
    /// Rate limits.
    pub limits: LimitSettings,
    /// Where order events are delivered; none: they are not.
    pub events: Option<EventSettings>,
    /// Which messages are sent when something happens to an order.
    pub subscribe: SubscribeSettings,
    /// Where uploads lie.
    pub files: FileSettings,
    /// Logs and traces.
    pub telemetry: TelemetrySettings,
}

impl Settings {
    /// Reads all settings by `lookup`, which gives a variable's value or `None`. An empty value
    /// counts as none.
    ///
    /// # Errors
    /// Every problem there is, in the order of the sections.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Vec<Problem>> {
        let reader = Reader::new(&lookup);
        let database = DatabaseSettings::read(&reader);
        let http = HttpSettings::read(&reader);
        let session = SessionSettings::read(&reader);
        let data_keys = DataKeySettings::read(&reader);
        let admin = AdminSettings::read(&reader);
        let mini = MiniSettings::read(&reader);
        let merchant = merchant::read(&reader);
        let order = OrderSettings::read(&reader);
        let content_checks = ContentCheckSettings::read(&reader);
        let limits = LimitSettings::read(&reader);
        let events = EventSettings::read(&reader);
        let subscribe = SubscribeSettings::read(&reader, mini.as_ref().ok());
        let files = FileSettings::read(&reader);
        let telemetry = TelemetrySettings::read(&reader);
        secret::refuse_shared(&reader);
        let settings = || {
            Ok(Self {
                database: database?,
                http: http?,
                session: session?,
                data_keys: data_keys?,
                admin: admin?,
                mini: mini?,
                merchant: merchant?,
                order: order?,
                content_checks: content_checks?,
                limits: limits?,
                events: events?,
                subscribe: subscribe?,
                files: files?,
                telemetry: telemetry?,
            })
        };
        let settings: Result<Self, Noted> = settings();
        let problems = reader.into_problems();
        match settings {
            Ok(settings) if problems.is_empty() => Ok(settings),
            _ => Err(problems),
        }
    }
}

/// Reads one section alone, for a verb that needs no more, such as `weir migrate`.
///
/// # Errors
/// Every problem of that section.
pub fn read_section<T>(
    lookup: impl Fn(&str) -> Option<String>,
    read: impl FnOnce(&Reader<'_>) -> Result<T, Noted>,
) -> Result<T, Vec<Problem>> {
    let reader = Reader::new(&lookup);
    let section = read(&reader);
    let problems = reader.into_problems();
    match section {
        Ok(section) if problems.is_empty() => Ok(section),
        _ => Err(problems),
    }
}

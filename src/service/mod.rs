//! The use cases, one file each, in wings: who is it ([`login`]), what a user gives by WeChat
//! ([`data`]), what pages store ([`collection`]), what may be shown ([`content`]), what is bought and paid
//! ([`pay`]), what WeChat's other services do ([`mini`]) and tell by themselves ([`push`]), what was sent
//! ([`shipping`]), which pictures are kept ([`mod@file`]), and what the [`operator`] sees and decides;
//! [`outbox`] tells others, [`subscribe`] the buyers, [`reencryption`] follows a change of the data keys.
//!
//! A use case loads and locks, asks the domain, writes and commits. It opens the transactions, and
//! no call to WeChat is made while one is open: the intent is committed first, then WeChat is
//! asked, then the outcome is committed. Never here: HTTP, SQL text, a wire format of WeChat.

pub mod alarm;
pub mod collection;
pub mod content;
pub mod data;
pub mod file;
pub mod health;
pub mod login;
pub mod mini;
pub mod operator;
pub mod outbox;
pub mod pay;
pub mod push;
pub mod reencryption;
pub mod shipping;
pub mod subscribe;

use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;
use url::Url;

use crate::domain::clock::Clock;
use crate::domain::entropy::Entropy;
use crate::domain::name::AppId;
use crate::error::{AppError, ErrorCode};
use crate::store;
use crate::store::database::Database;
use crate::store::database::place::{self, Turn};
use crate::store::vault::Vault;
use crate::telemetry;
use crate::wechat::push::PushKeys;
use crate::wechat::secret::AppSecret;
use crate::wechat::send::Upstream;
use alarm::Alarms;
use login::session::SessionCache;
use login::token::SessionTokens;

/// Everything the use cases work with; made once by `app`, shared by all.
#[derive(Debug)]
pub struct Context {
    /// Time.
    pub clock: Clock,
    /// When the process began to serve.
    pub started_at: DateTime<Utc>,
    /// Randomness.
    pub entropy: Entropy,
    /// The database.
    pub db: Database,
    /// Secrets at rest.
    pub vault: Vault,
    /// The signing keys of session tokens.
    pub tokens: SessionTokens,
    /// Sessions seen alive within the last second.
    pub sessions: SessionCache,
    /// The mini programs.
    pub mini_programs: MiniPrograms,
    /// Access tokens seen alive within the last seconds.
    pub access_tokens: mini::AccessTokens,
    /// Code images that WeChat is being asked for.
    pub code_flights: mini::wxacode::Flights,
    /// The cloud environment, if there is one.
    pub cloud: Option<data::cloud_function::Cloud>,
    /// What is checked before it is kept.
    pub gate: content::gate::Gate,
    /// The merchant, if payment is set up.
    pub merchant: Option<crate::wechat::pay::Client>,
    /// Who is told of events, if somebody is.
    pub webhook: Option<crate::webhook::Sender>,
    /// The messages that are sent when something happens to an order.
    pub order_templates: subscribe::OrderTemplates,
    /// Files of users.
    pub files: file::Files,
    /// Schemas of collections, compiled.
    pub schemas: collection::hold::Schemas,
    /// Which refused notifications are written down.
    pub recorder: pay::recorder::Recorder,
    /// How long a session lives.
    pub session_ttl: TimeDelta,
    /// How long an order waits for money.
    pub order_ttl: TimeDelta,
    /// Whether what is paid is virtual, and sent with that.
    pub ships_virtual_goods: bool,
    /// How WeChat reaches this server.
    pub public_base_url: Url,
    /// When the loops of this process are to look before they would by themselves.
    pub alarms: Alarms,
    /// Cancelled when the server stops: what takes long gives way.
    pub stopping: CancellationToken,
    /// How far sealing again under the newest data key has come.
    pub reencryption: reencryption::Progress,
    /// When the loops leave WeChat Pay alone.
    pub pay_rest: pay::rest::Rest,
    /// When the loop of refunds leaves them alone.
    pub refund_rest: pay::rest::Rest,
    /// Whether requests can be served, as it was found last.
    pub readiness: health::Readiness,
    /// Work that goes on when its client goes away.
    pub tasks: TaskTracker,
}

/// The mini programs this server serves, and how their API is reached.
#[derive(Debug)]
pub struct MiniPrograms {
    /// The connection to WeChat.
    pub upstream: Upstream,
    /// Where the API is.
    pub base_url: Url,
    /// The one that is meant when a page names none.
    pub default: AppId,
    /// All of them with their secrets.
    pub secrets: BTreeMap<AppId, AppSecret>,
    /// Those that WeChat pushes messages for, with their keys.
    pub push: BTreeMap<AppId, PushKeys>,
    /// What came of the pushes to each.
    pub pushes: push::Watch,
    /// The last refusal that only the operator can mend.
    pub trouble: login::trouble::Trouble,
}

impl MiniPrograms {
    /// The secret of a mini program.
    ///
    /// # Errors
    /// `validation_failed` for `app_id` when this server serves no such mini program.
    pub fn secret(&self, app_id: &AppId) -> Result<&AppSecret, AppError> {
        let what = "no mini program of this server has this id";
        let unknown = || AppError::field("/app_id", "unknown", what);
        self.secrets.get(app_id).ok_or_else(unknown)
    }
}

impl Context {
    /// The merchant, or the refusal that there is none.
    pub fn merchant(&self) -> Result<&crate::wechat::pay::Client, AppError> {
        self.merchant
            .as_ref()
            .ok_or_else(|| AppError::new(ErrorCode::PaymentNotConfigured))
    }

    /// Runs work that must not stop half way in a task of its own and waits for it. A client that
    /// resets its connection makes the web server drop the handler, and with it only the waiting.
    pub async fn detached<T, F>(self: &Arc<Self>, work: F) -> Result<T, AppError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, AppError>> + Send + 'static,
    {
        // Its request's turn goes with it, so that one whose client has gone still counts, and so does its span.
        let work = place::scope(place::current(), work).in_current_span();
        let task = match telemetry::current() {
            Some(record) => self.tasks.spawn(telemetry::scope(record, work)),
            None => self.tasks.spawn(work),
        };
        task.await.map_err(AppError::internal)?
    }
}

/// Runs the work for one request. One that `is_queueing` may be refused before it has begun, when too many
/// want the database; one that is not finds connections which no queue can take. `ticket` is dropped when
/// the request's last work has ended, also that which its client did not wait for.
pub fn for_request<F: Future>(
    is_queueing: bool,
    ticket: impl Any + Send + Sync,
    work: F,
) -> impl Future<Output = F::Output> {
    place::scope(Some(Turn::new(is_queueing, ticket)), work)
}

impl From<store::Error> for AppError {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Unavailable(_) | store::Error::Busy(_) => {
                Self::new(ErrorCode::Unavailable).caused_by(error)
            }
            store::Error::Conflict { .. }
            | store::Error::Refused { .. }
            | store::Error::Oversized(_)
            | store::Error::Inconsistent { .. }
            | store::Error::Vault(_)
            | store::Error::Driver(_) => Self::internal(error),
        }
    }
}

impl From<sqlx::Error> for AppError {
    fn from(error: sqlx::Error) -> Self {
        store::Error::from(error).into()
    }
}

//! Composition: from settings to a running server with its loops, and back to nothing, in order.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_web::web::{Data, ServiceConfig};
use chrono::TimeDelta;
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{FileSettings, MiniProgram, Settings};
use crate::domain::clock::Clock;
use crate::domain::entropy::Entropy;
use crate::file::place::{Bucket, Place};
use crate::http::{self, Bounds, Running, Shell};
use crate::service::alarm::Alarms;
use crate::service::collection::hold::Schemas;
use crate::service::content::gate::Gate;
use crate::service::data::cloud_function::Cloud;
use crate::service::file::Files;
use crate::service::health::Readiness;
use crate::service::login::session::SessionCache;
use crate::service::login::token::SessionTokens;
use crate::service::login::trouble::Trouble;
use crate::service::mini::AccessTokens;
use crate::service::mini::wxacode::Flights;
use crate::service::pay::recorder::Recorder;
use crate::service::pay::rest::Rest;
use crate::service::push::Watch;
use crate::service::reencryption::Progress;
use crate::service::subscribe::OrderTemplates;
use crate::service::{Context, MiniPrograms};
use crate::store::pool::{self, FIRST_CONNECTION_WITHIN, PoolLimits, WrongEncoding};
use crate::store::vault::Vault;
use crate::telemetry;
use crate::webhook;
use crate::wechat::pay::{Client, Merchant};
use crate::wechat::push::PushKeys;
use crate::wechat::secret::AppSecret;
use crate::wechat::send::{SendLimits, Upstream};
use crate::worker::{self, Workers};

/// What a server is made of.
#[derive(Debug)]
pub struct Launch {
    /// Its settings.
    pub settings: Settings,
    /// Where it listens.
    pub listener: TcpListener,
    /// Its time.
    pub clock: Clock,
    /// The bounds of the HTTP server.
    pub bounds: Bounds,
    /// The bounds of the database's connections. How many there are is decided by the settings.
    pub pool_limits: PoolLimits,
    /// The bounds of calls to WeChat. Whether they need TLS is decided by the settings.
    pub send_limits: SendLimits,
    /// The bounds of telling others of events.
    pub webhook_limits: webhook::Limits,
    /// Whether the background loops run by themselves; else they run in [`Workers::run_to_quiet`] alone.
    pub has_loops: bool,
}

impl Launch {
    /// A server with the usual bounds, its loops running.
    pub fn new(settings: Settings, listener: TcpListener, clock: Clock) -> Self {
        Self {
            settings,
            listener,
            clock,
            bounds: Bounds::default(),
            pool_limits: PoolLimits::default(),
            send_limits: SendLimits::default(),
            webhook_limits: webhook::Limits::default(),
            has_loops: true,
        }
    }
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting that only its user could judge is not usable.
    #[error("{variable} {what}")]
    Setting {
        /// The variable.
        variable: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// The database lacks migrations.
    #[error("the database lacks {0} migrations: run `weir migrate`, or `weir serve --migrate`")]
    Migrations(usize),
    /// The database is not one for any text.
    #[error(transparent)]
    Encoding(#[from] WrongEncoding),
    /// The database does not answer.
    #[error("the database cannot be used")]
    Database(#[source] crate::store::Error),
    /// The listener cannot be used.
    #[error("the server cannot listen")]
    Listen(#[source] io::Error),
}

/// A running server.
#[derive(Debug)]
pub struct App {
    running: Running,
    context: Arc<Context>,
    workers: Arc<Workers>,
    loops: TaskTracker,
    stop_loops: CancellationToken,
}

/// Starts a server. Its database must have every migration. May be dropped before it has ended.
///
/// # Errors
/// See [`StartError`].
pub async fn start(mut launch: Launch) -> Result<App, StartError> {
    let limits = (launch.pool_limits, launch.send_limits, launch.webhook_limits);
    let context = Arc::new(ready(&mut launch.settings, launch.clock.clone(), limits).await?);
    let sampled = context.db.clone();
    let shell = Shell::new(&launch.settings, launch.bounds, launch.clock).sampled_by(move || {
        telemetry::note_pool(sampled.size(), u32::try_from(sampled.num_idle()).unwrap_or(0));
    });
    let shell = Data::new(shell);
    let data = Data::from(Arc::clone(&context));
    let documents = http::docs::routes();
    let routes = move |config: &mut ServiceConfig| {
        config
            .app_data(data.clone())
            .configure(http::routes::routes)
            .configure(documents.clone());
    };
    let running = http::start(launch.listener, shell.clone(), routes).map_err(StartError::Listen)?;
    let (loops, stop_loops) = (TaskTracker::new(), context.stopping.clone());
    let db = context.db.clone();
    let sweep = move || {
        shell.sweep();
        db.sweep();
    };
    worker::start_sweep(sweep, &loops, &stop_loops);
    let workers = Arc::new(Workers::new(Arc::clone(&context)));
    if launch.has_loops {
        workers.start(&loops, &stop_loops);
    }
    Ok(App {
        running,
        context,
        workers,
        loops,
        stop_loops,
    })
}

/// The use cases without a server around them, for a verb that is one of them. The database must have
/// every migration.
///
/// # Errors
/// See [`StartError`].
pub async fn open(mut settings: Settings, clock: Clock) -> Result<Arc<Context>, StartError> {
    Ok(Arc::new(ready(&mut settings, clock, Outgoing::default()).await?))
}

/// The same for a verb that finds out what they lack: nothing was asked of the database yet.
///
/// # Errors
/// [`StartError::Setting`].
pub fn unopened(mut settings: Settings, clock: Clock) -> Result<Context, StartError> {
    assemble(&mut settings, clock, Outgoing::default())
}

/// The bounds of what goes out: to the database, to WeChat, to whoever is told of events.
type Outgoing = (PoolLimits, SendLimits, webhook::Limits);

fn assemble(
    settings: &mut Settings,
    clock: Clock,
    (pool_limits, send_limits, webhook_limits): Outgoing,
) -> Result<Context, StartError> {
    let send_limits = SendLimits {
        needs_tls: needs_tls(settings),
        ..send_limits
    };
    let mut context = compose(settings, clock, pool_limits, send_limits)?;
    // A verb tells nobody, yet what it commits is told on by the server.
    context.webhook = webhook(settings, webhook_limits)?;
    Ok(context)
}

async fn ready(settings: &mut Settings, clock: Clock, bounds: Outgoing) -> Result<Context, StartError> {
    let context = assemble(settings, clock, bounds)?;
    let first = context.db.acquire_within(FIRST_CONNECTION_WITHIN).await;
    let mut first = first.map_err(|error| StartError::Database(error.into()))?;
    let judged = pool::judge_encoding(&mut first).await;
    judged.map_err(|error| StartError::Database(error.into()))??;
    let pending = pool::pending_migrations(first)
        .await
        .map_err(StartError::Database)?;
    if pending > 0 {
        return Err(StartError::Migrations(pending));
    }
    Ok(context)
}

impl App {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.running.address
    }

    /// What the use cases work with.
    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// The background loops.
    pub fn workers(&self) -> &Arc<Workers> {
        &self.workers
    }

    /// Stops: no new connections, requests in hand end, loops end, the pool closes. Tells whether
    /// everything ended by itself within its bound.
    pub async fn stop(self) -> bool {
        self.stop_loops.cancel();
        let is_orderly = self.running.stop(&self.context.tasks).await;
        self.loops.close();
        self.loops.wait().await;
        self.context.db.close().await;
        is_orderly
    }
}

fn compose(
    settings: &mut Settings,
    clock: Clock,
    pool_limits: PoolLimits,
    send_limits: SendLimits,
) -> Result<Context, StartError> {
    let setting = |variable, what: &dyn std::fmt::Display| StartError::Setting {
        variable,
        what: what.to_string(),
    };
    let limits = PoolLimits {
        connections_max: settings.database.pool_max,
        ..pool_limits
    };
    let db = pool::open(settings.database.url.expose_secret(), limits)
        .map_err(|_| setting("DATABASE_URL", &"is not a PostgreSQL URL"))?;
    let entropy = Entropy::system();
    let upstream =
        Upstream::new(send_limits, clock.clone()).map_err(|error| setting("WECHAT_API_BASE_URL", &error))?;
    let merchant = settings
        .merchant
        .take()
        .map(|merchant| Client::new(upstream.clone(), merchant, clock.clone(), entropy));
    let apps = &settings.mini.apps;
    let tokens = SessionTokens::new(
        settings
            .session
            .jwt_keys
            .iter()
            .map(|key| key.expose_secret().as_slice()),
        apps.iter().map(|app| &app.id),
    );
    let vault = Vault::new(settings.data_keys.keys.iter().map(ExposeSecret::expose_secret))
        .map_err(|error| setting("DATA_KEYS", &error))?;
    Ok(Context {
        started_at: clock.now(),
        clock,
        entropy,
        db,
        vault,
        tokens,
        sessions: SessionCache::default(),
        mini_programs: mini_programs(settings, upstream)?,
        access_tokens: AccessTokens::new(
            settings.mini.token_issuer,
            // A name in a history: without randomness nothing else would start anyway.
            entropy
                .bytes::<4>()
                .map_or_else(|_| "unnamed".to_owned(), hex::encode),
        ),
        code_flights: Flights::default(),
        cloud: cloud(settings),
        gate: Gate::new(
            settings.content_checks.has_profile,
            settings.content_checks.has_order_note,
        ),
        merchant,
        webhook: None,
        order_templates: OrderTemplates::new(std::mem::take(&mut settings.subscribe.templates)),
        files: Files::new(place(&settings.files)?),
        schemas: Schemas::default(),
        recorder: Recorder::default(),
        session_ttl: TimeDelta::seconds(i64::from(settings.session.ttl_s)),
        order_ttl: TimeDelta::seconds(i64::from(settings.order.ttl_s)),
        ships_virtual_goods: settings.order.ships_virtual_goods,
        public_base_url: settings.http.public_base_url.clone(),
        alarms: Alarms::default(),
        stopping: CancellationToken::new(),
        reencryption: Progress::default(),
        pay_rest: Rest::default(),
        refund_rest: Rest::default(),
        readiness: Readiness::default(),
        tasks: TaskTracker::new(),
    })
}

fn cloud(settings: &Settings) -> Option<Cloud> {
    let functions = &settings.mini.cloud_functions;
    settings.mini.cloud_env.clone().map(|env| Cloud {
        env,
        functions: functions.iter().cloned().collect(),
    })
}

/// TLS is left out where WeChat is simulated on this machine: root certificates cost megabytes.
fn needs_tls(settings: &Settings) -> bool {
    let pays_over_tls = settings.merchant.as_ref().is_some_and(Merchant::needs_tls);
    pays_over_tls || settings.mini.api_base_url.scheme() == "https"
}

fn webhook(settings: &Settings, limits: webhook::Limits) -> Result<Option<webhook::Sender>, StartError> {
    let sender = settings.events.as_ref().map(|events| {
        let (url, key) = (events.webhook_url.clone(), events.webhook_key.expose_secret());
        webhook::Sender::new(url, key, limits)
    });
    sender.transpose().map_err(|error| StartError::Setting {
        variable: "EVENTS_WEBHOOK_URL",
        what: error.to_string(),
    })
}

fn place(settings: &FileSettings) -> Result<Place, StartError> {
    let place = match settings {
        FileSettings::Folder(folder) => Place::folder(folder),
        FileSettings::Store(store) => Place::bucket(&Bucket {
            name: store.bucket.clone(),
            prefix: store.prefix.clone(),
            region: store.region.clone(),
            endpoint: store.endpoint.clone(),
            access_key_id: store.access_key_id.clone(),
            secret_access_key: store.secret_access_key.clone(),
        }),
    };
    place.map_err(|error| StartError::Setting {
        variable: "FILES_URL",
        what: format!("cannot be used: {error}"),
    })
}

fn mini_programs(settings: &Settings, upstream: Upstream) -> Result<MiniPrograms, StartError> {
    let setting = |what: String| StartError::Setting {
        variable: "WECHAT_APP_SECRET",
        what,
    };
    let apps = &settings.mini.apps;
    let default = apps
        .first()
        .map(|app| app.id.clone())
        .ok_or_else(|| setting("is required".to_owned()))?;
    let mut secrets = BTreeMap::new();
    let mut push = BTreeMap::new();
    for app in apps {
        let secret =
            AppSecret::parse(app.secret.expose_secret()).map_err(|error| setting(error.to_string()))?;
        secrets.insert(app.id.clone(), secret);
        if let Some(keys) = push_keys(app)? {
            push.insert(app.id.clone(), keys);
        }
    }
    Ok(MiniPrograms {
        upstream,
        base_url: settings.mini.api_base_url.clone(),
        default,
        secrets,
        push,
        pushes: Watch::default(),
        trouble: Trouble::default(),
    })
}

fn push_keys(app: &MiniProgram) -> Result<Option<PushKeys>, StartError> {
    let Some(push) = &app.push else {
        return Ok(None);
    };
    let aes_key = push.aes_key.as_ref().map(ExposeSecret::expose_secret);
    let keys = PushKeys::parse(push.token.expose_secret(), aes_key);
    keys.map(Some).map_err(|error| StartError::Setting {
        variable: "WECHAT_PUSH_TOKEN",
        what: format!("cannot be used: {error}"),
    })
}

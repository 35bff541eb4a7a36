//! `weir dev`

use std::collections::BTreeMap;
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use secrecy::ExposeSecret as _;
use url::Url;

use super::signal::StopSignal;
use super::{block_on, generated, in_use, no_simulator, output};
use crate::app::{self, App, Launch};
use crate::config::{self, Settings};
use crate::dev::postgres::{self, Cluster};
use crate::dev::settings::Surroundings;
use crate::dev::{catalogue, notebook, settings};
use crate::domain::clock::Clock;
use crate::domain::entropy::Entropy;
use crate::simulator::{self, Folder, Options, Simulator};
use crate::store::pool;
use crate::telemetry::{self, Telemetry};

/// Settings of the environment that `dev` follows, beside `DATABASE_URL`, `HTTP_BIND` and [`RECEIVER`]; the rest it
/// makes itself, so that no setting of a real account is ever used with a simulated WeChat. The tokens of operator
/// and services open this server alone.
const FOLLOWED: [&str; 14] = [
    "ADMIN_TOKEN",
    "CONTENT_CHECKS",
    "DATABASE_POOL_MAX",
    "INTERNAL_TOKEN",
    "LOG_FORMAT",
    "ORDER_TTL_S",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "RATE_LIMIT_INTERNAL_PER_S",
    "RATE_LIMIT_LOGIN_PER_MIN",
    "RATE_LIMIT_SESSION_PER_S",
    "RUST_LOG",
    "SESSION_TTL_S",
    "SHIP_VIRTUAL_GOODS",
    "TRUSTED_PROXIES",
];
/// Followed when the receiver is on this machine. No other is told of payments that were none: it would ship.
const RECEIVER: [&str; 2] = ["EVENTS_WEBHOOK_URL", "EVENTS_WEBHOOK_SECRET"];
/// The database in the private cluster.
const DATABASE: &str = "weir";
/// Where the server listens when nobody says.
const BIND: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// Everything on this machine, with no account anywhere.
///
/// Starts a private PostgreSQL, the simulated WeChat and the server, generates keys and secrets,
/// applies migrations and puts a small catalogue into the shop. The state stays in the folder and is
/// used again. Ctrl-C stops all of it, PostgreSQL included. With `DATABASE_URL` in the environment or
/// `.env` that database is used instead of a private one.
#[derive(Debug, clap::Args)]
pub(super) struct Dev {
    /// Throw the state away and start over.
    #[arg(long)]
    fresh: bool,
    /// Where the state is kept.
    #[arg(long, default_value = ".weir")]
    folder: PathBuf,
    /// Where the server listens; port 0 takes a free one. `HTTP_BIND` without it, else 127.0.0.1:8080.
    #[arg(long)]
    http: Option<SocketAddr>,
    /// Where the simulated WeChat listens; port 0 takes a free one.
    #[arg(long, default_value_t = Options::DEFAULT_BIND)]
    simulator: SocketAddr,
}

impl Dev {
    pub(super) fn run(self) -> ExitCode {
        let mut telemetry = None;
        let developed = block_on(self.develop(&mut telemetry));
        if let Some(telemetry) = telemetry {
            telemetry.finish();
        }
        match developed {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => output::failure(error.as_ref()),
        }
    }

    /// `telemetry` is set once it has started, whatever comes of the rest.
    async fn develop(self, telemetry: &mut Option<Telemetry>) -> Result<(), Box<dyn Error>> {
        let mut stop = StopSignal::catch()?;
        let environment = config::environment()?;
        let bind = self.bind(&environment)?;
        // Taken first: a port in use is told at once, and nothing has to be undone.
        let listener = TcpListener::bind(bind).map_err(|error| in_use(bind, &error, "--http"))?;
        let given = environment("DATABASE_URL").filter(|url| !url.is_empty());
        if self.fresh && given.is_some() {
            return Err(
                "--fresh leaves the database of DATABASE_URL alone: empty it yourself, or unset the variable"
                    .into(),
            );
        }
        std::fs::create_dir_all(&self.folder)?;
        let folder = self.folder.canonicalize()?;
        let is_given = given.is_some();
        let prepare = async {
            if self.fresh {
                erase(&folder).await?;
            }
            Ok::<_, Box<dyn Error>>(if is_given {
                None
            } else {
                Some(Cluster::durable(&folder.join("postgres")).await?)
            })
        };
        // PostgreSQL may take minutes. What has begun of it ends with this process.
        let cluster = tokio::select! {
            cluster = prepare => cluster?,
            () = stop.wait() => return Ok(()),
        };
        let develop = async {
            let database_url = match (given, &cluster) {
                (Some(url), _) => url,
                (None, Some(cluster)) => {
                    cluster.ensure_database(DATABASE).await?;
                    cluster.url(DATABASE)
                }
                (None, None) => return Err("there is no database".into()),
            };
            let parts = self.with_database(&folder, &database_url, listener, &environment, telemetry);
            parts.await
        };
        let outcome = tokio::select! {
            outcome = develop => Some(outcome),
            () = stop.wait() => None,
        };
        if matches!(outcome, Some(Ok(_))) {
            stop.wait().await;
        }
        stop.end_at_once();
        let stopped = match outcome {
            Some(Ok(parts)) => {
                output::say("stopping");
                parts.app.stop().await;
                parts.simulator.stop().await;
                Ok(())
            }
            Some(Err(error)) => Err(error),
            None => Ok(()),
        };
        if let Some(cluster) = cluster {
            cluster.stop().await?;
        }
        stopped
    }

    fn bind(&self, environment: impl Fn(&str) -> Option<String>) -> Result<SocketAddr, Box<dyn Error>> {
        let wanted = environment("HTTP_BIND").filter(|address| !address.is_empty());
        match (self.http, wanted) {
            (Some(address), _) => Ok(address),
            (None, None) => Ok(BIND),
            (None, Some(address)) => address
                .parse()
                .map_err(|_| "HTTP_BIND must be an address with a port, such as 127.0.0.1:8080".into()),
        }
    }

    async fn with_database(
        &self,
        folder: &Path,
        database_url: &str,
        listener: TcpListener,
        environment: impl Fn(&str) -> Option<String>,
        telemetry: &mut Option<Telemetry>,
    ) -> Result<Parts, Box<dyn Error>> {
        let http = reachable(listener.local_addr()?);
        let simulator_folder = Folder::new(folder.join("simulator"));
        let mut options = generated(folder.join("simulator")).await?;
        options.bind = self.simulator;
        options.server_url = Some(Url::parse(&format!("http://{http}"))?);
        let mini_programs: Vec<&str> = options.apps.iter().map(|app| app.app_id.as_str()).collect();
        if postgres::serves_others(pool::options(database_url)?, &mini_programs).await? {
            return Err(
                "DATABASE_URL is the database of a real mini program, and this is a place to try things: \
                        unset it (in the environment or in .env), or name another database"
                    .into(),
            );
        }
        pool::migrate(database_url).await?;
        let simulator = simulator::start(options.clone())
            .await
            .map_err(|error| no_simulator(error, "--simulator"))?;
        let mut values = settings::generated(folder, Entropy::system())?;
        settings::complete(
            &mut values,
            &Surroundings {
                database_url,
                http,
                simulator_url: &simulator.url(),
                simulator: &options,
                simulator_folder: &simulator_folder,
                files: &folder.join("files"),
                apps_file: &folder.join("apps.toml"),
                subscribe_file: &folder.join("subscribe.toml"),
            },
        )?;
        let followed = followed(environment);
        let is_own = !followed.contains_key("INTERNAL_TOKEN");
        values.extend(followed);
        let internal_token = values.get("INTERNAL_TOKEN").filter(|_| is_own).cloned();
        let app = serve(&values, listener, telemetry).await?;
        if let Some(token) = internal_token {
            output::say(format_args!("internal token  {token}"));
        }
        tell(&app, &simulator, database_url, &options.apps);
        Ok(Parts { app, simulator })
    }
}

/// The address under which this machine reaches a listener.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    address
}

/// What runs beside PostgreSQL.
struct Parts {
    app: App,
    simulator: Simulator,
}

/// Throws the state away: the cluster first, which may lie elsewhere, then what is in the folder.
async fn erase(folder: &Path) -> Result<(), Box<dyn Error>> {
    Cluster::erase(&folder.join("postgres")).await?;
    for name in ["simulator", "files"] {
        let path = folder.join(name);
        if path.exists() {
            std::fs::remove_dir_all(path)?;
        }
    }
    let kept = folder.join("settings.env");
    if kept.exists() {
        std::fs::remove_file(kept)?;
    }
    Ok(())
}

/// What is set of that which is followed.
fn followed(environment: impl Fn(&str) -> Option<String>) -> BTreeMap<String, String> {
    let given = |name: &str| environment(name).filter(|value| !value.trim().is_empty());
    let receiver = given("EVENTS_WEBHOOK_URL");
    let is_here = receiver
        .as_deref()
        .is_some_and(|url| Url::parse(url.trim()).is_ok_and(|url| config::is_loopback(&url)));
    if receiver.is_some() && !is_here {
        output::say(
            "EVENTS_WEBHOOK_URL is not followed: only a receiver on this machine is told of simulated orders",
        );
    }
    let receiver = RECEIVER.into_iter().filter(|_| is_here);
    FOLLOWED
        .into_iter()
        .chain(receiver)
        .filter_map(|name| Some((name.to_owned(), given(name)?)))
        .collect()
}

async fn serve(
    values: &BTreeMap<String, String>,
    listener: TcpListener,
    telemetry: &mut Option<Telemetry>,
) -> Result<App, Box<dyn Error>> {
    let settings = Settings::read(|name| values.get(name).cloned()).map_err(|problems| {
        problems
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; ")
    })?;
    *telemetry = Some(telemetry::start(&settings.telemetry)?);
    let admin_token = settings.admin.token.expose_secret().to_owned();
    let clock = Clock::system();
    let launch = Launch::new(settings, listener, clock.clone());
    let app = app::start(launch).await?;
    catalogue::seed(&app.context().db, &clock).await?;
    notebook::declare(&app.context().db, &clock, Entropy::system()).await?;
    output::say(format_args!("admin token  {admin_token}"));
    Ok(app)
}

fn tell(app: &App, simulator: &Simulator, database_url: &str, mini_programs: &[simulator::App]) {
    let server = app.address();
    output::say(format_args!("server       http://{server}"));
    output::say(format_args!("API          http://{server}/docs"));
    output::say(format_args!("console      http://{server}/admin/"));
    output::say(format_args!("health       http://{server}/admin/health"));
    output::say(format_args!("database     {}", without_password(database_url)));
    output::say(format_args!("simulator    {}", simulator.url()));
    for (label, mini_program) in ["app         ", "second app  "].into_iter().zip(mini_programs) {
        output::say(format_args!("{label} {}", mini_program.app_id));
    }
    output::say(format_args!("phone        {}phone", simulator.url()));
    output::say("\nOpen the phone's address in a browser. Ctrl-C stops everything.");
}

/// Where a database is. What is printed ends in logs and on screens that others see.
fn without_password(database_url: &str) -> String {
    let Ok(mut url) = Url::parse(database_url) else {
        return "of DATABASE_URL".to_owned();
    };
    // It can stand in both places.
    let is_hidden = |name: &str| name == "password";
    if url.password().is_none() && !url.query_pairs().any(|(name, _)| is_hidden(&name)) {
        return database_url.to_owned();
    }
    if url.set_password(None).is_err() {
        return "of DATABASE_URL".to_owned();
    }
    let rest: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(name, _)| !is_hidden(name))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    url.set_query(None);
    if !rest.is_empty() {
        url.query_pairs_mut().extend_pairs(rest);
    }
    url.into()
}

#[cfg(test)]
mod tests {
    use super::{FOLLOWED, RECEIVER};

    #[test]
    fn all_that_is_followed_is_told() {
        let (security, example) = (
            include_str!("../../SECURITY.md"),
            include_str!("../../.env.example"),
        );
        let paragraph = |text: &'static str| text.split("\n\n").find(|part| part.contains("follows"));
        // Of the example, what stands before its first variable.
        let example = example.split("# ──").next();
        for text in [paragraph(security), example] {
            let text = text.unwrap();
            for name in FOLLOWED
                .iter()
                .chain(&RECEIVER)
                .chain(&["DATABASE_URL", "HTTP_BIND"])
            {
                assert!(text.contains(name), "{name} in:\n{text}");
            }
        }
    }
}

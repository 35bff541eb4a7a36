//! `weir dev`

use std::collections::BTreeMap;
use std::error::Error;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use secrecy::ExposeSecret as _;
use url::Url;

use super::signal::StopSignal;
use super::{generated, in_use, no_simulator, output, runtime};
use crate::app::{self, App, Launch};
use crate::config::{self, Settings};
use crate::dev::postgres::Cluster;
use crate::dev::settings::Surroundings;
use crate::dev::{catalogue, notebook, settings};
use crate::domain::clock::Clock;
use crate::domain::entropy::Entropy;
use crate::simulator::{self, Folder, Options, Simulator};
use crate::store::pool;
use crate::telemetry;

/// Settings of the environment that `dev` follows; the rest it makes itself, so that no setting of a
/// real account is ever used with a simulated WeChat.
const FOLLOWED: [&str; 5] = [
    "LOG_FORMAT",
    "RUST_LOG",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "ORDER_TTL_S",
    "SESSION_TTL_S",
];
/// The database in the private cluster.
const DATABASE: &str = "weir";

/// Everything on this machine, with no account anywhere.
///
/// Starts a private PostgreSQL, the simulated WeChat and the server, generates keys and secrets,
/// applies migrations and puts a small catalogue into the shop. The state stays in the folder and is
/// used again. Ctrl-C stops all of it, PostgreSQL included.
#[derive(Debug, clap::Args)]
pub(super) struct Dev {
    /// Throw the state away and start over.
    #[arg(long)]
    fresh: bool,
    /// Where the state is kept.
    #[arg(long, default_value = ".weir")]
    folder: PathBuf,
    /// Where the server listens; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    http: SocketAddr,
    /// Where the simulated WeChat listens; port 0 takes a free one.
    #[arg(long, default_value_t = Options::DEFAULT_BIND)]
    simulator: SocketAddr,
}

impl Dev {
    pub(super) fn run(self) -> ExitCode {
        match runtime()
            .map_err(Into::into)
            .and_then(|runtime| runtime.block_on(self.develop()))
        {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => output::failure(error.as_ref()),
        }
    }

    async fn develop(self) -> Result<(), Box<dyn Error>> {
        let mut stop = StopSignal::catch()?;
        // Taken first: a port in use is told at once, and nothing has to be undone.
        let listener = TcpListener::bind(self.http).map_err(|error| in_use(self.http, &error, "--http"))?;
        std::fs::create_dir_all(&self.folder)?;
        let folder = self.folder.canonicalize()?;
        if self.fresh {
            erase(&folder).await?;
        }
        let cluster = Cluster::durable(&folder.join("postgres")).await?;
        let outcome = tokio::select! {
            outcome = self.with_database(&folder, &cluster, listener) => Some(outcome),
            () = stop.wait() => None,
        };
        let stopped = match outcome {
            Some(Ok(parts)) => {
                stop.wait().await;
                stop.end_at_once();
                output::say("stopping");
                parts.app.stop().await;
                parts.simulator.stop().await;
                Ok(())
            }
            Some(Err(error)) => Err(error),
            None => Ok(()),
        };
        cluster.stop().await?;
        stopped
    }

    async fn with_database(
        &self,
        folder: &Path,
        cluster: &Cluster,
        listener: TcpListener,
    ) -> Result<Parts, Box<dyn Error>> {
        cluster.ensure_database(DATABASE).await?;
        let database_url = cluster.url(DATABASE);
        pool::migrate(&database_url).await?;
        let http = listener.local_addr()?;
        let simulator_folder = Folder::new(folder.join("simulator"));
        let mut options = generated(folder.join("simulator")).await?;
        options.bind = self.simulator;
        options.server_url = Some(Url::parse(&format!("http://{http}"))?);
        let simulator = simulator::start(options.clone())
            .await
            .map_err(|error| no_simulator(error, "--simulator"))?;
        let mut values = settings::generated(folder, Entropy::system())?;
        settings::complete(
            &mut values,
            &Surroundings {
                database_url: &database_url,
                http,
                simulator_url: &simulator.url(),
                simulator: &options,
                simulator_folder: &simulator_folder,
                files: &folder.join("files"),
                apps_file: &folder.join("apps.toml"),
            },
        )?;
        let app = serve(values, listener).await?;
        tell(&app, &simulator, &database_url, &options.apps);
        Ok(Parts { app, simulator })
    }
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

async fn serve(values: BTreeMap<String, String>, listener: TcpListener) -> Result<App, Box<dyn Error>> {
    let environment = config::environment()?;
    let lookup = |name: &str| match values.get(name) {
        Some(value) => Some(value.clone()),
        None if FOLLOWED.contains(&name) => environment(name),
        None => None,
    };
    let settings = Settings::read(lookup).map_err(|problems| {
        problems
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; ")
    })?;
    telemetry::start(&settings.telemetry)?;
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
    output::say(format_args!("health       http://{server}/admin/health"));
    output::say(format_args!("database     {database_url}"));
    output::say(format_args!("simulator    {}", simulator.url()));
    for (label, mini_program) in ["app         ", "second app  "].into_iter().zip(mini_programs) {
        output::say(format_args!("{label} {}", mini_program.app_id));
    }
    output::say(format_args!("phone        {}phone", simulator.url()));
    output::say("\nOpen the phone's address in a browser. Ctrl-C stops everything.");
}

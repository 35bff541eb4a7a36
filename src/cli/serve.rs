//! `weir serve`

use std::error::Error;
use std::net::TcpListener;
use std::process::ExitCode;

use secrecy::ExposeSecret as _;

use super::signal::StopSignal;
use super::{block_on, in_use, output};
use crate::app::{self, App, Launch};
use crate::config::{self, Settings};
use crate::domain::clock::Clock;
use crate::store::pool;
use crate::telemetry;

/// The server and its background work, from the settings in the environment and `.env`.
///
/// Refuses to start on a bad setting, listing all of them (exit status 2), and on a database that
/// lacks migrations. Ctrl-C or SIGTERM stops it in order: no new connections, requests in hand end,
/// loops end, the pool closes.
#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    /// Apply the migrations that the database lacks before serving.
    #[arg(long)]
    migrate: bool,
}

impl Serve {
    pub(super) fn run(self) -> ExitCode {
        let lookup = match config::environment() {
            Ok(lookup) => lookup,
            Err(error) => return output::unreadable_settings(&error),
        };
        let settings = match Settings::read(lookup) {
            Ok(settings) => settings,
            Err(problems) => return output::bad_settings(&problems),
        };
        let telemetry = match telemetry::start(&settings.telemetry) {
            Ok(telemetry) => telemetry,
            Err(error) => return output::failure(&error),
        };
        let served = block_on(serve(settings, self.migrate));
        telemetry.finish();
        match served {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => output::no_start(error.as_ref()),
        }
    }
}

async fn serve(settings: Settings, is_migrating: bool) -> Result<(), Box<dyn Error>> {
    let mut stop = StopSignal::catch()?;
    // It may wait for its database. A migration that is not finished is undone.
    let app = tokio::select! {
        started = start(settings, is_migrating) => started?,
        () = stop.wait() => return Ok(()),
    };
    tracing::info!(address = %app.address(), version = env!("CARGO_PKG_VERSION"), "serving");
    stop.wait().await;
    stop.end_at_once();
    tracing::info!("stopping");
    app.stop().await;
    Ok(())
}

async fn start(settings: Settings, is_migrating: bool) -> Result<App, Box<dyn Error>> {
    if is_migrating {
        pool::migrate(settings.database.url.expose_secret()).await?;
    }
    let bind = settings.http.bind;
    let listener = TcpListener::bind(bind).map_err(|error| in_use(bind, &error, "HTTP_BIND"))?;
    Ok(app::start(Launch::new(settings, listener, Clock::system())).await?)
}

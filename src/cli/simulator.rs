//! `weir simulator`

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::ExitCode;

use secrecy::ExposeSecret as _;
use url::Url;

use super::signal::StopSignal;
use super::{block_on, generated, no_simulator, output};
use crate::config::{self, TelemetrySettings};
use crate::simulator::{self, Delivery, Folder, KeyMode, Options, Simulator};
use crate::telemetry;

/// The simulated WeChat alone, for any other backend or SDK.
///
/// Prints what a client needs to know: app id and secret, merchant number, certificate serial, key
/// files and `APIv3` key. What it generates stays in the folder and is used again. Of the settings, those
/// of the log count.
#[derive(Debug, clap::Args)]
pub(super) struct SimulatorVerb {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value_t = Options::DEFAULT_BIND)]
    bind: SocketAddr,
    /// Where keys and state are kept; not the folder of `weir dev`, whose state has a database beside it.
    #[arg(long, default_value = ".weir/simulator-alone")]
    folder: PathBuf,
    /// Which keys of WeChat Pay sign; without it, those of the last time, at first certificates.
    #[arg(long)]
    mode: Option<Mode>,
    /// Divides the waits between the attempts to deliver a notification: 15 s, 15 s, 30 s and so on,
    /// for a day.
    #[arg(long, default_value_t = NonZeroU32::MIN)]
    speed: NonZeroU32,
    /// The server that the phone page talks to, and that messages are pushed to.
    #[arg(long)]
    server: Option<Url>,
    /// Listen on an address that other machines reach.
    #[arg(long)]
    expose: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum Mode {
    /// Platform certificates.
    Certificate,
    /// The public key.
    PublicKey,
    /// Either, as during a migration.
    Both,
}

impl From<Mode> for KeyMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Certificate => Self::Certificate,
            Mode::PublicKey => Self::PublicKey,
            Mode::Both => Self::Both,
        }
    }
}

impl SimulatorVerb {
    pub(super) fn run(self) -> ExitCode {
        let lookup = match config::environment() {
            Ok(lookup) => lookup,
            Err(error) => return output::unreadable_settings(&error),
        };
        let settings = match config::read_section(lookup, TelemetrySettings::read) {
            Ok(settings) => settings,
            Err(problems) => return output::bad_settings(&problems),
        };
        let telemetry = match telemetry::start(&settings) {
            Ok(telemetry) => telemetry,
            Err(error) => return output::failure(&error),
        };
        let simulated = block_on(self.simulate());
        telemetry.finish();
        match simulated {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => output::failure(error.as_ref()),
        }
    }

    async fn simulate(self) -> Result<(), Box<dyn std::error::Error>> {
        let mut stop = StopSignal::catch()?;
        let mut options = generated(self.folder.clone()).await?;
        options.bind = self.bind;
        options.server_url = self.server;
        options.is_exposed = self.expose;
        options.delivery = Delivery::Automatic { speed: self.speed };
        let description = describe(&options, &Folder::new(&self.folder));
        let simulator = simulator::start(options)
            .await
            .map_err(|error| no_simulator(error, "--bind"))?;
        if let Some(mode) = self.mode {
            simulator.sign_with(mode.into());
        }
        for line in description {
            output::say(line);
        }
        tell(&simulator);
        stop.wait().await;
        stop.end_at_once();
        simulator.stop().await;
        Ok(())
    }
}

/// Said last: whoever reads these lines may begin.
fn tell(simulator: &Simulator) {
    let signed_with = match simulator.key_mode() {
        KeyMode::Certificate => "platform certificates",
        KeyMode::PublicKey => "the public key",
        KeyMode::Both => "platform certificates and the public key",
    };
    output::say(format_args!("signs with        {signed_with}"));
    output::say(format_args!("phone             {}phone", simulator.url()));
    output::say(format_args!(
        "control API       {}simulator/openapi.json",
        simulator.url()
    ));
    output::say(format_args!("simulator         {}", simulator.url()));
}

fn describe(options: &Options, folder: &Folder) -> Vec<String> {
    let merchant = &options.merchant;
    let mut lines = Vec::new();
    for app in &options.apps {
        lines.push(format!("app id            {}", app.app_id));
        lines.push(format!("app secret        {}", app.app_secret.expose_secret()));
        if let Some(push) = &app.push {
            lines.push(format!("push token        {}", push.token.expose_secret()));
            lines.push(format!(
                "push AES key      {}",
                push.encoding_aes_key.expose_secret()
            ));
        }
    }
    lines.extend([
        format!("merchant          {}", merchant.mch_id),
        format!("certificate       {}", merchant.cert_serial),
        format!(
            "private key       {}",
            folder.merchant_private_key_file().display()
        ),
        format!("APIv3 key         {}", merchant.api_v3_key.expose_secret()),
        format!("public key id     {}", options.keys.public_id),
        format!("public key        {}", folder.public_key_file().display()),
    ]);
    lines
}

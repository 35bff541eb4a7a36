//! The verbs of the binary, one file each. They read settings, start things, wait, and stop them in
//! order; what things do is decided elsewhere.

mod dev;
mod doctor;
mod migrate;
mod notification;
mod openapi;
mod output;
mod reconcile;
mod serve;
mod signal;
mod simulator;

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::simulator::{Error as SimulatorError, Options};

/// The exit status for settings that cannot be used.
const BAD_SETTINGS: u8 = 2;

#[derive(Debug, Parser)]
#[command(
    name = "weir",
    version,
    about = "The backend behind a WeChat mini program: login, payment and data."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Everything on this machine, with no account anywhere.
    Dev(dev::Dev),
    /// The server and its background work, from the settings in the environment and `.env`.
    Serve(serve::Serve),
    /// Applies the migrations that the database lacks.
    Migrate(migrate::Migrate),
    /// Checks every setting and everything outside that a server needs.
    Doctor(doctor::Doctor),
    /// Compares WeChat's bills of a day with the books.
    Reconcile(reconcile::Reconcile),
    /// The flight recorder of WeChat Pay's notifications.
    Notification(notification::Notification),
    /// The simulated WeChat alone, for any other backend or SDK.
    Simulator(simulator::SimulatorVerb),
    /// Prints the OpenAPI 3.1 document.
    Openapi(openapi::Openapi),
}

/// Runs the verb that the command line names.
pub fn run() -> ExitCode {
    match Cli::parse().verb {
        Verb::Dev(verb) => verb.run(),
        Verb::Serve(verb) => verb.run(),
        Verb::Migrate(verb) => verb.run(),
        Verb::Doctor(verb) => verb.run(),
        Verb::Reconcile(verb) => verb.run(),
        Verb::Notification(verb) => verb.run(),
        Verb::Simulator(verb) => verb.run(),
        Verb::Openapi(verb) => verb.run(),
    }
}

/// Does the work of a verb, loops and what waits, on this thread. Requests are served on the web server's own
/// threads, so one thread is enough here, and an idle server stays small. What stands still in a call that blocks, such
/// as the resolver's, is not waited for: it ends with the process.
fn block_on<T>(work: impl Future<Output = Result<T, Box<dyn Error>>>) -> Result<T, Box<dyn Error>> {
    open_many_files();
    let runtime = runtime()?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_background();
    outcome
}

/// Takes the most that the system lets this process have. What a supervisor gives unasked, often
/// 1,024, is used up by 500 connections: each takes two descriptors.
fn open_many_files() {
    let given = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: given.maximum,
        ..given
    };
    if let Err(error) = setrlimit(Resource::Nofile, most) {
        tracing::debug!(cause = %error, "the limit of open files stays as it was given");
    }
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// What the simulator is started with, its keys made where they are missing; making RSA keys takes a
/// while.
async fn generated(folder: PathBuf) -> Result<Options, Box<dyn Error>> {
    Ok(tokio::task::spawn_blocking(move || Options::generated(&folder)).await??)
}

/// A port that cannot be taken, told with the flag or the setting that names another.
fn in_use(address: SocketAddr, cause: &io::Error, by: &str) -> String {
    format!("{address} is in use or not ours ({cause}); choose another with {by}")
}

/// Why the simulated `WeChat` does not start, in the words of the command line.
fn no_simulator(error: SimulatorError, flag: &str) -> Box<dyn Error> {
    use SimulatorError::{Bind, NotLoopback};
    match error {
        Bind { bind, source } => in_use(bind, &source, flag).into(),
        NotLoopback { bind } => {
            format!("other machines could reach {bind}; `weir simulator --expose` allows that").into()
        }
        error => error.into(),
    }
}

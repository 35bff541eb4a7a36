//! `weir notification replay`

use std::error::Error;
use std::process::ExitCode;

use uuid::Uuid;

use super::{block_on, output};
use crate::app;
use crate::config::{self, Settings};
use crate::domain::clock::Clock;
use crate::domain::id::NotificationId;
use crate::service::pay::replay_notification::{self, Change, Replayed};

/// The exit status where the delivery is still refused.
const STILL_REFUSED: u8 = 3;
/// The longest name that is kept of who runs a delivery again, in bytes.
const BY_BYTES_MAX: usize = 100;

/// The flight recorder of `WeChat` Pay's notifications.
#[derive(Debug, clap::Args)]
pub(super) struct Notification {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Replay(Replay),
}

/// Runs a recorded notification again, as of the time when it arrived and with today's keys, and prints
/// the difference it makes in the books. Dry without --apply.
///
/// Needs the settings of `weir serve`, whose server need not run. Exit status: 0 the notification is believed,
/// whether or not anything differs; 1 it could not be run, for there is none of that id or the database is
/// away; 2 bad settings or arguments; 3 it is still refused, and the reason is printed.
#[derive(Debug, clap::Args)]
struct Replay {
    /// The id of the delivery, as `GET /admin/notifications` lists it.
    id: Uuid,
    /// Make the changes. What is known already changes nothing.
    #[arg(long)]
    apply: bool,
    /// Who runs it, for the record.
    #[arg(long, default_value = "command line", value_parser = name)]
    by: String,
}

fn name(text: &str) -> Result<String, String> {
    if (1..=BY_BYTES_MAX).contains(&text.trim().len()) && !text.chars().any(char::is_control) {
        Ok(text.trim().to_owned())
    } else {
        Err(format!("1 to {BY_BYTES_MAX} bytes in one line"))
    }
}

impl Notification {
    pub(super) fn run(self) -> ExitCode {
        let Verb::Replay(replay) = self.verb;
        let lookup = match config::environment() {
            Ok(lookup) => lookup,
            Err(error) => return output::unreadable_settings(&error),
        };
        let settings = match Settings::read(lookup) {
            Ok(settings) => settings,
            Err(problems) => return output::bad_settings(&problems),
        };
        match block_on(replay.run(settings)) {
            Ok(replayed) => tell(&replayed),
            Err(error) => output::no_start(error.as_ref()),
        }
    }
}

impl Replay {
    async fn run(self, settings: Settings) -> Result<Replayed, Box<dyn Error>> {
        let context = app::open(settings, Clock::system()).await?;
        let id = NotificationId::from(self.id);
        let replayed = replay_notification::replay(&context, id, self.by, self.apply).await;
        context.db.close().await;
        Ok(replayed?)
    }
}

fn tell(replayed: &Replayed) -> ExitCode {
    if let Some(detail) = &replayed.detail {
        output::say(format_args!("refused: {}\n{detail}", replayed.verdict));
        return ExitCode::from(STILL_REFUSED);
    }
    output::say(format_args!("believed: {}", replayed.verdict));
    for change in &replayed.changes {
        output::say(line(change));
    }
    output::say(match (replayed.changes.is_empty(), replayed.applied) {
        (true, _) => "no difference in the books",
        (false, true) => "these changes were made",
        (false, false) => "nothing was changed; --apply makes these changes",
    });
    ExitCode::SUCCESS
}

fn line(change: &Change) -> String {
    let Change { what, name, from, to } = change;
    let absent = "(not there)";
    let from = from.as_deref().unwrap_or(absent);
    let to = to.as_deref().unwrap_or(absent);
    format!("  {what} {name}: {from} -> {to}")
}

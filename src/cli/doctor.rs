//! `weir doctor`

use std::error::Error;
use std::process::ExitCode;

use super::{block_on, output};
use crate::app;
use crate::config::{self, Settings};
use crate::domain::clock::Clock;
use crate::service::health::doctor::{Finding, Verdict, examine};

/// Checks every setting and everything outside that a server needs, and names the cure of what does not hold.
///
/// Needs the settings of `serve`. The database is asked, WeChat for an access token of each mini program (the one that is
/// in use stays), WeChat Pay for its certificates and for an order that nobody made, and the public address for what is
/// sent to it, for which a server must be running. One line each: `ok`, `failed` with the cure, or `untried` where there
/// is nothing to try. The exit status is 0 when nothing failed, 1 when something did, and 2 for bad settings.
#[derive(Debug, clap::Args)]
pub(super) struct Doctor {}

impl Doctor {
    pub(super) fn run(self) -> ExitCode {
        let Self {} = self;
        let lookup = match config::environment() {
            Ok(lookup) => lookup,
            Err(error) => return output::unreadable_settings(&error),
        };
        let settings = match Settings::read(lookup) {
            Ok(settings) => settings,
            Err(problems) => return output::bad_settings(&problems),
        };
        match block_on(examined(settings)) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => output::no_start(error.as_ref()),
        }
    }
}

async fn examined(settings: Settings) -> Result<bool, Box<dyn Error>> {
    let context = app::unopened(settings, Clock::system())?;
    output::say("ok       settings: all can be used, and no secret is short, a sample or used twice");
    let found = examine(&context).await;
    for finding in &found {
        output::say(line(finding));
    }
    context.db.close().await;
    Ok(found.iter().all(|finding| finding.verdict != Verdict::Fails))
}

fn line(finding: &Finding) -> String {
    let mark = match finding.verdict {
        Verdict::Holds => "ok",
        Verdict::Fails => "failed",
        Verdict::Untried => "untried",
    };
    format!("{mark:<8} {}: {}", finding.subject, finding.detail)
}

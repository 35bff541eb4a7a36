//! What a verb tells its user: results on standard output, trouble on standard error.

use std::error::Error;
use std::fmt::Display;
use std::io::{Write as _, stderr, stdout};
use std::process::ExitCode;

use super::BAD_SETTINGS;
use crate::app::StartError;
use crate::config::Problem;

/// A line on standard output. A reader that has gone away is no reason to fail.
pub(super) fn say(line: impl Display) {
    let mut out = stdout();
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}

/// Lists every problem of the settings; the exit status is 2.
pub(super) fn bad_settings(problems: &[Problem]) -> ExitCode {
    let mut err = stderr().lock();
    drop(writeln!(err, "weir cannot start with these settings:"));
    for problem in problems {
        drop(writeln!(err, "  {problem}"));
    }
    ExitCode::from(BAD_SETTINGS)
}

/// Names settings that cannot even be read; the exit status is 2.
pub(super) fn unreadable_settings(error: &dyn Error) -> ExitCode {
    drop(writeln!(
        stderr(),
        "weir cannot start with these settings:\n  {error}"
    ));
    ExitCode::from(BAD_SETTINGS)
}

/// Names what keeps a server from starting: a setting that only its user could judge like any bad one (exit
/// status 2), all else with its causes (1).
pub(super) fn no_start(error: &(dyn Error + 'static)) -> ExitCode {
    match error.downcast_ref() {
        Some(StartError::Setting { variable, what }) => bad_settings(&[Problem {
            variable,
            what: what.clone(),
        }]),
        _ => failure(error),
    }
}

/// Names a failure with its causes, each once though some libraries repeat theirs; the exit status is 1.
pub(super) fn failure(error: &dyn Error) -> ExitCode {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = error.source();
    }
    drop(writeln!(stderr(), "weir: {line}"));
    ExitCode::FAILURE
}

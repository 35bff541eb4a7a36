//! `weir doctor`: whether the settings fit the world outside. The health page tells what a server has heard so far;
//! this asks, once, before there is a server that could have heard anything.
//!
//! Nothing is asked that has an effect: tokens are fetched without replacing the one that is in use, WeChat Pay is asked
//! for an order that nobody made, and what is written into the store of the files is removed again.

pub mod loop_back;
mod merchant;
mod mini_program;
mod reach;

use super::{Check, Checks, Status};
use crate::service::Context;

/// How a part is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Holds,
    /// It does not, and somebody has to mend it.
    Fails,
    /// It cannot be tried, or there is nothing to try.
    Untried,
}

/// What was found out about one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The part.
    pub subject: String,
    /// How it is doing.
    pub verdict: Verdict,
    /// What was seen and, where it fails, the cure. One line, without a secret.
    pub detail: String,
}

impl Finding {
    fn new(subject: impl Into<String>, verdict: Verdict, detail: impl Into<String>) -> Self {
        let detail: String = detail.into();
        Self {
            subject: subject.into(),
            verdict,
            // The words of others may have lines of their own.
            detail: detail.split_whitespace().collect::<Vec<_>>().join(" "),
        }
    }

    fn holds(subject: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(subject, Verdict::Holds, detail)
    }

    fn fails(subject: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(subject, Verdict::Fails, detail)
    }

    fn untried(subject: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(subject, Verdict::Untried, detail)
    }

    /// What the health page says of a part, once it was tried.
    fn of(subject: &str, check: &Check) -> Self {
        match check.status {
            Status::Ok => Self::holds(subject, check.detail.as_str()),
            Status::Degraded | Status::Down => Self::fails(subject, check.detail.as_str()),
        }
    }
}

/// Tries everything outside, all at the same time, and tells what was found, part by part.
pub async fn examine(context: &Context) -> Vec<Finding> {
    let (reached, mini_programs, merchant, loop_back, files, events) = tokio::join!(
        reach::database(context),
        mini_program::examine(context),
        merchant::examine(context),
        loop_back::examine(context),
        reach::files(context),
        reach::events(context),
    );
    let mut found = vec![reached];
    if found.iter().all(|finding| finding.verdict == Verdict::Holds) {
        found = database(&super::read(context).await.checks);
    }
    found.extend(mini_programs);
    found.push(clock(context));
    found.extend(merchant);
    found.extend(loop_back);
    found.push(files);
    found.push(events);
    found
}

fn database(checks: &Checks) -> Vec<Finding> {
    // Without its migrations nothing else can be read of it.
    if checks.migrations.status != Status::Ok {
        return vec![
            Finding::holds("database", "answers"),
            Finding::of("migrations", &checks.migrations),
        ];
    }
    vec![
        Finding::of("database", &checks.database),
        Finding::of("migrations", &checks.migrations),
        Finding::of("data keys", &checks.data_keys),
    ]
}

/// After everybody was asked: each answer of WeChat's tells its time.
fn clock(context: &Context) -> Finding {
    const SUBJECT: &str = "clock";
    match context.mini_programs.upstream.clock_skew_s() {
        None => Finding::untried(SUBJECT, "no answer of WeChat's told the time"),
        Some(skew_s) if skew_s.abs() > super::SKEW_WARN_S => Finding::fails(
            SUBJECT,
            format!(
                "{skew_s} s ahead of WeChat's (behind, where it is negative), which refuses and is refused at 300 s: have this \
                machine follow a time server"
            ),
        ),
        Some(skew_s) => Finding::holds(SUBJECT, format!("{skew_s} s ahead of WeChat's")),
    }
}

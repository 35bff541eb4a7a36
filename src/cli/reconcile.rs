//! `weir reconcile`

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use chrono::NaiveDate;

use super::{BAD_SETTINGS, block_on, output};
use crate::app;
use crate::config::{self, Settings};
use crate::domain::clock::Clock;
use crate::domain::reconciliation::ReconciliationStatus;
use crate::service::Context;
use crate::service::pay::reconcile::{self, Reconciliation};
use crate::telemetry;

/// The exit status for a day with differences.
const DIFFERING: u8 = 1;
/// How often a run that another process works on is looked at, and for how long.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const LOOK_FOR: Duration = Duration::from_mins(30);
/// Differences that are read at a time.
const PAGE: u32 = 100;

/// Compares WeChat's bills of a day with the books, and prints what differs.
///
/// Each difference is written down as an exception, as by the server's own daily comparison. Needs the
/// settings of `serve`; a server may be running. The exit status is 0 when the day is balanced, 1 when
/// there are differences, and 2 when there is no result: bad settings or a bad day, a bill that WeChat
/// has not written yet, or a failure. A run without a result is tried again by the server.
#[derive(Debug, clap::Args)]
pub(super) struct Reconcile {
    /// The day in China (UTC+8), as YYYY-MM-DD; over, and not longer ago than 89 days.
    #[arg(long, value_name = "YYYY-MM-DD")]
    date: NaiveDate,
}

impl Reconcile {
    pub(super) fn run(self) -> ExitCode {
        let lookup = match config::environment() {
            Ok(lookup) => lookup,
            Err(error) => return no_result(&error),
        };
        let settings = match Settings::read(lookup) {
            Ok(settings) => settings,
            Err(problems) => return output::bad_settings(&problems),
        };
        let telemetry = match telemetry::start(&settings.telemetry) {
            Ok(telemetry) => telemetry,
            Err(error) => return no_result(&error),
        };
        let reconciled = block_on(reconciled(settings, self.date));
        telemetry.finish();
        match reconciled {
            Ok(ReconciliationStatus::Balanced) => ExitCode::SUCCESS,
            Ok(ReconciliationStatus::Differing) => ExitCode::from(DIFFERING),
            Ok(ReconciliationStatus::Running | ReconciliationStatus::Failed) => ExitCode::from(BAD_SETTINGS),
            Err(error) => no_result(error.as_ref()),
        }
    }
}

fn no_result(error: &dyn Error) -> ExitCode {
    output::failure(error);
    ExitCode::from(BAD_SETTINGS)
}

async fn reconciled(settings: Settings, day: NaiveDate) -> Result<ReconciliationStatus, Box<dyn Error>> {
    let context = app::open(settings, Clock::system()).await?;
    let mut run = reconcile::open(&context, day).await?;
    let begun = Instant::now();
    while !reconcile::work(&context, Some(run.id)).await? && begun.elapsed() < LOOK_FOR {
        // Another process has it.
        run = reconcile::read(&context, run.id).await?;
        if run.status != ReconciliationStatus::Running {
            break;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    run = reconcile::read(&context, run.id).await?;
    let said = say(&context, &run).await;
    context.db.close().await;
    said?;
    Ok(run.status)
}

async fn say(context: &Context, run: &Reconciliation) -> Result<(), Box<dyn Error>> {
    let figures = run.figures;
    output::say(format_args!("{} {}", run.bill_date, run.status.as_str()));
    if let (Some(code), Some(at)) = (&run.failure_code, run.next_try_at) {
        output::say(format_args!("{code}; the server tries again at {at}"));
    } else if let Some(code) = &run.failure_code {
        output::say(format_args!("{code}; given up after {} tries", run.attempts));
    }
    output::say(format_args!(
        "payments {} ({} fen), refunds {} ({} fen), movements {}, of other systems {} ({} fen), differences {}",
        figures.payment_count,
        figures.payment_fen,
        figures.refund_count,
        figures.refund_fen,
        figures.movement_count,
        figures.foreign_count,
        figures.foreign_fen,
        figures.difference_count,
    ));
    let mut after = None;
    loop {
        let (page, next) = reconcile::list_differences(context, run.id, after.as_ref(), PAGE).await?;
        for (found, exception_id) in page {
            let number =
                |name: &str, number: Option<String>| number.map(|number| format!(" {name} {number}"));
            let numbers: String = [
                number("out_trade_no", found.out_trade_no),
                number("transaction_id", found.transaction_id),
                number("out_refund_no", found.out_refund_no),
            ]
            .into_iter()
            .flatten()
            .collect();
            let side = |value: Option<serde_json::Value>| {
                value.map_or_else(|| "nothing".to_owned(), |value| value.to_string())
            };
            let (ours, theirs) = (side(found.ours), side(found.theirs));
            let kind = found.kind.as_str();
            output::say(format_args!(
                "{kind}{numbers} exception {exception_id}: ours {ours}, theirs {theirs}"
            ));
        }
        match next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

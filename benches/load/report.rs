//! The limits, the ratios and the tables. The formulas are those of `docs/performance.md`.

use std::time::Duration;

use crate::overload::Overload;
use crate::pgbench::Effects;
use crate::primitive::Primitives;
use crate::process::processors;
use crate::route::{ALL, Route};

/// One measured round.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// Answers per second.
    pub(crate) per_second: f64,
    /// Half of the answers were faster, in milliseconds.
    pub(crate) p50_ms: f64,
    /// 99 in 100 were faster.
    pub(crate) p99_ms: f64,
    /// Processor time of the server for each request, in microseconds.
    pub(crate) server_us: f64,
    /// The same of all of PostgreSQL.
    pub(crate) postgres_us: f64,
    /// Context switches of the server for each request.
    pub(crate) switches: f64,
    /// The share of its time in which each processor was busy.
    pub(crate) busy: Vec<f64>,
    /// Flushes of the log for each request, where PostgreSQL tells.
    pub(crate) flushes: Option<f64>,
}

/// The middle of several figures.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

fn middle(samples: &[Sample], figure: impl Fn(&Sample) -> f64) -> f64 {
    median(samples.iter().map(figure).collect())
}

/// Everything that a run found.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) before: Primitives,
    pub(crate) after: Primitives,
    pub(crate) effects: Effects,
    pub(crate) pinned: Vec<(Route, Vec<Sample>)>,
    pub(crate) free: Vec<(Route, Vec<Sample>)>,
    pub(crate) half: Vec<(Route, Vec<Sample>)>,
    pub(crate) starts: Vec<Duration>,
    pub(crate) idle_mb: f64,
    pub(crate) million: Option<(f64, f64)>,
    pub(crate) overload: Option<Overload>,
}

/// What page 10 of the notes wants: microseconds of the server, and the share of the capacity limit.
fn goals(route: Route) -> Option<(f64, f64)> {
    match route {
        Route::Read => Some((55.0, 0.20)),
        Route::Login => Some((130.0, 0.45)),
        Route::Order | Route::AddDocument(_) | Route::FindDocuments(_) => None,
        Route::Payment => Some((850.0, 0.75)),
        Route::Notification => Some((90.0, 0.40)),
        Route::OpenData => Some((60.0, 0.20)),
    }
}

impl Primitives {
    /// The processor time that no server can do without, PostgreSQL's share as given.
    fn limit_us(&self, route: Route, read_us: f64, commit_us: f64) -> f64 {
        let known_us = self.plain_us + self.token_us;
        match route {
            Route::Read | Route::FindDocuments(_) => known_us + read_us,
            Route::Login => self.plain_us + self.call_us + commit_us + self.issue_us + self.seal_us,
            Route::Order | Route::AddDocument(_) => known_us + commit_us,
            Route::Payment => known_us + commit_us + self.call_us + 2.0 * self.sign_us + self.verify_us,
            Route::Notification => self.plain_us + self.verify_us + self.open_us + commit_us,
            Route::OpenData => known_us + read_us + self.unseal_us,
        }
    }

    /// How much faster the machine of the notes was: by the primitives that depend on nothing else.
    fn scale(&self) -> f64 {
        let noted = [5.1, 2.7, 314.0, 17.4, 2.8];
        let here = [
            self.plain_us,
            self.token_us,
            self.sign_us,
            self.verify_us,
            self.open_us,
        ];
        let product: f64 = noted.iter().zip(here).map(|(noted, here)| noted / here).product();
        product.powf(1.0 / 5.0)
    }

    /// The greatest difference to another measurement of the same things, as a share.
    fn drift(&self, other: &Self) -> f64 {
        let pairs = [
            (self.plain_us, other.plain_us),
            (self.token_us, other.token_us),
            (self.sign_us, other.sign_us),
            (self.verify_us, other.verify_us),
            (self.call_us, other.call_us),
        ];
        pairs
            .iter()
            .map(|(one, two)| (one / two - 1.0).abs())
            .fold(0.0, f64::max)
    }

    /// The middle between two measurements.
    fn between(&self, other: &Self) -> Self {
        let mean = |figure: fn(&Self) -> f64| f64::midpoint(figure(self), figure(other));
        Self {
            plain_us: mean(|p| p.plain_us),
            plain_per_second: mean(|p| p.plain_per_second),
            token_us: mean(|p| p.token_us),
            issue_us: mean(|p| p.issue_us),
            seal_us: mean(|p| p.seal_us),
            sign_us: mean(|p| p.sign_us),
            verify_us: mean(|p| p.verify_us),
            open_us: mean(|p| p.open_us),
            unseal_us: mean(|p| p.unseal_us),
            call_us: mean(|p| p.call_us),
            flush_us: mean(|p| p.flush_us),
        }
    }
}

impl Effects {
    /// The cost of PostgreSQL's part by the notes' measure: q, or so many w.
    fn noted_us(&self, route: Route) -> f64 {
        match route {
            Route::Payment => 2.0 * self.commit_us,
            _ => self.commit_us,
        }
    }

    /// The same by the server's own statements.
    fn own_us(&self, route: Route) -> f64 {
        match route {
            Route::Read
            | Route::Order
            | Route::OpenData
            | Route::AddDocument(_)
            | Route::FindDocuments(_) => self.commit_us,
            Route::Login => self.login_us,
            Route::Payment => self.payment_us,
            Route::Notification => self.notification_us,
        }
    }
}

impl Report {
    /// Prints all tables.
    pub(crate) fn print(&self) {
        let primitives = self.before.between(&self.after);
        self.print_primitives(&primitives);
        self.print_pinned(&primitives);
        self.print_free(&primitives);
        self.print_half();
        self.print_process();
        if let Some(overload) = &self.overload {
            println!("\n## Asked for ten times what it can take\n\n{overload}");
        }
    }

    fn print_primitives(&self, p: &Primitives) {
        let (before, after, effects) = (&self.before, &self.after, &self.effects);
        println!("\n## Primitives (before / after the rounds)\n");
        println!("| symbol | what | µs |\n| --- | --- | ---: |");
        let row = |symbol: &str, what: &str, one: f64, two: f64| {
            println!("| {symbol} | {what} | {one:.1} / {two:.1} |");
        };
        row("h", "bare actix, plain request", before.plain_us, after.plain_us);
        row("j", "verify a session token", before.token_us, after.token_us);
        row("e", "issue a session token", before.issue_us, after.issue_us);
        row("k", "seal and hash a session key", before.seal_us, after.seal_us);
        row("S", "RSA-2048 sign, aws-lc-rs", before.sign_us, after.sign_us);
        row(
            "V",
            "RSA-2048 verify, aws-lc-rs",
            before.verify_us,
            after.verify_us,
        );
        row(
            "n",
            "parse and open a notification",
            before.open_us,
            after.open_us,
        );
        row(
            "o",
            "open a session key and a profile",
            before.unseal_us,
            after.unseal_us,
        );
        row("u", "outbound call, client side", before.call_us, after.call_us);
        row("f", "flush of 8 kB (elapsed)", before.flush_us, after.flush_us);
        println!("| q | one prepared read, both sides | {:.1} |", effects.read_us);
        println!(
            "| w | one-statement commit without waiting, both sides | {:.1} |",
            effects.commit_us
        );
        println!(
            "| w(login) | the server's own statement | {:.1} |",
            effects.login_us
        );
        println!(
            "| w(payment) | the server's own two statements | {:.1} |",
            effects.payment_us
        );
        println!(
            "| w(notify) | the server's own statement | {:.1} |",
            effects.notification_us
        );
        println!(
            "\nBare actix on one processor: {:.0} requests per second. Greatest drift of a primitive: {:.0} %. \
             The machine of the goals is {:.2} times as fast as this one.",
            p.plain_per_second,
            before.drift(after) * 100.0,
            1.0 / p.scale(),
        );
    }

    fn print_pinned(&self, p: &Primitives) {
        println!("\n## Server on one processor, the rest on the other\n");
        println!(
            "| route | req/s | p50 ms | p99 ms | server µs | on the goals' scale | goal | PostgreSQL µs | switches | busy |"
        );
        println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |");
        for (route, samples) in &self.pinned {
            let server_us = middle(samples, |sample| sample.server_us);
            let goal = goals(*route).map_or_else(String::new, |(goal, _)| format!("{goal:.0}"));
            let busy = samples
                .first()
                .map(|sample| shares(&sample.busy))
                .unwrap_or_default();
            println!(
                "| {} | {:.0} | {:.2} | {:.2} | {server_us:.1} | {:.1} | {goal} | {:.1} | {:.2} | {busy} |",
                route.name(),
                middle(samples, |sample| sample.per_second),
                middle(samples, |sample| sample.p50_ms),
                middle(samples, |sample| sample.p99_ms),
                server_us * p.scale(),
                middle(samples, |sample| sample.postgres_us),
                middle(samples, |sample| sample.switches),
            );
            if *route == Route::Payment {
                let rsa = 2.0 * p.sign_us + p.verify_us;
                println!(
                    "| of it RSA | | | | {rsa:.1} | {:.0} % | 75 % | | | |",
                    rsa / server_us * 100.0
                );
            }
        }
    }

    fn print_free(&self, p: &Primitives) {
        let cores = processors() as f64;
        println!("\n## Capacity: everything on all {cores} processors\n");
        println!(
            "| route | req/s | p50 ms | p99 ms | limit | ratio | goal | limit by own statements | ratio | flushes per request | disk busy |"
        );
        println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
        for (route, samples) in &self.free {
            let rate = middle(samples, |sample| sample.per_second);
            let read_us = self.effects.read_us;
            let limit = cores * 1e6 / p.limit_us(*route, read_us, self.effects.noted_us(*route));
            let own = cores * 1e6 / p.limit_us(*route, read_us, self.effects.own_us(*route));
            let goal = goals(*route).map_or_else(String::new, |(_, goal)| format!("{goal:.2}"));
            let flushes = samples
                .iter()
                .map(|sample| sample.flushes)
                .collect::<Option<Vec<f64>>>()
                .map(median);
            let disk = flushes.map_or_else(String::new, |flushes| {
                format!("{:.0} %", (flushes * rate * p.flush_us / 1e4).min(100.0))
            });
            println!(
                "| {} | {rate:.0} | {:.2} | {:.2} | {limit:.0} | {:.2} | {goal} | {own:.0} | {:.2} | {} | {disk} |",
                route.name(),
                middle(samples, |sample| sample.p50_ms),
                middle(samples, |sample| sample.p99_ms),
                rate / limit,
                rate / own,
                flushes.map_or_else(String::new, |flushes| format!("{flushes:.2}")),
            );
        }
    }

    fn print_half(&self) {
        if self.half.is_empty() {
            return;
        }
        println!("\n## At half of that rate\n");
        println!("| route | req/s | p50 ms | p99 ms | server µs |\n| --- | ---: | ---: | ---: | ---: |");
        for (route, samples) in &self.half {
            println!(
                "| {} | {:.0} | {:.2} | {:.2} | {:.1} |",
                route.name(),
                middle(samples, |sample| sample.per_second),
                middle(samples, |sample| sample.p50_ms),
                middle(samples, |sample| sample.p99_ms),
                middle(samples, |sample| sample.server_us),
            );
        }
    }

    fn print_process(&self) {
        let milliseconds = self
            .starts
            .iter()
            .map(|start| start.as_secs_f64() * 1e3)
            .collect();
        println!("\n## The process\n\n| what | figure | goal |\n| --- | ---: | ---: |");
        println!(
            "| first answer after the start | {:.0} ms | 100 ms |",
            median(milliseconds)
        );
        println!("| resident memory, idle | {:.1} MB | 15 MB |", self.idle_mb);
        if let Some((resident, highest)) = self.million {
            println!("| resident memory after a million requests | {resident:.1} MB | 40 MB |");
            println!("| its highest | {highest:.1} MB | |");
        }
    }
}

fn shares(shares: &[f64]) -> String {
    let percent: Vec<String> = shares
        .iter()
        .map(|share| format!("{:.0} %", share * 100.0))
        .collect();
    percent.join(", ")
}

/// Every route, without samples.
pub(crate) fn empty() -> Vec<(Route, Vec<Sample>)> {
    ALL.into_iter().map(|route| (route, Vec::new())).collect()
}

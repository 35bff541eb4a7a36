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

/// The middle of a figure over all rounds.
fn middle(samples: &[Sample], figure: impl Fn(&Sample) -> f64) -> f64 {
    median(samples.iter().map(figure).collect())
}

/// By how much a primitive may move while a round is measured that counts, as a share.
const DRIFT_MAX: f64 = 0.1;

/// The rounds of one layout, each between two measurements of the primitives.
#[derive(Debug)]
pub(crate) struct Rounds {
    pub(crate) routes: Vec<(Route, Vec<Sample>)>,
    /// Before the first round, and after each; none where nothing is compared with them.
    pub(crate) primitives: Vec<Primitives>,
}

impl Rounds {
    /// Every route, without samples.
    pub(crate) fn empty() -> Self {
        let routes = ALL.into_iter().map(|route| (route, Vec::new())).collect();
        Self {
            routes,
            primitives: Vec::new(),
        }
    }

    /// What the primitives cost in each round, and how far they moved in it.
    fn around(&self) -> Vec<(Primitives, f64)> {
        self.primitives
            .windows(2)
            .map(|pair| (pair[0].between(&pair[1]), pair[0].drift(&pair[1])))
            .collect()
    }

    /// How many rounds count, of how many.
    fn count(&self) -> (usize, usize) {
        let around = self.around();
        let steady = around.iter().filter(|(_, drift)| *drift <= DRIFT_MAX).count();
        (steady, around.len())
    }

    /// The middle of a figure over the rounds that count, each beside its own primitives; over all of
    /// them where none counts.
    fn middle(&self, samples: &[Sample], figure: impl Fn(&Primitives, &Sample) -> f64) -> f64 {
        let around = self.around();
        let rounds = || around.iter().zip(samples);
        let figure_of = |((primitives, _), sample): (&(Primitives, f64), &Sample)| figure(primitives, sample);
        let steady: Vec<f64> = rounds()
            .filter(|((_, drift), _)| *drift <= DRIFT_MAX)
            .map(figure_of)
            .collect();
        median(if steady.is_empty() {
            rounds().map(figure_of).collect()
        } else {
            steady
        })
    }
}

/// Everything that a run found.
#[derive(Debug)]
pub(crate) struct Report {
    /// What `PostgreSQL` alone can do, before the rounds of capacity and after them.
    pub(crate) effects: [Effects; 2],
    pub(crate) pinned: Rounds,
    pub(crate) free: Rounds,
    pub(crate) half: Rounds,
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
            Route::Payment => known_us + commit_us + self.call_us + self.rsa_us(),
            Route::Notification => self.plain_us + self.verify_us + self.open_us + commit_us,
            Route::OpenData => known_us + read_us + self.unseal_us,
        }
    }

    /// The part of a payment that is RSA.
    fn rsa_us(&self) -> f64 {
        2.0 * self.sign_us + self.verify_us
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
        greatest_drift(&[
            (self.plain_us, other.plain_us),
            (self.token_us, other.token_us),
            (self.sign_us, other.sign_us),
            (self.verify_us, other.verify_us),
            (self.call_us, other.call_us),
        ])
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
    /// The middle between two measurements.
    fn between(&self, other: &Self) -> Self {
        let mean = |figure: fn(&Self) -> f64| f64::midpoint(figure(self), figure(other));
        Self {
            read_us: mean(|e| e.read_us),
            commit_us: mean(|e| e.commit_us),
            login_us: mean(|e| e.login_us),
            payment_us: mean(|e| e.payment_us),
            notification_us: mean(|e| e.notification_us),
        }
    }

    /// The greatest difference to another measurement of the same things, as a share.
    fn drift(&self, other: &Self) -> f64 {
        greatest_drift(&[
            (self.read_us, other.read_us),
            (self.commit_us, other.commit_us),
            (self.login_us, other.login_us),
            (self.payment_us, other.payment_us),
            (self.notification_us, other.notification_us),
        ])
    }

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
        self.print_primitives();
        self.print_pinned();
        self.print_free();
        self.print_half();
        self.print_process();
        if let Some(overload) = &self.overload {
            println!("\n## Asked for ten times what it can take\n\n{overload}");
        }
        self.print_worth();
    }

    fn print_primitives(&self) {
        let all: Vec<&Primitives> = self
            .pinned
            .primitives
            .iter()
            .chain(&self.free.primitives)
            .collect();
        let figures = |figure: fn(&Primitives) -> f64| {
            let mut figures: Vec<f64> = all.iter().map(|primitives| figure(primitives)).collect();
            figures.sort_unstable_by(f64::total_cmp);
            figures
        };
        println!("\n## Primitives ({} times, between the rounds)\n", all.len());
        println!("| symbol | what | µs: least, middle, most |\n| --- | --- | ---: |");
        let row = |symbol: &str, what: &str, figure: fn(&Primitives) -> f64| {
            let figures = figures(figure);
            let (least, most) = (figures[0], figures[figures.len() - 1]);
            println!(
                "| {symbol} | {what} | {least:.1}, {:.1}, {most:.1} |",
                median(figures)
            );
        };
        row("h", "bare actix, plain request", |p| p.plain_us);
        row("j", "verify a session token", |p| p.token_us);
        row("e", "issue a session token", |p| p.issue_us);
        row("k", "seal and hash a session key", |p| p.seal_us);
        row("S", "RSA-2048 sign, aws-lc-rs", |p| p.sign_us);
        row("V", "RSA-2048 verify, aws-lc-rs", |p| p.verify_us);
        row("n", "parse and open a notification", |p| p.open_us);
        row("o", "open a session key and a profile", |p| p.unseal_us);
        row("u", "outbound call, client side", |p| p.call_us);
        row("f", "flush of 8 kB (elapsed)", |p| p.flush_us);
        println!("\n| symbol | what | µs: before, after |\n| --- | --- | ---: |");
        let row = |symbol: &str, what: &str, figure: fn(&Effects) -> f64| {
            let [before, after] = self.effects.map(|effects| figure(&effects));
            println!("| {symbol} | {what} | {before:.1}, {after:.1} |");
        };
        row("q", "one prepared read, both sides", |e| e.read_us);
        row("w", "one-statement commit without waiting, both sides", |e| {
            e.commit_us
        });
        row("w(login)", "the server's own statement", |e| e.login_us);
        row("w(payment)", "the server's own two statements", |e| e.payment_us);
        row("w(notify)", "the server's own statement", |e| e.notification_us);
        println!(
            "\nBare actix on one processor: {:.0} requests per second. The machine of the goals is {:.2} times as fast as this one.",
            median(figures(|p| p.plain_per_second)),
            1.0 / median(figures(Primitives::scale)),
        );
    }

    fn print_pinned(&self) {
        println!("\n## Server on one processor, the rest on the other\n");
        println!(
            "| route | req/s | p50 ms | p99 ms | server µs | on the goals' scale | goal | PostgreSQL µs | switches | busy |"
        );
        println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |");
        for (route, samples) in &self.pinned.routes {
            let middle = |figure: fn(&Primitives, &Sample) -> f64| self.pinned.middle(samples, figure);
            let goal = goals(*route).map_or_else(String::new, |(goal, _)| format!("{goal:.0}"));
            let processors = samples.first().map_or(0, |sample| sample.busy.len());
            let busy = (0..processors)
                .map(|at| self.pinned.middle(samples, |_, sample| sample.busy[at]))
                .collect::<Vec<_>>();
            println!(
                "| {} | {:.0} | {:.2} | {:.2} | {:.1} | {:.1} | {goal} | {:.1} | {:.2} | {} |",
                route.name(),
                middle(|_, sample| sample.per_second),
                middle(|_, sample| sample.p50_ms),
                middle(|_, sample| sample.p99_ms),
                middle(|_, sample| sample.server_us),
                middle(|primitives, sample| sample.server_us * primitives.scale()),
                middle(|_, sample| sample.postgres_us),
                middle(|_, sample| sample.switches),
                shares(&busy),
            );
            if *route == Route::Payment {
                println!(
                    "| of it RSA | | | | {:.1} | {:.0} % | 75 % | | | |",
                    middle(|primitives, _| primitives.rsa_us()),
                    middle(|primitives, sample| primitives.rsa_us() / sample.server_us * 100.0),
                );
            }
        }
    }

    fn print_free(&self) {
        let cores = processors() as f64;
        println!("\n## Capacity: everything on all {cores} processors\n");
        println!(
            "| route | req/s | p50 ms | p99 ms | limit | ratio | goal | limit by own statements | ratio | flushes per request | disk busy |"
        );
        println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
        let [before, after] = &self.effects;
        let effects = before.between(after);
        for (route, samples) in &self.free.routes {
            let middle = |figure: &dyn Fn(&Primitives, &Sample) -> f64| self.free.middle(samples, figure);
            let limit_by =
                |commit_us: f64, p: &Primitives| cores * 1e6 / p.limit_us(*route, effects.read_us, commit_us);
            let limit = |p: &Primitives| limit_by(effects.noted_us(*route), p);
            let own = |p: &Primitives| limit_by(effects.own_us(*route), p);
            let goal = goals(*route).map_or_else(String::new, |(_, goal)| format!("{goal:.2}"));
            let tells = samples.iter().all(|sample| sample.flushes.is_some());
            let flushes = |sample: &Sample| sample.flushes.unwrap_or_default();
            let disk = middle(&|p, sample| flushes(sample) * sample.per_second * p.flush_us / 1e4);
            println!(
                "| {} | {:.0} | {:.2} | {:.2} | {:.0} | {:.2} | {goal} | {:.0} | {:.2} | {} | {} |",
                route.name(),
                middle(&|_, sample| sample.per_second),
                middle(&|_, sample| sample.p50_ms),
                middle(&|_, sample| sample.p99_ms),
                middle(&|p, _| limit(p)),
                middle(&|p, sample| sample.per_second / limit(p)),
                middle(&|p, _| own(p)),
                middle(&|p, sample| sample.per_second / own(p)),
                if tells {
                    format!("{:.2}", middle(&|_, sample| flushes(sample)))
                } else {
                    String::new()
                },
                if tells {
                    format!("{:.0} %", disk.min(100.0))
                } else {
                    String::new()
                },
            );
        }
    }

    /// Whether the figures may be quoted.
    fn print_worth(&self) {
        let [before, after] = &self.effects;
        let parts = [("one processor", &self.pinned), ("capacity", &self.free)];
        println!();
        for (name, rounds) in parts {
            let (steady, all) = rounds.count();
            let verdict = if 2 * steady > all {
                "may be quoted"
            } else {
                "are NOT to be quoted"
            };
            println!(
                "Rounds of {name} in which no primitive moved by more than {:.0} %: {steady} of {all}; they {verdict}.",
                DRIFT_MAX * 100.0
            );
        }
        println!(
            "PostgreSQL's own figures moved by {:.0} % over the rounds of capacity.",
            before.drift(after) * 100.0
        );
    }

    fn print_half(&self) {
        println!("\n## At half of that rate\n");
        println!("| route | req/s | p50 ms | p99 ms | server µs |\n| --- | ---: | ---: | ---: | ---: |");
        for (route, samples) in &self.half.routes {
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

fn greatest_drift(pairs: &[(f64, f64)]) -> f64 {
    pairs
        .iter()
        .map(|(one, two)| (one / two - 1.0).abs())
        .fold(0.0, f64::max)
}

fn shares(shares: &[f64]) -> String {
    let percent: Vec<String> = shares
        .iter()
        .map(|share| format!("{:.0} %", share * 100.0))
        .collect();
    percent.join(", ")
}

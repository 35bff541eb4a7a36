//! `make bench`: the release server under load, and beside it, in the same run, the limits that no
//! server could pass on this machine. How to read it: `docs/performance.md`.
//!
//! The server is the real program in a process of its own on a private, durable PostgreSQL; WeChat
//! is a stand-in that answers at no cost to speak of. Every round is checked in the books.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_arithmetic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measuring program: whatever is not as it should be ends it, and rates are fractions"
)]

mod database;
mod document;
mod generator;
mod notification;
mod open_data;
mod overload;
mod pgbench;
mod primitive;
mod process;
mod report;
mod route;
mod server;
mod settings;
mod stand_in;

use std::path::PathBuf;

use clap::Parser;
use tokio::runtime::Runtime;

use database::Database;
use generator::{Load, Outcome};
use overload::Overload;
use pgbench::Effects;
use primitive::Primitives;
use process::{Layout, Processors, Usage};
use report::{Report, Rounds, Sample};
use route::{Route, Stock};
use server::Server;
use stand_in::StandIn;

/// Requests in flight.
const CONNECTIONS: usize = 32;

#[derive(Debug, Parser)]
#[command(
    name = "make bench",
    about = "Load on the release server, beside the limits of this machine."
)]
struct Options {
    /// Rounds of each route; the middle one counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// One route alone, by a part of its name, or `overload`; one layout, no limits.
    #[arg(long)]
    only: Option<String>,
    /// How many requests the memory is judged after; 0: none.
    #[arg(long, default_value_t = 1_000_000)]
    lasting: usize,
    /// How many seconds the server is asked for ten times what it can take; 0: not at all.
    #[arg(long, default_value_t = 60)]
    overload: u64,
    /// A tenth of everything, to see that it works.
    #[arg(long)]
    quick: bool,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, first, address] = arguments.as_slice()
        && first == server::BARE
    {
        return server::be_bare(address);
    }
    let mut options = Options::parse();
    if options.quick {
        options.rounds = 1;
        options.lasting /= 10;
        options.overload /= 10;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    println!("load average before: {:.2}", process::load_average());
    let database = Database::open(&runtime);
    println!(
        "PostgreSQL {}, {} processors",
        database.version(),
        process::processors()
    );
    let mut bench = Bench {
        wechat: StandIn::start(),
        log: database.folder().join("weir.log"),
        stock: Stock::default(),
        options,
        runtime,
        database,
    };
    match bench.options.only.clone() {
        Some(name) if name == "overload" => bench.overload().iter().for_each(|found| print!("{found}")),
        Some(name) => bench.only(&name),
        None => bench.whole().print(),
    }
    println!("\nload average after: {:.2}", process::load_average());
    let Bench {
        database, runtime, ..
    } = bench;
    database.close(&runtime);
}

struct Bench {
    options: Options,
    runtime: Runtime,
    database: Database,
    wechat: StandIn,
    log: PathBuf,
    stock: Stock,
}

impl Bench {
    fn whole(&mut self) -> Report {
        self.place(Layout::Pinned);
        let starts = self.starts();
        let server = self.start(Layout::Pinned);
        std::thread::park_timeout(std::time::Duration::from_secs(2));
        let idle_mb = server.memory_mb().0;
        let pinned = self.rounds(&server, Layout::Pinned);
        let million = self.last(&server);
        drop(server);
        let before = self.effects();
        let server = self.start(Layout::Free);
        let free = self.rounds(&server, Layout::Free);
        let half = self.half(&server, &free);
        drop(server);
        let effects = [before, self.effects()];
        let overload = self.overload();
        Report {
            effects,
            pinned,
            free,
            half,
            starts,
            idle_mb,
            million,
            overload,
        }
    }

    /// What `PostgreSQL` alone can do on all processors.
    fn effects(&mut self) -> Effects {
        self.place(Layout::Free);
        let (effects, next_order) = pgbench::measure(&self.database, self.stock.next_order());
        self.stock.skip_to(next_order);
        self.database.put_off_loops();
        effects
    }

    fn overload(&mut self) -> Option<Overload> {
        let seconds = self.options.overload;
        if seconds == 0 {
            return None;
        }
        let server = self.start(Layout::Pinned);
        std::thread::park_timeout(std::time::Duration::from_secs(2));
        let books = (&self.database, &self.wechat);
        Some(overload::measure(
            &self.runtime,
            &server,
            &mut self.stock,
            books,
            seconds,
        ))
    }

    /// For looking at one route, such as with `perf`.
    fn only(&mut self, name: &str) {
        let server = self.start(Layout::Pinned);
        println!("server: process {}", server.pid());
        for _ in 0..self.options.rounds {
            for route in route::ALL.into_iter().filter(|route| route.name().contains(name)) {
                println!("{} {:.1?}", route.name(), self.round(&server, route, None));
            }
        }
        println!("memory {:?} MB", server.memory_mb());
    }

    fn place(&self, layout: Layout) {
        process::pin(std::process::id(), &layout.rest());
        self.database.place(layout);
    }

    fn start(&self, layout: Layout) -> Server {
        self.place(layout);
        Server::weir(layout, &self.database.url, self.wechat.address, &self.log)
    }

    fn starts(&self) -> Vec<std::time::Duration> {
        (0..5).map(|_| self.start(Layout::Free).first_answer).collect()
    }

    /// A warm-up of each route, and then its rounds, the routes in turn, the primitives before and after each round.
    fn rounds(&mut self, server: &Server, layout: Layout) -> Rounds {
        let mut rounds = Rounds::empty();
        for (route, _) in &rounds.routes {
            self.load(server, *route, route.count() / 10, None);
        }
        rounds.primitives.push(self.primitives(layout));
        for _ in 0..self.options.rounds {
            for (route, samples) in &mut rounds.routes {
                samples.push(self.round(server, *route, None));
            }
            rounds.primitives.push(self.primitives(layout));
        }
        rounds
    }

    /// The primitives of this moment, always on the processor that is not the server's.
    fn primitives(&self, layout: Layout) -> Primitives {
        self.place(Layout::Pinned);
        let primitives = primitive::measure(&self.runtime, &self.wechat, &self.database.folder());
        self.place(layout);
        primitives
    }

    /// The same rounds, each route at half of the rate that it reached.
    fn half(&mut self, server: &Server, full: &Rounds) -> Rounds {
        let mut rounds = Rounds::empty();
        for _ in 0..self.options.rounds {
            for ((route, samples), (_, full)) in rounds.routes.iter_mut().zip(&full.routes) {
                let rate = report::median(full.iter().map(|sample| sample.per_second).collect()) / 2.0;
                samples.push(self.round(server, *route, Some(rate)));
            }
        }
        rounds
    }

    fn round(&mut self, server: &Server, route: Route, rate: Option<f64>) -> Sample {
        let part = if self.options.quick { 10 } else { 1 };
        self.load(server, route, route.count() / part, rate)
    }

    fn load(&mut self, server: &Server, route: Route, count: usize, rate: Option<f64>) -> Sample {
        let round = route.prepare(count, &mut self.stock, &self.database);
        let load = Load {
            address: server.address,
            connections: CONNECTIONS,
            requests: &round.requests,
            count,
            status: route.status(),
            keep_every: 101,
            rate: rate.map(|rate| rate as u32),
        };
        let flushes = self.database.flushes();
        let (processors, postgres, own) = (Processors::now(), self.database.usage(), Usage::of(server.pid()));
        let outcome = generator::send(&self.runtime, load);
        let used = Usage::of(server.pid()).since(own);
        let postgres = self.database.usage().since(postgres);
        let busy = Processors::now().busy_since(&processors);
        let flushes = self.database.flushes().zip(flushes).map(|(now, then)| now - then);
        round.check(&outcome, &self.database, &self.wechat);
        self.database.put_off_loops();
        sample(&outcome, used, postgres, busy, flushes)
    }

    /// Many requests of all kinds, and the memory after them.
    fn last(&mut self, server: &Server) -> Option<(f64, f64)> {
        if self.options.lasting == 0 {
            return None;
        }
        // Twenty parts of mostly reads, with everything else in between.
        let part = self.options.lasting / 20;
        for _ in 0..20 {
            self.load(server, Route::Read, part * 9 / 10, None);
            for route in [Route::Login, Route::Order, Route::Payment, Route::Notification] {
                self.load(server, route, part / 40, None);
            }
        }
        Some(server.memory_mb())
    }
}

fn sample(outcome: &Outcome, used: Usage, postgres: Usage, busy: Vec<f64>, flushes: Option<u64>) -> Sample {
    let count = outcome.latencies_us.len() as f64;
    Sample {
        per_second: outcome.per_second(),
        p50_ms: outcome.percentile_ms(0.5),
        p99_ms: outcome.percentile_ms(0.99),
        server_us: used.cpu_us as f64 / count,
        postgres_us: postgres.cpu_us as f64 / count,
        switches: used.switches as f64 / count,
        busy,
        flushes: flushes.map(|flushes| flushes as f64 / count),
    }
}

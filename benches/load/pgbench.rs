//! What PostgreSQL alone can do: the same effects by `pgbench`, which speaks the protocol with
//! prepared statements and does nothing else.
//!
//! `q` is one prepared read of a session with its user; `w` a commit of one statement that takes a
//! notice and pays an order, without waiting for the disk. Beside them stand the server's own
//! statements, taken from `.sqlx`, so that nothing is written twice.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::database::{Database, Kind, USERS, id, id_sql, openid_sql, out_trade_no_sql, session_key_sql};
use crate::process::processors;
use crate::settings::{APP, MCH_ID};

/// How long one measurement takes, in seconds.
const SECONDS: u32 = 3;
/// What one client may use up of rows that are good for one use.
const ROWS_PER_CLIENT: u64 = 10_000;
/// Clients of a measurement; the best counts.
const READERS: [u64; 2] = [2, 4];
const WRITERS: [u64; 2] = [4, 8];

/// Processor time of client and server together, in microseconds of all processors: their number,
/// divided by the best rate.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "the unit is the point")]
pub(crate) struct Effects {
    /// q: a prepared read.
    pub(crate) read_us: f64,
    /// w: a commit of one statement.
    pub(crate) commit_us: f64,
    /// The server's statement of a login.
    pub(crate) login_us: f64,
    /// The server's two statements of a payment.
    pub(crate) payment_us: f64,
    /// The server's statement of a notification.
    pub(crate) notification_us: f64,
}

/// Measures all of them. Uses up orders from the number `from` on; the next unused is given back.
pub(crate) fn measure(database: &Database, from: u64) -> (Effects, u64) {
    let bench = Bench {
        database,
        cost_us: |rate| processors() as f64 * 1e6 / rate,
    };
    bench.prepare_commit();
    let rows = WRITERS.iter().sum::<u64>() * ROWS_PER_CLIENT;
    let payments = from;
    database.insert_orders(payments, rows, false);
    let notifications = payments + rows;
    database.insert_orders(notifications, rows, true);
    let effects = Effects {
        read_us: bench.best(&read(), &READERS, None),
        commit_us: bench.best(&format!("{NEXT}{COMMIT}"), &WRITERS, Some(0)),
        login_us: bench.best(&login(), &WRITERS, Some(USERS)),
        payment_us: bench.best(&payment(), &WRITERS, Some(payments)),
        notification_us: bench.best(&notification(), &WRITERS, Some(notifications)),
    };
    let (first, last) = (
        id(Kind::Order, payments),
        id(Kind::Order, notifications + rows - 1),
    );
    let done = database.run(&format!(
        "select count(*) filter (where state = 'prepaid'), count(*) filter (where state = 'settled')
         from payment_attempts where order_id between '{first}' and '{last}'"
    ));
    assert_eq!(
        done,
        format!("{rows}|{rows}"),
        "the statements of a payment took no effect"
    );
    (effects, notifications + rows)
}

struct Bench<'a> {
    database: &'a Database,
    cost_us: fn(f64) -> f64,
}

impl Bench<'_> {
    /// The commit that the notes measure, on tables of its own.
    fn prepare_commit(&self) {
        let rows = WRITERS.iter().sum::<u64>() * ROWS_PER_CLIENT;
        self.database.run(&format!(
            "drop schema if exists limits cascade;
             create schema limits;
             create table limits.notice (id uuid primary key, body bytea not null);
             create table limits.paid (id bigint primary key, state text not null, paid_at timestamptz);
             insert into limits.paid select i, 'open', null from generate_series(0, {rows}) i;"
        ));
        self.database.run("vacuum analyze limits.paid");
    }

    /// The cost at the best number of clients.
    fn best(&self, script: &str, clients: &[u64], mut rows: Option<u64>) -> f64 {
        let mut best: f64 = 0.0;
        for clients in clients {
            best = best.max(self.rate(script, *clients, rows));
            rows = rows.map(|from| from + clients * ROWS_PER_CLIENT);
        }
        (self.cost_us)(best)
    }

    fn rate(&self, script: &str, clients: u64, rows: Option<u64>) -> f64 {
        let path = std::env::temp_dir().join(format!("weir-bench-{}.sql", std::process::id()));
        std::fs::write(&path, script).expect("a script");
        let mut pgbench = Command::new("pgbench");
        pgbench.env("PGOPTIONS", "-c synchronous_commit=off -c jit=off");
        pgbench.args([
            "-n",
            "-M",
            "prepared",
            "-j",
            "2",
            "-c",
            &clients.to_string(),
            "-f",
        ]);
        pgbench.arg(&path);
        match rows {
            // Each row once: a count for each client, no time.
            Some(from) => pgbench.args([
                "-D",
                &format!("from={from}"),
                "-D",
                "n=0",
                "-t",
                &ROWS_PER_CLIENT.to_string(),
            ]),
            None => pgbench.args(["-T", &SECONDS.to_string()]),
        };
        let output = pgbench
            .arg(&self.database.url)
            .output()
            .expect("pgbench, of PostgreSQL");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "pgbench fails on\n{script}\n{text}\n{}",
            String::from_utf8_lossy(&output.stderr),
        );
        std::fs::remove_file(path).expect("the script is ours");
        let rate = text.lines().find_map(|line| line.strip_prefix("tps = "));
        let rate = rate.and_then(|line| line.split(' ').next()?.parse().ok());
        rate.expect("a rate")
    }
}

/// The next row of this client.
const NEXT: &str = r"\set i :from + :client_id * 10000 + :n
\set n :n + 1
";

const COMMIT: &str = r"with notice as (
    insert into limits.notice (id, body) values (gen_random_uuid(), decode(repeat('ab', 800), 'hex'))
)
update limits.paid set state = 'paid', paid_at = now() where id = :i and state = 'open';
";

/// One of the server's statements, its parameters replaced.
fn statement(name: &str, parameters: &[String]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    let head = format!("-- {name}\n");
    let text = std::fs::read_dir(folder)
        .expect("the folder .sqlx")
        .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok())
        .filter_map(|file| serde_json::from_str::<Value>(&file).ok())
        .find_map(|file| Some(file["query"].as_str()?.strip_prefix(&head)?.to_owned()));
    let mut text = text.unwrap_or_else(|| panic!("no statement {name} in .sqlx"));
    // From the last, since $1 begins $10; one value each, whatever stands behind it.
    for (at, parameter) in parameters.iter().enumerate().rev() {
        text = text.replace(&format!("${}", at + 1), &format!("({parameter})"));
    }
    text + ";\n"
}

fn texts<const N: usize>(parameters: [&str; N]) -> Vec<String> {
    parameters.map(str::to_owned).to_vec()
}

fn read() -> String {
    let session = id_sql(Kind::Session, ":i");
    let parameters = texts([&session, "now()"]);
    format!(
        "\\set i random(0, {})\n{}",
        USERS - 1,
        statement("session.find_live", &parameters)
    )
}

fn login() -> String {
    let app = format!("'{APP}'");
    let openid = openid_sql(&format!(":i % {USERS}"));
    let parameters = texts([
        "gen_random_uuid()",
        &app,
        &openid,
        "null",
        &session_key_sql(":i"),
        "array[decode(repeat(md5(:i::text), 2), 'hex')]",
        "now()",
        "gen_random_uuid()",
        "now() + interval '7 days'",
    ]);
    format!("{NEXT}{}", statement("user.insert_login", &parameters))
}

/// Both commits of a payment: the intent, and the outcome.
fn payment() -> String {
    let (order, user) = (
        id_sql(Kind::Order, ":i"),
        id_sql(Kind::User, &format!(":i % {USERS}")),
    );
    let (attempt, lease) = (
        id_sql(Kind::Attempt, ":i"),
        "'00000000-0000-7000-8000-000000000001'::uuid",
    );
    let (number, merchant) = (out_trade_no_sql(Kind::Attempt, ":i"), format!("'{MCH_ID}'"));
    let begin = texts([
        &order,
        &user,
        &attempt,
        &number,
        &merchant,
        lease,
        "now() + interval '15 s'",
        "now()",
    ]);
    let finish = texts([
        &attempt,
        lease,
        "'created'",
        "'prepaid'",
        "repeat('x', 600)",
        "now()",
        "null",
        "now() + interval '5 s'",
        "'prepay'",
        "'ok'",
        "repeat('r', 32)",
    ]);
    let begin = statement("attempt.begin", &begin);
    format!("{NEXT}{begin}{}", statement("attempt.finish", &finish))
}

fn notification() -> String {
    let (app, merchant) = (format!("'{APP}'"), format!("'{MCH_ID}'"));
    let number = out_trade_no_sql(Kind::Attempt, ":i");
    let openid = openid_sql(&format!(":i % {USERS}"));
    let parameters = texts([
        &number,
        &app,
        &merchant,
        "6800",
        "'CNY'",
        "gen_random_uuid()",
        "'EV-' || lpad(:i::text, 32, '0')",
        "now()",
        "'1764000000'",
        "repeat('n', 32)",
        "repeat('s', 46)",
        "repeat('g', 344)",
        "decode(repeat('ab', 900), 'hex')",
        "('42' || lpad(:i::text, 26, '0'))",
        &openid,
        "now()",
        "gen_random_uuid()",
        "false",
    ]);
    format!("{NEXT}{}", statement("settlement.settle_expected", &parameters))
}

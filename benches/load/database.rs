//! The database of the run: a private, durable cluster with a shop that has been open for a while.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tokio::runtime::Runtime;
use uuid::Uuid;
use weir::dev::postgres::Cluster;
use weir::store::pool;

use crate::open_data;
use crate::process::{self, Layout, Usage};
use crate::settings::{APP, MCH_ID};

/// Users, each with a session and a past order or two.
pub(crate) const USERS: u64 = 100_000;
/// Orders of the past.
const OLD_ORDERS: u64 = 200_000;
/// Products, each with a stock.
pub(crate) const PRODUCTS: u64 = 1_000;
/// What every order of the run costs, in fen.
pub(crate) const TOTAL_FEN: u64 = 6_800;

/// Kinds of rows, so that no two have the same id.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    User = 1,
    Session = 2,
    OldOrder = 3,
    Order = 4,
    Attempt = 5,
    OldAttempt = 6,
}

/// The id of a row, ascending with its number, in the form of UUID v7.
pub(crate) fn id(kind: Kind, number: u64) -> Uuid {
    let text = format!("{:012x}70008000{number:012x}", kind.first() + number);
    Uuid::parse_str(&text).expect("32 hexadecimal digits")
}

/// The same in SQL, of an expression.
pub(crate) fn id_sql(kind: Kind, number: &str) -> String {
    let first = kind.first();
    format!(
        "(lpad(to_hex({first} + ({number})::bigint), 12, '0') || '70008000' \
         || lpad(to_hex(({number})::bigint), 12, '0'))::uuid"
    )
}

impl Kind {
    /// A time in the past, in milliseconds, that the ids of this kind begin with.
    fn first(self) -> u64 {
        0x0190_0000_0000 + ((self as u64) << 28)
    }
}

/// The cluster, and its one database.
#[derive(Debug)]
pub(crate) struct Database {
    cluster: Cluster,
    /// Its address.
    pub(crate) url: String,
    postmaster: u32,
}

impl Database {
    /// A new one, with every migration and the shop's past.
    pub(crate) fn open(runtime: &Runtime) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".weir/bench-postgres");
        let cluster = runtime.block_on(async {
            Cluster::erase(&folder).await.expect("an unused folder");
            let cluster = Cluster::durable(&folder).await.expect("PostgreSQL starts");
            cluster.ensure_database("bench").await.expect("a database");
            let url = cluster.url("bench");
            pool::migrate(&url).await.expect("migrations apply");
            cluster
        });
        let note = std::fs::read_to_string(cluster.folder().join("data/postmaster.pid"));
        let pid = note
            .ok()
            .and_then(|note| note.lines().next()?.trim().parse().ok());
        let database = Self {
            url: cluster.url("bench"),
            cluster,
            postmaster: pid.expect("the number of PostgreSQL's first process"),
        };
        // Checkpoints are as rare as section 7 of the notes asks for.
        database.run("alter system set max_wal_size = '4GB'");
        database.run("alter system set checkpoint_timeout = '30min'");
        database.run("select pg_reload_conf()");
        database.run(&past());
        database.run("vacuum analyze");
        database.run("checkpoint");
        database
    }

    /// Puts off what the server's loops would do about payments that nobody made, so that none of it is
    /// counted in the next round.
    pub(crate) fn put_off_loops(&self) {
        self.run(
            "update payment_attempts set next_check_at = now() + interval '1 year'
             where next_check_at < now() + interval '1 day' and state not in ('settled', 'surplus')",
        );
    }

    /// Runs SQL; gives what it says, fields divided by `|`.
    pub(crate) fn run(&self, sql: &str) -> String {
        let mut psql = Command::new("psql")
            .args([
                "-X",
                "-q",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-d",
                &self.url,
                "-f",
                "-",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("psql, of PostgreSQL");
        let mut input = psql.stdin.take().expect("psql's input");
        input.write_all(sql.as_bytes()).expect("psql reads");
        drop(input);
        let output = psql.wait_with_output().expect("psql ends");
        assert!(output.status.success(), "psql refuses: {sql}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// One number.
    pub(crate) fn count(&self, sql: &str) -> u64 {
        self.run(sql)
            .parse()
            .unwrap_or_else(|_| panic!("no number from {sql}"))
    }

    /// Orders that await payment, numbered from `from`, with an attempt each if wanted.
    pub(crate) fn insert_orders(&self, from: u64, count: u64, has_attempt: bool) {
        let to = from + count - 1;
        let order = id_sql(Kind::Order, "i");
        let mut sql = format!(
            "insert into orders (id, user_id, app_id, openid, status, total_fen, currency, description,
                created_at, updated_at, expires_at)
             select {order}, {user}, '{APP}', {openid}, 'awaiting_payment', {TOTAL_FEN}, 'CNY', 'Tea',
                now(), now(), now() + interval '1 day'
             from generate_series({from}, {to}) i;
             insert into order_items (order_id, position, product_id, title, unit_price_fen, quantity, is_stocked)
             select {order}, 0, 'p' || i % {PRODUCTS}, 'Tea', {TOTAL_FEN}, 1, false from generate_series({from}, {to}) i;",
            user = id_sql(Kind::User, &format!("i % {USERS}")),
            openid = openid_sql(&format!("i % {USERS}")),
        );
        if has_attempt {
            sql.push_str(&attempts(Kind::Attempt, &order, from, to, "prepaid"));
        }
        self.run(&sql);
        self.run("vacuum analyze orders, order_items, payment_attempts");
    }

    /// Lets PostgreSQL use the processors that it has in this layout.
    pub(crate) fn place(&self, layout: Layout) {
        process::pin_family(self.postmaster, &layout.rest());
    }

    /// What all of PostgreSQL has used.
    pub(crate) fn usage(&self) -> Usage {
        Usage::of_family(self.postmaster)
    }

    /// How often the log was flushed so far, where this PostgreSQL tells.
    pub(crate) fn flushes(&self) -> Option<u64> {
        let known = "select count(*) from information_schema.columns where table_name = 'pg_stat_wal' \
                     and column_name = 'wal_sync'";
        (self.count(known) == 1).then(|| self.count("select wal_sync from pg_stat_wal"))
    }

    /// The version, as PostgreSQL tells it.
    pub(crate) fn version(&self) -> String {
        self.run("show server_version")
    }

    /// Where its files lie.
    pub(crate) fn folder(&self) -> PathBuf {
        self.cluster.folder().to_owned()
    }

    /// Stops it and removes it.
    pub(crate) fn close(self, runtime: &Runtime) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".weir/bench-postgres");
        runtime.block_on(async {
            self.cluster.stop().await.expect("PostgreSQL stops");
            Cluster::erase(&folder).await.expect("an unused folder");
        });
    }
}

/// The openid of a user, in SQL; [`crate::settings::openid`] is the same in Rust.
pub(crate) fn openid_sql(number: &str) -> String {
    format!("('o' || lpad(({number})::text, 27, '0'))")
}

/// The number of an attempt, in SQL; [`crate::notification::out_trade_no`] is the same in Rust.
pub(crate) fn out_trade_no_sql(kind: Kind, number: &str) -> String {
    format!("('T{}' || lpad(({number})::text, 30, '0'))", kind as u64)
}

/// A session key of its own, as long as a real one and under the server's data key, that does not open.
pub(crate) fn session_key_sql(number: &str) -> String {
    let name = open_data::vault().newest();
    format!("decode('01{name}' || repeat(md5(({number})::text), 2) || repeat('00', 20), 'hex')")
}

fn attempts(kind: Kind, order: &str, from: u64, to: u64, state: &str) -> String {
    let transaction = if state == "settled" { "'W' || i" } else { "null" };
    format!(
        "insert into payment_attempts (id, order_id, out_trade_no, app_id, mch_id, total_fen, currency, state,
            request_payment, prepaid_at, transaction_id, created_at, updated_at)
         select {id}, {order}, {number}, '{APP}', '{MCH_ID}', {TOTAL_FEN}, 'CNY', '{state}', repeat('x', 400), now(),
            {transaction}, now(), now()
         from generate_series({from}, {to}) i;",
        id = id_sql(kind, "i"),
        number = out_trade_no_sql(kind, "i"),
    )
}

fn past() -> String {
    let users = USERS - 1;
    let orders = OLD_ORDERS - 1;
    let user = id_sql(Kind::User, "i");
    let order = id_sql(Kind::OldOrder, "i");
    let buyer = format!("i % {USERS}");
    format!(
        "insert into users (id, app_id, openid, session_key, session_key_hash, session_key_at, created_at, updated_at)
         select {user}, '{APP}', {openid}, {key},
            decode(repeat(md5(i::text), 2), 'hex'), now(), now(), now()
         from generate_series(0, {users}) i;
         insert into sessions (id, user_id, created_at, expires_at)
         select {session}, {user}, now(), now() + interval '7 days' from generate_series(0, {users}) i;
         insert into products (id, title, price_fen, stock, is_listed, created_at, updated_at)
         select 'p' || i, 'Tea', {TOTAL_FEN}, 1000000, true, now(), now() from generate_series(0, {products}) i;
         insert into orders (id, user_id, app_id, openid, status, total_fen, currency, description, created_at,
            updated_at, expires_at, paid_at)
         select {order}, {buyer_id}, '{APP}', {buyer_openid}, 'paid', {TOTAL_FEN}, 'CNY', 'Tea', now(), now(),
            now() + interval '1 hour', now()
         from generate_series(0, {orders}) i;
         insert into order_items (order_id, position, product_id, title, unit_price_fen, quantity, is_stocked)
         select {order}, 0, 'p' || i % {PRODUCTS}, 'Tea', {TOTAL_FEN}, 1, false from generate_series(0, {orders}) i;
         {attempts}",
        openid = openid_sql("i"),
        key = session_key_sql("i"),
        session = id_sql(Kind::Session, "i"),
        products = PRODUCTS - 1,
        buyer_id = id_sql(Kind::User, &buyer),
        buyer_openid = openid_sql(&buyer),
        attempts = attempts(Kind::OldAttempt, &order, 0, orders, "settled"),
    )
}

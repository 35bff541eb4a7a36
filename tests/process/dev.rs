//! `weir dev`: everything on this machine, and nothing of it left running.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::collector::Collector;
use crate::migrate::{execute, with_database};
use crate::program::{Program, command, complaint, folder, is_served, run, socket, until};
use crate::wire;

/// A killed `weir dev` leaves its PostgreSQL to itself for no longer than this.
const ORPHANED_MAX: Duration = Duration::from_mins(1);

/// `weir dev` in the folder `state` of where it runs.
pub(crate) const HERE: [&str; 7] = [
    "dev",
    "--folder",
    "state",
    "--http",
    "127.0.0.1:0",
    "--simulator",
    "127.0.0.1:0",
];

fn start(folder: &Path, more: &[&str]) -> Program {
    let state = folder.join("state");
    let mut arguments = vec!["dev", "--folder", state.to_str().unwrap()];
    arguments.extend(["--http", "127.0.0.1:0", "--simulator", "127.0.0.1:0"]);
    arguments.extend(more);
    let mut program = Program::start(command(folder, &arguments));
    program.line_with("Ctrl-C stops everything");
    program
}

fn product(program: &Program) -> wire::Answer {
    wire::get(&program.value("server"), "/v1/products/of-the-test", None)
}

fn put_product(program: &Program) {
    let (server, token) = (program.value("server"), program.value("admin token"));
    let body = r#"{"title": "Kept", "price_fen": 1}"#;
    let answer = wire::put(&server, "/admin/products/of-the-test", &token, body);
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[test]
fn it_prints_where_everything_is_and_ends_with_nothing_running() {
    let folder = folder();
    for signal in [Signal::TERM, Signal::INT] {
        let dev = start(folder.path(), &[]);
        let (server, token) = (dev.value("server"), dev.value("admin token"));
        assert_eq!(wire::get(&server, "/readyz", None).status, 200);
        let health = wire::get(&server, "/admin/health", Some(&token));
        assert_eq!(health.json()["status"], "ok", "{}", health.body);
        assert_eq!(dev.value("console"), format!("{server}/admin/"));
        assert_eq!(wire::get(&server, "/admin/", None).status, 200);
        let shop = wire::get(&server, "/v1/products", None).json();
        assert!(!shop["items"].as_array().unwrap().is_empty());
        assert_eq!(wire::get(&dev.value("simulator"), "/phone", None).status, 200);
        let postgres = socket(&dev.value("database"));
        assert!(is_served(&postgres));
        assert_eq!(dev.end(signal), Some(0), "{signal:?}");
        assert!(!is_served(&postgres), "PostgreSQL runs on after {signal:?}");
    }
}

#[test]
fn a_second_start_finds_everything_again_and_a_fresh_one_nothing() {
    let folder = folder();
    let first = start(folder.path(), &[]);
    put_product(&first);
    let token = first.value("admin token");
    assert_eq!(first.end(Signal::TERM), Some(0));

    let second = start(folder.path(), &[]);
    assert_eq!(second.value("admin token"), token);
    assert_eq!(product(&second).json()["title"], "Kept");
    assert_eq!(second.end(Signal::TERM), Some(0));

    let fresh = start(folder.path(), &["--fresh"]);
    assert_ne!(fresh.value("admin token"), token);
    assert_eq!(product(&fresh).status, 404);
    assert_eq!(fresh.end(Signal::TERM), Some(0));
}

#[test]
fn one_person_logs_in_to_both_of_its_mini_programs() {
    let folder = folder();
    let dev = start(folder.path(), &[]);
    let (server, simulator) = (dev.value("server"), dev.value("simulator"));
    let person = wire::post(&simulator, "/simulator/users", "{}").json();
    let mut users = Vec::new();
    for label in ["app", "second app"] {
        let app_id = dev.value(label);
        let wanted = serde_json::json!({"user_id": person["user_id"], "app_id": app_id}).to_string();
        let code = wire::post(&simulator, "/simulator/login-codes", &wanted).json();
        let login = serde_json::json!({"code": code["code"], "app_id": app_id}).to_string();
        let login = wire::post(&server, "/v1/login", &login);
        assert_eq!(login.status, 200, "{}", login.body);
        users.push(login.json()["user"]["id"].clone());
    }
    assert_ne!(users[0], users[1]);
    // Message push works with nothing configured, for both.
    for label in ["app", "second app"] {
        let said = serde_json::json!({"app_id": dev.value(label), "message": {"MsgType": "event", "Event": "debug_demo"}});
        let sent = wire::post(&simulator, "/simulator/push", &said.to_string()).json();
        assert_eq!(sent["answers"][0]["body"], "success", "{sent}");
    }
    // What the simulated WeChat tells by itself goes out by itself.
    let said = r#"{"scheduled": true, "message": {"MsgType": "event", "Event": "by_itself"}}"#;
    wire::post(&simulator, "/simulator/push", said);
    until("it is pushed", || {
        let pushes = wire::get(&simulator, "/simulator/push", None).json();
        let items = pushes["items"].as_array().unwrap();
        items
            .iter()
            .any(|push| push["title"] == "by_itself" && push["is_taken"] == true)
    });
    // What holds the secrets is for their owner alone.
    let file = folder.path().join("state/apps.toml");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0);
    assert_eq!(dev.end(Signal::TERM), Some(0));
}

#[test]
fn killed_it_leaves_no_server_behind_and_loses_nothing() {
    let folder = folder();
    let mut killed = start(folder.path(), &[]);
    put_product(&killed);
    let postgres = socket(&killed.value("database"));
    killed.signal(Signal::KILL);
    killed.status();
    let orphaned = until("PostgreSQL is gone", || !is_served(&postgres));
    println!("PostgreSQL was gone {orphaned:?} after the kill");
    assert!(orphaned < ORPHANED_MAX);

    let next = start(folder.path(), &[]);
    assert_eq!(product(&next).json()["title"], "Kept");
    assert_eq!(next.end(Signal::TERM), Some(0));
}

#[test]
fn killed_and_started_at_once_it_takes_over() {
    let folder = folder();
    let mut killed = start(folder.path(), &[]);
    put_product(&killed);
    killed.signal(Signal::KILL);
    killed.status();
    let next = start(folder.path(), &[]);
    assert_eq!(product(&next).json()["title"], "Kept");
    assert_eq!(next.end(Signal::TERM), Some(0));
}

#[test]
fn a_port_in_use_is_named_with_the_cure() {
    let folder = folder();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (flag, other) in [("--http", "--simulator"), ("--simulator", "--http")] {
        let arguments = ["dev", "--folder", "state", flag, &address, other, "127.0.0.1:0"];
        let output = run(&mut command(folder.path(), &arguments));
        assert_eq!(output.status.code(), Some(1));
        let complaint = complaint(&output);
        assert!(
            complaint.contains(&address) && complaint.contains(flag),
            "{complaint}"
        );
        let postgres = folder.path().join("state/postgres/.s.PGSQL.5432");
        assert!(!is_served(&postgres), "PostgreSQL runs on");
    }
}

#[test]
fn a_second_one_in_the_same_folder_says_so() {
    let folder = folder();
    let first = start(folder.path(), &[]);
    let output = run(&mut command(folder.path(), &HERE));
    assert_eq!(output.status.code(), Some(1));
    let complaint = complaint(&output);
    assert!(complaint.contains("another simulator uses"), "{complaint}");
    assert_eq!(wire::get(&first.value("server"), "/readyz", None).status, 200);
    assert_eq!(first.end(Signal::TERM), Some(0));
}

/// As in a checkout under `/root`: nobody but its owner may enter, and PostgreSQL does not run as root.
#[test]
fn it_runs_in_a_folder_that_is_closed_to_others() {
    let closed = TempDir::new().unwrap();
    std::fs::set_permissions(closed.path(), PermissionsExt::from_mode(0o700)).unwrap();
    let mut home = PathBuf::new();
    for _ in 0..2 {
        let dev = start(closed.path(), &[]);
        assert_eq!(wire::get(&dev.value("server"), "/readyz", None).status, 200);
        socket(&dev.value("database"))
            .parent()
            .unwrap()
            .clone_into(&mut home);
        assert_eq!(dev.end(Signal::TERM), Some(0));
    }
    // Root's data lie elsewhere because of it, and are taken away by hand.
    if rustix::process::geteuid().is_root() {
        assert!(!home.starts_with(closed.path()), "{}", home.display());
        std::fs::remove_dir_all(home).unwrap();
    }
}

#[test]
fn with_a_database_named_it_uses_that_one_and_never_that_of_a_real_mini_program() {
    with_database(|url| {
        let folder = folder();
        let state = folder.path().join("state");
        let start = |arguments: &[&str]| {
            let mut all = vec!["dev", "--folder", state.to_str().unwrap()];
            all.extend(["--simulator", "127.0.0.1:0"]);
            all.extend(arguments);
            let mut command = command(folder.path(), &all);
            // What else it follows, too.
            command.env("DATABASE_URL", url).env("HTTP_BIND", "0.0.0.0:0");
            command.env("RATE_LIMIT_LOGIN_PER_MIN", "many");
            // But for this: simulated money must not reach a real receiver of events.
            command.env(
                "EVENTS_WEBHOOK_URL",
                "https://erp.example.com/events?key=Mc6d9WfH3sLp",
            );
            command
        };
        let wrong = run(&mut start(&[]));
        assert_eq!(wrong.status.code(), Some(1));
        assert!(
            complaint(&wrong).contains("RATE_LIMIT_LOGIN_PER_MIN is not a whole number"),
            "{}",
            complaint(&wrong)
        );
        assert!(!complaint(&wrong).contains("EVENTS_"), "{}", complaint(&wrong));
        let said = String::from_utf8(wrong.stdout).unwrap();
        assert!(
            said.contains("EVENTS_WEBHOOK_URL is not followed") && !said.contains("erp.example.com"),
            "{said}"
        );

        let mut command = start(&[]);
        command.env_remove("RATE_LIMIT_LOGIN_PER_MIN");
        let mut dev = Program::start(command);
        dev.line_with("Ctrl-C stops everything");
        assert_eq!(dev.value("database"), url);
        assert!(
            !state.join("postgres").exists(),
            "a private one was made all the same"
        );
        put_product(&dev);
        assert_eq!(dev.end(Signal::TERM), Some(0));

        let fresh = run(&mut start(&["--fresh"]));
        assert!(
            complaint(&fresh).contains("DATABASE_URL"),
            "{}",
            complaint(&fresh)
        );
        assert!(state.join("settings.env").exists(), "something was erased");

        execute(
            url,
            "insert into users (id, app_id, openid, session_key, session_key_hash, session_key_at, created_at, updated_at)
             values (gen_random_uuid(), 'wx1234567890abcdef', 'oSomebody', '', '', now(), now(), now())",
        );
        let real = run(&mut start(&[]));
        assert_eq!(real.status.code(), Some(1));
        assert!(
            complaint(&real).contains("real mini program"),
            "{}",
            complaint(&real)
        );
    });
}

#[test]
fn the_password_of_its_database_is_not_printed() {
    with_database(|url| {
        let folder = folder();
        let separator = if url.contains('?') { '&' } else { '?' };
        let with_password = url.replacen('@', ":hunter2@", 1);
        let mut command = command(folder.path(), &HERE);
        command.env(
            "DATABASE_URL",
            format!("{with_password}{separator}password=hunter2"),
        );
        let mut dev = Program::start(command);
        dev.line_with("Ctrl-C stops everything");
        assert_eq!(dev.value("database"), url);
        assert!(!dev.has_said("hunter2"));
        assert_eq!(dev.end(Signal::TERM), Some(0));
    });
}

#[test]
fn tokens_of_the_environment_count_and_so_does_a_receiver_on_this_machine() {
    const ADMIN: &str = "test-admin-token-0123456789abcdef";
    const INTERNAL: &str = "internal-token-for-black-box-tests-0001";
    with_database(|url| {
        let folder = folder();
        let start = |variables: &[(&str, &str)]| {
            let mut command = command(folder.path(), &HERE);
            command.env("DATABASE_URL", url);
            command.envs(variables.iter().copied());
            command
        };
        let introspect = |dev: &Program, token: &str| {
            let body = r#"{"token": "none"}"#;
            wire::post_as(&dev.value("server"), "/internal/sessions/introspect", token, body)
        };
        let redeliver = |dev: &Program, token: &str| {
            wire::post_as(&dev.value("server"), "/admin/events/redeliver", token, "{}")
        };

        let mut own = Program::start(start(&[("ADMIN_TOKEN", " "), ("INTERNAL_TOKEN", "")]));
        own.line_with("Ctrl-C stops everything");
        let (admin, internal) = (own.value("admin token"), own.value("internal token"));
        assert_ne!(admin, internal);
        assert_eq!(introspect(&own, &internal).status, 200);
        assert_eq!(redeliver(&own, &admin).json()["code"], "events_not_configured");
        assert_eq!(own.end(Signal::TERM), Some(0));

        // Of a file as of the environment, where the environment counts more.
        std::fs::write(
            folder.path().join(".env"),
            format!("ADMIN_TOKEN=file-{ADMIN}\nINTERNAL_TOKEN={INTERNAL}\n"),
        )
        .unwrap();
        let mut given = Program::start(start(&[
            ("ADMIN_TOKEN", ADMIN),
            ("EVENTS_WEBHOOK_URL", "http://127.0.0.1:9/in?key=Mc6d9WfH3sLp"),
            (
                "EVENTS_WEBHOOK_SECRET",
                "whsec_Zk9vT8uW5eB7aN4pL6sHdFgZqXrCyV1EQk0Jc2R3m1w=",
            ),
        ]));
        given.line_with("Ctrl-C stops everything");
        assert_eq!(given.value("admin token"), ADMIN);
        assert!(!given.has_said(INTERNAL) && !given.has_said("Mc6d9WfH3sLp"));
        assert_eq!(introspect(&given, INTERNAL).status, 200);
        assert_eq!(introspect(&given, &internal).status, 401);
        assert_eq!(redeliver(&given, &admin).status, 401);
        assert_eq!(redeliver(&given, ADMIN).json()["pending"], 0);
        assert_eq!(given.end(Signal::TERM), Some(0));

        let weak = run(&mut start(&[("ADMIN_TOKEN", "hunter2")]));
        assert_eq!(weak.status.code(), Some(1));
        let told = complaint(&weak);
        assert!(
            told.contains("ADMIN_TOKEN must have at least 24 characters") && !told.contains("hunter2"),
            "{told}"
        );
    });
}

#[test]
fn its_folder_may_have_any_name() {
    with_database(|url| {
        let folder = folder();
        let state = folder.path().join("shop #1, 50%25 off?");
        let mut command = command(folder.path(), &["dev", "--folder", state.to_str().unwrap()]);
        command.args(["--http", "127.0.0.1:0", "--simulator", "127.0.0.1:0"]);
        command.env("DATABASE_URL", url);
        let mut dev = Program::start(command);
        dev.line_with("Ctrl-C stops everything");
        assert!(state.join("files").is_dir(), "uploads lie elsewhere");
        assert_eq!(dev.end(Signal::TERM), Some(0));
    });
}

#[test]
fn what_was_traced_is_sent_before_it_ends() {
    with_database(|url| {
        let folder = folder();
        let collector = Collector::start();
        let mut command = command(folder.path(), &HERE);
        command
            .env("DATABASE_URL", url)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url);
        let mut dev = Program::start(command);
        dev.line_with("Ctrl-C stops everything");
        assert_eq!(wire::get(&dev.value("server"), "/v1/products", None).status, 200);
        assert_eq!(dev.end(Signal::TERM), Some(0));
        assert!(collector.holds("GET /v1/products"));
    });
}

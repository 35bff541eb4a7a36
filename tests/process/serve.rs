//! `weir serve`: from settings, or not at all.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use serde_json::Value;
use weir::domain::entropy::Entropy;

use crate::collector::Collector;
use crate::migrate::with_database;
use crate::program::{Program, command, complaint, folder, run};
use crate::wire;

/// For a build without optimisation on a busy machine; `make bench` measures the release.
const FIRST_ANSWER_MAX: Duration = Duration::from_secs(10);

const APP_SECRET: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";

fn key() -> String {
    STANDARD.encode(Entropy::system().bytes::<32>().unwrap())
}

/// A server without a merchant, on a free port.
pub(crate) fn serve(folder: &Path, database_url: &str, arguments: &[&str]) -> Command {
    let mut command = command(folder, &[&["serve"], arguments].concat());
    command
        .env("DATABASE_URL", database_url)
        .env("HTTP_BIND", "127.0.0.1:0")
        .env("PUBLIC_BASE_URL", "http://127.0.0.1:8080")
        .env("SESSION_JWT_KEYS", key())
        .env("DATA_KEYS", key())
        .env("ADMIN_TOKEN", key())
        .env("WECHAT_APP_ID", "wx1234567890abcdef")
        .env("WECHAT_APP_SECRET", APP_SECRET)
        .env("WECHAT_API_BASE_URL", "http://127.0.0.1:9");
    command
}

pub(crate) fn address(program: &mut Program) -> String {
    let line: Value = serde_json::from_str(&program.line_with("\"serving\"")).unwrap();
    line["address"].as_str().unwrap().to_owned()
}

#[test]
fn it_serves_a_migrated_database_at_once_and_ends_in_order() {
    with_database(|url| {
        let folder = folder();
        let lacking = run(&mut serve(folder.path(), url, &[]));
        assert_eq!(lacking.status.code(), Some(1));
        assert!(
            complaint(&lacking).contains("weir migrate"),
            "{}",
            complaint(&lacking)
        );

        for (arguments, signal) in [(&["--migrate"][..], Signal::TERM), (&[], Signal::INT)] {
            let started = Instant::now();
            let mut server = Program::start(serve(folder.path(), url, arguments));
            let address = address(&mut server);
            let ready = wire::get(&address, "/readyz", None);
            let took = started.elapsed();
            assert_eq!(ready.status, 200, "{}", ready.body);
            println!("first answer {took:?} after the start, with {arguments:?}");
            assert!(took < FIRST_ANSWER_MAX);
            let payless = wire::get(&address, "/v1/products", None);
            assert_eq!(payless.json()["items"], serde_json::json!([]));
            assert_eq!(server.end(signal), Some(0), "{signal:?}");
            assert!(wire::try_get(&address, "/healthz").is_none(), "it serves on");
        }
    });
}

/// A supervisor often gives 1,024, and a connection takes two.
#[test]
#[cfg(target_os = "linux")]
fn it_takes_as_many_open_files_as_it_can_have() {
    with_database(|url| {
        let folder = folder();
        let usual = getrlimit(Resource::Nofile);
        let scarce = Rlimit {
            current: Some(512),
            ..usual
        };
        setrlimit(Resource::Nofile, scarce).unwrap();
        let mut server = Program::start(serve(folder.path(), url, &["--migrate"]));
        setrlimit(Resource::Nofile, usual).unwrap();
        address(&mut server);
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.id())).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max open files"));
        let words: Vec<&str> = line.unwrap().split_whitespace().collect();
        assert_eq!(words[3], words[4], "{limits}");
        assert_ne!(words[3], "512", "the hard limit shows nothing here");
        assert_eq!(server.end(Signal::TERM), Some(0));
    });
}

#[test]
fn it_refuses_bad_settings_with_the_whole_list_and_no_secret() {
    let folder = folder();
    let mut bad = serve(folder.path(), "mysql://root@localhost/shop", &[]);
    let secret = "hunter2-hunter2";
    bad.env("ADMIN_TOKEN", secret)
        .env("DATA_KEYS", secret)
        .env("PUBLIC_BASE_URL", "http://shop.example.com")
        .env("ORDER_TTL_S", "5")
        .env("WXPAY_MCH_ID", "1900000001")
        .env_remove("WECHAT_APP_SECRET");
    let output = run(&mut bad);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let complaint = complaint(&output);
    for variable in [
        "DATABASE_URL",
        "ADMIN_TOKEN",
        "DATA_KEYS",
        "PUBLIC_BASE_URL",
        "ORDER_TTL_S",
        "WXPAY_API_V3_KEY",
        "WECHAT_APP_SECRET",
    ] {
        let is_told = complaint
            .lines()
            .any(|line| line.trim_start().starts_with(variable));
        assert!(is_told, "{variable} is not among:\n{complaint}");
    }
    assert!(!complaint.contains(secret), "{complaint}");
}

#[test]
fn a_setting_that_only_its_use_can_judge_is_refused_like_any_other() {
    let folder = folder();
    std::fs::write(folder.path().join("taken"), "no folder").unwrap();
    let taken = folder.path().join("taken/files");
    with_database(|url| {
        let mut bad = serve(folder.path(), url, &["--migrate"]);
        bad.env("FILES_URL", format!("file://{}", taken.display()));
        let output = run(&mut bad);
        assert_eq!(output.status.code(), Some(2), "{}", complaint(&output));
        assert!(complaint(&output).contains("\n  FILES_URL cannot be used"));
    });
}

#[test]
fn a_file_of_settings_that_cannot_be_read_is_a_bad_setting() {
    let folder = folder();
    for (bad, which) in [
        ("no setting hunter2", "after 1 good ones"),
        ("HUNTER2+x= hunter2 hunter2", "after 1 good ones"),
        ("DATA_KEYS=$(hunter2 rand -base64 32)", "that of DATA_KEYS"),
        ("export DATABASE_URL=\"hunter2", "that of DATABASE_URL"),
        ("DATA_KEYS=ab$hunter2", "that of DATA_KEYS"),
        ("DATA_KEYS=\"ab${hunter2}cd\"", "that of DATA_KEYS"),
        ("DATA_KEYS=hunter2$", "that of DATA_KEYS"),
    ] {
        let text = format!("ADMIN_TOKEN=hunter2\n# A note\n\n{bad}\nWECHAT_APP_ID=wx1\n");
        std::fs::write(folder.path().join(".env"), text).unwrap();
        for verb in ["serve", "migrate"] {
            let output = run(&mut command(folder.path(), &[verb]));
            assert_eq!(output.status.code(), Some(2));
            let complaint = complaint(&output);
            assert!(
                complaint.contains(".env has a line") && complaint.contains(which),
                "{bad}: {complaint}"
            );
            assert!(!complaint.to_lowercase().contains("hunter2"), "{complaint}");
        }
    }
}

#[test]
fn a_value_over_several_lines_has_no_other_line_blamed() {
    let folder = folder();
    let text = "OF_ANOTHER_PROGRAM='one\nTWO=three four'\nADMIN_TOKEN=five six\n";
    std::fs::write(folder.path().join(".env"), text).unwrap();
    let output = run(&mut command(folder.path(), &["serve"]));
    let complaint = complaint(&output);
    assert!(complaint.contains("after 1 good ones"), "{complaint}");
}

#[test]
fn an_address_in_use_is_named_with_its_setting() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = folder();
    let mut command = serve(folder.path(), "postgres://weir@127.0.0.1:9/weir", &[]);
    command.env("HTTP_BIND", &address);
    let output = run(&mut command);
    assert_eq!(output.status.code(), Some(1));
    let complaint = complaint(&output);
    assert!(
        complaint.contains(&address) && complaint.contains("HTTP_BIND"),
        "{complaint}"
    );
}

#[test]
fn it_reads_the_file_of_settings_and_the_environment_wins() {
    let folder = folder();
    std::fs::write(
        folder.path().join(".env"),
        "ORDER_TTL_S=1\nSESSION_TTL_S=1\nADMIN_TOKEN=\n",
    )
    .unwrap();
    let mut command = command(folder.path(), &["serve"]);
    command.env("SESSION_TTL_S", "3600");
    let output = run(&mut command);
    assert_eq!(output.status.code(), Some(2));
    let complaint = complaint(&output);
    assert!(
        complaint.contains("ORDER_TTL_S") && complaint.contains("ADMIN_TOKEN"),
        "{complaint}"
    );
    assert!(!complaint.contains("SESSION_TTL_S"), "{complaint}");
}

#[test]
fn a_database_that_is_away_is_a_failure_that_says_so() {
    let folder = folder();
    let output = run(&mut serve(folder.path(), "postgres://weir@127.0.0.1:9/weir", &[]));
    assert_eq!(output.status.code(), Some(1));
    let complaint = complaint(&output);
    assert!(complaint.contains("database"), "{complaint}");
    assert_eq!(complaint.matches("refused").count(), 1, "{complaint}");
}

/// Takes the next connection and says what a database says that is just starting.
fn say_it_starts(listener: &TcpListener) {
    let (mut connection, _) = listener.accept().unwrap();
    // The question whether it speaks TLS, which a start asks first.
    connection.read_exact(&mut [0; 8]).unwrap();
    connection.write_all(b"N").unwrap();
    let mut length = [0; 4];
    connection.read_exact(&mut length).unwrap();
    let rest = usize::try_from(u32::from_be_bytes(length)).unwrap() - length.len();
    connection.read_exact(&mut vec![0; rest]).unwrap();
    let fields = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0";
    let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
    connection
        .write_all(&[&b"E"[..], &length, fields].concat())
        .unwrap();
}

#[test]
fn a_database_that_is_just_starting_is_asked_again() {
    let (starting, url) = silent_database();
    let folder = folder();
    for arguments in [&[][..], &["--migrate"]] {
        let start = Program::start(serve(folder.path(), &url, arguments));
        for _ in 0..3 {
            say_it_starts(&starting);
        }
        let _connection = starting.accept().unwrap();
        assert_eq!(start.end(Signal::TERM), Some(0), "{arguments:?}");
    }
}

/// The address of a database that takes connections and says nothing.
fn silent_database() -> (TcpListener, String) {
    silent_database_at("127.0.0.1:0")
}

fn silent_database_at(address: &str) -> (TcpListener, String) {
    let listener = TcpListener::bind(address).unwrap();
    let url = format!("postgres://weir@{}/weir", listener.local_addr().unwrap());
    (listener, url)
}

#[test]
fn a_database_that_says_nothing_is_not_waited_for_without_end() {
    let (_silent, url) = silent_database();
    let folder = folder();
    let starts = [&[][..], &["--migrate"]].map(|arguments| serve(folder.path(), &url, arguments));
    for mut start in starts.map(Program::start) {
        start.line_with("timed out");
        assert_eq!(start.status().code(), Some(1));
    }
}

#[test]
fn a_start_that_waits_for_its_database_can_be_stopped() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let (silent, url) = silent_database_at(address);
        let folder = folder();
        for arguments in [&[][..], &["--migrate"]] {
            let start = Program::start(serve(folder.path(), &url, arguments));
            let _connection = silent.accept().unwrap();
            assert_eq!(start.end(Signal::TERM), Some(0), "{url} {arguments:?}");
        }
    }
}

#[test]
fn a_request_and_its_calls_to_wechat_are_one_trace_without_their_secrets() {
    let code = "0a1B2c3D4e5F6g7H8i9J";
    with_database(|url| {
        let folder = folder();
        let collector = Collector::start();
        let mut command = serve(folder.path(), url, &["--migrate"]);
        let token = key();
        command
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)
            .env("INTERNAL_TOKEN", &token);
        let mut server = Program::start(command);
        let address = address(&mut server);
        let login = wire::post(&address, "/v1/login", &format!(r#"{{"code":"{code}"}}"#));
        assert_eq!(login.json()["code"], "wechat_unavailable", "{}", login.body);
        // A call in work that goes on without its client.
        let none = wire::get(&address, "/internal/access-token", Some(&token));
        assert_eq!(none.json()["code"], "wechat_unavailable", "{}", none.body);
        assert_eq!(server.end(Signal::TERM), Some(0));

        assert!(collector.holds("/v1/login"));
        for (call, request) in [
            ("code2session", "POST /v1/login"),
            ("stable_token", "GET /internal/access-token"),
        ] {
            assert_eq!(collector.parent_of(call), collector.root(request), "{call}");
        }
        for secret in [code, APP_SECRET, &token, "js_code", "/sns/"] {
            assert!(!collector.holds(secret), "{secret} was told");
        }
    });
}

#[test]
fn a_second_signal_does_not_wait_for_what_is_in_hand() {
    // It takes a call and says nothing.
    let wechat = TcpListener::bind("127.0.0.1:0").unwrap();
    let wechat_url = format!("http://{}", wechat.local_addr().unwrap());
    with_database(|url| {
        let folder = folder();
        let mut command = serve(folder.path(), url, &["--migrate"]);
        command.env("WECHAT_API_BASE_URL", &wechat_url);
        let mut server = Program::start(command);
        let address = address(&mut server);
        let login =
            std::thread::spawn(move || wire::try_post(&address, "/v1/login", r#"{"code":"0a1B2c3D"}"#));
        let _call = wechat.accept().unwrap();
        server.signal(Signal::TERM);
        server.line_with("\"stopping\"");
        assert_eq!(server.end(Signal::TERM), Some(130));
        assert!(login.join().unwrap().is_none(), "it was answered");
    });
}

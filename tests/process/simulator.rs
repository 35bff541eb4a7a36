//! `weir simulator`: the simulated WeChat alone.

use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use serde_json::json;

use crate::program::{Program, command, complaint, folder, run, socket};
use crate::wire;

fn start(folder: &Path, more: &[&str]) -> Program {
    let arguments = [&["simulator", "--bind", "127.0.0.1:0"], more].concat();
    let mut program = Program::start(command(folder, &arguments));
    program.line_with("simulator  ");
    program
}

#[test]
fn it_prints_all_that_a_client_needs_and_finds_it_again() {
    let folder = folder();
    let mut seen = Vec::new();
    for mode in ["certificate", "public_key", "both"] {
        let simulator = start(folder.path(), &["--mode", mode, "--speed", "60"]);
        let told: Vec<String> = [
            "app id",
            "app secret",
            "merchant",
            "certificate",
            "APIv3 key",
            "public key id",
        ]
        .map(|label| simulator.value(label))
        .to_vec();
        for key in ["private key", "public key"] {
            let pem = std::fs::read_to_string(folder.path().join(simulator.value(key))).unwrap();
            assert!(pem.starts_with("-----BEGIN "), "{key}: {pem}");
        }
        let url = simulator.value("simulator");
        assert_eq!(wire::get(&url, "/simulator/keys", None).json()["mode"], mode);
        assert_eq!(simulator.end(Signal::TERM), Some(0));
        seen.push(told);
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}");

    // Without the flag, the mode of the last time; Ctrl-C ends it just as well.
    let again = start(folder.path(), &[]);
    let url = again.value("simulator");
    assert_eq!(wire::get(&url, "/simulator/keys", None).json()["mode"], "both");
    assert_eq!(again.end(Signal::INT), Some(0));
}

#[test]
fn what_could_not_be_written_whole_spoils_nothing_that_comes_after_it() {
    let folder = folder();
    // So many blocks a file, half a KiB or one each; a write past them fails instead of ending the process.
    let script = r#"trap '' XFSZ; ulimit -f 128; exec "$0" simulator --bind 127.0.0.1:0"#;
    let mut limited = Command::new("/bin/sh");
    limited.args(["-c", script, env!("CARGO_BIN_EXE_weir")]);
    limited.current_dir(folder.path()).env_clear();
    let mut simulator = Program::start(limited);
    simulator.line_with("simulator  ");
    let url = simulator.value("simulator");
    for nickname in [&*"x".repeat(40_000); 5].into_iter().chain(["Ada"]) {
        let person = json!({ "nickname": nickname }).to_string();
        assert_eq!(wire::post(&url, "/simulator/users", &person).status, 201);
    }
    simulator.line_with("the simulator cannot write its journal");
    assert_eq!(simulator.end(Signal::TERM), Some(0));

    let again = start(folder.path(), &[]);
    let known = wire::get(&again.value("simulator"), "/simulator/users", None).json();
    let people = known["items"].as_array().unwrap();
    assert!(people.len() < 6, "everything was written");
    assert_eq!(people.last().unwrap()["nickname"], "Ada");
    assert_eq!(again.end(Signal::TERM), Some(0));
}

#[test]
fn its_folder_is_not_that_of_dev() {
    let folder = folder();
    let alone = start(folder.path(), &[]);
    let arguments = ["dev", "--http", "127.0.0.1:0", "--simulator", "127.0.0.1:0"];
    let mut dev = Program::start(command(folder.path(), &arguments));
    dev.line_with("Ctrl-C stops everything");
    // Nor does it close the folder that both stand in to PostgreSQL's own user.
    let postgres = socket(&dev.value("database"));
    assert!(postgres.starts_with(folder.path().canonicalize().unwrap().join(".weir")));
    assert_eq!(dev.end(Signal::TERM), Some(0));
    assert_eq!(alone.end(Signal::TERM), Some(0));
}

#[test]
fn what_cannot_be_is_refused_with_a_reason() {
    let folder = folder();
    let exposed = run(&mut command(folder.path(), &["simulator", "--bind", "0.0.0.0:0"]));
    assert_eq!(exposed.status.code(), Some(1));
    assert!(
        complaint(&exposed).contains("--expose"),
        "{}",
        complaint(&exposed)
    );

    for wrong in [&["--speed", "0"], &["--mode", "none"]] {
        let output = run(&mut command(
            folder.path(),
            &[&["simulator"], &wrong[..]].concat(),
        ));
        assert_eq!(output.status.code(), Some(2));
    }
}

//! `weir doctor`: a line for each part, and an exit status to go by.

use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use crate::migrate::{execute, with_database};
use crate::program::{Program, command, complaint, folder, run};
use crate::serve::serve;
use crate::wire;

/// The same settings for another verb.
fn doctor_of(server: &Command, folder: &Path) -> Command {
    let mut doctor = command(folder, &["doctor"]);
    for (name, value) in server.get_envs() {
        match value {
            Some(value) => doctor.env(name, value),
            None => doctor.env_remove(name),
        };
    }
    doctor
}

#[test]
fn it_names_every_setting_that_cannot_be_used() {
    let folder = folder();
    let mut server = serve(folder.path(), "mysql://root@localhost/shop", &[]);
    server.env("ADMIN_TOKEN", "short");
    let output = run(&mut doctor_of(&server, folder.path()));
    assert_eq!(output.status.code(), Some(2));
    for variable in ["DATABASE_URL", "ADMIN_TOKEN"] {
        assert!(complaint(&output).contains(variable), "{}", complaint(&output));
    }
}

#[test]
fn what_does_not_hold_is_a_line_with_its_cure_and_the_exit_status_1() {
    with_database(|url| {
        let folder = folder();
        let server = serve(folder.path(), url, &[]);
        let output = run(&mut doctor_of(&server, folder.path()));
        assert_eq!(output.status.code(), Some(1), "{}", complaint(&output));
        let said = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<&str> = said.lines().collect();
        for beginning in [
            "ok       settings: ",
            "ok       database: answers",
            "failed   migrations: run `weir migrate`",
            "failed   mini program wx1234567890abcdef: WeChat is unavailable",
            "untried  clock: ",
            "untried  merchant: payment is not set up",
            "failed   POST /wechat/pay/notify: ",
            "failed   POST /wechat/pay/refund-notify: ",
            "ok       files: ",
            "untried  events: ",
        ] {
            assert!(
                lines.iter().any(|line| line.starts_with(beginning)),
                "{beginning:?} is not in:\n{said}"
            );
        }
        assert_eq!(lines.len(), 10, "{said}");
        for (name, value) in server.get_envs() {
            let is_secret = [
                "SESSION_JWT_KEYS",
                "DATA_KEYS",
                "ADMIN_TOKEN",
                "WECHAT_APP_SECRET",
            ]
            .iter()
            .any(|secret| *secret == name);
            assert!(
                !is_secret || !said.contains(value.unwrap().to_str().unwrap()),
                "{said}"
            );
        }
    });
}

/// On a database that waits for its disk, as that of `weir dev` does.
#[test]
fn where_everything_holds_the_exit_status_is_0() {
    let folder = folder();
    let arguments = ["dev", "--http", "127.0.0.1:0", "--simulator", "127.0.0.1:0"];
    let mut dev = Program::start(command(folder.path(), &arguments));
    dev.line_with("Ctrl-C stops everything");
    let database = dev.value("database");
    execute(&database, "create database doctor");
    let (cluster, _) = database.rsplit_once('/').unwrap();

    let mut simulator = Program::start(command(
        folder.path(),
        &["simulator", "--bind", "127.0.0.1:0", "--mode", "certificate"],
    ));
    simulator.line_with("simulator  ");
    let url = simulator.value("simulator");
    let mut server = serve(folder.path(), &format!("{cluster}/doctor"), &["--migrate"]);
    server
        .env("WECHAT_APP_ID", simulator.value("app id"))
        .env("WECHAT_APP_SECRET", simulator.value("app secret"))
        .env("WECHAT_API_BASE_URL", &url)
        .env("WXPAY_MCH_ID", simulator.value("merchant"))
        .env("WXPAY_CERT_SERIAL", simulator.value("certificate"))
        .env("WXPAY_API_V3_KEY", simulator.value("APIv3 key"))
        .env("WXPAY_PRIVATE_KEY_FILE", simulator.value("private key"))
        .env("WXPAY_API_BASE_URL", &url)
        .env("WXPAY_API_BACKUP_BASE_URL", &url);
    let mut doctor = doctor_of(&server, folder.path());
    let mut running = Program::start(server);
    let address = crate::serve::address(&mut running);
    doctor.env("PUBLIC_BASE_URL", format!("http://{address}"));
    let output = run(&mut doctor);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}\n{}", complaint(&output));
    assert!(
        said.contains("ok       merchant: ") && !said.contains("failed"),
        "{said}"
    );
    assert_eq!(wire::get(&address, "/healthz", None).status, 200);
    assert_eq!(running.end(Signal::TERM), Some(0));
    assert_eq!(simulator.end(Signal::TERM), Some(0));
    assert_eq!(dev.end(Signal::TERM), Some(0));
}

//! What the verbs say of themselves.

use crate::program::{Program, command, folder, run};
use crate::wire;

#[test]
fn each_verb_explains_itself() {
    let folder = folder();
    let all = run(&mut command(folder.path(), &["--help"]));
    let list = String::from_utf8(all.stdout).unwrap();
    for (verb, flags) in [
        ("dev", &["--fresh", "--folder", "--http", "--simulator"][..]),
        ("serve", &["--migrate"]),
        ("migrate", &[]),
        ("doctor", &[]),
        ("reconcile", &["--date"]),
        (
            "simulator",
            &["--bind", "--folder", "--mode", "--speed", "--server"],
        ),
        ("openapi", &[]),
        ("notification", &["replay"]),
    ] {
        assert!(list.contains(verb), "{list}");
        let help = run(&mut command(folder.path(), &[verb, "--help"]));
        assert!(help.status.success());
        let text = String::from_utf8(help.stdout).unwrap();
        assert!(text.contains(&format!("Usage: weir {verb}")), "{text}");
        for flag in flags {
            assert!(text.contains(flag), "{verb} does not explain {flag}:\n{text}");
        }
    }
    let version = run(&mut command(folder.path(), &["--version"]));
    assert_eq!(
        version.stdout,
        format!("weir {}\n", env!("CARGO_PKG_VERSION")).as_bytes()
    );
    assert_eq!(run(&mut command(folder.path(), &[])).status.code(), Some(2));
    assert_eq!(
        run(&mut command(folder.path(), &["unknown"])).status.code(),
        Some(2)
    );
}

#[test]
fn the_document_is_the_one_that_is_served() {
    let folder = folder();
    let printed = run(&mut command(folder.path(), &["openapi"]));
    assert!(printed.status.success());
    let printed: serde_json::Value = serde_json::from_slice(&printed.stdout).unwrap();
    assert_eq!(printed["openapi"], "3.1.0");

    let arguments = ["dev", "--http", "127.0.0.1:0", "--simulator", "127.0.0.1:0"];
    let mut dev = Program::start(command(folder.path(), &arguments));
    dev.line_with("Ctrl-C stops everything");
    let served = wire::get(&dev.value("server"), "/openapi.json", None).json();
    assert_eq!(printed, served);
}

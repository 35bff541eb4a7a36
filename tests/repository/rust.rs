//! `scripts/ensure-rust`: a newcomer without the right Rust is told so before anything is installed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const WANTED: &str = env!("CARGO_PKG_RUST_VERSION");

/// Runs the script where `cargo` is this text of a shell script.
#[expect(
    clippy::disallowed_methods,
    reason = "the script needs the system's own programs"
)]
fn checked(cargo: &str, home: &Path) -> Output {
    let programs = TempDir::new().unwrap();
    let program = programs.path().join("cargo");
    fs::write(&program, format!("#!/bin/sh\n{cargo}\n")).unwrap();
    fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/ensure-rust"))
        .env("PATH", format!("{}:{path}", programs.path().display()))
        .env("HOME", home)
        .output()
        .unwrap()
}

fn complaint(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn the_version_that_is_wanted_and_newer_ones_do() {
    let home = TempDir::new().unwrap();
    for version in [&format!("{WANTED}.0"), "1.100.0", "2.0.0-nightly"] {
        let output = checked(
            &format!("echo 'cargo {version} (0123456 2026-01-01)'"),
            home.path(),
        );
        assert!(output.status.success(), "{version}: {}", complaint(&output));
        assert!(output.stderr.is_empty() && output.stdout.is_empty());
    }
}

#[test]
fn an_older_one_is_named_with_the_cure() {
    let home = TempDir::new().unwrap();
    for version in ["1.63.0", "1.9.0", "0.99.0"] {
        let output = checked(&format!("echo 'cargo {version}'"), home.path());
        let complaint = complaint(&output);
        for part in [version, WANTED, "rustup update"] {
            assert!(complaint.contains(part), "{part}: {complaint}");
        }
    }
}

#[test]
fn without_one_rustup_is_named_or_the_one_that_is_there_already() {
    let home = TempDir::new().unwrap();
    let none = complaint(&checked("exit 127", home.path()));
    assert!(none.contains("https://rustup.rs"), "{none}");
    let folder = home.path().join(".cargo/bin");
    fs::create_dir_all(&folder).unwrap();
    fs::copy("/bin/sh", folder.join("cargo")).unwrap();
    let hidden = complaint(&checked("exit 127", home.path()));
    assert!(hidden.contains(".cargo/env"), "{hidden}");
}

//! `weir dev` before its PostgreSQL runs.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use crate::dev::HERE;
use crate::program::{Program, command, folder, until};

#[test]
fn a_stop_is_heard_while_postgresql_is_only_being_made() {
    let folder = folder();
    let programs = folder.path().join("programs");
    std::fs::create_dir(&programs).unwrap();
    let begun = folder.path().join("begun");
    let initdb = format!("#!/bin/sh\necho $$ >'{}'\nexec sleep 600\n", begun.display());
    // Newer than any that is installed.
    let version = "#!/bin/sh\necho 'postgres (PostgreSQL) 17.99 (Pretended 1)'\n";
    for (name, text) in [("postgres", version), ("initdb", initdb.as_str())] {
        write_program(&programs.join(name), text);
    }
    std::fs::write(&begun, "").unwrap();
    std::fs::set_permissions(&begun, PermissionsExt::from_mode(0o666)).unwrap();
    let mut command = command(folder.path(), &HERE);
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", programs.display()));
    let dev = Program::start(command);
    let pid = || std::fs::read_to_string(&begun).unwrap().trim().to_owned();
    until("initdb runs", || !pid().is_empty());
    assert_eq!(dev.end(Signal::INT), Some(0));
    let initdb = PathBuf::from(format!("/proc/{}", pid()));
    until("initdb ends with it", || !initdb.exists());
}

/// Writes a program, by a child: a file that this process wrote cannot be run for as long as a child of some other
/// test, begun just then, has it open.
fn write_program(path: &Path, text: &str) {
    let script = "printf '%s' \"$1\" > \"$2\" && chmod 755 \"$2\"";
    let writing = Command::new("sh")
        .args(["-c", script, "sh", text])
        .arg(path)
        .status();
    assert!(writing.unwrap().success());
}

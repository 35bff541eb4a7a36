//! The scripts can be read by the shell that they name, and the long runs ask for what they say.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Every file of these folders that begins by naming a shell, with that shell.
fn shell_scripts() -> Vec<(PathBuf, String)> {
    let folders = ["scripts", ".ci", "tests/browser", "tests/interop"];
    let entries = folders
        .iter()
        .flat_map(|folder| fs::read_dir(Path::new(ROOT).join(folder)).unwrap());
    entries
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).ok()?;
            let shell = text
                .lines()
                .next()?
                .strip_prefix("#!")?
                .rsplit(['/', ' '])
                .next()?;
            matches!(shell, "sh" | "bash").then(|| (path.clone(), shell.to_owned()))
        })
        .collect()
}

/// What one shell takes, another may not: `sh` is dash on Debian.
#[test]
fn each_is_understood_by_its_shell() {
    let scripts = shell_scripts();
    assert!(scripts.len() >= 10, "{scripts:?}");
    for (path, shell) in scripts {
        let output = Command::new(shell).arg("-n").arg(&path).output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the script needs the system's own programs"
)]
fn the_long_run_asks_for_its_share_of_the_full_length() {
    let programs = TempDir::new().unwrap();
    let cargo = programs.path().join("cargo");
    fs::write(
        &cargo,
        "#!/bin/sh\necho \"$WEIR_KILLS $PROPTEST_CASES $WEIR_OVERLOAD_S: $*\"\n",
    )
    .unwrap();
    fs::set_permissions(&cargo, PermissionsExt::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    for (share, said) in [
        (None, "1000 20000 60"),
        (Some("0.15"), "150 3000 9"),
        (Some("0.0001"), "1 2 1"),
    ] {
        let mut soak = Command::new(Path::new(ROOT).join("scripts/soak"));
        soak.arg("crash::");
        soak.env("PATH", format!("{}:{path}", programs.path().display()));
        soak.env_remove("SOAK");
        soak.envs(share.map(|share| ("SOAK", share)));
        let output = soak.output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let wanted = format!("{said}: test --test api -- --nocapture --test-threads=1 crash::\n");
        assert_eq!(String::from_utf8_lossy(&output.stdout), wanted);
    }
}

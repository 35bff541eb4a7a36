//! `scripts/ensure-postgres` on machines that have none, an old one, no package manager, no right to use it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// What the script needs of any machine.
const TOOLS: [&str; 7] = ["sh", "tr", "sed", "grep", "env", "cat", "mkdir"];
/// Installs a PostgreSQL, and writes down how it was called.
const APT_GET: &str = "echo \"$*\" >> \"$ROOT/called\"\ncase $* in *install*) \"$ROOT/put\" 15 ;; esac";

/// A machine of which the script sees nothing but what was put there.
struct Machine {
    root: TempDir,
}

impl Machine {
    fn new(user_id: u32) -> Self {
        let machine = Self {
            root: TempDir::new().unwrap(),
        };
        fs::create_dir(machine.path("bin")).unwrap();
        for tool in TOOLS {
            let folder = ["/usr/bin", "/bin"]
                .into_iter()
                .find(|folder| Path::new(folder).join(tool).exists());
            symlink(
                Path::new(folder.unwrap()).join(tool),
                machine.path("bin").join(tool),
            )
            .unwrap();
        }
        let put = "folder=$ROOT/usr/lib/postgresql/$1/bin; mkdir -p \"$folder\"
            printf '#!/bin/sh\\necho \"postgres (PostgreSQL) %s.1 (Debian)\"\\n' \"$1\" > \"$folder/postgres\"
            cat \"$folder/postgres\" > \"$folder/initdb\"";
        let chmod = "/bin/chmod 755 \"$folder/postgres\" \"$folder/initdb\"";
        machine.program("put", &format!("{put}\n{chmod}"));
        machine.program("bin/id", &format!("echo {user_id}"));
        // The system's own folders, moved to where the test may write.
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/ensure-postgres");
        let text = fs::read_to_string(script).unwrap();
        let moved = text
            .replace("/usr/", "$ROOT/usr/")
            .replace("/opt/homebrew/", "$ROOT/opt/homebrew/");
        assert!(moved.contains("$ROOT/usr/lib/postgresql/*/bin"));
        machine.program("ensure-postgres", moved.trim_start_matches("#!/bin/sh\n"));
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn program(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }

    fn run(&self, name: &str, argument: &str, database_url: Option<&str>) -> Output {
        let mut command = Command::new(self.path(name));
        command
            .env_clear()
            .env("PATH", self.path("bin"))
            .env("ROOT", self.root.path())
            .current_dir(self.root.path())
            .args([argument].iter().filter(|argument| !argument.is_empty()));
        if let Some(url) = database_url {
            command.env("DATABASE_URL", url);
        }
        command.output().unwrap()
    }

    /// Runs the script; gives how it ended and what it said.
    fn ensure(&self) -> (bool, String) {
        let output = self.run("ensure-postgres", "", None);
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    }

    /// How the package manager was called, a line each.
    fn called(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("called")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn has(&self, major: &str) {
        assert!(self.run("put", major, None).status.success());
    }
}

#[test]
fn one_that_is_new_enough_is_left_alone() {
    let machine = Machine::new(0);
    machine.program("bin/apt-get", APT_GET);
    machine.has("14");
    assert_eq!(machine.ensure(), (true, String::new()));
    assert_eq!(machine.called(), Vec::<String>::new());
}

#[test]
fn none_and_an_old_one_are_reasons_to_install() {
    for old in [None, Some("13"), Some("9")] {
        let machine = Machine::new(0);
        machine.program("bin/apt-get", APT_GET);
        old.inspect(|major| machine.has(major));
        let (is_done, said) = machine.ensure();
        assert!(is_done, "{said}");
        let called = machine.called();
        assert_eq!(called.len(), 2, "{called:?}");
        assert!(called[0].contains("update"));
        assert!(called[1].ends_with("install -yq --no-install-recommends postgresql"));
    }
}

#[test]
fn lists_that_cannot_be_renewed_do_not_end_it() {
    let machine = Machine::new(0);
    machine.program(
        "bin/apt-get",
        &format!("case $* in *update*) exit 100 ;; esac\n{APT_GET}"),
    );
    let (is_done, said) = machine.ensure();
    assert!(is_done && said.contains("could not be renewed"), "{said}");
}

#[test]
fn who_is_not_root_asks_sudo() {
    let machine = Machine::new(1_000);
    machine.program("bin/apt-get", APT_GET);
    machine.program("bin/sudo", "echo sudo >> \"$ROOT/called\"; exec \"$@\"");
    assert!(machine.ensure().0);
    let called = machine.called();
    assert_eq!(
        called.iter().filter(|line| *line == "sudo").count(),
        2,
        "{called:?}"
    );
}

#[test]
fn what_cannot_be_installed_is_explained() {
    let without_sudo = Machine::new(1_000);
    without_sudo.program("bin/apt-get", APT_GET);
    let without_manager = Machine::new(0);
    let refused = Machine::new(0);
    refused.program("bin/apt-get", "exit 100");
    // It says that it did, and there is none all the same.
    let hollow = Machine::new(0);
    hollow.program("bin/apt-get", "exit 0");
    for (machine, how) in [
        (without_sudo, "Install it as root:"),
        (without_manager, "Install it by hand:"),
        (refused, "Install it by hand:"),
        (hollow, "Install it by hand:"),
    ] {
        let (is_done, said) = machine.ensure();
        assert!(!is_done);
        for part in [how, "apt-get install postgresql", "DATABASE_URL=postgres://"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert_eq!(machine.called(), Vec::<String>::new());
    }
}

#[test]
fn a_database_that_is_named_needs_no_programs() {
    let machine = Machine::new(0);
    let is_content = |url| {
        machine
            .run("ensure-postgres", "--unless-named", url)
            .status
            .success()
    };
    assert!(!is_content(None));
    assert!(is_content(Some("postgres://somewhere/shop")));
    assert!(!is_content(Some("")));
    fs::write(machine.path(".env"), "DATABASE_URL=\n").unwrap();
    assert!(!is_content(None));
    fs::write(
        machine.path(".env"),
        "  export DATABASE_URL=postgres://somewhere/shop\n",
    )
    .unwrap();
    assert!(is_content(None));
    // The environment goes before the file.
    assert!(!is_content(Some("")));
}

//! A process of the built binary, read line by line, and the folder it runs in.

use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Nothing here takes longer on a healthy machine, however busy: a first start makes a database
/// cluster and RSA keys, without optimisation.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// A folder that every user can reach.
pub(crate) fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    folder
}

/// The command, in a folder without `.env` and with nothing of the environment but the path to
/// PostgreSQL's programs.
pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
    command.args(arguments).current_dir(folder).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

/// Runs a verb to its end.
pub(crate) fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

/// What a process said on standard error.
pub(crate) fn complaint(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Looks again and again until `is_so`; tells how long it took.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
    start.elapsed()
}

/// A running process; killed when this is dropped.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
    /// What it said so far, on both streams.
    said: Vec<String>,
}

impl Program {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        read(child.stdout.take().unwrap(), sender.clone());
        read(child.stderr.take().unwrap(), sender);
        Self {
            child,
            lines,
            said: Vec::new(),
        }
    }

    /// Reads on until a line holds `part`, and gives that line.
    pub(crate) fn line_with(&mut self, part: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("never said {part:?}, only:\n{}", self.said.join("\n"));
            };
            self.said.push(line.clone());
            if line.contains(part) {
                return line;
            }
        }
    }

    /// What stands behind a label in the lines read so far.
    pub(crate) fn value(&self, label: &str) -> String {
        let label = format!("{label}  ");
        let line = self.said.iter().find_map(|line| line.strip_prefix(&label));
        line.unwrap_or_else(|| panic!("no {label:?} in:\n{}", self.said.join("\n")))
            .trim()
            .to_owned()
    }

    /// Whether the lines read so far hold it.
    pub(crate) fn has_said(&self, part: &str) -> bool {
        self.said.iter().any(|line| line.contains(part))
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let process = Pid::from_raw(self.id().try_into().unwrap()).unwrap();
        kill_process(process, signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) fn status(&mut self) -> ExitStatus {
        let mut status = None;
        until("the process ended", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    /// Asks it to end and tells the exit status.
    pub(crate) fn end(mut self, signal: Signal) -> Option<i32> {
        self.signal(signal);
        self.status().code()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn read(stream: impl Read + Send + 'static, lines: Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
}

/// The socket of a private cluster, from the address that is printed.
pub(crate) fn socket(database_url: &str) -> PathBuf {
    let host = database_url.split(['@', ':']).nth(2).unwrap();
    let folder = percent_encoding::percent_decode_str(host).decode_utf8().unwrap();
    Path::new(&*folder).join(".s.PGSQL.5432")
}

/// Whether a PostgreSQL server answers at this socket.
pub(crate) fn is_served(socket: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(socket).is_ok()
}

//! The server itself: its settings, its first data, whether it is up, and the end of one that a
//! dead guardian left behind.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::process::Command;

use super::error::Error;
use super::place::{Kind, LOOK, Place, SOCKET_NAME};
use super::programs::Programs;

/// The only role, and owner of everything. No password: the socket's folder is closed to others.
pub(super) const ROLE: &str = "weir";

const SETTINGS: &[&str] = &[
    "listen_addresses=",
    "port=5432",
    "unix_socket_permissions=0700",
    "max_connections=200",
    "cluster_name=weir",
    "timezone=UTC",
    "log_timezone=UTC",
    "logging_collector=off",
    "log_destination=stderr",
];

/// Nothing is flushed and nothing runs beside the tests. Buffers are few because creating and
/// dropping a database walks through all of them: with 16 MB a copy takes 6 ms, with 128 MB 70 ms.
const SCRATCH_SETTINGS: &[&str] = &[
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "autovacuum=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "checkpoint_timeout=1h",
    "shared_buffers=16MB",
];

/// The arguments of `postgres`.
pub(super) fn arguments(place: &Place) -> Vec<OsString> {
    let scratch = if place.kind == Kind::Scratch {
        SCRATCH_SETTINGS
    } else {
        &[]
    };
    let mut arguments = vec![OsString::from("-D"), place.data().into_os_string()];
    for setting in SETTINGS.iter().chain(scratch) {
        arguments.extend([OsString::from("-c"), OsString::from(setting)]);
    }
    // A list of folders: quoted, so that a blank at the end of the path stays.
    let sockets = format!("unix_socket_directories=\"{}\"", place.sockets.display());
    arguments.extend([OsString::from("-c"), OsString::from(sockets)]);
    arguments
}

/// Makes the data folder, whole or not at all. `lock` is kept open by `initdb`, so that no other
/// process believes this folder abandoned while an orphaned `initdb` still writes into it.
pub(super) async fn initialise(place: &Place, programs: &Programs, lock: File) -> Result<(), Error> {
    let unfinished = place.home.join("data.new");
    remove_folder(&unfinished).await?;
    let mut command = place.command(&programs.initdb);
    command
        .arg("-D")
        .arg(&unfinished)
        .args(["-U", ROLE, "-E", "UTF8", "--locale=C"]);
    command.args(["-A", "trust", "--no-instructions"]);
    if place.kind == Kind::Scratch {
        command.arg("--no-sync");
    }
    // It hears no Ctrl-C of the terminal: whoever waits for it decides, and it ends with that.
    command.stdin(lock).process_group(0);
    let what = || format!("cannot run {}", programs.initdb.display());
    let mut command = Command::from(command);
    let output = command
        .kill_on_drop(true)
        .output()
        .await
        .map_err(Error::io(what()))?;
    if !output.status.success() {
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        return Err(Error::Program {
            program: programs.initdb.clone(),
            status: output.status.to_string(),
            output: last_lines(&text),
        });
    }
    std::fs::rename(&unfinished, place.data())
        .and_then(|()| File::open(&place.home)?.sync_all())
        .map_err(Error::io(format!("cannot finish {}", place.data().display())))
}

/// The major version of the data, or `None` if there are none.
pub(super) fn data_version(place: &Place) -> Result<Option<u32>, Error> {
    let path = place.data().join("PG_VERSION");
    let text = missing_is_none(std::fs::read_to_string(&path))
        .map_err(Error::io(format!("cannot read {}", path.display())))?;
    Ok(text.and_then(|text| text.trim().parse().ok()))
}

/// Waits until the server that the guardian started takes connections.
pub(super) async fn ready(place: &Place) -> Result<(), Error> {
    loop {
        match state(place).map_err(Error::io("cannot see the state of PostgreSQL"))? {
            State::Starting => tokio::time::sleep(LOOK).await,
            State::Ready => return Ok(()),
            State::Ended => {
                let log = log_tail(&place.home);
                return Err(Error::NotStarted {
                    folder: place.home.clone(),
                    log,
                });
            }
        }
    }
}

enum State {
    Starting,
    Ready,
    Ended,
}

/// `postmaster.pid` has the state in its eighth line. Notes of an earlier server may still be there,
/// so the number of the process has to be that of the guardian's server.
fn state(place: &Place) -> io::Result<State> {
    let read = |path: &Path| missing_is_none(std::fs::read_to_string(path));
    let Some(server) = read(&place.home.join("server.pid"))? else {
        return Ok(State::Starting);
    };
    if read(&place.home.join("ended"))?.as_ref() == Some(&server) {
        return Ok(State::Ended);
    }
    let said = read(&place.data().join("postmaster.pid"))?.unwrap_or_default();
    let is_ours = said.lines().next() == Some(server.trim());
    let is_ready = said.lines().nth(7).is_some_and(|state| state.trim() == "ready");
    Ok(if is_ours && is_ready {
        State::Ready
    } else {
        State::Starting
    })
}

/// Ends a server that runs without a guardian, and clears away what dead ones left. Only for who
/// holds the lock.
pub(super) async fn sweep(place: &Place) -> Result<(), Error> {
    // A process number alone proves nothing: it may be another program's by now. But whoever
    // answers on the socket in this closed folder is the server of this folder.
    if UnixStream::connect(place.socket()).is_ok() {
        end_unguarded(place).await.map_err(Error::io(format!(
            "cannot end the old server in {}",
            place.home.display()
        )))?;
    }
    // Otherwise the next server would refuse to start as soon as any process has that number again.
    remove_file(&place.data().join("postmaster.pid"))?;
    remove_file(&place.home.join("server.pid"))?;
    remove_file(&place.home.join("ended"))?;
    if place.kind == Kind::Scratch {
        remove_folder(&place.data()).await
    } else {
        Ok(())
    }
}

async fn end_unguarded(place: &Place) -> io::Result<()> {
    let signal = if place.kind == Kind::Scratch {
        Signal::QUIT
    } else {
        Signal::INT
    };
    let note = place.socket().with_file_name(format!("{SOCKET_NAME}.lock"));
    let said = missing_is_none(std::fs::read_to_string(&note))?.unwrap_or_default();
    let pid = said
        .lines()
        .next()
        .and_then(|line| line.trim().parse().ok())
        .and_then(Pid::from_raw);
    if let Some(pid) = pid {
        kill_process(pid, signal)?;
        while note.exists() && test_kill_process(pid).is_ok() {
            tokio::time::sleep(LOOK).await;
        }
    }
    Ok(())
}

/// The last lines of the server's log, at most 4 KiB; empty if there is none.
pub(super) fn log_tail(home: &Path) -> String {
    let read = || -> io::Result<String> {
        let mut file = File::open(home.join("log"))?;
        let bytes = file.metadata()?.len();
        file.seek(SeekFrom::Start(bytes.saturating_sub(4096)))?;
        let mut end = Vec::new();
        file.read_to_end(&mut end)?;
        Ok(String::from_utf8_lossy(&end).into_owned())
    };
    read().map(|text| last_lines(&text)).unwrap_or_default()
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(20);
    lines.get(from..).unwrap_or_default().join("\n")
}

fn missing_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

fn remove_file(path: &Path) -> Result<(), Error> {
    missing_is_none(std::fs::remove_file(path))
        .map(drop)
        .map_err(Error::io(format!("cannot remove {}", path.display())))
}

pub(super) async fn remove_folder(path: &Path) -> Result<(), Error> {
    missing_is_none(tokio::fs::remove_dir_all(path).await)
        .map(drop)
        .map_err(Error::io(format!("cannot remove {}", path.display())))
}

//! The guardian: a small shell process that starts the server and ends it when nobody uses it.
//!
//! A process that is killed cannot clean up, and without `unsafe` none can ask the system to kill
//! its child with it. So the server belongs to a process of its own, in a process group of its own
//! (Ctrl-C does not reach it), that waits for the end of a FIFO, the *door*, which every user of
//! the cluster holds open. The system closes a door for whoever is gone, for whatever reason.
//!
//! Three files in the cluster's home carry the protocol; all locks are `flock`:
//!
//! - `users`: locked shared by every user; exclusively by one who wants to be the last.
//! - `door`: one line per request, `WORD TOKEN [DETAIL]`. The guardian answers by making the file
//!   `answers/TOKEN`. An answer proves that it was alive and will not go before its reader.
//! - `lock`: locked for as long as a guardian lives: whoever starts one locks it first and passes
//!   the descriptor on. To get this lock is to know that nobody guards, and to be the one to start.
//!
//! The guardian removes these files when it goes, so each lock counts only if the file that was
//! locked still has its name.

use std::fs::{File, OpenOptions, TryLockError};
use std::hash::BuildHasher;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use super::place::{Kind, LOOK, Place};
use super::server;

const SCRIPT: &str = include_str!("guardian.sh");

/// How long a scratch cluster waits for a next user, in tenths of a second: `cargo test` runs one
/// test program after the other, `cargo nextest` one process per test.
const SCRATCH_LINGER: &str = "30";

/// The way into a cluster: its three files, opened together.
#[derive(Debug)]
pub(super) struct Door {
    home: PathBuf,
    users: File,
    fifo: File,
    lock: File,
}

/// What came of knocking.
pub(super) enum Entered {
    /// A guardian answered.
    Joined,
    /// There is no guardian, and the lock is now ours.
    First,
    /// The cluster was removed in the meantime.
    Moved,
}

impl Door {
    /// Opens the door, which counts as a use of the cluster from now on. `None` if the files are
    /// gone or going.
    pub(super) async fn open(home: &Path) -> io::Result<Option<Self>> {
        let Some(users) = missing_is_none(open(&home.join("users")))? else {
            return Ok(None);
        };
        // Before the door: who leaves as the last holds this one until the guardian is gone, and
        // the guardian waits for everybody at the door.
        while !taken(users.try_lock_shared())? {
            tokio::time::sleep(LOOK).await;
        }
        let Some(lock) = missing_is_none(open(&home.join("lock")))? else {
            return Ok(None);
        };
        let Some(fifo) = missing_is_none(open(&home.join("door")))? else {
            return Ok(None);
        };
        Ok(Some(Self {
            home: home.to_owned(),
            users,
            fifo,
            lock,
        }))
    }

    /// Asks for a running server and waits for the guardian's answer or for its absence.
    pub(super) async fn enter(&self) -> io::Result<Entered> {
        let answer = self.ask("up", "")?;
        loop {
            let entered = if is_answered(&answer)? {
                Some(Entered::Joined)
            } else {
                taken(self.lock.try_lock())?.then_some(Entered::First)
            };
            // Also while nobody answers: then a guardian that was going has taken the door away.
            if !self.is_here()? {
                return Ok(Entered::Moved);
            }
            match entered {
                Some(entered) => return Ok(entered),
                None => tokio::time::sleep(LOOK).await,
            }
        }
    }

    fn is_here(&self) -> io::Result<bool> {
        Ok(is_still(&self.users, &self.home.join("users"))?
            && is_still(&self.fifo, &self.home.join("door"))?
            && is_still(&self.lock, &self.home.join("lock"))?)
    }

    /// Sends a request to the guardian and waits until it has done it.
    pub(super) async fn request(&self, word: &str, detail: &str) -> io::Result<()> {
        let answer = self.ask(word, detail)?;
        while !is_answered(&answer)? {
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Puts a request into the door. The path is that of the answer to come.
    fn ask(&self, word: &str, detail: &str) -> io::Result<PathBuf> {
        // Random, since processes that do not see each other may share a folder.
        let random = std::hash::RandomState::new().hash_one(std::process::id());
        let token = format!("{}-{random:016x}", std::process::id());
        // One write: lines this short are never torn apart.
        (&self.fifo).write_all(format!("{word} {token} {detail}\n").as_bytes())?;
        Ok(self.home.join("answers").join(token))
    }

    /// Starts the guardian, which takes over the lock. Only for who was told [`Entered::First`].
    pub(super) fn guard(&mut self, place: &Place, postgres: &Path) -> io::Result<Child> {
        let (signal, linger, fate) = match place.kind {
            Kind::Durable => ("INT", "0", "keep"),
            Kind::Scratch => ("QUIT", SCRATCH_LINGER, "remove"),
        };
        let mut command = place.command(Path::new("/bin/sh"));
        command.args(["-c", SCRIPT, "weir-postgres-guardian", signal, linger, fate]);
        command
            .arg(&place.sockets)
            .arg(postgres)
            .args(server::arguments(place));
        // Its own descriptor for reading: through one that can write, it would wait for itself.
        command.stdin(File::open(self.home.join("door"))?);
        command.stdout(self.lock.try_clone()?).stderr(Stdio::null());
        let guardian = command.process_group(0).spawn()?;
        // A lock belongs to an opening of its file, and this one is the guardian's now: through it we
        // could never see the guardian holding it.
        self.lock = open(&self.home.join("lock"))?;
        // The request of before may be torn: a guardian that is being killed can take the first byte of it along.
        (&self.fifo).write_all(b"up\n")?;
        Ok(guardian)
    }

    /// The lock, for a program that must not outlive it unnoticed.
    pub(super) fn lock(&self) -> io::Result<File> {
        self.lock.try_clone()
    }

    /// Goes, and if nobody else is there waits until the guardian is gone as well; then the lock is
    /// handed out. `None` if there are others, or nothing is left to lock.
    pub(super) async fn leave(self) -> io::Result<Option<File>> {
        self.users.unlock()?;
        if !taken(self.users.try_lock())? {
            return Ok(None);
        }
        (&self.fifo).write_all(b"leave\n")?;
        drop(self.fifo);
        while !taken(self.lock.try_lock())? {
            tokio::time::sleep(LOOK).await;
        }
        let is_here = is_still(&self.lock, &self.home.join("lock"))?;
        Ok(is_here.then_some(self.lock))
    }
}

fn is_answered(answer: &Path) -> io::Result<bool> {
    match std::fs::remove_file(answer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Opened for reading and writing: such an opening of a FIFO waits for nobody, and all three files
/// are opened in the same way.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

fn missing_is_none(opened: io::Result<File>) -> io::Result<Option<File>> {
    match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

fn taken(tried: Result<(), TryLockError>) -> io::Result<bool> {
    match tried {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn is_still(file: &File, path: &Path) -> io::Result<bool> {
    let opened = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(named) => Ok((opened.dev(), opened.ino()) == (named.dev(), named.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

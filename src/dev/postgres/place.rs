//! Where a cluster lies and as whom its server runs. `PostgreSQL` does not run as root, so root
//! hands the folder to an ordinary user; a folder that this user cannot reach is replaced by one
//! elsewhere, named after the project's.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::error::Error;
use super::machine::{Machine, settled};

/// Whether a cluster is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Data survive; writes are flushed.
    Durable,
    /// Data are thrown away with the last user; nothing is flushed.
    Scratch,
}

/// A socket's path may be 108 bytes with its final zero on Linux, 104 on macOS and BSD.
const SOCKET_PATH_BYTES_MAX: usize = 103;
/// The name the server gives to the socket of port 5432.
pub(super) const SOCKET_NAME: &str = ".s.PGSQL.5432";

/// Between two looks at a file. Short, since it is what joining a running cluster costs.
pub(super) const LOOK: Duration = Duration::from_millis(2);

const ATTEMPTS_MAX: u32 = 3;

/// What the tests' databases may come to, many times over: 4 GiB. A container has 64 MB in memory unless told.
const ROOM_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// Made by the server's own user, so that no file of the cluster is ever another's. The door is
/// asked for again because another process may make it at the same moment.
const FURNISH: &str = r#"cd "$1" && umask 077 &&
{ [ -p door ] || mkfifo door 2>/dev/null || [ -p door ]; } &&
: >>users && : >>lock && mkdir -p answers"#;

/// A folder that is ready for a cluster, and everything needed to run programs in it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) machine: Machine,
    pub(super) kind: Kind,
    /// Absolute; holds `lock`, `users`, `door`, `answers`, `log` and `data`.
    pub(super) home: PathBuf,
    /// The folder of the server's socket: `home`, or one with a shorter name.
    pub(super) sockets: PathBuf,
    /// User and group of the server when they are not those of this process.
    account: Option<(u32, u32)>,
}

impl Place {
    /// The first folder that serves, made ready: `folder` itself, or its replacement.
    pub(super) async fn claim(machine: &Machine, folder: &Path, kind: Kind) -> Result<Self, Error> {
        let about = |path: &Path| Error::io(format!("cannot use {}", path.display()));
        let folder = settled(folder).map_err(about(folder))?;
        let is_root = rustix::process::geteuid().is_root();
        let mut tried = Vec::new();
        for home in candidates(machine, &folder, kind, is_root) {
            let account = if is_root {
                Some(account(machine, &home, kind)?)
            } else {
                None
            };
            let sockets = sockets(machine, &home, owner(account));
            let place = Self {
                machine: machine.clone(),
                kind,
                home,
                sockets,
                account,
            };
            let mut furnished = place.furnish().await;
            for _ in 0..ATTEMPTS_MAX {
                // A guardian that goes may take the folder along at any moment in between.
                if furnished.is_err() && !place.home.exists() {
                    furnished = place.furnish().await;
                }
            }
            match furnished {
                Ok(()) => return Ok(place),
                Err(error) => tried.push((place.home, error.to_string())),
            }
        }
        Err(Error::NoFolder { tried })
    }

    /// The folder of the cluster that a checkout's tests share: in memory where there is room, else in the project.
    /// Once it is there it is everybody's, whatever room is left.
    pub(super) fn of_tests(machine: &Machine, project: &Path) -> Result<PathBuf, Error> {
        let about = Error::io(format!("cannot use {}", project.display()));
        let project = settled(project).map_err(about)?;
        let user = rustix::process::geteuid().as_raw();
        let in_memory = machine.memory.join(format!("weir-{user}-{}", hash(&project)));
        Ok(if in_memory.exists() || has_room(&machine.memory) {
            in_memory
        } else {
            project.join(".weir/test-postgres")
        })
    }

    pub(super) fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.sockets.join(SOCKET_NAME)
    }

    /// A command that runs as the server's user, in `home`, with an environment of its own: nothing
    /// of weir's settings reaches it, and no `PGDATA` or `LANG` of the user changes what it does.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.home).env_clear();
        command.env("PATH", self.machine.tools_path()).env("LC_ALL", "C");
        if let Some((uid, gid)) = self.account {
            command.uid(uid).gid(gid);
        }
        command
    }

    async fn furnish(&self) -> io::Result<()> {
        let is_new = self.take(&self.home)?;
        let mut command = self.command(Path::new("/bin/sh"));
        command.args(["-c", FURNISH, "sh"]).arg(&self.home);
        // An unreachable folder must fail in the script, which says so, and not in the start of it.
        command.current_dir("/").stdin(Stdio::null());
        let output = tokio::process::Command::from(command).output().await?;
        if output.status.success() {
            return Ok(());
        }
        if is_new {
            // Of no consequence if it stays, and the reason below is what matters.
            std::fs::remove_dir(&self.home).ok();
        }
        Err(io::Error::other(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        ))
    }

    /// Makes the folder of the socket where it is not `home`.
    pub(super) fn take_sockets(&self) -> io::Result<()> {
        if self.sockets != self.home {
            self.take(&self.sockets)?;
        }
        Ok(())
    }

    /// Makes `folder`, closed to others, or makes sure that it is such a one. True if it was made.
    fn take(&self, folder: &Path) -> io::Result<bool> {
        if let Some(parent) = folder.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let is_new = match DirBuilder::new().mode(0o700).create(folder) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            Err(error) => return Err(error),
        };
        let mut found = std::fs::symlink_metadata(folder)?;
        if !found.is_dir() {
            return Err(io::Error::other("is not a folder"));
        }
        if let (0, Some((uid, gid))) = (found.uid(), self.account) {
            std::os::unix::fs::chown(folder, Some(uid), Some(gid))?;
            found = std::fs::symlink_metadata(folder)?;
        }
        // In a folder that everybody may write to, somebody else may have been there first.
        let owner = owner(self.account);
        if found.uid() != owner {
            let message = format!("belongs to user {}, not to {owner}", found.uid());
            return Err(io::Error::other(message));
        }
        if found.mode() & 0o777 != 0o700 {
            std::fs::set_permissions(folder, PermissionsExt::from_mode(0o700))?;
        }
        Ok(is_new)
    }
}

fn has_room(folder: &Path) -> bool {
    rustix::fs::statvfs(folder).is_ok_and(|free| free.f_bavail.saturating_mul(free.f_frsize) >= ROOM_BYTES)
}

fn owner(account: Option<(u32, u32)>) -> u32 {
    account.map_or_else(|| rustix::process::geteuid().as_raw(), |(uid, _)| uid)
}

fn candidates(machine: &Machine, folder: &Path, kind: Kind, is_root: bool) -> Vec<PathBuf> {
    let name = hash(folder);
    let elsewhere = match kind {
        Kind::Scratch => {
            let user = rustix::process::geteuid().as_raw();
            Some(machine.temp.join(format!("weir-{user}-{name}")))
        }
        // What is to be kept must not lie where the system cleans up.
        Kind::Durable if is_root => Some(machine.state.join(format!("weir-{name}"))),
        Kind::Durable => None,
    };
    std::iter::once(folder.to_owned()).chain(elsewhere).collect()
}

/// As whom root runs the server: kept data stay with the user who made them.
fn account(machine: &Machine, home: &Path, kind: Kind) -> Result<(u32, u32), Error> {
    if let (Kind::Durable, Ok(found)) = (kind, std::fs::symlink_metadata(home))
        && found.uid() != 0
    {
        return Ok((found.uid(), found.gid()));
    }
    machine
        .account(&["postgres", "nobody"])
        .ok_or_else(|| Error::NoAccount {
            accounts: machine.accounts.clone(),
        })
}

/// `home`, unless the path of the socket in it were too long, or one that `psql` takes for several.
fn sockets(machine: &Machine, home: &Path, user: u32) -> PathBuf {
    let is_plain = |home: &str| {
        let bytes = home.len().saturating_add(SOCKET_NAME.len()).saturating_add(1);
        bytes <= SOCKET_PATH_BYTES_MAX && !home.contains([',', '"'])
    };
    if home.to_str().is_some_and(is_plain) {
        home.to_owned()
    } else {
        machine.temp.join(format!("weir-{user}-{}-s", hash(home)))
    }
}

/// 16 hexadecimal digits that stand for a path.
fn hash(path: &Path) -> String {
    let mut digest = hex::encode(Sha256::digest(path.as_os_str().as_encoded_bytes()));
    digest.truncate(16);
    digest
}

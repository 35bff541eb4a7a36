//! What this room looks at on the computer, in one value, so that a test can show it another one.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A folder in which a packager puts versions of `PostgreSQL` side by side:
/// `parent/PREFIXnumber/below`.
#[derive(Debug, Clone)]
pub struct Install {
    /// The folder that holds one folder per version.
    pub parent: PathBuf,
    /// What stands before the version's number.
    pub prefix: &'static str,
    /// The programs' folder inside a version's folder.
    pub below: &'static str,
}

impl Install {
    fn new(parent: &str, prefix: &'static str, below: &'static str) -> Self {
        Self {
            parent: PathBuf::from(parent),
            prefix,
            below,
        }
    }

    /// The programs' folders, newest version first.
    pub(super) fn folders(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(&self.parent) else {
            return Vec::new();
        };
        let mut versions: Vec<(u32, PathBuf)> = entries
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                // Before version 10 there were names like 9.6: those are too old in any case.
                let major = name.strip_prefix(self.prefix)?.split('.').next()?.parse().ok()?;
                Some((major, entry.path().join(self.below)))
            })
            .collect();
        versions.sort_by_key(|(major, _)| std::cmp::Reverse(*major));
        versions.into_iter().map(|(_, folder)| folder).collect()
    }
}

/// The places on a computer that decide where programs, users and folders are found.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Where programs are looked for, in the form of `PATH`.
    pub search_path: OsString,
    /// Where packagers put versions of `PostgreSQL`, asked in this order.
    pub installs: Vec<Install>,
    /// Folder for what may be lost.
    pub temp: PathBuf,
    /// Folder that lies in memory, where there is one.
    pub memory: PathBuf,
    /// Folder for what root keeps when the project's folder is closed to other users.
    pub state: PathBuf,
    /// List of users, in the form of `/etc/passwd`.
    pub accounts: PathBuf,
}

impl Machine {
    /// The computer this runs on.
    pub fn this() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "where programs lie is a property of the machine, not a setting of weir"
        )]
        let search_path = std::env::var_os("PATH").unwrap_or_default();
        Self {
            search_path,
            installs: vec![
                Install::new("/usr/lib/postgresql", "", "bin"),
                Install::new("/usr", "pgsql-", "bin"),
                Install::new("/usr/libexec", "postgresql", ""),
                Install::new("/opt/homebrew/opt", "postgresql@", "bin"),
                Install::new("/usr/local/opt", "postgresql@", "bin"),
                Install::new("/Applications/Postgres.app/Contents/Versions", "", "bin"),
            ],
            temp: std::env::temp_dir(),
            memory: PathBuf::from("/dev/shm"),
            state: PathBuf::from("/var/lib"),
            accounts: PathBuf::from("/etc/passwd"),
        }
    }

    /// The folders of `PATH`.
    pub(super) fn path_folders(&self) -> Vec<PathBuf> {
        std::env::split_paths(&self.search_path)
            .filter(|folder| folder.is_absolute())
            .collect()
    }

    /// A `PATH` on which the system's own small programs are found, whatever the user's has.
    pub(super) fn tools_path(&self) -> OsString {
        let mut folders = self.path_folders();
        folders.extend(["/usr/bin", "/bin"].map(PathBuf::from));
        // Fails on a folder with a colon in its name alone, and these come from a list with colons.
        std::env::join_paths(folders).unwrap_or_default()
    }

    /// User and group number of the first of `names` that is in the list of users.
    pub(super) fn account(&self, names: &[&str]) -> Option<(u32, u32)> {
        let text = std::fs::read_to_string(&self.accounts).ok()?;
        names.iter().find_map(|name| {
            text.lines().find_map(|line| {
                let mut fields = line.split(':');
                let is_it = fields.next() == Some(*name);
                let uid = fields.nth(1)?.parse().ok()?;
                let gid = fields.next()?.parse().ok()?;
                (is_it && uid != 0).then_some((uid, gid))
            })
        })
    }
}

/// The path with every part that exists made real and absolute, so that one folder has one name
/// whether it exists already or not.
pub(super) fn settled(folder: &Path) -> std::io::Result<PathBuf> {
    let whole = std::path::absolute(folder)?;
    for ancestor in whole.ancestors() {
        if let (Ok(real), Ok(rest)) = (ancestor.canonicalize(), whole.strip_prefix(ancestor)) {
            return Ok(rest.components().fold(real, |path, part| path.join(part)));
        }
    }
    Ok(whole)
}

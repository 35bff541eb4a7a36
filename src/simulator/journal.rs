//! The simulator's memory on disk: one line of JSON for each thing that changed, last one wins.
//!
//! A change is written before it is answered, so that a simulator that is killed and started again
//! knows every payment it ever confirmed. The file is rewritten, without what was overtaken, at each
//! start. Nothing is flushed to the platter: this guards against a killed process, not against a power cut.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::error::Error;
use super::record::Record;

const JOURNAL: &str = "state.jsonl";
const REWRITTEN: &str = "state.jsonl.new";
const LOCK: &str = "state.lock";

/// Where changes are written; without a folder, nowhere.
pub(super) struct Journal {
    file: Option<File>,
    /// Held as long as the simulator runs.
    _lock: Option<File>,
}

impl Journal {
    pub(super) const fn nowhere() -> Self {
        Self {
            file: None,
            _lock: None,
        }
    }

    /// Takes the folder and reads what is in it. The caller hands back what is worth keeping to
    /// [`Self::begin`].
    pub(super) fn open(folder: &Path) -> Result<(Self, Vec<Record>), Error> {
        create_folder(folder)?;
        let lock_path = folder.join(LOCK);
        let lock = private_file(&lock_path, false)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::FolderInUse {
                    folder: folder.to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => {
                return Err(Error::File {
                    path: lock_path,
                    source,
                });
            }
        }
        let records = read(&folder.join(JOURNAL))?;
        Ok((
            Self {
                file: None,
                _lock: Some(lock),
            },
            records,
        ))
    }

    /// Replaces the journal by these records, whole or not at all, and goes on from there.
    pub(super) fn begin(&mut self, folder: &Path, records: &[Record]) -> Result<(), Error> {
        let path = folder.join(REWRITTEN);
        let mut file = private_file(&path, true)?;
        let written = lines(records)
            .and_then(|lines| file.write_all(&lines))
            .and_then(|()| file.sync_all());
        written.map_err(|source| Error::File {
            path: path.clone(),
            source,
        })?;
        let journal = folder.join(JOURNAL);
        std::fs::rename(&path, &journal).map_err(|source| Error::File {
            path: journal,
            source,
        })?;
        self.file = Some(file);
        Ok(())
    }

    /// Writes changes in one go, or none of them.
    pub(super) fn append(&mut self, records: &[Record]) -> std::io::Result<()> {
        let Some(file) = self.file.as_mut().filter(|_| !records.is_empty()) else {
            return Ok(());
        };
        let lines = lines(records)?;
        let end = file.stream_position()?;
        let written = file.write_all(&lines);
        if written.is_err() {
            // On a full disk a part of it may stand there, and would make the line that follows it unreadable.
            file.set_len(end)?;
            file.seek(SeekFrom::Start(end))?;
        }
        written
    }
}

fn lines(records: &[Record]) -> std::io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for record in records {
        serde_json::to_writer(&mut lines, record)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

fn read(path: &Path) -> Result<Vec<Record>, Error> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => {
            return Err(Error::File {
                path: path.to_owned(),
                source,
            });
        }
    };
    // What follows the last line end was cut off by a kill and was never answered.
    let whole = text
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    text.get(..whole)
        .unwrap_or_default()
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| {
            serde_json::from_slice(line).map_err(|source| Error::Damaged {
                path: path.to_owned(),
                source,
            })
        })
        .collect()
}

/// Makes a folder that only its owner can look into. Those above it are made as usual: others may
/// have their own folders there.
pub(super) fn create_folder(folder: &Path) -> Result<(), Error> {
    let failed = |source| Error::File {
        path: folder.to_owned(),
        source,
    };
    if let Some(above) = folder.parent() {
        std::fs::create_dir_all(above).map_err(failed)?;
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(failed)
}

/// Opens a file for writing that only its owner can read.
pub(super) fn private_file(path: &Path, is_emptied: bool) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(is_emptied);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|source| Error::File {
        path: PathBuf::from(path),
        source,
    })
}

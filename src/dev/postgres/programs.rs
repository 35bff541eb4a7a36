//! Finds the programs of `PostgreSQL`: `PATH`, `pg_config`, then where packagers put them.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::error::Error;
use super::place::Place;

/// The oldest major version that is used.
const OLDEST: u32 = 14;

/// One installation.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) initdb: PathBuf,
    pub(super) postgres: PathBuf,
    major: u32,
}

/// The first usable installation; with `wanted`, the first of exactly that major version.
pub(super) async fn find(place: &Place, wanted: Option<u32>) -> Result<Programs, Error> {
    let mut skipped = Vec::new();
    let mut usable: Vec<u32> = Vec::new();
    for folder in candidates(place).await {
        match examine(place, &folder).await {
            Ok(programs) if wanted.is_none_or(|wanted| wanted == programs.major) => {
                return Ok(programs);
            }
            Ok(programs) => usable.push(programs.major),
            Err(reason) => skipped.push((folder, reason)),
        }
    }
    match wanted {
        Some(wanted) if !usable.is_empty() => Err(Error::OtherVersion {
            folder: place.home.clone(),
            wanted,
            found: usable.iter().map(u32::to_string).collect::<Vec<_>>().join(", "),
        }),
        _ => Err(Error::NoPrograms { skipped }),
    }
}

/// Folders that hold a program `postgres`, each once, in the order of preference.
async fn candidates(place: &Place) -> Vec<PathBuf> {
    let mut folders = place.machine.path_folders();
    let pg_config = folders
        .iter()
        .map(|folder| folder.join("pg_config"))
        .find(|it| it.is_file());
    if let Some(pg_config) = pg_config {
        folders.extend(bindir(place, &pg_config).await);
    }
    folders.extend(
        place
            .machine
            .installs
            .iter()
            .flat_map(super::machine::Install::folders),
    );
    let mut once = Vec::new();
    for folder in folders {
        // Several spellings of one folder are common: /bin and /usr/bin, /opt/homebrew/opt/….
        let real = folder.canonicalize().unwrap_or(folder);
        if real.join("postgres").is_file() && !once.contains(&real) {
            once.push(real);
        }
    }
    once
}

async fn bindir(place: &Place, pg_config: &Path) -> Option<PathBuf> {
    let output = answer(place, pg_config, "--bindir").await.ok()?;
    Some(PathBuf::from(output.trim()))
}

/// The installation in `folder`, or why it cannot be used.
async fn examine(place: &Place, folder: &Path) -> Result<Programs, String> {
    let initdb = folder.join("initdb");
    let postgres = folder.join("postgres");
    if !initdb.is_file() {
        return Err("has no initdb".to_owned());
    }
    let said = answer(place, &postgres, "-V").await?;
    let major = major_version(&said).ok_or_else(|| format!("`postgres -V` said {said:?}"))?;
    if major < OLDEST {
        return Err(format!("is PostgreSQL {major}, and {OLDEST} or newer is needed"));
    }
    Ok(Programs {
        initdb,
        postgres,
        major,
    })
}

/// What a program prints, run as the server's user: so one that this user cannot reach shows itself.
async fn answer(place: &Place, program: &Path, argument: &str) -> Result<String, String> {
    let mut command = place.command(program);
    command.arg(argument).stdin(Stdio::null());
    let output = Command::from(command)
        .output()
        .await
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(output.status.to_string());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The number in `postgres (PostgreSQL) 15.14 (Debian 15.14-0)`, `… 18beta1` or `… 9.6.24`.
fn major_version(said: &str) -> Option<u32> {
    let word = said
        .split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    word.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

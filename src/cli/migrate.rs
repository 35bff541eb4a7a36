//! `weir migrate`

use std::process::ExitCode;

use secrecy::ExposeSecret as _;

use super::{block_on, output};
use crate::config::{self, DatabaseSettings};
use crate::store::pool;

/// Applies the migrations that the database lacks; safe when several start it at once.
///
/// Needs `DATABASE_URL` alone.
#[derive(Debug, clap::Args)]
pub(super) struct Migrate {}

impl Migrate {
    pub(super) fn run(self) -> ExitCode {
        let Self {} = self;
        let lookup = match config::environment() {
            Ok(lookup) => lookup,
            Err(error) => return output::unreadable_settings(&error),
        };
        let database = match config::read_section(lookup, DatabaseSettings::read) {
            Ok(database) => database,
            Err(problems) => return output::bad_settings(&problems),
        };
        match block_on(async { Ok(pool::migrate(database.url.expose_secret()).await?) }) {
            Ok(()) => {
                output::say("the database has every migration");
                ExitCode::SUCCESS
            }
            Err(error) => output::failure(error.as_ref()),
        }
    }
}

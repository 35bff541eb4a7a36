//! `weir openapi`

use std::process::ExitCode;

use super::output;
use crate::http::openapi;

/// Prints the OpenAPI 3.1 document, the same as `GET /openapi.json`.
#[derive(Debug, clap::Args)]
pub(super) struct Openapi {}

impl Openapi {
    pub(super) fn run(self) -> ExitCode {
        let Self {} = self;
        match openapi::document().to_pretty_json() {
            Ok(text) => {
                output::say(text);
                ExitCode::SUCCESS
            }
            Err(error) => output::failure(&error),
        }
    }
}
